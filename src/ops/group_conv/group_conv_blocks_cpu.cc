// Forward of the group convolution for batches: the product of group_conv-inl.h, and the moments of the rows that it
// stores. Batches are far larger than the caches, so rows go through memory block by block of pixels: the next block's
// rows are prefetched while the current one is computed, and the product goes to scratch, from where one pass along
// each row adds the residual, gathers moments and stores whole runs of it.
//
// Work is split into (group, chunk of pixels) by shape alone; a chunk's sums are lanes around its first block's mean,
// chunks are combined in double and in order: the same bits at any number of threads.
#include "ops/group_conv/group_conv_blocks_cpu.h"

#include <algorithm>
#include <vector>

#include "backend/execution.h"
#include "backend/scratch.h"
#include "ops/group_conv/row_prefetch.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/group_conv/group_conv_blocks_cpu.cc"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
#include "ops/group_conv/group_conv-inl.h"
#include "ops/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace riffle::cpu::HWY_NAMESPACE {
namespace {

// Pixels that are handled at a time: the rows of two blocks of x (one on its way from memory), a slab of the product
// and its rows of y fit into L2.
int64_t ForwardBlock(const GroupConvShape& shape) {
  const int64_t slab = SlabRows(shape.out_per_group());
  return BlockPixels(2 * shape.in_per_group() + 2 * slab, shape.pixels);
}

// Sums over the chunk of one row around a pivot near its mean, so that the squares keep their digits.
struct RowSums {
  float pivot;
  double sum, squares;
};

// Moments from the sums of the chunks of a row, in order (Chan, Golub and LeVeque, 1979).
Moments<float> Combine(const RowSums* chunks, int64_t count, int64_t chunk_pixels, int64_t pixels) {
  MomentSums all;
  for (int64_t c = 0; c < count; ++c) {
    const double n = static_cast<double>(std::min(chunk_pixels, pixels - c * chunk_pixels));
    const double mean = chunks[c].sum / n;
    all.Merge(n, chunks[c].pivot + mean, chunks[c].squares - mean * chunks[c].sum);
  }
  return all.Result();
}

// The mean of one row of a block.
float MeanOf(const float* HWY_RESTRICT row, int64_t count) {
  V sum = hn::Zero(D());
  int64_t p = 0;
  for (; p + kLanes <= count; p += kLanes) sum = hn::Add(sum, hn::LoadU(D(), row + p));
  if (p < count) sum = hn::Add(sum, LoadFirst(row + p, count - p));
  return hn::GetLane(hn::SumOfLanes(D(), sum)) / static_cast<float>(count);
}

// y = row of the product, kPast the caches; lanes[0 … 2 vectors) += Σ (row − pivot), Σ (row − pivot)².
template <bool kPast>
HWY_NOINLINE void StoreRow(const float* HWY_RESTRICT row, int64_t count, float pivot, float* HWY_RESTRICT y,
                           float* HWY_RESTRICT lanes) {
  const V centre = hn::Set(D(), pivot);
  V sum = hn::LoadU(D(), lanes), squares = hn::LoadU(D(), lanes + kLanes);
  int64_t p = 0;
  for (; p + kLanes <= count; p += kLanes) {
    const V v = hn::LoadU(D(), row + p), d = hn::Sub(v, centre);
    StoreWhole<kPast>(v, y + p);
    sum = hn::Add(sum, d);
    squares = hn::MulAdd(d, d, squares);
  }
  if (const int64_t n = count - p; n > 0) {
    const V v = LoadFirst(row + p, n), d = KeepFirst(hn::Sub(v, centre), n);
    StoreFirst(v, y + p, n);
    sum = hn::Add(sum, d);
    squares = hn::MulAdd(d, d, squares);
  }
  hn::StoreU(sum, D(), lanes);
  hn::StoreU(squares, D(), lanes + kLanes);
}

// y = max(0, row of the product + residual), each where it is wanted, kPast the caches; residual may be y.
template <bool kPast>
HWY_NOINLINE void StoreSum(const float* HWY_RESTRICT row, int64_t count, const float* residual, bool relu, float* y) {
  const auto sum = [&](int64_t p, auto load) HWY_ATTR {
    V v = load(row + p);
    if (residual) v = hn::Add(v, load(residual + p));
    return relu ? hn::Max(hn::Zero(D()), v) : v;  // in this order a NaN passes
  };
  int64_t p = 0;
  for (; p + kLanes <= count; p += kLanes)
    StoreWhole<kPast>(sum(p, [](const float* at) HWY_ATTR { return hn::LoadU(D(), at); }), y + p);
  if (const int64_t n = count - p; n > 0)
    StoreFirst(sum(p, [n](const float* at) HWY_ATTR { return LoadFirst(at, n); }), y + p, n);
}

// All rows of group g, pixels [first, last), by `block`; sums[row·sums_stride] for each where moments are wanted.
HWY_NOINLINE void ForwardChunk(const GroupConvShape& shape, const riffle::GroupConvForward<float>& args, int64_t g,
                               int64_t first, int64_t last, int64_t block, RowSums* sums, int64_t sums_stride) {
  const int64_t k = shape.in_per_group(), m = shape.out_per_group();
  const RowBlocks row_blocks(static_cast<int>(m));
  Scratch scratch;
  const int64_t stride = RowStride(block);
  const Rows<float> product{scratch.Floats(SlabRows(shape.out_per_group()) * stride), stride};
  float* lanes = args.moments ? scratch.Floats(m * 2 * kLanes) : nullptr;
  if (lanes) FillZero(lanes, m * 2 * kLanes);
  const bool past = OutgrowsCaches(shape.out_channels * shape.pixels);
  const auto store_row = past ? StoreRow<true> : StoreRow<false>;
  const auto store_sum = past ? StoreSum<true> : StoreSum<false>;
  const float* packed = args.prepared + g * m * k;
  const float* bias = args.prepared + shape.weights() + g * m;
  const auto rows_of_block = [&](int64_t begin) {
    RowPrefetch rows;
    rows.Add(args.x.From(g * k), k, begin, std::min(block, last - begin));
    return rows;
  };
  rows_of_block(first).Advance(1, 1);
  for (int64_t begin = first; begin < last; begin += block) {
    const int64_t count = std::min(block, last - begin);
    RowPrefetch next = rows_of_block(begin + block);
    const Rows<const float> x{args.x[g * k] + begin, args.x.stride};
    for (int b = 0; b < row_blocks.count; b += kSlabBlocks) {
      const int end = std::min(b + kSlabBlocks, row_blocks.count);
      const Store store{product, bias, {}, false, row_blocks.first(b)};
      for (int64_t p = 0; p < count; p += kPanel) {
        next.Advance(b * count + (end - b) * (p + kPanel), row_blocks.count * count);
        ProductOfBlocks(row_blocks, b, end, k, packed, x, p, std::min(p + kPanel, count), store);
      }
      for (int64_t row = store.first; row < row_blocks.first(end); ++row) {
        const float* values = product[row - store.first];
        const int64_t channel = g * m + row;
        if (!args.moments) {
          store_sum(values, count, args.residual ? args.residual[channel] + begin : nullptr, args.relu,
                    args.y[channel] + begin);
          continue;
        }
        RowSums& s = sums[row * sums_stride];
        if (begin == first) s.pivot = MeanOf(values, count);
        store_row(values, count, s.pivot, args.y[channel] + begin, lanes + 2 * kLanes * row);
      }
    }
  }
  for (int64_t row = 0; lanes && row < m; ++row) {
    sums[row * sums_stride].sum = SumLanes(hn::LoadU(D(), lanes + 2 * kLanes * row));
    sums[row * sums_stride].squares = SumLanes(hn::LoadU(D(), lanes + 2 * kLanes * row + kLanes));
  }
  hwy::FlushStream();
}

void Forward(const Execution& execution, const GroupConvShape& shape, const riffle::GroupConvForward<float>& args) {
  const int64_t m = shape.out_per_group();
  const int64_t block = ForwardBlock(shape), chunk = ChunkPixels(shape.pixels, block);
  const int64_t chunks = (shape.pixels + chunk - 1) / chunk;
  std::vector<RowSums> sums(args.moments ? static_cast<size_t>(shape.out_channels * chunks) : 0);
  execution.pool.ParallelFor(shape.groups * chunks, [&](int64_t task) {
    const int64_t g = task % shape.groups, c = task / shape.groups;
    ForwardChunk(shape, args, g, c * chunk, std::min((c + 1) * chunk, shape.pixels), block,
                 args.moments ? &sums[g * m * chunks + c] : nullptr, chunks);
  });
  for (int row = 0; args.moments && row < shape.out_channels; ++row)
    args.moments[row] = Combine(&sums[row * chunks], chunks, chunk, shape.pixels);
}

}  // namespace
}  // namespace riffle::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace riffle::cpu {

HWY_EXPORT(Forward);

void GroupConvForwardByBlocks(const Execution& execution, const GroupConvShape& shape,
                              const riffle::GroupConvForward<float>& args) {
  HWY_DYNAMIC_DISPATCH(Forward)(execution, shape, args);
}

}  // namespace riffle::cpu
#endif
