// Pointwise group convolution as a block-diagonal matrix product on channel-major maps (group_conv.h).
//
// Forward and dx are the same product: a tile of R output rows × V vectors of pixels stays in registers while the
// reduction runs over the input rows: per step V loads of pixels, R broadcasts of weights, R·V fused multiply-adds. R
// and V follow from the registers: with 32 of them 10 × 2 accumulators, with 16 of them 5 × 2. Output rows are split
// into blocks of nearly equal height, so that 72 rows are 8 blocks of 9 and not 7 of 10 and one of 2. Weights are
// packed block by block as [reduction][R]: the broadcasts read them in sequence. Pixels go in the outer loop: a panel
// of V vectors of all input rows is read once and stays in L1 for all row blocks.
//
// dweight is a dot product along the pixels: a tile of rows of dy × rows of x stays in registers, lanes are added up
// once a block.
//
// Work is split into (group, chunk of pixels) by shape alone; sums over a row are added up per block in float lanes,
// over blocks and chunks in double and in order: the same bits at any number of threads.
#include <algorithm>
#include <cstring>

#include "base/scratch.h"
#include "base/threads.h"
#include "ops/cpu.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/group_conv/group_conv_cpu.cc"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace riffle::cpu {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using D = hn::ScalableTag<float>;
using Vec = hn::Vec<D>;

constexpr bool kManyRegisters = HWY_TARGET <= HWY_AVX3 || HWY_ARCH_ARM_A64;  // 32, else 16
constexpr int kMaxRows = kManyRegisters ? 10 : 5;                            // R of the product tile
constexpr int kVectors = 2;                                                  // V
constexpr int kDotRows = kManyRegisters ? 4 : 3;                             // rows of dy in the dot-product tile
constexpr int kDotColumns = 4;                                               // rows of x
// Pixels that are handled at a time. Forward: the stored rows are still in L2 when their moments are taken. Backward:
// dy is turned into the raw gradient once, into scratch, and is read three times there.
constexpr int64_t kForwardBlock = 256;
constexpr int64_t kBackwardBlock = 512;
// Distance of scratch rows: an odd number of cache lines, as in RowStride.
constexpr int64_t kScratchStride = kBackwardBlock + kCacheLineFloats;

// Chunks of pixels that tasks work on: enough tasks for many threads, few enough that partial sums are small.
HWY_INLINE int64_t ChunkPixels(int64_t pixels, int64_t block) {
  constexpr int64_t kMostChunks = 32;
  const int64_t blocks = (pixels + block - 1) / block;
  return (blocks + kMostChunks - 1) / kMostChunks * block;
}

// Row blocks of nearly equal height.
struct RowBlocks {
  int rows, count;
  explicit RowBlocks(int all_rows) : rows(all_rows), count((all_rows + kMaxRows - 1) / kMaxRows) {}
  int first(int block) const { return block * (rows / count) + std::min(block, rows % count); }
  int height(int block) const { return first(block + 1) - first(block); }
};

// What happens to a finished tile.
struct Store {
  Rows<float> y;               // of the first row of the product
  const float* bias;           // of the first row, or null
  Rows<const float> residual;  // or null
  bool relu;
};

// y[0..R)[p..p+V·lanes) = packed[reduction][R]ᵀ · x[reduction][p..]; with kMasked one vector of `count` pixels.
template <int R, int V, bool kMasked>
HWY_INLINE void Tile(const float* HWY_RESTRICT packed, int64_t reduction, Rows<const float> x, int64_t p, int64_t count,
                     const Store& store, int row) {
  const D d;
  const size_t lanes = hn::Lanes(d);
  const auto mask = hn::FirstN(d, static_cast<size_t>(count));
  Vec acc[R][V];
  for (int r = 0; r < R; ++r) {
    const Vec start = store.bias ? hn::Set(d, store.bias[row + r]) : hn::Zero(d);
    for (int v = 0; v < V; ++v) acc[r][v] = start;
  }
  const float* HWY_RESTRICT from = x.data + p;
  for (int64_t k = 0; k < reduction; ++k, from += x.stride, packed += R) {
    Vec pixels[V];
    for (int v = 0; v < V; ++v) pixels[v] = kMasked ? hn::MaskedLoad(mask, d, from) : hn::LoadU(d, from + v * lanes);
    for (int r = 0; r < R; ++r) {
      const Vec w = hn::Set(d, packed[r]);
      for (int v = 0; v < V; ++v) acc[r][v] = hn::MulAdd(w, pixels[v], acc[r][v]);
    }
  }
  for (int r = 0; r < R; ++r) {
    for (int v = 0; v < V; ++v) {
      const int64_t at = p + static_cast<int64_t>(v * lanes);
      Vec y = acc[r][v];
      if (store.residual) {
        const float* s = store.residual[row + r] + at;
        y = hn::Add(y, kMasked ? hn::MaskedLoad(mask, d, s) : hn::LoadU(d, s));
      }
      if (store.relu) y = hn::Max(y, hn::Zero(d));
      if (kMasked)
        hn::BlendedStore(y, mask, d, store.y[row + r] + at);
      else
        hn::StoreU(y, d, store.y[row + r] + at);
    }
  }
}

template <int V, bool kMasked, int R = kMaxRows>
HWY_INLINE void TileOfHeight(int height, const float* packed, int64_t reduction, Rows<const float> x, int64_t p,
                             int64_t count, const Store& store, int row) {
  if (height == R) return Tile<R, V, kMasked>(packed, reduction, x, p, count, store, row);
  if constexpr (R > 1) TileOfHeight<V, kMasked, R - 1>(height, packed, reduction, x, p, count, store, row);
}

// All rows of one group for pixels [begin, end).
HWY_NOINLINE void Product(int rows, int64_t reduction, const float* packed, Rows<const float> x, int64_t begin,
                          int64_t end, const Store& store) {
  const D d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  const RowBlocks blocks(rows);
  const auto each_block = [&](auto tile) HWY_ATTR {
    for (int b = 0; b < blocks.count; ++b)
      tile(blocks.height(b), packed + blocks.first(b) * reduction, blocks.first(b));
  };
  int64_t p = begin;
  for (; p + kVectors * lanes <= end; p += kVectors * lanes)
    each_block([&](int height, const float* w, int row)
                   HWY_ATTR { TileOfHeight<kVectors, false>(height, w, reduction, x, p, lanes, store, row); });
  for (; p < end; p += lanes) {
    const int64_t count = std::min(lanes, end - p);
    each_block([&](int height, const float* w, int row)
                   HWY_ATTR { TileOfHeight<1, true>(height, w, reduction, x, p, count, store, row); });
  }
}

// Packs a [rows][reduction] matrix with the given strides into row blocks.
HWY_INLINE void Pack(int rows, int64_t reduction, const float* matrix, int64_t row_stride, int64_t reduction_stride,
                     float* packed) {
  const RowBlocks blocks(rows);
  for (int b = 0; b < blocks.count; ++b)
    for (int64_t k = 0; k < reduction; ++k)
      for (int r = 0; r < blocks.height(b); ++r)
        *packed++ = matrix[(blocks.first(b) + r) * row_stride + k * reduction_stride];
}

// Σ (x − shift) and Σ (x − shift)² over `count` values. A shift near the mean keeps the difference of the two from
// cancelling.
HWY_INLINE void ShiftedSums(const float* HWY_RESTRICT x, int64_t count, float shift, double* sum, double* squares) {
  const D d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  const Vec s = hn::Set(d, shift);
  Vec sums = hn::Zero(d), square_sums = hn::Zero(d);
  int64_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    const Vec v = hn::Sub(hn::LoadU(d, x + i), s);
    sums = hn::Add(sums, v);
    square_sums = hn::MulAdd(v, v, square_sums);
  }
  if (i < count) {
    const auto mask = hn::FirstN(d, static_cast<size_t>(count - i));
    const Vec v = hn::IfThenElseZero(mask, hn::Sub(hn::MaskedLoad(mask, d, x + i), s));
    sums = hn::Add(sums, v);
    square_sums = hn::MulAdd(v, v, square_sums);
  }
  *sum += hn::GetLane(hn::SumOfLanes(d, sums));
  *squares += hn::GetLane(hn::SumOfLanes(d, square_sums));
}

// What a task knows of one row: sums relative to its own shift.
struct RowSums {
  double shift, sum, squares;
};

// Moments from the sums of the chunks of a row, in order (Chan, Golub and LeVeque, 1979).
Moments<float> Combine(const RowSums* chunks, int64_t count, int64_t chunk_pixels, int64_t pixels) {
  double n = 0, mean = 0, m2 = 0;
  for (int64_t c = 0; c < count; ++c) {
    const double nc = static_cast<double>(std::min(chunk_pixels, pixels - c * chunk_pixels));
    const double mean_c = chunks[c].shift + chunks[c].sum / nc;
    const double delta = mean_c - mean;
    m2 += chunks[c].squares - chunks[c].sum * chunks[c].sum / nc + delta * delta * n * nc / (n + nc);
    mean += delta * nc / (n + nc);
    n += nc;
  }
  return {static_cast<float>(mean), static_cast<float>(std::max(0.0, m2 / n))};
}

void Prepare(const GroupConvShape& shape, float* prepared, const GroupConvWeights<float>& weights) {
  const int64_t k = shape.in_per_group(), m = shape.out_per_group();
  float* bias = prepared + shape.weights();
  if (weights.bias)
    std::copy_n(weights.bias, shape.out_channels, bias);
  else
    std::fill_n(bias, shape.out_channels, 0.0f);
  Scratch scratch;
  float* folded = weights.in_scale ? scratch.Floats(m * k) : nullptr;
  for (int g = 0; g < shape.groups; ++g) {
    const float* w = weights.weight + g * m * k;
    if (folded) {
      for (int64_t row = 0; row < m; ++row) {
        double shifted = 0;
        for (int64_t i = 0; i < k; ++i) {
          folded[row * k + i] = w[row * k + i] * weights.in_scale[g * k + i];
          shifted += double{w[row * k + i]} * weights.in_shift[g * k + i];
        }
        bias[g * m + row] = static_cast<float>(bias[g * m + row] + shifted);
      }
      w = folded;
    }
    Pack(static_cast<int>(m), k, w, k, 1, prepared + g * m * k);
  }
}

void Forward(const GroupConvShape& shape, const riffle::GroupConvForward<float>& args) {
  const int64_t k = shape.in_per_group(), m = shape.out_per_group();
  const int64_t chunk = ChunkPixels(shape.pixels, kForwardBlock);
  const int64_t chunks = (shape.pixels + chunk - 1) / chunk;
  const float* bias = args.prepared + shape.weights();
  Scratch scratch;
  RowSums* sums = args.moments ? reinterpret_cast<RowSums*>(scratch.Doubles(3 * shape.out_channels * chunks)) : nullptr;

  ParallelFor(shape.groups * chunks, [&](int64_t task) HWY_ATTR {
    const int64_t g = task % shape.groups, c = task / shape.groups;
    const int64_t first = c * chunk, last = std::min(first + chunk, shape.pixels);
    const Store store{args.y.From(g * m), bias + g * m, args.residual ? args.residual.From(g * m) : args.residual,
                      args.relu};
    for (int64_t begin = first; begin < last; begin += kForwardBlock) {
      const int64_t end = std::min(begin + kForwardBlock, last);
      Product(static_cast<int>(m), k, args.prepared + g * m * k, args.x.From(g * k), begin, end, store);
      if (!sums) continue;
      for (int64_t row = 0; row < m; ++row) {
        const float* y = store.y[row] + begin;
        RowSums& s = sums[(g * m + row) * chunks + c];
        if (begin == first) s = {y[0], 0, 0};
        ShiftedSums(y, end - begin, static_cast<float>(s.shift), &s.sum, &s.squares);
      }
    }
  });
  if (sums)
    for (int row = 0; row < shape.out_channels; ++row)
      args.moments[row] = Combine(sums + row * chunks, chunks, chunk, shape.pixels);
}

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

HWY_EXPORT(Prepare);
HWY_EXPORT(Forward);
HWY_EXPORT(Backward);

// Packed weights, then a bias for each row.
int64_t GroupConvPreparedSize(const GroupConvShape& shape) { return shape.weights() + shape.out_channels; }

void GroupConvPrepare(const GroupConvShape& shape, float* prepared, const GroupConvWeights<float>& weights) {
  HWY_DYNAMIC_DISPATCH(Prepare)(shape, prepared, weights);
}

void GroupConvForward(const GroupConvShape& shape, const riffle::GroupConvForward<float>& args) {
  HWY_DYNAMIC_DISPATCH(Forward)(shape, args);
}

void GroupConvBackward(const GroupConvShape& shape, const riffle::GroupConvBackward<float>& args) {
  HWY_DYNAMIC_DISPATCH(Backward)(shape, args);
}

}  // namespace riffle::cpu
#endif
