// Backward of the group convolution. Block by block of pixels, the gradient of the raw output is computed into scratch
// once and read from there: for dx, the product of group_conv-inl.h with transposed weights; for dweight, a dot product
// along the pixels: a tile of rows of dy × rows of x stays in registers; and for its row sums. The product goes to
// scratch, too: then one pass along each row adds the other branch's gradient, masks, gathers sums and stores. So
// memory sees whole runs of each row, and the next block's rows are prefetched during the products.
//
// Work is split into (group, chunk of pixels) by shape alone; lanes and partial sums are added up in order, chunks in
// double.
#include <algorithm>

#include "backend/execution.h"
#include "backend/scratch.h"
#include "ops/cpu.h"
#include "ops/group_conv/row_prefetch.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/group_conv/group_conv_backward_cpu.cc"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
#include "ops/group_conv/dot-inl.h"
#include "ops/group_conv/group_conv-inl.h"
#include "ops/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace riffle::cpu {
namespace HWY_NAMESPACE {
namespace {

// Pixels that are handled at a time: dy of one block, and of two slabs of dx (one of them on its way from memory) x,
// the other branch's gradient and the raw rows fit into L2.
int64_t BackwardBlock(const GroupConvShape& shape) {
  const int64_t slab = SlabRows(shape.in_per_group());
  return BlockPixels(shape.out_per_group() + 6 * slab, shape.pixels);
}

// dweight[m][k] += g[m][count]·x[k][count]ᵀ. The operand with fewer rows goes in the inner loop: it stays in L1.
HWY_NOINLINE void Dot(int64_t m, int64_t k, Rows<const float> g, Rows<const float> x, int64_t count,
                      Rows<float> dweight, RowPrefetch& next) {
  const auto tile = [&](int64_t row, int64_t column) HWY_ATTR {
    DotTileOfSize(m - row, k - column, g.From(row), x.From(column), count,
                  Rows<float>{dweight[row] + column, dweight.stride});
  };
  // The first half of the rows went with the product.
  if (m < k) {
    for (int64_t column = 0; column < k; column += kDotColumns) {
      next.Advance(k + column, 2 * k);
      for (int64_t row = 0; row < m; row += kDotRows) tile(row, column);
    }
  } else {
    for (int64_t row = 0; row < m; row += kDotRows) {
      next.Advance(m + row, 2 * m);
      for (int64_t column = 0; column < k; column += kDotColumns) tile(row, column);
    }
  }
  next.Advance(1, 1);
}

// Σ of `count` values from scratch, where zeros follow up to a whole vector.
HWY_INLINE double Sum(const float* HWY_RESTRICT values, int64_t count) {
  V sum = hn::Zero(D());
  for (int64_t p = 0; p < count; p += kLanes) sum = hn::Add(sum, hn::LoadU(D(), values + p));
  return hn::GetLane(hn::SumOfLanes(D(), sum));
}

// What becomes of a row of the product on its way to dz.
struct RowSink {
  const float* add;      // or null
  const float* relu_of;  // zero where this is not positive; or null
  const float* raw;      // for the sums; or null
  float mean;            // of raw
};

// dz = product + add, masked; lanes of Σ dz and Σ dz·(raw − mean) join sums.
HWY_INLINE void FinishRow(const float* HWY_RESTRICT product, const RowSink& sink, int64_t count, float* dz,
                          float* HWY_RESTRICT sums) {
  const V mean = hn::Set(D(), sink.mean);
  V sum = hn::Zero(D()), centred = sum;
  const auto finish = [&](int64_t p, auto load) HWY_ATTR {
    V z = load(product + p);
    if (sink.add) z = hn::Add(z, load(sink.add + p));
    if (sink.relu_of) z = hn::IfThenElseZero(hn::Gt(load(sink.relu_of + p), hn::Zero(D())), z);
    if (sink.raw) {
      sum = hn::Add(sum, z);
      centred = hn::MulAdd(z, hn::Sub(load(sink.raw + p), mean), centred);
    }
    return z;
  };
  int64_t p = 0;
  for (; p + kLanes <= count; p += kLanes)
    hn::StoreU(finish(p, [](const float* at) HWY_ATTR { return hn::LoadU(D(), at); }), D(), dz + p);
  if (const int64_t n = count - p; n > 0)
    StoreFirst(finish(p, [n](const float* at) HWY_ATTR { return LoadFirst(at, n); }), dz + p, n);
  if (!sink.raw) return;
  hn::StoreU(hn::Add(hn::LoadU(D(), sums), sum), D(), sums);
  hn::StoreU(hn::Add(hn::LoadU(D(), sums + kLanes), centred), D(), sums + kLanes);
}

// Everything that one task of the backward adds up, in memory of its own.
struct Partial {
  Rows<float> dweight;  // [m][k]
  double* dy_sum;       // [m] Σ dy, where it is wanted; else 0
  float* sums;          // [k][2] lanes of Σ dz and Σ dz·(raw − mean)
};

// Rows of one slab and block in scratch memory.
struct SlabScratch {
  Rows<float> product;  // of dx
  Rows<float> centred;  // x about its means, where that is wanted
};

struct BackwardTask {
  const GroupConvShape& shape;
  const riffle::GroupConvBackward<float>& args;
  const float* transposed;  // packed weights of all groups for dx
  int64_t k, m;
};

// Rows [first, first + rows) of group g's dx and dweight, pixels [begin, begin + count), from the raw gradient dy:
// row blocks [block, end) of the product. Meanwhile `next` is brought near.
HWY_NOINLINE void BackwardSlab(const BackwardTask& t, int64_t g, const RowBlocks& blocks, int block, int end,
                               int64_t begin, int64_t count, Rows<const float> dy, const SlabScratch& slab,
                               const Partial& partial, RowPrefetch& next) {
  const GradientSink<float>& sink = t.args.dx;
  const int64_t first = blocks.first(block), rows = blocks.first(end) - first, channel = g * t.k + first;
  if (sink.dz) {
    const Store store{slab.product, nullptr, {}, false, static_cast<int>(first)};
    for (int64_t p = 0; p < count; p += kPanel) {
      next.Advance(p, 2 * count);
      ProductOfBlocks(blocks, block, end, t.m, t.transposed + g * t.m * t.k, dy, p, std::min(p + kPanel, count), store);
    }
    for (int64_t r = 0; r < rows; ++r) {
      const RowSink row_sink{.add = sink.add ? sink.add[channel + r] + begin : nullptr,
                             .relu_of = t.args.relu ? t.args.x[channel + r] + begin : nullptr,
                             .raw = sink.raw ? sink.raw[channel + r] + begin : nullptr,
                             .mean = sink.raw ? sink.moments[channel + r].mean : 0};
      FinishRow(slab.product[r], row_sink, count, sink.dz[channel + r] + begin,
                partial.sums + 2 * kLanes * (first + r));
    }
  }
  Rows<const float> x{t.args.x[channel] + begin, t.args.x.stride};
  if (t.args.x_moments) {
    for (int64_t r = 0; r < rows; ++r) LoadCentred(x[r], count, t.args.x_moments[channel + r].mean, slab.centred[r]);
    x = slab.centred;
  }
  Dot(t.m, rows, dy, x, count, {partial.dweight.data + first, partial.dweight.stride}, next);
}

// What pixels [begin, begin + count) of the slab from row block `block` on read.
void AddSlab(const BackwardTask& t, int64_t g, const RowBlocks& blocks, int block, int64_t begin, int64_t count,
             RowPrefetch& prefetch) {
  const int64_t first = blocks.first(block), rows = blocks.first(std::min(block + kSlabBlocks, blocks.count)) - first;
  for (Rows<const float> all : {t.args.x, Rows<const float>(t.args.dx.dz), t.args.dx.raw})  // dz: lies where add does
    if (all) prefetch.Add(all.From(g * t.k + first), rows, begin, count);
}

// What pixels [begin, begin + count) of rows [first, last) of dy are computed from.
void AddGradient(const BackwardTask& t, int64_t g, int64_t first, int64_t last, int64_t begin, int64_t count,
                 RowPrefetch& prefetch) {
  prefetch.Add(t.args.dy.dz.From(g * t.m + first), last - first, begin, count);
  if (t.args.dy.pull_back) prefetch.Add(t.args.dy.raw.From(g * t.m + first), last - first, begin, count);
}

// Rows of group g's raw gradient, pixels [begin, begin + count): where they lie, if that is what is stored, else in
// `scratch`. They end with a whole vector, zeros behind the last pixel.
Rows<const float> RawGradients(const BackwardTask& t, int64_t g, int64_t begin, int64_t count, Rows<float> scratch) {
  const GradientSource<float>& dy = t.args.dy;
  if (!dy.pull_back && count % kLanes == 0) return {dy.dz[g * t.m] + begin, dy.dz.stride};
  for (int64_t row = 0; row < t.m; ++row) LoadGradient(dy, g * t.m + row, begin, count, scratch[row]);
  return scratch;
}

// One group, pixels [begin, begin + count); meanwhile those of the next `next_count` pixels are brought near.
HWY_NOINLINE void BackwardPixels(const BackwardTask& t, int64_t g, int64_t begin, int64_t count, int64_t next_count,
                                 Rows<float> scratch, const SlabScratch& slab, const Partial& partial) {
  const Rows<const float> dy = RawGradients(t, g, begin, count, scratch);
  for (int64_t row = 0; t.args.dy_sums && row < t.m; ++row) partial.dy_sum[row] += Sum(dy[row], count);
  const RowBlocks blocks(static_cast<int>(t.k));
  for (int b = 0; b < blocks.count; b += kSlabBlocks) {
    const int end = std::min(b + kSlabBlocks, blocks.count);
    RowPrefetch next;
    if (end < blocks.count)
      AddSlab(t, g, blocks, end, begin, count, next);
    else
      AddSlab(t, g, blocks, 0, begin + count, next_count, next);
    AddGradient(t, g, t.m * b / blocks.count, t.m * end / blocks.count, begin + count, next_count, next);
    BackwardSlab(t, g, blocks, b, end, begin, count, dy, slab, partial, next);
  }
}

// The rest adds the partial sums of all chunks up, in order.

// dweight and Σ dy of one output channel.
void FinishWeights(const BackwardTask& t, int64_t channel, const Partial* partials, int64_t chunks) {
  const int64_t g = channel / t.m, row = channel % t.m;
  Scratch scratch;
  double* HWY_RESTRICT dweight = scratch.Doubles(t.k);
  std::fill_n(dweight, t.k, 0.0);
  double dy_sum = 0;
  for (int64_t c = 0; c < chunks; ++c) {
    const Partial& partial = partials[c * t.shape.groups + g];
    const float* HWY_RESTRICT part = partial.dweight[row];
    for (int64_t i = 0; i < t.k; ++i) dweight[i] += double{part[i]};
    dy_sum += partial.dy_sum[row];
  }
  for (int64_t i = 0; i < t.k; ++i) t.args.dweight[channel * t.k + i] = static_cast<float>(dweight[i]);
  if (t.args.dy_sums) t.args.dy_sums[channel] = static_cast<float>(dy_sum);
}

// Σ dz and Σ dz·(raw − mean) of one input channel.
GradientSums<float> FinishSums(const BackwardTask& t, int64_t channel, const Partial* partials, int64_t chunks) {
  const int64_t g = channel / t.k, row = channel % t.k;
  double sum = 0, centred = 0;
  for (int64_t c = 0; c < chunks; ++c) {
    const float* lanes = partials[c * t.shape.groups + g].sums + 2 * kLanes * row;
    sum += SumLanes(hn::LoadU(D(), lanes));
    centred += SumLanes(hn::LoadU(D(), lanes + kLanes));
  }
  return {static_cast<float>(sum), static_cast<float>(centred)};
}

}  // namespace

void Backward(const Execution& execution, const GroupConvShape& shape, const riffle::GroupConvBackward<float>& args) {
  Scratch scratch;
  const int64_t k = shape.in_per_group(), m = shape.out_per_group();
  float* transposed = scratch.Floats(shape.weights() + kPackedPadding);
  Pack(execution, shape.groups, static_cast<int>(k), m, args.weight, 1, k, transposed);
  const BackwardTask task{shape, args, transposed, k, m};

  const int64_t block = BackwardBlock(shape), chunk = ChunkPixels(shape.pixels, block);
  const int64_t chunks = (shape.pixels + chunk - 1) / chunk;
  const int64_t tasks = shape.groups * chunks, weights = m * PartialColumns(k), sums = 2 * k * kLanes;
  float* floats = scratch.Floats(tasks * (weights + sums));
  double* dy_sums = scratch.Doubles(tasks * m);
  auto* partials = reinterpret_cast<Partial*>(scratch.Doubles(tasks * sizeof(Partial) / sizeof(double)));
  for (int64_t i = 0; i < tasks; ++i) {
    float* at = floats + i * (weights + sums);
    partials[i] = {.dweight = {at, PartialColumns(k)}, .dy_sum = dy_sums + i * m, .sums = at + weights};
  }

  execution.pool.ParallelFor(tasks, [&](int64_t i) HWY_ATTR {
    FillZero(partials[i].dweight.data, weights + sums);
    std::fill_n(partials[i].dy_sum, m, 0.0);
    const int64_t g = i % shape.groups, first = i / shape.groups * chunk, last = std::min(first + chunk, shape.pixels);
    const auto pixels_from = [&](int64_t begin) { return std::clamp<int64_t>(last - begin, 0, block); };
    Scratch own;
    const int64_t stride = RowStride(block);
    const Rows<float> dy{own.Floats(m * stride), stride};
    const auto slab_rows = [&] { return Rows<float>{own.Floats(SlabRows(shape.in_per_group()) * stride), stride}; };
    const SlabScratch slab{.product = slab_rows(), .centred = args.x_moments ? slab_rows() : Rows<float>{}};
    RowPrefetch start;
    AddGradient(task, g, 0, m, first, pixels_from(first), start);
    start.Advance(1, 1);
    for (int64_t begin = first; begin < last; begin += block)
      BackwardPixels(task, g, begin, pixels_from(begin), pixels_from(begin + block), dy, slab, partials[i]);
  });
  execution.pool.ParallelFor(shape.out_channels, [&](int64_t i) { FinishWeights(task, i, partials, chunks); });
  if (args.dx.raw)
    execution.pool.ParallelFor(shape.in_channels,
                               [&](int64_t i) { args.dx.sums[i] = FinishSums(task, i, partials, chunks); });
}

}  // namespace HWY_NAMESPACE
}  // namespace riffle::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace riffle::cpu {

HWY_EXPORT(Backward);

void GroupConvBackward(const Execution& execution, const GroupConvShape& shape,
                       const riffle::GroupConvBackward<float>& args) {
  HWY_DYNAMIC_DISPATCH(Backward)(execution, shape, args);
}

}  // namespace riffle::cpu
#endif
