// A network is smooth but for its decisions: which ReLUs are on, and which pixels win in the max-pool. Where a value
// lies within rounding of a decision's edge, two correct computations may decide differently, and their gradients then
// differ by far more than rounding. Tests record the decisions to know whether that has happened.
#pragma once

#include <vector>

#include "ops/max_pool/max_pool_ref.h"
#include "ops/op_table.h"

namespace riffle {

/// An op table like `inner` that notes the decisions of each forward pass in decisions(). One for each T at a time.
template <class T>
class DecisionRecorder {
 public:
  explicit DecisionRecorder(const OpTable<T>& inner) : ops_(inner) {
    inner_ = &inner;
    decisions_.clear();
    ops_.max_pool_forward = MaxPool;
    ops_.depthwise_conv_forward = DepthwiseConv;
    ops_.group_conv_forward = GroupConv;
    ops_.group_conv_chain_forward = GroupConvChain;
    ops_.relu_forward = StoredRelu;
  }
  const OpTable<T>& ops() const { return ops_; }

  /// Of all passes since the recorder was made: a winner's pixel, or whether a ReLU is on.
  static const std::vector<int64_t>& decisions() { return decisions_; }

 private:
  static void MaxPool(const Execution& execution, const PoolShape& shape, const MaxPoolForward<T>& a) {
    inner_->max_pool_forward(execution, shape, a);
    for (int c = 0; c < shape.channels; ++c)
      for (const int64_t winner : Winners<T>(shape, a.in, c, a.x[c])) {
        decisions_.push_back(winner);
        decisions_.push_back(Positive(BeforeRelu(a.in, c, a.x[c][winner])));
      }
  }
  static void DepthwiseConv(const Execution& execution, const DepthwiseConvShape& shape,
                            const DepthwiseConvForward<T>& a) {
    inner_->depthwise_conv_forward(execution, shape, a);
    for (int c = 0; c < shape.channels; ++c)
      for (int64_t p = 0; p < shape.in.pixels(); ++p) decisions_.push_back(Positive(BeforeRelu(a.in, c, a.x[c][p])));
  }
  static void GroupConv(const Execution& execution, const GroupConvShape& shape, const GroupConvForward<T>& a) {
    inner_->group_conv_forward(execution, shape, a);
    if (a.relu) Record(a.y, shape.out_channels, shape.pixels);
  }
  static void GroupConvChain(const Execution& execution, const GroupConvChainShape& shape,
                             const GroupConvChainForward<T>& a) {
    inner_->group_conv_chain_forward(execution, shape, a);
    if (a.first.relu) Record(a.first.y, shape.first.out_channels, shape.first.pixels);
    if (a.second.relu) Record(a.second.y, shape.second.out_channels, shape.second.pixels);
  }
  static void StoredRelu(const Execution& execution, const ReluShape& shape, const ReluForward<T>& a) {
    inner_->relu_forward(execution, shape, a);
    Record(a.y, shape.channels, shape.pixels);
  }
  // Of the outputs of a ReLU.
  static void Record(Rows<T> y, int channels, int64_t pixels) {
    for (int c = 0; c < channels; ++c)
      for (int64_t p = 0; p < pixels; ++p) decisions_.push_back(Positive(y[c][p]));
  }

  OpTable<T> ops_;
  static inline const OpTable<T>* inner_ = nullptr;
  static inline std::vector<int64_t> decisions_;
};

/// How many decisions two recordings of the same passes differ in. REQUIRES: equal sizes.
inline int64_t CountDifferences(const std::vector<int64_t>& a, const std::vector<int64_t>& b) {
  int64_t count = 0;
  for (size_t i = 0; i < a.size(); ++i) count += a[i] != b[i];
  return count;
}

}  // namespace riffle
