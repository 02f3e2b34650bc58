// The network as a flat list of steps. A plan is data: which op reads which map, with which parameters. It is made once
// from a model description; training runs it as it is (network.h), inference runs a transform of it (fold.h). There is
// no second description of the network anywhere.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

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
  kResidual,
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

  /// Backward: this map's gradient lies in the gradient of map `gradient_in`, from row `gradient_row` on; -1: in memory
  /// of its own.
  int gradient_in = -1;
  int gradient_row = 0;
  /// These rows are the first ones of that map: a concat whose one branch is the input as it is; -1: memory of its own.
  int stored_in = -1;
  /// Training: given up after the forward pass, and computed once more by its step, a residual that adds a shortcut,
  /// when the backward pass gets there.
  bool recomputed = false;
  /// Inference: written over this map, which nobody reads any more; -1: in memory of its own.
  int in_place_of = -1;

  int64_t area() const { return height * width; }
  /// Values from one row, or vector, to the next, and of the whole map, for so many pictures.
  int64_t stride(int64_t images) const { return vectors ? channels : RowStride(images * area()); }
  int64_t size(int64_t images) const { return stride(images) * (vectors ? images : channels); }
};

/// A batch norm: the raw map it normalises, and its parameters.
struct Norm {
  std::string name;
  int raw = -1;  ///< map
  int channels = 0;
  int gamma = -1, beta = -1;                     ///< in ParameterRegistry::trainable()
  int running_mean = -1, running_variance = -1;  ///< in ParameterRegistry::statistics()
  std::vector<int> parameter_row;                ///< batch_norm.h; empty: identity
};

struct Step {
  Op op;
  std::string name;  ///< "stage2.0.depthwise"
  int x = -1;        ///< map that is read
  int y = -1;        ///< map that is written, rows y_row … y_row + channels − 1
  int y_row = 0;
  int channels = 0;
  int shortcut = -1;           ///< map that is added (kResidual; kGroupConv after folding)
  int weight = -1;             ///< in ParameterRegistry::trainable()
  int norm = -1;               ///< the batch norm of y; for kBatchNorm itself: its own; for kResidual: of x
  int in_norm = -1;            ///< applied to x on load, with ReLU if in_relu
  bool in_relu = false;        ///< x is a ReLU's output, on load or as stored: the gradient is masked
  bool relu = false;           ///< ReLU in the store (after folding)
  int sums_norm = -1;          ///< backward: x's gradient is also that of this batch norm's output; gathers its sums
  bool sums_gathered = false;  ///< kResidual, backward: whoever wrote y's gradient has gathered the sums already
  bool adds_gradient = false;  ///< backward: another step has already written x's gradient; add to it
  int groups = 1;
  int stride = 1;
  std::vector<int> in_row, weight_row;  ///< depthwise_conv.h; empty: identity
};

struct Plan {
  ModelDescription model;
  std::vector<Map> maps;  ///< maps[0] is the batch of pictures
  std::vector<Norm> norms;
  std::vector<Step> steps;
  ParameterRegistry registry;

  int output() const { return steps.back().y; }  ///< the map of logits
  /// The map whose memory holds this one's rows: itself, the concat that it begins, or, where maps may be written over
  /// (inference), the one that it takes the place of.
  int StorageRoot(int map, bool in_place) const;
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
