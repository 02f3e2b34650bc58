// Backward of the 3×3 depthwise convolution on channel-major maps (depthwise_conv.h), each row on its own, picture by
// picture.
//
// A picture of one row is a FLAT plane of height·width values: with a row of zeros above and below it in scratch memory
// (in L1), tap (u, v) of all output pixels is the same plane, shifted by (u − 1)·width + (v − 1). So vectors run over
// the flat plane, across the ends of its lines: 7×7 takes 4 vectors of 16 and not 7. What a shift by one column takes
// from the line before or after is wrong in the first or last column only; the three taps of a side are summed apart
// and masked once (ColumnMasks, shared by all rows).
//
// Stride 2: input pixel (2i + a, 2j + b) was read by output pixels (i, j) and, where a or b is 1, the ones below and to
// the right. Lines of inputs are read in pairs where they lie, even and odd columns apart, and dx is stored as it is
// computed: vectors run over the output pixels of a line, so each tap is again the plane or its neighbour.
//
// It computes dx and dweight together, from the same loads of dy: two fused multiply-adds a tap and vector; dweight
// stays in 9 vectors of lanes, and the sums that batch norm needs in two.
//
// Pictures beyond kPlaneFloats go in bands of lines with a line of overlap. Everything is by row and from a picture's
// own start: the same bits at any number of threads and at any place in the batch.
#include <type_traits>

#include "backend/execution.h"
#include "backend/scratch.h"
#include "ops/cpu.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/depthwise_conv/depthwise_conv_backward_cpu.cc"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
#include "ops/depthwise_conv/depthwise_planes-inl.h"
#include "ops/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace riffle::cpu::HWY_NAMESPACE {
namespace {

/// Lanes of what a row adds up.
struct RowSums {
  HWY_INLINE RowSums() : dz(hn::Zero(D())), dz_centred(dz) { std::fill_n(dweight, 9, dz); }
  V dweight[9];
  V dz, dz_centred;  // of GradientSums
};

/// What the backward of one row needs at each vector.
struct RowBackward {
  const DepthwiseGeometry& g;
  const riffle::DepthwiseConvBackward<float>& args;
  ColumnMasks masks;
  Planes dy;  // band_lines + 2 lines: a line above the band and one below it
  V w[9];
  ActivationVector in;
  V mean;  // of the raw row
  RowSums sums;
};

/// Adds tap `tap` of pixels x, of which the output pixels' gradient is dy, to dweight and dx.
HWY_INLINE void AddTap(const RowBackward& b, int tap, V x, V dy, RowSums& sums, V& dx) {
  sums.dweight[tap] = hn::MulAdd(x, dy, sums.dweight[tap]);
  dx = hn::MulAdd(b.w[tap], dy, dx);
}

/// dx where the input, `raw` as it is stored and x activated, is on; it joins the sums.
HWY_INLINE V Masked(const RowBackward& b, V raw, V x, V dx, RowSums& sums) {
  const V dz = hn::IfThenElseZero(hn::Gt(x, b.in.floor), dx);
  sums.dz = hn::Add(sums.dz, dz);
  sums.dz_centred = hn::MulAdd(dz, hn::Sub(raw, b.mean), sums.dz_centred);
  return dz;
}

/// Asks for what a row reads and writes next.
HWY_INLINE void PrefetchAhead(const float* x, const float* dx) {
  hwy::Prefetch(x + kPrefetchFloats);
  PrefetchToWrite(dx + kPrefetchFloats);
}

/// dx and dweight of the `count` pixels p …, at stride 1: x(p) was read by the output pixels
/// p − (u − 1)·line − (v − 1).
HWY_INLINE V GradientOf1(const RowBackward& b, V raw, int64_t count, const float* dy, int64_t p, RowSums& sums) {
  V x = b.in(raw);
  if (count < kLanes) x = KeepFirst(x, count);
  const V from_left = hn::And(x, hn::LoadU(D(), b.masks.right + p));  // tap v = 0: the output pixel to the right
  const V from_right = hn::And(x, hn::LoadU(D(), b.masks.left + p));  // v = 2: the one to the left
  V dx_left = hn::Zero(D()), dx_middle = dx_left, dx_right = dx_left;
  for (int u = 0; u < 3; ++u) {
    const float* line = dy + p - (u - 1) * b.g.line;
    AddTap(b, 3 * u, from_left, InRegister(hn::LoadU(D(), line + 1)), sums, dx_left);
    AddTap(b, 3 * u + 1, x, InRegister(hn::LoadU(D(), line)), sums, dx_middle);
    AddTap(b, 3 * u + 2, from_right, InRegister(hn::LoadU(D(), line - 1)), sums, dx_right);
  }
  dx_left = hn::And(dx_left, hn::LoadU(D(), b.masks.right + p));
  dx_right = hn::And(dx_right, hn::LoadU(D(), b.masks.left + p));
  V dx = hn::Add(hn::Add(dx_middle, dx_left), dx_right);
  if (count < kLanes) dx = KeepFirst(dx, count);
  return Masked(b, raw, x, dx, sums);
}

/// Stride 1: dx and dweight of `lines` lines of inputs; dy, x, dx and dy as it is stored at the first of them. `room`
/// values from x and dx on may be read and overwritten.
HWY_INLINE void GradientOfBand(const RowBackward& b, std::integral_constant<int, 1>, const float* HWY_RESTRICT dy,
                               const float* HWY_RESTRICT x, int64_t lines, int64_t room, float* HWY_RESTRICT dx,
                               const float* stored_dy, RowSums& sums) {
  const int64_t count = lines * b.g.line;
  int64_t p = 0;
  for (; p + kLanes <= count; p += kLanes) {
    PrefetchAhead(x + p, dx + p);
    hwy::Prefetch(stored_dy + p + kPrefetchFloats);
    hn::StoreU(GradientOf1(b, hn::LoadU(D(), x + p), kLanes, dy, p, sums), D(), dx + p);
  }
  if (p < count) {
    const int64_t n = count - p;
    StoreFirst(GradientOf1(b, LoadFirst(x + p, n), n, dy, p, sums), dx + p, n, room - p);
  }
}

/// dx and dweight of line 2i (kOdd: 2i + 1) of the picture at x, at stride 2; dy at output line i. `room` values from
/// the line on may be read and overwritten.
template <bool kOdd>
HWY_INLINE void GradientOfLine(const RowBackward& b, const float* dy, const float* HWY_RESTRICT x, int64_t room,
                               float* HWY_RESTRICT dx, RowSums& sums) {
  const int64_t width = b.g.in.width, line = b.g.line;
  for (int64_t c = 0; c < line; c += kLanes) {
    // Of output columns c …, those that there are, those with one to the right and those with an odd input column.
    const int64_t columns = std::min(line - c, kLanes), right_columns = std::min(line - c - 1, kLanes);
    const int64_t odd_columns = std::min(width / 2 - c, kLanes);
    const int64_t at = 2 * c, count = std::min(width - at, 2 * kLanes);
    const auto here = [&](const float* from) HWY_ATTR { return KeepFirst(hn::LoadU(D(), from + c), columns); };
    const auto right = [&](const float* from)
                           HWY_ATTR { return KeepFirst(hn::LoadU(D(), from + c + 1), right_columns); };
    PrefetchAhead(x + at, dx + at);
    PrefetchAhead(x + at + kLanes, dx + at + kLanes);
    V raw_even, raw_odd;
    LoadSplit(x + at, count, room - at, raw_even, raw_odd);
    const V even = b.in(raw_even), odd = KeepFirst(b.in(raw_odd), odd_columns);
    V dx_even = hn::Zero(D()), dx_odd = dx_even;
    const V dy_here = here(dy), dy_right = right(dy);
    if constexpr (kOdd) {
      const V below = here(dy + line), below_right = right(dy + line);
      AddTap(b, 7, even, dy_here, sums, dx_even);
      AddTap(b, 8, odd, dy_here, sums, dx_odd);
      AddTap(b, 6, odd, dy_right, sums, dx_odd);
      AddTap(b, 1, even, below, sums, dx_even);
      AddTap(b, 2, odd, below, sums, dx_odd);
      AddTap(b, 0, odd, below_right, sums, dx_odd);
    } else {
      AddTap(b, 4, even, dy_here, sums, dx_even);
      AddTap(b, 5, odd, dy_here, sums, dx_odd);
      AddTap(b, 3, odd, dy_right, sums, dx_odd);
    }
    dx_even = Masked(b, raw_even, even, dx_even, sums);
    dx_odd = Masked(b, raw_odd, odd, KeepFirst(dx_odd, odd_columns), sums);
    StoreJoined(dx_even, dx_odd, dx + at, count, room - at);
  }
}

/// The same at stride 2.
HWY_INLINE void GradientOfBand(const RowBackward& b, std::integral_constant<int, 2>, const float* HWY_RESTRICT dy,
                               const float* HWY_RESTRICT x, int64_t lines, int64_t room, float* HWY_RESTRICT dx,
                               const float*, RowSums& sums) {
  for (int64_t h = 0, at = 0; h < lines; dy += b.g.line) {
    GradientOfLine<false>(b, dy, x + at, room - at, dx + at, sums);
    ++h, at += b.g.in.width;
    if (h == lines) return;
    GradientOfLine<true>(b, dy, x + at, room - at, dx + at, sums);
    ++h, at += b.g.in.width;
  }
}

/// Brings the gradient of the band, with a line above and below it, into place k of the group.
void LoadBand(const RowBackward& b, int64_t r, const Band& band, int64_t k) {
  const DepthwiseGeometry& g = b.g;
  float* plane = b.dy[k];
  const int64_t above = band.first - 1, below = band.first + band.lines;
  const int64_t first = std::max<int64_t>(above, 0), last = std::min(below + 1, g.out.height);
  LoadGradient(b.args.dy, r, band.picture * g.out.area() + first * g.line, (last - first) * g.line,
               plane + (first - above) * g.line);
  // Around whole pictures the zeros of the beginning stay.
  if (g.bands_of_picture == 1) return;
  if (above < 0) FillZero(plane, g.line);
  if (below == g.out.height) FillZero(plane + (below - above) * g.line, g.line);
}

/// dx and dweight of the `count` bands of the group, the first of which is band `first`.
template <int kStride>
HWY_NOINLINE void StoreBands(RowBackward& row, const float* x, const float* stored_dy, int64_t first, int64_t count,
                             float* dx) {
  // Copies of its own, which no store can alias, stay in registers.
  const RowBackward b = row;
  const DepthwiseGeometry& g = b.g;
  RowSums sums = row.sums;
  for (int64_t k = 0; k < count; ++k) {
    const Band band = g.band(first + k);
    const int64_t line = kStride * band.first, at = band.picture * g.in.area() + line * g.in.width;
    GradientOfBand(b, std::integral_constant<int, kStride>(), b.dy[k] + g.line, x + at,
                   std::min(kStride * band.lines, g.in.height - line), g.in.pixels() - at, dx + at, stored_dy + at,
                   sums);
  }
  row.sums = sums;
}

void BackwardRow(RowBackward& b, int64_t r) {
  const DepthwiseGeometry& g = b.g;
  const riffle::DepthwiseConvBackward<float>& args = b.args;
  const int64_t in_row = args.rows.in_row ? args.rows.in_row[r] : r;
  const int64_t weight_row = args.rows.weight_row ? args.rows.weight_row[r] : r;
  b.in = ActivationOf(args.in, in_row);
  b.mean = hn::Set(D(), args.dx.raw ? args.dx.moments[in_row].mean : 0);
  for (int tap = 0; tap < 9; ++tap) b.w[tap] = hn::Set(D(), args.weight[9 * weight_row + tap]);

  double dweight[9] = {}, dz = 0, dz_centred = 0;
  const float* x = args.x[in_row];
  float* dx = args.dx.dz[in_row];
  int64_t summed = 0;
  b.sums = RowSums();
  for (int64_t i = 0; i < g.bands(); i += g.group) {
    const int64_t count = std::min(g.group, g.bands() - i);
    for (int64_t k = 0; k < count; ++k) LoadBand(b, r, g.band(i + k), k);
    g.stride == 1 ? StoreBands<1>(b, x, args.dy.dz[r], i, count, dx) : StoreBands<2>(b, x, args.dy.dz[r], i, count, dx);

    const Band last = g.band(i + count - 1);
    const int64_t done = (last.picture * g.out.height + last.first + last.lines) * g.line;
    if (done - summed < kSumBlock && done < g.out.pixels()) continue;
    summed = done;
    for (int tap = 0; tap < 9; ++tap) dweight[tap] += SumLanes(b.sums.dweight[tap]);
    dz += SumLanes(b.sums.dz);
    dz_centred += SumLanes(b.sums.dz_centred);
    b.sums = RowSums();
  }
  for (int tap = 0; tap < 9; ++tap) args.dweight[9 * weight_row + tap] = static_cast<float>(dweight[tap]);
  if (args.dx.raw) args.dx.sums[in_row] = {static_cast<float>(dz), static_cast<float>(dz_centred)};
}

void Backward(const Execution& execution, const DepthwiseConvShape& shape,
              const riffle::DepthwiseConvBackward<float>& args) {
  const DepthwiseGeometry g(shape);
  Scratch shared;
  const ColumnMasks masks = MakeColumnMasks(g, shared);
  execution.pool.ParallelFor(g.tasks(), [&](int64_t task) HWY_ATTR {
    Scratch scratch;
    RowBackward b{.g = g,
                  .args = args,
                  .masks = masks,
                  .dy = Planes(g, g.band_lines + 2, scratch),
                  .w = {},
                  .in = {},
                  .mean = {},
                  .sums = RowSums()};
    const int64_t end = std::min((task + 1) * g.rows_per_task(), g.channels);
    for (int64_t r = task * g.rows_per_task(); r < end; ++r) BackwardRow(b, r);
  });
}

}  // namespace
}  // namespace riffle::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace riffle::cpu {

HWY_EXPORT(Backward);

void DepthwiseConvBackward(const Execution& execution, const DepthwiseConvShape& shape,
                           const riffle::DepthwiseConvBackward<float>& args) {
  HWY_DYNAMIC_DISPATCH(Backward)(execution, shape, args);
}

}  // namespace riffle::cpu
#endif
