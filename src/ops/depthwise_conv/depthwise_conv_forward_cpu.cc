// Forward of the 3×3 depthwise convolution on channel-major maps (depthwise_conv.h), each row on its own, picture by
// picture, in strips of windows (ops/windows-inl.h): per vector of outputs and input line 3 vectors of columns and 3
// fused multiply-adds for each of the lines of outputs that the input line belongs to: three at stride 1; at stride 2
// one, or two where the line lies between two of them. Nine weights stay in registers.
//
// Inference reads pictures where they lie. Where an activation comes with the input (training), pieces of about
// kPieceFloats pass through scratch memory in L1, so that it is computed once for each value.
//
// Every output is the same chain of multiply-adds, in reading order of its window, wherever pieces and strips begin:
// the same bits at any number of threads and at any place in the batch.
#include "backend/execution.h"
#include "backend/scratch.h"
#include "ops/cpu.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/depthwise_conv/depthwise_conv_forward_cpu.cc"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
#include "ops/simd-inl.h"
#include "ops/windows-inl.h"

HWY_BEFORE_NAMESPACE();
namespace riffle::cpu::HWY_NAMESPACE {
namespace {

/// Of activated input in scratch memory: 16 KB, half of a small L1.
constexpr int64_t kPieceFloats = 4096;
/// Pixels that make a task worth handing to a thread.
constexpr int64_t kTaskPixels = 4096;

struct Kernel {
  V w[9];
  V bias;
};

/// Adds line u of the kernel.
HWY_INLINE V AddLine(const Kernel& kernel, int u, const WindowColumns& x, V sum) {
  sum = hn::MulAdd(kernel.w[3 * u], x.first, sum);
  sum = hn::MulAdd(kernel.w[3 * u + 1], x.second, sum);
  return hn::MulAdd(kernel.w[3 * u + 2], x.third, sum);
}

/// Lines of outputs [first, last) of one picture: x points at its input line `x_line`, y at its output line 0, and
/// `room` values from y on may be overwritten.
struct Lines {
  Plane in, out;
  int64_t first, last;
  const float* x;
  int64_t x_line;
  float* y;
  int64_t room;

  const float* input(int64_t h) const { return x + (h - x_line) * in.width; }
  HWY_INLINE void Put(V v, int64_t i, int64_t c) const {
    const int64_t at = i * out.width + c;
    PrefetchToWrite(y + at + kPrefetchFloats);
    StoreFirst(v, y + at, std::min(kLanes, out.width - c), room - at);
  }
};

/// Stride 1: input line h is line 2 of the windows above it, 1 of those at it, 0 of those below.
template <bool kWhole>
HWY_NOINLINE void ConvolveStrip(const Kernel& row_kernel, const WindowStrip<1>& row_strip, const Lines& row_lines,
                                int64_t c) {
  // Copies of its own, which no store can alias, stay in registers.
  const Kernel kernel = row_kernel;
  const WindowStrip<1> strip = row_strip;
  const Lines lines = row_lines;
  V above = kernel.bias, here = kernel.bias;
  const int64_t end = std::min(lines.last + 1, lines.in.height);
  for (int64_t h = std::max<int64_t>(lines.first - 1, 0); h < end; ++h) {
    const WindowColumns x = strip.template Load<kWhole>(lines.input(h));
    above = AddLine(kernel, 2, x, above);
    if (h > lines.first) lines.Put(above, h - 1, c);
    above = AddLine(kernel, 1, x, here);
    here = AddLine(kernel, 0, x, kernel.bias);
  }
  if (lines.last == lines.in.height) lines.Put(above, lines.last - 1, c);
}

/// Stride 2: windows i read input lines 2i − 1, 2i, 2i + 1; the last is also the first of windows i + 1.
template <bool kWhole>
HWY_NOINLINE void ConvolveStrip(const Kernel& row_kernel, const WindowStrip<2>& row_strip, const Lines& row_lines,
                                int64_t c) {
  const Kernel kernel = row_kernel;
  const WindowStrip<2> strip = row_strip;
  const Lines lines = row_lines;
  V next = kernel.bias;
  if (lines.first > 0) next = AddLine(kernel, 0, strip.template Load<kWhole>(lines.input(2 * lines.first - 1)), next);
  for (int64_t i = lines.first; i < lines.last; ++i) {
    V here = AddLine(kernel, 1, strip.template Load<kWhole>(lines.input(2 * i)), next);
    if (2 * i + 1 < lines.in.height) {
      const WindowColumns x = strip.template Load<kWhole>(lines.input(2 * i + 1));
      here = AddLine(kernel, 2, x, here);
      next = AddLine(kernel, 0, x, kernel.bias);
    }
    lines.Put(here, i, c);
  }
}

template <int kStride>
void ConvolveLines(const Kernel& kernel, const Lines& lines) {
  ForStrips(lines.out.width, [&](int64_t c) HWY_ATTR {
    const WindowStrip<kStride> strip(c, 1, lines.in.width);
    strip.whole() ? ConvolveStrip<true>(kernel, strip, lines, c) : ConvolveStrip<false>(kernel, strip, lines, c);
  });
}

/// How the pictures of a row are cut into pieces: whole pictures, or lines of one.
struct Pieces {
  explicit Pieces(const DepthwiseConvShape& s)
      : in(s.in),
        out(s.out()),
        stride(s.stride),
        pictures(std::max<int64_t>(1, kPieceFloats / in.area())),
        lines(std::clamp<int64_t>(kPieceFloats / (in.width * stride), 1, out.height)) {}

  Plane in, out;
  int64_t stride;
  int64_t pictures, lines;  // of outputs, of a piece
};

/// Lines [first, last) of outputs of pictures [n, end) of a row.
void ConvolvePiece(const Pieces& p, const Kernel& kernel, const float* x, const ActivationVector* in, float* scratch,
                   float* y, int64_t n, int64_t end, int64_t first, int64_t last) {
  const int64_t x_line = std::max<int64_t>(p.stride * first - 1, 0);
  const int64_t x_end = std::min(p.stride * (last - 1) + 2, p.in.height);
  const float* from = x + n * p.in.area() + x_line * p.in.width;
  if (in) {
    LoadActivated(from, ((end - n - 1) * p.in.height + x_end - x_line) * p.in.width, *in, scratch);
    from = scratch;
  }
  for (int64_t i = n; i < end; ++i) {
    const Lines lines{p.in,
                      p.out,
                      first,
                      last,
                      from + (i - n) * p.in.area(),
                      x_line,
                      y + i * p.out.area(),
                      (p.in.images - i) * p.out.area()};
    p.stride == 1 ? ConvolveLines<1>(kernel, lines) : ConvolveLines<2>(kernel, lines);
  }
}

void ForwardRow(const Pieces& p, const riffle::DepthwiseConvForward<float>& args, float* scratch, int64_t r) {
  const int64_t in_row = args.rows.in_row ? args.rows.in_row[r] : r;
  const float* weight = args.weight + 9 * (args.rows.weight_row ? args.rows.weight_row[r] : r);
  Kernel kernel;
  for (int tap = 0; tap < 9; ++tap) kernel.w[tap] = hn::Set(D(), weight[tap]);
  kernel.bias = hn::Set(D(), args.bias ? args.bias[r] : 0.0f);
  const ActivationVector activation = ActivationOf(args.in, in_row);
  const ActivationVector* in = args.in.scale || args.in.relu ? &activation : nullptr;

  MomentSums moments;
  int64_t stored = 0, summed = 0;
  for (int64_t n = 0; n < p.in.images; n += p.pictures) {
    const int64_t end = std::min(n + p.pictures, p.in.images);
    for (int64_t line = 0; line < p.out.height; line += p.lines) {
      const int64_t last = std::min(line + p.lines, p.out.height);
      ConvolvePiece(p, kernel, args.x[in_row], in, scratch, args.y[r], n, end, line, last);
      stored += (end - n) * (last - line) * p.out.width;
      if (!args.moments || (stored - summed < kSumBlock && stored < p.out.pixels())) continue;
      moments.Add(args.y[r] + summed, stored - summed);
      summed = stored;
    }
  }
  if (args.moments) args.moments[r] = moments.Result();
}

void Forward(const Execution& execution, const DepthwiseConvShape& shape,
             const riffle::DepthwiseConvForward<float>& args) {
  const Pieces pieces(shape);
  const int64_t rows = std::max<int64_t>(1, kTaskPixels / shape.in.pixels());
  execution.pool.ParallelFor((shape.channels + rows - 1) / rows, [&](int64_t task) HWY_ATTR {
    Scratch scratch;
    // A piece of lines reads one line above it and one below; a vector more is written behind it.
    float* activated = scratch.Floats(kPieceFloats + (2 + shape.stride) * shape.in.width + kLanes);
    const int64_t end = std::min<int64_t>((task + 1) * rows, shape.channels);
    for (int64_t r = task * rows; r < end; ++r) ForwardRow(pieces, args, activated, r);
  });
}

}  // namespace
}  // namespace riffle::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace riffle::cpu {

HWY_EXPORT(Forward);

void DepthwiseConvForward(const Execution& execution, const DepthwiseConvShape& shape,
                          const riffle::DepthwiseConvForward<float>& args) {
  HWY_DYNAMIC_DISPATCH(Forward)(execution, shape, args);
}

}  // namespace riffle::cpu
#endif
