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
#include <bit>

#include "base/scratch.h"
#include "base/threads.h"
#include "ops/cpu.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/depthwise_conv/depthwise_conv_cpu.cc"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
#include "ops/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace riffle::cpu::HWY_NAMESPACE {
namespace {

/// Of a band in scratch memory: 16 KB, so that the planes of a backward (input, gradient, masks) fit into L1 together.
constexpr int64_t kPlaneFloats = 4096;
/// Pixels that make a task worth handing to a thread.
constexpr int64_t kTaskPixels = 8192;

/// How a plane is cut; the same for all rows.
struct Geometry {
  explicit Geometry(const DepthwiseConvShape& s)
      : in(s.in), out(s.out()), stride(s.stride), channels(s.channels), line(out.width) {
    const int64_t in_lines = std::max<int64_t>(1, kPlaneFloats / in.width);
    band_lines = std::min(out.height, std::max<int64_t>(1, in_lines / stride));
    border = line + 1 + kLanes;
  }
  /// A plane of `lines` lines in scratch memory, zeroed, with a zero line (and more) on both sides.
  float* NewPlane(Scratch& scratch, int64_t lines) const {
    const int64_t size = lines * line + 2 * border;
    float* plane = scratch.Floats(size);
    FillZero(plane, size);
    return plane + border;
  }

  Plane in, out;
  int64_t stride, channels;
  int64_t line;        // floats from one line of a plane (or phase plane) to the next
  int64_t band_lines;  // output lines at once
  int64_t border;      // floats around a plane
};

/// All bits set where the pixel to the left (right) lies in the same line, else none; one band of the flat plane.
struct ColumnMasks {
  const float* left;
  const float* right;
};

ColumnMasks MakeColumnMasks(const Geometry& g, Scratch& scratch) {
  const int64_t size = g.band_lines * g.line + kLanes;
  float* left = scratch.Floats(size);
  float* right = scratch.Floats(size);
  std::fill_n(left, size, std::bit_cast<float>(~uint32_t{0}));
  std::fill_n(right, size, std::bit_cast<float>(~uint32_t{0}));
  for (int64_t p = 0; p < size; p += g.line) left[p] = 0;
  for (int64_t p = g.line - 1; p < size; p += g.line) right[p] = 0;
  return {left, right};
}

/// The planes that the taps of an output pixel p read: for line u, middle[u][p], and at the sides side[u][p + shift]:
/// −1 and +1 at stride 1, where both are one plane; −1 and 0 at stride 2.
struct TapPlanes {
  const float* middle[3];
  const float* side[3];
};

template <int kStride>
HWY_INLINE V Convolve(const TapPlanes& taps, const V (&w)[9], V bias, const ColumnMasks& masks, int64_t p) {
  constexpr int64_t kRight = kStride == 1 ? 1 : 0;
  V left = hn::Mul(w[0], hn::LoadU(D(), taps.side[0] + p - 1));
  left = hn::MulAdd(w[3], hn::LoadU(D(), taps.side[1] + p - 1), left);
  left = hn::MulAdd(w[6], hn::LoadU(D(), taps.side[2] + p - 1), left);
  V middle = hn::MulAdd(w[1], hn::LoadU(D(), taps.middle[0] + p), bias);
  middle = hn::MulAdd(w[4], hn::LoadU(D(), taps.middle[1] + p), middle);
  middle = hn::MulAdd(w[7], hn::LoadU(D(), taps.middle[2] + p), middle);
  V right = hn::Mul(w[2], hn::LoadU(D(), taps.side[0] + p + kRight));
  right = hn::MulAdd(w[5], hn::LoadU(D(), taps.side[1] + p + kRight), right);
  right = hn::MulAdd(w[8], hn::LoadU(D(), taps.side[2] + p + kRight), right);
  // At stride 2 the phase planes themselves hold the zero right of an odd width.
  if constexpr (kStride == 1) right = hn::And(right, hn::LoadU(D(), masks.right + p));
  return hn::Add(hn::Add(middle, hn::And(left, hn::LoadU(D(), masks.left + p))), right);
}

/// y[0 … count) of one band.
template <int kStride>
HWY_NOINLINE void ConvolveBand(const TapPlanes& taps, const V (&w)[9], V bias, const ColumnMasks& masks, int64_t count,
                               float* HWY_RESTRICT y) {
  int64_t p = 0;
  for (; p + kLanes <= count; p += kLanes) hn::StoreU(Convolve<kStride>(taps, w, bias, masks, p), D(), y + p);
  if (p < count) StoreFirst(Convolve<kStride>(taps, w, bias, masks, p), y + p, count - p);
}

/// Lines [first, last) of a picture into a plane whose line 0 is `first`, zeros where they lie outside. load(begin,
/// count, to) brings pixels [begin, begin + count) of the picture.
template <class Load>
HWY_INLINE void LoadLines(int64_t first, int64_t last, int64_t height, int64_t width, float* plane, const Load& load) {
  const int64_t top = std::max<int64_t>(first, 0), bottom = std::min(last, height);
  FillZero(plane, (top - first) * width);
  load(top * width, (bottom - top) * width, plane + (top - first) * width);
  FillZero(plane + (bottom - first) * width, (last - bottom) * width);
}

/// Phase planes of stride 2: plane[a][b] at (i, j) is input line 2·(first + i) + a, column 2j + b; zero outside.
struct Phases {
  float* plane[2][2];
};

Phases NewPhases(const Geometry& g, Scratch& scratch) {
  Phases phases;
  for (auto& row : phases.plane) {
    for (float*& plane : row) plane = g.NewPlane(scratch, g.band_lines + 1) + g.line;  // one line above the band
  }
  return phases;
}

/// Input lines [first, last), of which `base` is line 0 of the band, in reading order: what a split writes beyond its
/// line is overwritten by the next.
HWY_NOINLINE void LoadPhases(const Geometry& g, const float* picture, int64_t base, int64_t first, int64_t last,
                             const ActivationVector& in, const Phases& phases) {
  for (int64_t h = first; h < last; ++h) {
    const int64_t a = (h - base) & 1, i = (h - base) >> 1;
    float* even = phases.plane[a][0] + i * g.line;
    float* odd = phases.plane[a][1] + i * g.line;
    if (h >= 0 && h < g.in.height) {
      SplitColumns(picture + h * g.in.width, g.in.width, in, even, odd);
    } else {
      FillZero(even, g.line + kLanes);
      FillZero(odd, g.line + kLanes);
    }
  }
}

/// Lines [first, first + lines) of one picture's output.
template <int kStride>
HWY_INLINE void ForwardBand(const Geometry& g, const float* picture, int64_t first, int64_t lines,
                            const ActivationVector& in, const V (&w)[9], V bias, const ColumnMasks& masks,
                            const Phases& phases, float* y) {
  TapPlanes taps;
  if constexpr (kStride == 1) {
    float* plane = phases.plane[0][0];  // from line first − 1 on
    LoadLines(first - 1, first + lines + 1, g.in.height, g.line, plane,
              [&](int64_t begin, int64_t count, float* to) HWY_ATTR { LoadActivated(picture + begin, count, in, to); });
    for (int u = 0; u < 3; ++u) taps.middle[u] = taps.side[u] = plane + u * g.line;
  } else {
    LoadPhases(g, picture, 2 * first, 2 * first - 1, 2 * (first + lines), in, phases);
    for (int b = 0; b < 2; ++b) {
      const float* const upper = phases.plane[0][b];
      const float* const lower = phases.plane[1][b];
      const float** of = b == 0 ? taps.middle : taps.side;
      of[0] = lower - g.line;
      of[1] = upper;
      of[2] = lower;
    }
  }
  ConvolveBand<kStride>(taps, w, bias, masks, lines * g.line, y);
}

template <int kStride>
Phases NewForwardPlanes(const Geometry& g, Scratch& scratch) {
  if constexpr (kStride == 2) return NewPhases(g, scratch);
  return {{{g.NewPlane(scratch, g.band_lines + 2), nullptr}, {nullptr, nullptr}}};
}

template <int kStride>
void ForwardRow(const Geometry& g, const riffle::DepthwiseConvForward<float>& args, const ColumnMasks& masks,
                const Phases& phases, int64_t r) {
  const int64_t in_row = args.rows.in_row ? args.rows.in_row[r] : r;
  const float* weight = args.weight + 9 * (args.rows.weight_row ? args.rows.weight_row[r] : r);
  const ActivationVector in = ActivationOf(args.in, in_row);
  V w[9];
  for (int tap = 0; tap < 9; ++tap) w[tap] = hn::Set(D(), weight[tap]);
  const V bias = hn::Set(D(), args.bias ? args.bias[r] : 0.0f);

  float* const y = args.y[r];
  MomentSums moments;
  int64_t stored = 0, summed = 0;
  for (int64_t n = 0; n < g.in.images; ++n) {
    const float* picture = args.x[in_row] + n * g.in.area();
    for (int64_t first = 0; first < g.out.height; first += g.band_lines) {
      const int64_t lines = std::min(g.band_lines, g.out.height - first);
      ForwardBand<kStride>(g, picture, first, lines, in, w, bias, masks, phases, y + stored);
      stored += lines * g.line;
      if (args.moments && (stored - summed >= kSumBlock || stored == g.out.pixels())) {
        moments.Add(y + summed, stored - summed);
        summed = stored;
      }
    }
  }
  if (args.moments) args.moments[r] = moments.Result();
}

template <int kStride>
void ForwardRows(const Geometry& g, const riffle::DepthwiseConvForward<float>& args) {
  Scratch shared;
  const ColumnMasks masks = MakeColumnMasks(g, shared);
  const int64_t rows = std::max<int64_t>(1, kTaskPixels / g.in.pixels());
  ParallelFor((g.channels + rows - 1) / rows, [&](int64_t task) HWY_ATTR {
    Scratch scratch;
    const Phases phases = NewForwardPlanes<kStride>(g, scratch);
    const int64_t end = std::min((task + 1) * rows, g.channels);
    for (int64_t r = task * rows; r < end; ++r) ForwardRow<kStride>(g, args, masks, phases, r);
  });
}

void Forward(const DepthwiseConvShape& shape, const riffle::DepthwiseConvForward<float>& args) {
  const Geometry g(shape);
  shape.stride == 1 ? ForwardRows<1>(g, args) : ForwardRows<2>(g, args);
}

/// What the backward of one row needs at each vector.
struct RowBackward {
  const Geometry& g;
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

HWY_NOINLINE void BackwardBand1(RowBackward& row, const float* HWY_RESTRICT x, int64_t count, float* HWY_RESTRICT dx) {
  RowBackward b = row;  // a copy of its own lets the compiler keep the sums in registers
  const float* HWY_RESTRICT dy = b.dy + b.g.line;
  int64_t p = 0;
  for (; p + kLanes <= count; p += kLanes) {
    hn::StoreU(GradientOf1(b, b.in(hn::LoadU(D(), x + p)), dy, p), D(), dx + p);
  }
  if (p < count) {
    const int64_t n = count - p;
    StoreFirst(GradientOf1(b, KeepFirst(b.in(LoadFirst(x + p, n)), n), dy, p), dx + p, n);
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

HWY_INLINE void BackwardBand2(RowBackward& b, const float* picture, int64_t first, int64_t lines, float* dx) {
  const Geometry& g = b.g;
  LoadPhases(g, picture, 2 * first, 2 * first, 2 * (first + lines), b.in, b.phases);
  GradientOfPhases(b, lines * g.line);
  const int64_t last = std::min(2 * (first + lines), g.in.height);
  for (int64_t h = 2 * first; h < last; ++h) {
    const int64_t at = ((h >> 1) - first) * g.line;
    JoinColumns(b.phases.plane[h & 1][0] + at, b.phases.plane[h & 1][1] + at, g.in.width, dx + h * g.in.width);
  }
}

void BackwardRow(RowBackward& b, int64_t r) {
  const Geometry& g = b.g;
  const riffle::DepthwiseConvBackward<float>& args = b.args;
  const int64_t in_row = args.rows.in_row ? args.rows.in_row[r] : r;
  const int64_t weight_row = args.rows.weight_row ? args.rows.weight_row[r] : r;
  b.in = ActivationOf(args.in, in_row);
  for (int tap = 0; tap < 9; ++tap) b.w[tap] = hn::Set(D(), args.weight[9 * weight_row + tap]);
  std::fill_n(b.dweight, 9, hn::Zero(D()));

  GradientRowSums sums(args.dx.raw ? args.dx.moments[in_row].mean : 0);
  double dweight[9] = {};
  int64_t stored = 0, summed = 0;
  for (int64_t n = 0; n < g.in.images; ++n) {
    const float* picture = args.x[in_row] + n * g.in.area();
    float* dx = args.dx.dz[in_row] + n * g.in.area();
    for (int64_t first = 0; first < g.out.height; first += g.band_lines) {
      const int64_t lines = std::min(g.band_lines, g.out.height - first);
      LoadLines(first - 1, first + lines + 1, g.out.height, g.line, b.dy,
                [&](int64_t begin, int64_t count, float* to)
                    HWY_ATTR { LoadGradient(args.dy, r, n * g.out.area() + begin, count, to); });
      if (g.stride == 1) {
        BackwardBand1(b, picture + first * g.line, lines * g.line, dx + first * g.line);
      } else {
        BackwardBand2(b, picture, first, lines, dx);
      }
      stored = n * g.in.area() + std::min(g.stride * (first + lines), g.in.height) * g.in.width;
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
  const Geometry g(shape);
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
