// Forward of the group convolution: weights prepared, and the product of group_conv-inl.h alone, for maps that stay in
// the caches, as those of a picture do (group_conv_blocks_cpu.cc is for batches, and gathers moments). Work is split
// into (group, chunk of pixels, blocks of rows) by shape alone: the same bits at any number of threads.
#include <algorithm>

#include "backend/execution.h"
#include "ops/cpu.h"
#include "ops/group_conv/group_conv_blocks_cpu.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/group_conv/group_conv_forward_cpu.cc"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
#include "ops/group_conv/group_conv-inl.h"

HWY_BEFORE_NAMESPACE();
namespace riffle::cpu {
namespace HWY_NAMESPACE {

void Prepare(const Execution& execution, const GroupConvShape& shape, float* prepared,
             const GroupConvWeights<float>& weights) {
  float* bias = prepared + shape.weights();
  if (weights.bias)
    std::copy_n(weights.bias, shape.out_channels, bias);
  else
    std::fill_n(bias, shape.out_channels, 0.0f);
  const int64_t k = shape.in_per_group();
  Pack(execution, shape.groups, static_cast<int>(shape.out_per_group()), k, weights.weight, k, 1, prepared);
}

Store StoreOf(const GroupConvShape& shape, const riffle::GroupConvForward<float>& args, int64_t g) {
  const int64_t row = g * shape.out_per_group();
  return {args.y.From(row), args.prepared + shape.weights() + row,
          args.residual ? args.residual.From(row) : args.residual, args.relu};
}

// The product alone. One picture has to keep several threads busy: first its panels of pixels are shared out, then,
// where these are few, blocks of output rows.
HWY_NOINLINE void ForwardRows(const Execution& execution, const GroupConvShape& shape,
                              const riffle::GroupConvForward<float>& args) {
  constexpr int64_t kFewestTasks = 12, kFewestPanels = 2, kMostPanels = 16;
  constexpr int kFewestBlocks = kChains / 2;  // fewer would leave column tiles waiting for their own sums
  const int64_t k = shape.in_per_group(), m = shape.out_per_group();
  const int64_t panel = kVectors * static_cast<int64_t>(hn::Lanes(D())), panels = shape.pixels / panel;
  const auto tasks_wanted = [](int64_t there) { return (kFewestTasks + there - 1) / there; };
  const int64_t chunks =
      std::max<int64_t>({1, panels / kMostPanels, std::min(tasks_wanted(shape.groups), panels / kFewestPanels)});
  const RowBlocks blocks(static_cast<int>(m));
  const int64_t parts = std::clamp<int64_t>(blocks.count / kFewestBlocks, 1, tasks_wanted(shape.groups * chunks));
  execution.pool.ParallelFor(shape.groups * chunks * parts, [&](int64_t task) HWY_ATTR {
    const int64_t part = task % parts, c = task / parts % chunks, g = task / parts / chunks;
    const int64_t begin = panels * c / chunks * panel;
    const int64_t end = c + 1 == chunks ? shape.pixels : panels * (c + 1) / chunks * panel;
    ProductOfBlocks(blocks, static_cast<int>(blocks.count * part / parts),
                    static_cast<int>(blocks.count * (part + 1) / parts), k, args.prepared + g * m * k,
                    args.x.From(g * k), begin, end, StoreOf(shape, args, g));
  });
}

}  // namespace HWY_NAMESPACE
}  // namespace riffle::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace riffle::cpu {

HWY_EXPORT(Prepare);
HWY_EXPORT(ForwardRows);

// Packed weights, a bias for each row, and what may be read behind them.
int64_t GroupConvPreparedValues(const GroupConvShape& shape) {
  constexpr int64_t kMostPadding = 8;  // kPackedPadding of every instruction set
  return shape.weights() + shape.out_channels + kMostPadding;
}

void GroupConvPrepare(const Execution& execution, const GroupConvShape& shape, float* prepared,
                      const GroupConvWeights<float>& weights) {
  HWY_DYNAMIC_DISPATCH(Prepare)(execution, shape, prepared, weights);
}

void GroupConvForward(const Execution& execution, const GroupConvShape& shape,
                      const riffle::GroupConvForward<float>& args) {
  if (RunsByBlocks(shape, args.moments != nullptr)) return GroupConvForwardByBlocks(execution, shape, args);
  HWY_DYNAMIC_DISPATCH(ForwardRows)(execution, shape, args);
}

}  // namespace riffle::cpu
#endif
