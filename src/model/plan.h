// The network as a flat list of steps. A plan is data: which op reads which map, with which parameters. It is made once
// from a model description; training runs it forward as it is and backward by what backward_plan.h finds out about it
// (network.h), inference runs a transform of it (fold.h). There is no second description of the network anywhere.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "model/backward_plan.h"
#include "model/description.h"
#include "model/parameters.h"
#include "ops/common.h"

namespace riffle {

enum class Op {
  kStemConv,
  kMaxPool,
  kGroupConv,
  kDepthwiseConv,
  kAveragePool,
  kBatchNorm,
  kGram,         ///< Gram matrix of x, from which the next kProductNorm has its statistics
  kProductNorm,  ///< batch norm of a convolution's output that is never stored (ops/product_norm)
  kRelu,         ///< batch norm and ReLU, stored
  kGlobalAveragePool,
  kLinear,
};
std::string_view OpName(Op op);

/// A value that steps pass on: a feature map in rows (base/rows.h), or one vector a picture ([images][channels]).
struct Map {
  std::string name;
  int channels = 0;
  int64_t height = 0;
  int64_t width = 0;
  bool vectors = false;  ///< [images][channels]; height and width are 1

  /// Its rows are rows of that map: a concat whose one branch is the input as it is or, in inference, a sum that is
  /// written over its shortcut, which nobody reads any more; -1: memory of its own.
  int stored_in = -1;
  int stored_row = 0;  ///< of that map: where they begin

  int64_t area() const { return height * width; }
  /// Values from one row, or vector, to the next, and of the whole map, for so many pictures.
  int64_t stride(int64_t images) const { return vectors ? channels : RowStride(images * area()); }
  int64_t values(int64_t images) const { return stride(images) * (vectors ? images : channels); }
};

/// A batch norm: the raw map it normalises, and its parameters.
struct Norm {
  std::string name;
  int raw = -1;      ///< map; −1: the product of the next two, which is never stored
  int in_norm = -1;  ///< the batch norm whose output is multiplied ...
  int weight = -1;   ///< ... with these, in ParameterRegistry::trainable()
  int channels = 0;
  int gamma = -1, beta = -1;                     ///< in ParameterRegistry::trainable()
  int running_mean = -1, running_variance = -1;  ///< in ParameterRegistry::statistics()
  int parameter_rows = -1;                       ///< in Plan::row_indices: BatchNormForward::parameter_row
};

struct Step {
  Op op;
  std::string name;  ///< "stage2.0.depthwise"
  int x = -1;        ///< map that is read
  int y = -1;        ///< map that is written, rows y_row … y_row + channels − 1
  int y_row = 0;
  int channels = 0;
  int shortcut = -1;  ///< map that is added, before the ReLU
  int weight = -1;    ///< in ParameterRegistry::trainable()
  int bias = -1;      ///< as weight; of the head, where it has one
  int norm = -1;      ///< the batch norm behind a convolution; for kBatchNorm, kProductNorm, kGram: that which they are
                      ///< of; for kRelu: of x
  int in_norm = -1;   ///< x is raw: applied to it on load, with ReLU if in_relu
  bool in_relu = false;
  bool relu = false;  ///< ReLU in the store: `norm`, if any, is folded into the weights
  int groups = 1;
  int stride = 1;
  int in_rows = -1, weight_rows = -1;  ///< in Plan::row_indices: those of DepthwiseRows
  /// Training runs it and the next step as one op, block by block of pixels (ops/group_conv/group_conv_chain.h), in
  /// both directions.
  bool chained = false;
  /// The next step is the Gram matrix of y. Training may run both as one op, forward
  /// (ops/depthwise_conv/depthwise_gram.h).
  bool with_gram = false;
};

/// Whether a step is the arithmetic of a batch norm.
inline bool IsNorm(const Step& step) { return step.op == Op::kBatchNorm || step.op == Op::kProductNorm; }

struct Plan {
  ModelDescription model;
  std::vector<Map> maps;  ///< maps[0] is the batch of pictures
  std::vector<Norm> norms;
  std::vector<Step> steps;
  ParameterRegistry registry;
  std::vector<int32_t> row_indices;  ///< the row permutations of all steps and norms, one after the other
  BackwardPlan backward;             ///< empty after folding

  /// The permutation of rows that begins at `first` in row_indices; null, which is the identity, for −1. For the host:
  /// ops take it from RowIndices (row_indices.h).
  const int32_t* RowIndices(int first) const { return first < 0 ? nullptr : row_indices.data() + first; }
  int output() const { return steps.back().y; }  ///< the map of logits
  /// The map whose memory holds this one's rows, itself or where stored_in leads, and the first of them there.
  struct Storage {
    int map = 0;
    int row = 0;
  };
  Storage StorageOf(int map) const;
  /// Whether a step is a convolution that stores its output raw, with the moments that its batch norm needs.
  bool WritesRaw(const Step& step) const {
    return step.weight >= 0 && step.norm >= 0 && norms[step.norm].raw == step.y;
  }
  /// Whether a step's backward reads what it stored, for the pull-back of the batch norm behind it: that of the
  /// depthwise convolution has been applied by the Gram matrix's step.
  bool BackwardReadsOutput(const Step& step) const { return WritesRaw(step) && step.op != Op::kDepthwiseConv; }
  /// Whether a step is the second one of a chain.
  bool EndsChain(size_t step) const { return step > 0 && steps[step - 1].chained; }
  /// Multiply-accumulates of a step on one picture, as the papers count: convolutions and the head.
  int64_t Macs(const Step& step) const;
  int64_t Macs() const;
  int64_t Parameters(const Step& step) const;  ///< trainable ones
};

/// The training plan of a model. InvalidArgument as Check(model).
Result<Plan> MakePlan(const ModelDescription& model);

/// The channel shuffle as a permutation: out channel i comes from in channel ShufflePermutation(...)[i].
/// REQUIRES: groups divides channels.
std::vector<int> ShufflePermutation(int channels, int groups, ShuffleDirection direction);

}  // namespace riffle
