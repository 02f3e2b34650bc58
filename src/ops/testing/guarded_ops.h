// The CPU's ops on a device whose memory the host cannot touch: what runs on them reads and writes it by ops and
// transfers alone.
#pragma once

#include "backend/testing/guarded_device.h"
#include "ops/op_table.h"

namespace riffle {

template <auto kOp, class = decltype(kOp)>
struct GuardedOp;

template <auto kOp, class... Arguments>
struct GuardedOp<kOp, void (*OpTable<float>::*)(const Execution&, Arguments...)> {
  static void Run(const Execution& execution, Arguments... arguments) {
    static_cast<GuardedDevice&>(execution.device).Do([=] { (CpuOps().*kOp)(execution, arguments...); });
  }
};

template <auto... kOps>
OpTable<float> Guarded(OpTable<float> table) {
  ((table.*kOps = GuardedOp<kOps>::Run), ...);
  return table;
}

/// CpuOps() for Executions on a GuardedDevice. An op that is missing here ends the program that calls it.
inline const OpTable<float>& GuardedOps() {
  using Ops = OpTable<float>;
  static const Ops table =
      Guarded<&Ops::stem_conv_forward, &Ops::stem_conv_backward, &Ops::max_pool_forward, &Ops::max_pool_backward,
              &Ops::group_conv_prepare, &Ops::group_conv_forward, &Ops::group_conv_backward,
              &Ops::group_conv_chain_forward, &Ops::group_conv_chain_backward, &Ops::depthwise_conv_forward,
              &Ops::depthwise_conv_backward, &Ops::average_pool_forward, &Ops::average_pool_backward,
              &Ops::batch_norm_forward, &Ops::batch_norm_backward, &Ops::sums_of_moments, &Ops::moments_of_sums,
              &Ops::gram, &Ops::product_moments, &Ops::product_fold, &Ops::product_sums, &Ops::product_gradients,
              &Ops::product_pull_back, &Ops::relu_forward, &Ops::global_average_pool_forward,
              &Ops::global_average_pool_backward, &Ops::linear_forward, &Ops::linear_backward, &Ops::cross_entropy,
              &Ops::binary_cross_entropy, &Ops::jensen_shannon, &Ops::distillation, &Ops::resample_pictures,
              &Ops::finish_pictures, &Ops::mix_pictures, &Ops::mix_targets, &Ops::flip, &Ops::flip_mean,
              &Ops::accumulate, &Ops::squared_norms, &Ops::clip_norm, &Ops::update, &Ops::approach, &Ops::all_finite>(
          CpuOps());
  return table;
}

}  // namespace riffle
