// 3×3 depthwise convolution on channel-major maps (depthwise_conv.h), each row on its own, picture by picture.
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
// Forward per vector of outputs: 9 loads, 9 fused multiply-adds, 2 masks. Backward computes dx and dweight together,
// from the same 9 (stride 1) or 4 (stride 2) loads of dy: 18 fused multiply-adds; dweight stays in 9 vectors of lanes.
//
// Pictures beyond kPlaneFloats go in bands of lines with a line of overlap. Everything is by row and from a picture's
// own start: the same bits at any number of threads and at any place in the batch.
#include "base/scratch.h"
#include "base/threads.h"
#include "ops/cpu.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/depthwise_conv/depthwise_conv_cpu.cc"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
#include "ops/depthwise_conv/depthwise_planes-inl.h"
#include "ops/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace riffle::cpu::HWY_NAMESPACE {
namespace {

/// What the forward of one row needs at each vector.
struct RowForward {
  const DepthwiseGeometry& g;
  const riffle::DepthwiseConvForward<float>& args;
  ColumnMasks masks;
  float* plane;   // stride 1: band_lines + 2 lines, the first above the band
  Phases phases;  // stride 2
  V w[9];
  V bias;
  ActivationVector in;
};

/// The planes that the taps of an output pixel p read: for line u, middle[u][p], and at the sides side[u][p + shift]:
/// −1 and +1 at stride 1, where both are one plane; −1 and 0 at stride 2.
struct TapPlanes {
  const float* middle[3];
  const float* side[3];
};

template <int kStride>
HWY_INLINE V Convolve(const RowForward& f, const TapPlanes& taps, int64_t p) {
  constexpr int64_t kRight = kStride == 1 ? 1 : 0;
  V left = hn::Mul(f.w[0], hn::LoadU(D(), taps.side[0] + p - 1));
  left = hn::MulAdd(f.w[3], hn::LoadU(D(), taps.side[1] + p - 1), left);
  left = hn::MulAdd(f.w[6], hn::LoadU(D(), taps.side[2] + p - 1), left);
  V middle = hn::MulAdd(f.w[1], hn::LoadU(D(), taps.middle[0] + p), f.bias);
  middle = hn::MulAdd(f.w[4], hn::LoadU(D(), taps.middle[1] + p), middle);
  middle = hn::MulAdd(f.w[7], hn::LoadU(D(), taps.middle[2] + p), middle);
  V right = hn::Mul(f.w[2], hn::LoadU(D(), taps.side[0] + p + kRight));
  right = hn::MulAdd(f.w[5], hn::LoadU(D(), taps.side[1] + p + kRight), right);
  right = hn::MulAdd(f.w[8], hn::LoadU(D(), taps.side[2] + p + kRight), right);
  // At stride 2 the phase planes themselves hold the zero right of an odd width.
  if constexpr (kStride == 1) right = hn::And(right, hn::LoadU(D(), f.masks.right + p));
  return hn::Add(hn::Add(middle, hn::And(left, hn::LoadU(D(), f.masks.left + p))), right);
}

/// y[0 … count) of one band; `room` values from y on may be overwritten.
template <int kStride>
HWY_NOINLINE void ConvolveBand(const RowForward& row, const TapPlanes& taps, int64_t count, int64_t room,
                               float* HWY_RESTRICT y) {
  const RowForward f = row;  // a copy of its own lets the compiler keep the weights in registers
  int64_t p = 0;
  for (; p + kLanes <= count; p += kLanes) hn::StoreU(Convolve<kStride>(f, taps, p), D(), y + p);
  if (p < count) StoreFirst(Convolve<kStride>(f, taps, p), y + p, count - p, room - p);
}

/// Lines [first, first + lines) of picture n.
void ForwardBand(const RowForward& f, const float* x, int64_t n, int64_t first, int64_t lines, float* y) {
  const DepthwiseGeometry& g = f.g;
  const float* picture = x + n * g.in.area();
  const int64_t room = g.out.pixels() - n * g.out.area() - first * g.line;
  TapPlanes taps;
  if (g.stride == 1) {
    LoadLines(first - 1, first + lines + 1, g.in.height, g.line, f.plane,
              [&](int64_t begin, int64_t count, float* to)
                  HWY_ATTR { LoadActivated(picture + begin, count, f.in, to); });
    for (int u = 0; u < 3; ++u) taps.middle[u] = taps.side[u] = f.plane + u * g.line;
    ConvolveBand<1>(f, taps, lines * g.line, room, y);
  } else {
    const int64_t readable = g.in.pixels() - n * g.in.area();
    LoadPhases(g, picture, readable, 2 * first, 2 * first - 1, 2 * (first + lines), f.in, f.phases);
    const auto& plane = f.phases.plane;  // taps of lines 2i − 1, 2i, 2i + 1
    taps = {{plane[1][0] - g.line, plane[0][0], plane[1][0]}, {plane[1][1] - g.line, plane[0][1], plane[1][1]}};
    ConvolveBand<2>(f, taps, lines * g.line, room, y);
  }
}

void ForwardRow(RowForward& f, int64_t r) {
  const DepthwiseGeometry& g = f.g;
  const riffle::DepthwiseConvForward<float>& args = f.args;
  const int64_t in_row = args.rows.in_row ? args.rows.in_row[r] : r;
  const float* weight = args.weight + 9 * (args.rows.weight_row ? args.rows.weight_row[r] : r);
  for (int tap = 0; tap < 9; ++tap) f.w[tap] = hn::Set(D(), weight[tap]);
  f.bias = hn::Set(D(), args.bias ? args.bias[r] : 0.0f);
  f.in = ActivationOf(args.in, in_row);

  MomentSums moments;
  int64_t stored = 0, summed = 0;
  for (int64_t n = 0; n < g.in.images; ++n) {
    for (int64_t first = 0; first < g.out.height; first += g.band_lines) {
      const int64_t lines = std::min(g.band_lines, g.out.height - first);
      ForwardBand(f, args.x[in_row], n, first, lines, args.y[r] + stored);
      stored += lines * g.line;
      if (!args.moments || (stored - summed < kSumBlock && stored < g.out.pixels())) continue;
      moments.Add(args.y[r] + summed, stored - summed);
      summed = stored;
    }
  }
  if (args.moments) args.moments[r] = moments.Result();
}

void Forward(const DepthwiseConvShape& shape, const riffle::DepthwiseConvForward<float>& args) {
  const DepthwiseGeometry g(shape);
  Scratch shared;
  const ColumnMasks masks = MakeColumnMasks(g, shared);
  const int64_t rows = std::max<int64_t>(1, kTaskPixels / g.in.pixels());
  ParallelFor((g.channels + rows - 1) / rows, [&](int64_t task) HWY_ATTR {
    Scratch scratch;
    RowForward f{.g = g, .args = args, .masks = masks, .plane = nullptr, .phases = {}, .w = {}, .bias = {}, .in = {}};
    if (g.stride == 1) f.plane = g.NewPlane(scratch, g.band_lines + 2);
    if (g.stride == 2) f.phases = NewPhases(g, scratch);
    const int64_t end = std::min((task + 1) * rows, g.channels);
    for (int64_t r = task * rows; r < end; ++r) ForwardRow(f, r);
  });
}

/// What the backward of one row needs at each vector.
struct RowBackward {
  const DepthwiseGeometry& g;
  const riffle::DepthwiseConvBackward<float>& args;
  ColumnMasks masks;
  float* dy;      // plane of band_lines + 2 lines: a line above the band and one below it
  Phases phases;  // stride 2: the input, then dx in its place
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
    const V right = hn::LoadU(D(), line + 1);
    b.dweight[3 * u] = hn::MulAdd(from_left, right, b.dweight[3 * u]);
    dx_left = hn::MulAdd(b.w[3 * u], right, dx_left);
    const V middle = hn::LoadU(D(), line);
    b.dweight[3 * u + 1] = hn::MulAdd(x, middle, b.dweight[3 * u + 1]);
    dx_middle = hn::MulAdd(b.w[3 * u + 1], middle, dx_middle);
    const V left = hn::LoadU(D(), line - 1);
    b.dweight[3 * u + 2] = hn::MulAdd(from_right, left, b.dweight[3 * u + 2]);
    dx_right = hn::MulAdd(b.w[3 * u + 2], left, dx_right);
  }
  dx_left = hn::And(dx_left, hn::LoadU(D(), b.masks.right + p));
  dx_right = hn::And(dx_right, hn::LoadU(D(), b.masks.left + p));
  return hn::IfThenElseZero(hn::Gt(x, b.off), hn::Add(hn::Add(dx_middle, dx_left), dx_right));
}

/// dx[0 … count) of one band; `room` values from dx on may be overwritten.
HWY_NOINLINE void BackwardBand1(RowBackward& row, const float* HWY_RESTRICT x, int64_t count, int64_t room,
                                float* HWY_RESTRICT dx) {
  RowBackward b = row;
  const float* HWY_RESTRICT dy = b.dy + b.g.line;
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
HWY_NOINLINE void GradientOfPhases(RowBackward& row, int64_t count) {
  RowBackward b = row;
  const float* HWY_RESTRICT dy = b.dy + b.g.line;
  for (int64_t p = 0; p < count; p += kLanes) {
    const V mask = hn::LoadU(D(), b.masks.right + p);
    const V here = hn::LoadU(D(), dy + p), right = hn::And(hn::LoadU(D(), dy + p + 1), mask);
    const V below = hn::LoadU(D(), dy + p + b.g.line);
    const V below_right = hn::And(hn::LoadU(D(), dy + p + b.g.line + 1), mask);
    GradientOfPhase<1>(b, b.phases.plane[0][0] + p, {here}, {4});
    GradientOfPhase<2>(b, b.phases.plane[0][1] + p, {here, right}, {5, 3});
    GradientOfPhase<2>(b, b.phases.plane[1][0] + p, {here, below}, {7, 1});
    GradientOfPhase<4>(b, b.phases.plane[1][1] + p, {here, right, below, below_right}, {8, 6, 2, 0});
  }
  std::copy_n(b.dweight, 9, row.dweight);
}

/// Output lines [first, first + lines) of a picture; `room` values from its start on may be read and overwritten.
HWY_INLINE void BackwardBand2(RowBackward& b, const float* picture, int64_t first, int64_t lines, int64_t room,
                              float* dx) {
  const DepthwiseGeometry& g = b.g;
  LoadPhases(g, picture, room, 2 * first, 2 * first, 2 * (first + lines), b.in, b.phases);
  GradientOfPhases(b, lines * g.line);
  const int64_t last = std::min(2 * (first + lines), g.in.height);
  for (int64_t h = 2 * first; h < last; ++h) {
    const int64_t at = ((h >> 1) - first) * g.line;
    JoinColumns(b.phases.plane[h & 1][0] + at, b.phases.plane[h & 1][1] + at, g.in.width, room - h * g.in.width,
                dx + h * g.in.width);
  }
}

/// Lines [first, first + lines) of picture n, as dy has them.
void BackwardBand(RowBackward& b, int64_t r, int64_t in_row, int64_t n, int64_t first, int64_t lines) {
  const DepthwiseGeometry& g = b.g;
  const int64_t at = n * g.in.area(), room = g.in.pixels() - at;
  const float* picture = b.args.x[in_row] + at;
  float* dx = b.args.dx.dz[in_row] + at;
  LoadLines(first - 1, first + lines + 1, g.out.height, g.line, b.dy,
            [&](int64_t begin, int64_t count, float* to)
                HWY_ATTR { LoadGradient(b.args.dy, r, n * g.out.area() + begin, count, to); });
  if (g.stride == 1) {
    const int64_t begin = first * g.line;
    BackwardBand1(b, picture + begin, lines * g.line, room - begin, dx + begin);
  } else {
    BackwardBand2(b, picture, first, lines, room, dx);
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
  int64_t summed = 0;
  for (int64_t n = 0; n < g.in.images; ++n) {
    for (int64_t first = 0; first < g.out.height; first += g.band_lines) {
      const int64_t last = std::min(first + g.band_lines, g.out.height);
      BackwardBand(b, r, in_row, n, first, last - first);
      const int64_t stored = n * g.in.area() + std::min(g.stride * last, g.in.height) * g.in.width;
      if (stored - summed < kSumBlock && stored < g.in.pixels()) continue;
      for (int tap = 0; tap < 9; ++tap) dweight[tap] += SumLanes(b.dweight[tap]);
      std::fill_n(b.dweight, 9, hn::Zero(D()));
      if (args.dx.raw) sums.Add(args.dx.dz[in_row] + summed, args.dx.raw[in_row] + summed, stored - summed);
      summed = stored;
    }
  }
  for (int tap = 0; tap < 9; ++tap) args.dweight[9 * weight_row + tap] = static_cast<float>(dweight[tap]);
  if (args.dx.raw) args.dx.sums[in_row] = sums.Result();
}

void Backward(const DepthwiseConvShape& shape, const riffle::DepthwiseConvBackward<float>& args) {
  const DepthwiseGeometry g(shape);
  Scratch shared;
  const ColumnMasks masks = MakeColumnMasks(g, shared);
  const int64_t rows = std::max<int64_t>(1, kTaskPixels / g.in.pixels());
  ParallelFor((g.channels + rows - 1) / rows, [&](int64_t task) HWY_ATTR {
    Scratch scratch;
    RowBackward b{.g = g,
                  .args = args,
                  .masks = masks,
                  .dy = nullptr,
                  .phases = {},
                  .w = {},
                  .dweight = {},
                  .in = {},
                  .off = hn::Set(D(), args.in.relu ? 0.0f : -std::numeric_limits<float>::infinity())};
    b.dy = g.NewPlane(scratch, g.band_lines + 2);
    if (g.stride == 2) b.phases = NewPhases(g, scratch);
    const int64_t end = std::min((task + 1) * rows, g.channels);
    for (int64_t r = task * rows; r < end; ++r) BackwardRow(b, r);
  });
}

}  // namespace
}  // namespace riffle::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace riffle::cpu {

HWY_EXPORT(Forward);
HWY_EXPORT(Backward);

void DepthwiseConvForward(const DepthwiseConvShape& shape, const riffle::DepthwiseConvForward<float>& args) {
  HWY_DYNAMIC_DISPATCH(Forward)(shape, args);
}

void DepthwiseConvBackward(const DepthwiseConvShape& shape, const riffle::DepthwiseConvBackward<float>& args) {
  HWY_DYNAMIC_DISPATCH(Backward)(shape, args);
}

}  // namespace riffle::cpu
#endif
