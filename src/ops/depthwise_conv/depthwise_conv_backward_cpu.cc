// Backward of the 3×3 depthwise convolution on channel-major maps (depthwise_conv.h), each row on its own, picture by
// picture.
//
// A picture of one row is a FLAT plane of height·width values: with a row of zeros above and below it in scratch memory
// (in L1), tap (u, v) of all output pixels is the same plane, shifted by (u − 1)·width + (v − 1). So vectors run over
// the flat plane, across the ends of its lines: 7×7 takes 4 vectors of 16 and not 7. What a shift by one column takes
// from the line before or after is wrong in the first or last column only; the three taps of a side are summed apart
// and masked once (ColumnMasks, shared by all rows).
//
// Stride 2: line 2i + a, column 2j + b of the input go to PHASE plane [a][b] at (i, j), and each tap is again one plane
// shifted by whole lines or by one column.
//
// It computes dx and dweight together, from the same 9 (stride 1) or 4 (stride 2) loads of dy: 18 fused multiply-adds;
// dweight stays in 9 vectors of lanes.
//
// Pictures beyond kPlaneFloats go in bands of lines with a line of overlap. Everything is by row and from a picture's
// own start: the same bits at any number of threads and at any place in the batch.
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

/// What the backward of one row needs at each vector.
struct RowBackward {
  const DepthwiseGeometry& g;
  const riffle::DepthwiseConvBackward<float>& args;
  ColumnMasks masks;
  Planes dy;           // band_lines + 2 lines: a line above the band and one below it
  PhasePlanes phases;  // stride 2: the input, then dx in its place
  V w[9];
  V dweight[9];  // lanes
  ActivationVector in;
  V off;  // dx is zero where the input is not above this: zero, or minus infinity without a ReLU
};

/// dx and dweight of pixels p …, at stride 1: x(p) was read by the output pixels p − (u − 1)·line − (v − 1).
HWY_INLINE V GradientOf1(RowBackward& b, V x, const float* dy, int64_t p) {
  const V from_left = hn::And(x, hn::LoadU(D(), b.masks.right + p));  // tap v = 0: the output pixel to the right
  const V from_right = hn::And(x, hn::LoadU(D(), b.masks.left + p));  // v = 2: the one to the left
  V dx_left = hn::Zero(D()), dx_middle = dx_left, dx_right = dx_left;
  for (int u = 0; u < 3; ++u) {
    const float* line = dy + p - (u - 1) * b.g.line;
    const V right = InRegister(hn::LoadU(D(), line + 1));
    b.dweight[3 * u] = hn::MulAdd(from_left, right, b.dweight[3 * u]);
    dx_left = hn::MulAdd(b.w[3 * u], right, dx_left);
    const V middle = InRegister(hn::LoadU(D(), line));
    b.dweight[3 * u + 1] = hn::MulAdd(x, middle, b.dweight[3 * u + 1]);
    dx_middle = hn::MulAdd(b.w[3 * u + 1], middle, dx_middle);
    const V left = InRegister(hn::LoadU(D(), line - 1));
    b.dweight[3 * u + 2] = hn::MulAdd(from_right, left, b.dweight[3 * u + 2]);
    dx_right = hn::MulAdd(b.w[3 * u + 2], left, dx_right);
  }
  dx_left = hn::And(dx_left, hn::LoadU(D(), b.masks.right + p));
  dx_right = hn::And(dx_right, hn::LoadU(D(), b.masks.left + p));
  return hn::IfThenElseZero(hn::Gt(x, b.off), hn::Add(hn::Add(dx_middle, dx_left), dx_right));
}

/// dx[0 … count) of one band; `room` values from dx on may be overwritten.
HWY_NOINLINE void GradientOfPlane(RowBackward& row, const float* HWY_RESTRICT dy, const float* HWY_RESTRICT x,
                                  int64_t count, int64_t room, float* HWY_RESTRICT dx) {
  RowBackward b = row;
  int64_t p = 0;
  for (; p + kLanes <= count; p += kLanes) {
    hn::StoreU(GradientOf1(b, b.in(hn::LoadU(D(), x + p)), dy, p), D(), dx + p);
  }
  if (p < count) {
    const int64_t n = count - p;
    StoreFirst(GradientOf1(b, KeepFirst(b.in(LoadFirst(x + p, n)), n), dy, p), dx + p, n, room - p);
  }
  std::copy_n(b.dweight, 9, row.dweight);
}

/// Adds the taps of one phase plane: its dx from the gradients dy of the output pixels that read it.
template <int kTaps>
HWY_INLINE void GradientOfPhase(RowBackward& b, float* phase, const V (&dy)[kTaps], const int (&taps)[kTaps]) {
  const V x = hn::LoadU(D(), phase);
  V dx = hn::Zero(D());
  for (int k = 0; k < kTaps; ++k) {
    b.dweight[taps[k]] = hn::MulAdd(x, dy[k], b.dweight[taps[k]]);
    dx = hn::MulAdd(b.w[taps[k]], dy[k], dx);
  }
  hn::StoreU(hn::IfThenElseZero(hn::Gt(x, b.off), dx), D(), phase);
}

/// Stride 2: phase pixel (i, j) was read by the output pixels (i, j), (i, j + 1), (i + 1, j) and (i + 1, j + 1). The
/// phases are zero behind the band, so whole vectors add nothing to dweight there.
HWY_NOINLINE void GradientOfPhases(RowBackward& row, const float* HWY_RESTRICT dy, const Phases& phases,
                                   int64_t count) {
  RowBackward b = row;
  for (int64_t p = 0; p < count; p += kLanes) {
    const V mask = hn::LoadU(D(), b.masks.right + p);
    const V here = hn::LoadU(D(), dy + p), right = hn::And(hn::LoadU(D(), dy + p + 1), mask);
    const V below = hn::LoadU(D(), dy + p + b.g.line);
    const V below_right = hn::And(hn::LoadU(D(), dy + p + b.g.line + 1), mask);
    GradientOfPhase<1>(b, phases.plane[0][0] + p, {here}, {4});
    GradientOfPhase<2>(b, phases.plane[0][1] + p, {here, right}, {5, 3});
    GradientOfPhase<2>(b, phases.plane[1][0] + p, {here, below}, {7, 1});
    GradientOfPhase<4>(b, phases.plane[1][1] + p, {here, right, below, below_right}, {8, 6, 2, 0});
  }
  std::copy_n(b.dweight, 9, row.dweight);
}

/// Brings the gradient of band and, at stride 2, the input that belongs to it into place k of the group.
void LoadBand(RowBackward& b, int64_t r, const float* x, const Band& band, int64_t k) {
  const DepthwiseGeometry& g = b.g;
  const int64_t end = band.first + band.lines;
  LoadLines(band.first - 1, end + 1, g.out.height, g.line, b.dy[k],
            [&](int64_t begin, int64_t count, float* to)
                HWY_ATTR { LoadGradient(b.args.dy, r, band.picture * g.out.area() + begin, count, to); });
  const int64_t at = band.picture * g.in.area();
  if (g.stride == 2) {
    LoadPhases(g, x + at, g.in.pixels() - at, 2 * band.first, 2 * band.first, 2 * end, b.in, b.phases[k]);
  }
}

/// dx and dweight of the band in place k.
void StoreBand(RowBackward& b, const float* x, const Band& band, int64_t k, float* dx) {
  const DepthwiseGeometry& g = b.g;
  const float* dy = b.dy[k] + g.line;
  if (g.stride == 1) {
    const int64_t at = band.picture * g.in.area() + band.first * g.line;
    return GradientOfPlane(b, dy, x + at, band.lines * g.line, g.in.pixels() - at, dx + at);
  }
  GradientOfPhases(b, dy, b.phases[k], band.lines * g.line);
}

/// Joins the phases of dx in place k.
void JoinBand(const RowBackward& b, const Band& band, int64_t k, float* dx) {
  const DepthwiseGeometry& g = b.g;
  const Phases phases = b.phases[k];
  const int64_t last = std::min(2 * (band.first + band.lines), g.in.height);
  for (int64_t h = 2 * band.first; h < last; ++h) {
    const int64_t at = band.picture * g.in.area() + h * g.in.width, room = g.in.pixels() - at;
    const int64_t line = ((h >> 1) - band.first) * g.line;
    const float *even = phases.plane[h & 1][0] + line, *odd = phases.plane[h & 1][1] + line;
    for (int64_t p = 0; p < g.in.width; p += 2 * kLanes) {
      StoreJoined(hn::LoadU(D(), even + p / 2), hn::LoadU(D(), odd + p / 2), dx + at + p,
                  std::min(2 * kLanes, g.in.width - p), room - p);
    }
  }
}

void BackwardRow(RowBackward& b, int64_t r) {
  const DepthwiseGeometry& g = b.g;
  const riffle::DepthwiseConvBackward<float>& args = b.args;
  const int64_t in_row = args.rows.in_row ? args.rows.in_row[r] : r;
  const int64_t weight_row = args.rows.weight_row ? args.rows.weight_row[r] : r;
  b.in = ActivationOf(args.in, in_row);
  for (int tap = 0; tap < 9; ++tap) b.w[tap] = hn::Set(D(), args.weight[9 * weight_row + tap]);
  std::fill_n(b.dweight, 9, hn::Zero(D()));

  GradientRowSums sums(args.dx.raw ? args.dx.moments[in_row].mean : 0);
  double dweight[9] = {};
  const float* x = args.x[in_row];
  float* dx = args.dx.dz[in_row];
  int64_t summed = 0;
  for (int64_t i = 0; i < g.bands(); i += g.group) {
    const int64_t count = std::min(g.group, g.bands() - i);
    for (int64_t k = 0; k < count; ++k) LoadBand(b, r, x, g.band(i + k), k);
    {
      const int64_t ahead = count * g.band_lines * g.stride * g.in.width;
      const Band f = g.band(i);
      const int64_t at = f.picture * g.in.area() + g.stride * f.first * g.in.width + ahead;
      for (int64_t p = 0; p < ahead; p += 16) {
        __builtin_prefetch(x + at + p, 0, 3);
        __builtin_prefetch(dx + at + p, 1, 3);
      }
      const int64_t ahead2 = count * g.band_lines * g.line;
      const int64_t at2 = f.picture * g.out.area() + f.first * g.line + ahead2;
      for (int64_t p = 0; p < ahead2; p += 16) __builtin_prefetch(args.dy.dz[r] + at2 + p, 0, 3);
    }
    for (int64_t k = 0; k < count; ++k) StoreBand(b, x, g.band(i + k), k, dx);
    for (int64_t k = 0; g.stride == 2 && k < count; ++k) JoinBand(b, g.band(i + k), k, dx);

    const Band last = g.band(i + count - 1);
    const int64_t lines = std::min(g.stride * (last.first + last.lines), g.in.height);
    const int64_t stored = last.picture * g.in.area() + lines * g.in.width;
    if (stored - summed < kSumBlock && stored < g.in.pixels()) continue;
    for (int tap = 0; tap < 9; ++tap) dweight[tap] += SumLanes(b.dweight[tap]);
    std::fill_n(b.dweight, 9, hn::Zero(D()));
    if (args.dx.raw) sums.Add(dx + summed, args.dx.raw[in_row] + summed, stored - summed);
    summed = stored;
  }
  for (int tap = 0; tap < 9; ++tap) args.dweight[9 * weight_row + tap] = static_cast<float>(dweight[tap]);
  if (args.dx.raw) args.dx.sums[in_row] = sums.Result();
}

void Backward(const Execution& execution, const DepthwiseConvShape& shape,
              const riffle::DepthwiseConvBackward<float>& args) {
  const DepthwiseGeometry g(shape);
  Scratch shared;
  const ColumnMasks masks = MakeColumnMasks(g, shared);
  const V off = hn::Set(D(), args.in.relu ? 0.0f : -std::numeric_limits<float>::infinity());
  execution.pool.ParallelFor(g.tasks(), [&](int64_t task) HWY_ATTR {
    Scratch scratch;
    RowBackward b{
        .g = g, .args = args, .masks = masks, .dy = {}, .phases = {}, .w = {}, .dweight = {}, .in = {}, .off = off};
    b.dy = Planes(g, g.band_lines + 2, scratch);
    if (g.stride == 2) b.phases = PhasePlanes(g, scratch);
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
