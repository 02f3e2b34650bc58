// Backward of the group convolution. Block by block of pixels, the gradient of the raw output is computed into scratch
// once and read three times there: for dx, the product of group_conv-inl.h with transposed weights; for dweight, a dot
// product along the pixels: a tile of rows of dy × rows of x stays in registers, lanes are added up once a block; and
// for its row sums. Work is split into (group, chunk of pixels) by shape alone, partial sums are added up in double and
// in order.
#include <algorithm>

#include "base/scratch.h"
#include "base/threads.h"
#include "ops/cpu.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/group_conv/group_conv_backward_cpu.cc"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
#include "ops/group_conv/group_conv-inl.h"

HWY_BEFORE_NAMESPACE();
namespace riffle::cpu {
namespace HWY_NAMESPACE {
namespace {

constexpr int kDotRows = kManyRegisters ? 4 : 3;  // rows of dy in the dot-product tile
constexpr int kDotColumns = 4;                    // rows of x
// Pixels that are handled at a time.
constexpr int64_t kBackwardBlock = 512;
// Distance of scratch rows: an odd number of cache lines, as in RowStride.
constexpr int64_t kScratchStride = kBackwardBlock + kCacheLineFloats;

// to[i] = gradient of the raw output, i < count; zeros up to a whole vector.
HWY_INLINE void LoadGradient(const GradientSource<float>& dy, int64_t row, int64_t begin, int64_t count,
                             float* HWY_RESTRICT to) {
  const D d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  const float* HWY_RESTRICT dz = dy.dz[row] + begin;
  const float* HWY_RESTRICT raw = dy.pull_back ? dy.raw[row] + begin : nullptr;
  const PullBack<float> f = dy.pull_back ? dy.pull_back[row] : PullBack<float>{1, 0, 0};
  const Vec dz_factor = hn::Set(d, f.dz_factor), raw_factor = hn::Set(d, f.raw_factor),
            constant = hn::Set(d, f.constant);
  const auto apply = [&](Vec z, Vec a)
                         HWY_ATTR { return hn::MulAdd(dz_factor, z, hn::MulAdd(raw_factor, a, constant)); };
  int64_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    const Vec z = hn::LoadU(d, dz + i);
    hn::StoreU(raw ? apply(z, hn::LoadU(d, raw + i)) : z, d, to + i);
  }
  if (i < count) {
    const auto mask = hn::FirstN(d, static_cast<size_t>(count - i));
    const Vec z = hn::MaskedLoad(mask, d, dz + i);
    hn::StoreU(raw ? hn::IfThenElseZero(mask, apply(z, hn::MaskedLoad(mask, d, raw + i))) : z, d, to + i);
  }
}

// Masks a stored row of dz by its ReLU, and adds up Σ dz and Σ dz·(raw − mean).
HWY_INLINE void FinishGradient(float* HWY_RESTRICT dz, const float* HWY_RESTRICT relu_of, const float* HWY_RESTRICT raw,
                               float mean, int64_t count, double* sum, double* centred) {
  const D d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  const Vec m = hn::Set(d, mean);
  Vec sums = hn::Zero(d), centred_sums = hn::Zero(d);
  for (int64_t i = 0; i < count; i += lanes) {
    const auto mask = hn::FirstN(d, static_cast<size_t>(std::min(lanes, count - i)));
    Vec z = hn::MaskedLoad(mask, d, dz + i);
    if (relu_of) {
      z = hn::IfThenElseZero(hn::Gt(hn::MaskedLoad(mask, d, relu_of + i), hn::Zero(d)), z);
      hn::BlendedStore(z, mask, d, dz + i);
    }
    if (raw) {
      sums = hn::Add(sums, z);
      centred_sums = hn::MulAdd(z, hn::Sub(hn::MaskedLoad(mask, d, raw + i), m), centred_sums);
    }
  }
  *sum += hn::GetLane(hn::SumOfLanes(d, sums));
  *centred += hn::GetLane(hn::SumOfLanes(d, centred_sums));
}

// dweight[r][c] += Σ_p g[r][p]·x[c][p] for R rows of g and C rows of x.
template <int R, int C>
HWY_INLINE void DotTile(Rows<const float> g, Rows<const float> x, int64_t count, float* HWY_RESTRICT dweight,
                        int64_t dweight_stride) {
  const D d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  Vec acc[R][C];
  for (int r = 0; r < R; ++r)
    for (int c = 0; c < C; ++c) acc[r][c] = hn::Zero(d);
  const auto add = [&](int64_t i, auto load) HWY_ATTR {
    Vec rows[R];
    for (int r = 0; r < R; ++r) rows[r] = hn::LoadU(d, g[r] + i);  // scratch: zero beyond count
    for (int c = 0; c < C; ++c) {
      const Vec column = load(x[c] + i);
      for (int r = 0; r < R; ++r) acc[r][c] = hn::MulAdd(rows[r], column, acc[r][c]);
    }
  };
  int64_t i = 0;
  for (; i + lanes <= count; i += lanes) add(i, [&](const float* at) HWY_ATTR { return hn::LoadU(d, at); });
  if (i < count) {
    const auto mask = hn::FirstN(d, static_cast<size_t>(count - i));
    add(i, [&](const float* at) HWY_ATTR { return hn::MaskedLoad(mask, d, at); });
  }
  for (int r = 0; r < R; ++r)
    for (int c = 0; c < C; ++c) dweight[r * dweight_stride + c] += hn::GetLane(hn::SumOfLanes(d, acc[r][c]));
}

template <int R, int C = kDotColumns>
HWY_INLINE void DotTileOfWidth(int columns, Rows<const float> g, Rows<const float> x, int64_t count, float* dweight,
                               int64_t stride) {
  if (columns == C) return DotTile<R, C>(g, x, count, dweight, stride);
  if constexpr (C > 1) DotTileOfWidth<R, C - 1>(columns, g, x, count, dweight, stride);
}

template <int R = kDotRows>
HWY_INLINE void DotRows(int rows, int64_t columns, Rows<const float> g, Rows<const float> x, int64_t count,
                        float* dweight) {
  if (rows == R) {
    for (int64_t c = 0; c < columns; c += kDotColumns)
      DotTileOfWidth<R>(static_cast<int>(std::min<int64_t>(kDotColumns, columns - c)), g, x.From(c), count, dweight + c,
                        columns);
    return;
  }
  if constexpr (R > 1) DotRows<R - 1>(rows, columns, g, x, count, dweight);
}

// dweight[m][k] += g[m][count]·x[k][count]ᵀ
HWY_NOINLINE void Dot(int64_t m, int64_t k, Rows<const float> g, Rows<const float> x, int64_t count, float* dweight) {
  for (int64_t row = 0; row < m; row += kDotRows)
    DotRows<>(static_cast<int>(std::min<int64_t>(kDotRows, m - row)), k, g.From(row), x, count, dweight + row * k);
}

// Everything that one task of the backward adds up, in memory of its own.
struct Partial {
  float* dweight;  // [m][k], of x as it is stored
  double* dy_sum;  // [m] Σ dy, for the shift of an input activation
  double* sums;    // [k][2]
};

struct BackwardTask {
  const GroupConvShape& shape;
  const riffle::GroupConvBackward<float>& args;
  const float* transposed;  // packed weights of all groups for dx
  int64_t k, m;
};

// One group, pixels [begin, begin + count), count <= kBackwardBlock.
HWY_NOINLINE void BackwardBlock(const BackwardTask& t, int64_t g, int64_t begin, int64_t count,
                                const Partial& partial) {
  Scratch scratch;
  const Rows<float> dy{scratch.Floats(t.m * kScratchStride), kScratchStride};
  for (int64_t row = 0; row < t.m; ++row) LoadGradient(t.args.dy, g * t.m + row, begin, count, dy[row]);

  const GradientSink<float>& sink = t.args.dx;
  const Rows<const float> x{t.args.x[g * t.k] + begin, t.args.x.stride};
  if (sink.dz) {
    const Store store{{sink.dz[g * t.k] + begin, sink.dz.stride}, nullptr, {}, false};
    const Store adding{store.y, nullptr,
                       sink.add ? Rows<const float>{sink.add[g * t.k] + begin, sink.add.stride} : sink.add, false};
    Product(static_cast<int>(t.k), t.m, t.transposed + g * t.m * t.k, dy, 0, count, adding);
    for (int64_t row = 0; row < t.k && (t.args.in.relu || sink.raw); ++row) {
      const int64_t channel = g * t.k + row;
      FinishGradient(store.y[row], t.args.in.relu ? x[row] : nullptr, sink.raw ? sink.raw[channel] + begin : nullptr,
                     sink.raw ? sink.moments[channel].mean : 0, count, &partial.sums[2 * row],
                     &partial.sums[2 * row + 1]);
    }
  }
  Dot(t.m, t.k, dy, x, count, partial.dweight);
  if (t.args.in.scale)
    for (int64_t row = 0; row < t.m; ++row) {
      double squares = 0;
      ShiftedSums(dy[row], count, 0, &partial.dy_sum[row], &squares);
    }
}

// Adds the partial sums of all chunks up, in order.
void FinishBackward(const BackwardTask& t, int64_t g, const Partial* partials, int64_t chunks) {
  const auto total = [&](auto value) {
    double sum = 0;
    for (int64_t c = 0; c < chunks; ++c) sum += value(partials[c * t.shape.groups + g]);
    return sum;
  };
  const Activation<float>& in = t.args.in;
  for (int64_t row = 0; row < t.m; ++row) {
    const double dy_sum = in.scale ? total([&](const Partial& p) { return p.dy_sum[row]; }) : 0;
    for (int64_t i = 0; i < t.k; ++i) {
      const int64_t channel = g * t.k + i;
      double dweight = total([&](const Partial& p) { return double{p.dweight[row * t.k + i]}; });
      if (in.scale) dweight = in.scale[channel] * dweight + in.shift[channel] * dy_sum;
      t.args.dweight[(g * t.m + row) * t.k + i] = static_cast<float>(dweight);
    }
  }
  if (t.args.dx.sums)
    for (int64_t i = 0; i < t.k; ++i)
      t.args.dx.sums[g * t.k + i] = {static_cast<float>(total([&](const Partial& p) { return p.sums[2 * i]; })),
                                     static_cast<float>(total([&](const Partial& p) { return p.sums[2 * i + 1]; }))};
}

}  // namespace

void Backward(const GroupConvShape& shape, const riffle::GroupConvBackward<float>& args) {
  Scratch scratch;
  const int64_t k = shape.in_per_group(), m = shape.out_per_group();
  float* transposed = scratch.Floats(shape.weights());
  for (int g = 0; g < shape.groups; ++g)
    Pack(static_cast<int>(k), m, args.weight + g * m * k, 1, k, transposed + g * m * k);
  const BackwardTask task{shape, args, transposed, k, m};

  const int64_t chunk = ChunkPixels(shape.pixels, kBackwardBlock);
  const int64_t chunks = (shape.pixels + chunk - 1) / chunk;
  const int64_t tasks = shape.groups * chunks;
  float* dweights = scratch.Floats(tasks * m * k);
  double* sums = scratch.Doubles(tasks * (m + 2 * k));
  auto* partials = reinterpret_cast<Partial*>(scratch.Doubles(tasks * sizeof(Partial) / sizeof(double)));
  for (int64_t i = 0; i < tasks; ++i)
    partials[i] = {dweights + i * m * k, sums + i * (m + 2 * k), sums + i * (m + 2 * k) + m};

  ParallelFor(tasks, [&](int64_t i) HWY_ATTR {
    std::fill_n(partials[i].dweight, m * k, 0.0f);
    std::fill_n(partials[i].dy_sum, m + 2 * k, 0.0);
    const int64_t g = i % shape.groups, first = i / shape.groups * chunk, last = std::min(first + chunk, shape.pixels);
    for (int64_t begin = first; begin < last; begin += kBackwardBlock)
      BackwardBlock(task, g, begin, std::min(kBackwardBlock, last - begin), partials[i]);
  });
  ParallelFor(shape.groups, [&](int64_t g) { FinishBackward(task, g, partials, chunks); });
}

}  // namespace HWY_NAMESPACE
}  // namespace riffle::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace riffle::cpu {

HWY_EXPORT(Backward);

void GroupConvBackward(const GroupConvShape& shape, const riffle::GroupConvBackward<float>& args) {
  HWY_DYNAMIC_DISPATCH(Backward)(shape, args);
}

}  // namespace riffle::cpu
#endif
