// The first 3×3 convolution on channel-major maps (stem_conv.h): few input channels, 27 taps, every output channel
// reads all of them.
//
// Input lines go to scratch memory (in L1) with a zero column on both sides, at stride 2 split into even and odd
// columns, so that each tap of a line of outputs is one contiguous run: a list of 27 pointers (Taps). Then the
// convolution is a matrix product of weights [out][27] and those runs: a tile of kRows output channels × 2 vectors of
// pixels stays in registers, per tap 2 loads, kRows broadcasts, 2·kRows fused multiply-adds. dweight is the transposed
// product: a tile of kDotRows output channels × 3 taps of one line, along the pixels.
//
// A task is a band of lines of one picture; what it adds up (moments, dweight) it leaves in memory of its own, and the
// parts are combined in order: the same bits at any number of threads.
#include <vector>

#include "backend/execution.h"
#include "backend/scratch.h"
#include "ops/cpu.h"
#include "ops/row_prefetch.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/stem_conv/stem_conv_cpu.cc"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
#include "ops/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace riffle::cpu::HWY_NAMESPACE {
namespace {

constexpr bool kManyRegisters = HWY_TARGET <= HWY_AVX3 || HWY_ARCH_ARM_A64;  // 32, else 16
/// Accumulators: 12 × 2 (6 × 2) of 32 (16) registers leave room for 2 vectors of pixels and a broadcast, and the 24
/// channels of the published networks are whole tiles.
constexpr int kRows = kManyRegisters ? 12 : 6;
constexpr int kVectors = 2;
/// 8 × 3 (4 × 3) accumulators for dweight.
constexpr int kDotRows = kManyRegisters ? 8 : 4;

/// Output lines of a forward task, of which each reads again one input line of its neighbour.
constexpr int64_t kForwardLines = 8;
/// Output pixels (about) that a pass of dweight takes from scratch memory: long enough to pay for loading the sums.
constexpr int64_t kDotPixels = 512;

/// Terms that a lane of dweight adds up in single precision.
constexpr int64_t kDotTerms = 1024;

struct Geometry {
  explicit Geometry(const StemConvShape& s) : in(s.in), out(s.out()), stride(s.stride), channels(s.in_channels) {
    taps = 9 * channels;
    outs = s.out_channels;
    // A zero before each line; behind it what a split and a tile's last vectors may reach.
    half = (RowStride(out.width + 2) + kVectors * kLanes);
  }
  /// Floats of one input line of all channels: even and odd columns (stride 1: the line as it is, in the first half).
  int64_t line() const { return channels * stride * half; }

  Plane in, out;
  int64_t stride, channels, taps, outs;
  int64_t half;
};

/// The runs of pixels that the 27 taps of output line `i` read; input line h lies in slot h mod `slots` of `lines`.
struct Taps {
  const float* run[27];

  Taps(const Geometry& g, const float* lines, int64_t slots, int64_t i) {
    for (int64_t tap = 0; tap < g.taps; ++tap) {
      const int64_t c = tap / 9, u = tap % 9 / 3, v = tap % 3;
      const int64_t slot = (g.stride * i + u - 1 + slots) % slots;
      const float* even = lines + slot * g.line() + c * g.stride * g.half + kLanes;  // column 0
      run[tap] = g.stride == 1 ? even + v - 1 : v == 1 ? even : even + g.half - (v == 0);
    }
  }
};

/// Memory for `slots` input lines. It starts as zeros, and loading a line leaves the zeros around it alone.
float* NewLines(const Geometry& g, int64_t slots, Scratch& scratch) {
  float* lines = scratch.Floats(slots * g.line());
  FillZero(lines, slots * g.line());
  return lines;
}

/// Brings input line h of the picture at `begin` into its slot; zeros outside the picture.
HWY_NOINLINE void LoadLine(const Geometry& g, Rows<const float> x, int64_t begin, int64_t h, int64_t slots,
                           float* lines) {
  float* line = lines + (h + slots) % slots * g.line();
  if (h < 0 || h >= g.in.height) return FillZero(line, g.line());
  const ActivationVector same = ActivationOf({}, 0);
  const int64_t readable = g.in.pixels() - begin - h * g.in.width;
  for (int64_t c = 0; c < g.channels; ++c, line += g.stride * g.half) {
    const float* from = x[c] + begin + h * g.in.width;
    if (g.stride == 1) {
      LoadActivated(from, g.in.width, same, line + kLanes);
    } else {
      SplitColumns(from, g.in.width, readable, same, line + kLanes, line + g.half + kLanes);
      FillBehind(hn::Zero(D()), g.in.width, line + kLanes, line + g.half + kLanes);
    }
  }
}

/// y[r][0 … count) for kRows rows, count ≤ kV vectors. weight: [taps][kRows], then kRows biases. What is stored `ahead`
/// floats on is asked for.
template <int kV>
HWY_INLINE void Tile(const Taps& taps, int64_t tap_count, int64_t at, const float* HWY_RESTRICT weight, float floor,
                     int64_t rows, int64_t count, int64_t ahead, float* HWY_RESTRICT y, int64_t stride) {
  V sum[kRows][kV];
  const float* bias = weight + tap_count * kRows;
  for (int r = 0; r < kRows; ++r) {
    for (int v = 0; v < kV; ++v) sum[r][v] = hn::Set(D(), bias[r]);
  }
  for (int64_t tap = 0; tap < tap_count; ++tap, weight += kRows) {
    V x[kV];
    for (int v = 0; v < kV; ++v) x[v] = hn::LoadU(D(), taps.run[tap] + at + v * kLanes);
    for (int r = 0; r < kRows; ++r) {
      const V w = hn::Set(D(), weight[r]);
      for (int v = 0; v < kV; ++v) sum[r][v] = hn::MulAdd(w, x[v], sum[r][v]);
    }
  }
  const V least = hn::Set(D(), floor);
  for (int r = 0; r < rows; ++r) {
    for (int v = 0; v < kV; ++v) {
      PrefetchToWrite(y + r * stride + v * kLanes + ahead);
      const V value = hn::Max(least, sum[r][v]);
      if (count >= (v + 1) * kLanes) {
        hn::StoreU(value, D(), y + r * stride + v * kLanes);
      } else {
        // Never negative, which GCC 14 does not see.
        StoreFirst(value, y + r * stride + v * kLanes, std::max<int64_t>(0, count - v * kLanes));
      }
    }
  }
}

/// One line of outputs, y at its first pixel.
HWY_NOINLINE void ForwardLine(const Geometry& g, const Taps& taps, const float* packed, float floor, Rows<float> y) {
  for (int64_t r = 0; r < g.outs; r += kRows, packed += (g.taps + 1) * kRows) {
    const int64_t rows = std::min<int64_t>(kRows, g.outs - r);
    int64_t j = 0;
    for (; j + (kVectors - 1) * kLanes < g.out.width; j += kVectors * kLanes) {
      Tile<kVectors>(taps, g.taps, j, packed, floor, rows, std::min(g.out.width - j, kVectors * kLanes), g.out.width,
                     y[r] + j, y.stride);
    }
    if (j < g.out.width)
      Tile<1>(taps, g.taps, j, packed, floor, rows, g.out.width - j, g.out.width, y[r] + j, y.stride);
  }
}

/// Weights and biases in blocks of kRows output channels, [taps + 1][kRows]; zero for channels that do not exist.
float* Pack(const Geometry& g, const riffle::StemConvForward<float>& args, Scratch& scratch) {
  const int64_t blocks = (g.outs + kRows - 1) / kRows;
  float* packed = scratch.Floats(blocks * (g.taps + 1) * kRows);
  for (int64_t block = 0; block < blocks; ++block) {
    for (int64_t tap = 0; tap <= g.taps; ++tap) {
      for (int64_t r = 0; r < kRows; ++r) {
        const int64_t o = block * kRows + r;
        const float bias = args.bias && o < g.outs ? args.bias[o] : 0;
        packed[(block * (g.taps + 1) + tap) * kRows + r] = tap == g.taps ? bias
                                                           : o < g.outs  ? args.weight[o * g.taps + tap]
                                                                         : 0;
      }
    }
  }
  return packed;
}

void Forward(const Execution& execution, const StemConvShape& shape, const riffle::StemConvForward<float>& args) {
  const Geometry g(shape);
  Scratch shared;
  const float* packed = Pack(g, args, shared);
  const float floor = args.relu ? 0 : -std::numeric_limits<float>::infinity();
  const int64_t bands = (g.out.height + kForwardLines - 1) / kForwardLines, tasks = g.in.images * bands;
  std::vector<MomentSums> moments(args.moments ? static_cast<size_t>(tasks * g.outs) : 0);

  execution.pool.ParallelFor(tasks, [&](int64_t task) HWY_ATTR {
    constexpr int64_t kSlots = 4;
    Scratch scratch;
    float* lines = NewLines(g, kSlots, scratch);
    const int64_t n = task / bands, first = task % bands * kForwardLines;
    const int64_t last = std::min(first + kForwardLines, g.out.height), begin = n * g.out.area() + first * g.out.width;
    int64_t loaded = g.stride * first - 1;
    for (int64_t i = first; i < last; ++i) {
      for (; loaded <= g.stride * i + 1; ++loaded) LoadLine(g, args.x, n * g.in.area(), loaded, kSlots, lines);
      ForwardLine(g, Taps(g, lines, kSlots, i), packed, floor,
                  {args.y.data + n * g.out.area() + i * g.out.width, args.y.stride});
    }
    if (!args.moments) return;
    for (int64_t o = 0; o < g.outs; ++o) {
      moments[task * g.outs + o].Add(args.y[o] + begin, (last - first) * g.out.width);
    }
  });
  for (int64_t o = 0; args.moments && o < g.outs; ++o) {
    MomentSums all;
    for (int64_t task = 0; task < tasks; ++task) all.Merge(moments[task * g.outs + o]);
    args.moments[o] = all.Result();
  }
}

/// A band of a picture in scratch memory: the taps of each line, and dy as [outs][band lines][pitch], zero behind a
/// line.
struct Band {
  const Taps* taps;
  const float* dy;
  int64_t lines, dy_stride, pitch;
};

/// sums[o][3 taps of lanes] += dy[o]·x for kDotRows output channels from o on and the taps of one line of one channel.
HWY_INLINE void DotTile(const Band& band, int64_t o, int64_t tap, float* HWY_RESTRICT sums, int64_t taps) {
  V sum[kDotRows][3];
  for (int r = 0; r < kDotRows; ++r) {
    for (int v = 0; v < 3; ++v) sum[r][v] = hn::Load(D(), sums + (r * taps + v) * kLanes);
  }
  for (int64_t i = 0; i < band.lines; ++i) {
    const float* const* run = band.taps[i].run + tap;
    const float* HWY_RESTRICT dy = band.dy + o * band.dy_stride + i * band.pitch;
    for (int64_t j = 0; j < band.pitch; j += kLanes) {
      const V x0 = hn::LoadU(D(), run[0] + j), x1 = hn::LoadU(D(), run[1] + j), x2 = hn::LoadU(D(), run[2] + j);
      for (int r = 0; r < kDotRows; ++r) {
        const V d = InRegister(hn::Load(D(), dy + r * band.dy_stride + j));
        sum[r][0] = hn::MulAdd(d, x0, sum[r][0]);
        sum[r][1] = hn::MulAdd(d, x1, sum[r][1]);
        sum[r][2] = hn::MulAdd(d, x2, sum[r][2]);
      }
    }
  }
  for (int r = 0; r < kDotRows; ++r) {
    for (int v = 0; v < 3; ++v) hn::Store(sum[r][v], D(), sums + (r * taps + v) * kLanes);
  }
}

/// Moves lanes of single precision into the double sums of a task.
void Flush(float* lanes, int64_t count, double* sums) {
  for (int64_t i = 0; i < count; ++i) sums[i] += SumLanes(hn::Load(D(), lanes + i * kLanes));
  FillZero(lanes, count * kLanes);
}

/// dweight of one picture into sums[outs][taps].
void BackwardPicture(const Geometry& g, const riffle::StemConvBackward<float>& args, int64_t n, double* sums) {
  Scratch scratch;
  const int64_t pitch = (g.out.width + kLanes - 1) / kLanes * kLanes;
  const int64_t band_lines = std::clamp<int64_t>(kDotPixels / pitch, 1, g.out.height);
  const int64_t slots = g.stride * band_lines + 2, padded_outs = (g.outs + kDotRows - 1) / kDotRows * kDotRows;
  float* lines = NewLines(g, slots, scratch);
  float* dy = scratch.Floats(padded_outs * band_lines * pitch);
  float* lanes = scratch.Floats(padded_outs * g.taps * kLanes);
  FillZero(dy, padded_outs * band_lines * pitch);
  FillZero(lanes, padded_outs * g.taps * kLanes);
  std::fill_n(sums, g.outs * g.taps, 0.0);
  std::vector<Taps> taps;

  int64_t summed = 0;
  for (int64_t first = 0; first < g.out.height; first += band_lines) {
    const int64_t last = std::min(first + band_lines, g.out.height);
    taps.clear();
    for (int64_t h = g.stride * first - 1; h <= g.stride * (last - 1) + 1; ++h) {
      LoadLine(g, args.x, n * g.in.area(), h, slots, lines);
    }
    for (int64_t i = first; i < last; ++i) {
      taps.emplace_back(g, lines, slots, i);
      for (int64_t o = 0; o < g.outs; ++o) {
        LoadGradient(args.dy, o, n * g.out.area() + i * g.out.width, g.out.width,
                     dy + (o * band_lines + i - first) * pitch);
      }
    }
    const Band band{taps.data(), dy, last - first, band_lines * pitch, pitch};
    RowPrefetch next;  // the next band's lines, each channel's far from the others
    next.Add(args.dy, 0, g.outs, n * g.out.area() + last * g.out.width,
             std::min(band_lines, g.out.height - last) * g.out.width);
    int64_t done = 0;
    for (int64_t o = 0; o < g.outs; o += kDotRows) {
      for (int64_t tap = 0; tap < g.taps; tap += 3) {
        next.Advance(done += 3 * kDotRows, g.outs * g.taps);
        DotTile(band, o, tap, lanes + (o * g.taps + tap) * kLanes, g.taps);
      }
    }
    summed += (last - first) * pitch;
    if (summed < kDotTerms * kLanes && last < g.out.height) continue;
    Flush(lanes, g.outs * g.taps, sums);
    summed = 0;
  }
}

void Backward(const Execution& execution, const StemConvShape& shape, const riffle::StemConvBackward<float>& args) {
  const Geometry g(shape);
  Scratch scratch;
  const int64_t weights = g.outs * g.taps;
  double* sums = scratch.Doubles(g.in.images * weights);
  execution.pool.ParallelFor(g.in.images, [&](int64_t n) HWY_ATTR { BackwardPicture(g, args, n, sums + n * weights); });
  for (int64_t i = 0; i < weights; ++i) {
    double sum = 0;
    for (int64_t n = 0; n < g.in.images; ++n) sum += sums[n * weights + i];
    args.dweight[i] = static_cast<float>(sum);
  }
}

}  // namespace
}  // namespace riffle::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace riffle::cpu {

HWY_EXPORT(Forward);
HWY_EXPORT(Backward);

void StemConvForward(const Execution& execution, const StemConvShape& shape,
                     const riffle::StemConvForward<float>& args) {
  HWY_DYNAMIC_DISPATCH(Forward)(execution, shape, args);
}

void StemConvBackward(const Execution& execution, const StemConvShape& shape,
                      const riffle::StemConvBackward<float>& args) {
  HWY_DYNAMIC_DISPATCH(Backward)(execution, shape, args);
}

}  // namespace riffle::cpu
#endif
