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
#include "ops/cpu.h"
#include "ops/row_prefetch.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/group_conv/group_conv_blocks_cpu.cc"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
#include "ops/group_conv/group_conv_blocks-inl.h"
#include "ops/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace riffle::cpu::HWY_NAMESPACE {
namespace {

// Moments from the sums of the chunks of a row, in order (Chan, Golub and LeVeque, 1979).
Moments<float> Combine(const RowSums* chunks, const PixelSplit& split) {
  MomentSums all;
  for (int64_t c = 0; c < split.chunks; ++c) {
    const double n = static_cast<double>(split.last(c) - split.first(c));
    const double mean = chunks[c].sum / n;
    all.Merge(n, chunks[c].pivot + mean, chunks[c].squares - mean * chunks[c].sum);
  }
  return all.Result();
}

// Sums of the chunks of all rows that moments are made of.
class ChunkSums {
 public:
  ChunkSums(const GroupConvShape& shape, const PixelSplit& split, Moments<float>* moments)
      : shape_(shape),
        split_(split),
        moments_(moments),
        sums_(moments ? static_cast<size_t>(shape.out_channels * split.chunks) : 0) {}

  /// Of a group's first row; those of the next rows follow `split.chunks` further on. Null where none are wanted.
  RowSums* Of(int64_t g, int64_t chunk) {
    return moments_ ? &sums_[g * shape_.out_per_group() * split_.chunks + chunk] : nullptr;
  }
  void Finish() const {
    for (int row = 0; moments_ && row < shape_.out_channels; ++row)
      moments_[row] = Combine(&sums_[row * split_.chunks], split_);
  }

 private:
  const GroupConvShape& shape_;
  const PixelSplit& split_;
  Moments<float>* const moments_;
  std::vector<RowSums> sums_;
};

void Forward(const Execution& execution, const GroupConvShape& shape, const riffle::GroupConvForward<float>& args) {
  const PixelSplit split(shape);
  ChunkSums sums(shape, split, args.moments);
  execution.pool.ParallelFor(shape.groups * split.chunks, [&](int64_t task) {
    const int64_t g = task % shape.groups, c = task / shape.groups, last = split.last(c);
    ForwardChunk chunk(shape, args, g, split.block, false, sums.Of(g, c), split.chunks);
    const auto input = [&](int64_t begin) {
      RowPrefetch rows;
      chunk.AddInput(begin, split.count(begin, last), rows);
      return rows;
    };
    input(split.first(c)).Advance(1, 1);
    for (int64_t begin = split.first(c); begin < last; begin += split.block) {
      RowPrefetch next = input(begin + split.block);
      chunk.Compute(chunk.input(begin), begin, split.count(begin, last), next);
    }
    chunk.Finish();
  });
  sums.Finish();
}

void ForwardChain(const Execution& execution, const GroupConvChainShape& shape,
                  const riffle::GroupConvChainForward<float>& args) {
  const PixelSplit split(shape.first);
  ChunkSums sums(shape.second, split, args.second.moments);
  execution.pool.ParallelFor(shape.first.groups * split.chunks, [&](int64_t task) {
    const int64_t g = task % shape.first.groups, c = task / shape.first.groups, last = split.last(c);
    ForwardChunk first(shape.first, args.first, g, split.block, true, nullptr, 0);
    ForwardChunk second(shape.second, args.second, g, split.block, false, sums.Of(g, c), split.chunks);
    RowPrefetch start, none;
    first.AddInput(split.first(c), split.count(split.first(c), last), start);
    start.Advance(1, 1);
    for (int64_t begin = split.first(c); begin < last; begin += split.block) {
      const int64_t count = split.count(begin, last), then = begin + split.block;
      RowPrefetch next;
      first.AddInput(then, split.count(then, last), next);
      first.Compute(first.input(begin), begin, count, none);
      second.Compute(first.rows(), begin, count, next);
    }
    first.Finish();
    second.Finish();
  });
  sums.Finish();
}

}  // namespace
}  // namespace riffle::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace riffle::cpu {

HWY_EXPORT(Forward);
HWY_EXPORT(ForwardChain);

void GroupConvForwardByBlocks(const Execution& execution, const GroupConvShape& shape,
                              const riffle::GroupConvForward<float>& args) {
  HWY_DYNAMIC_DISPATCH(Forward)(execution, shape, args);
}

void GroupConvChainForward(const Execution& execution, const GroupConvChainShape& shape,
                           const riffle::GroupConvChainForward<float>& args) {
  HWY_DYNAMIC_DISPATCH(ForwardChain)(execution, shape, args);
}

}  // namespace riffle::cpu
#endif
