#include "exchange/onnx/fill.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <string>
#include <utility>

#include "base/text.h"
#include "exchange/onnx/tensor.h"

namespace riffle {
namespace {

// The weights of a structure as the registry of its model has them.
class Filler {
 public:
  Filler(const Structure& structure, const Plan& plan, bool shuffle_in_weights, ParameterValues<float>* values)
      : s_(structure), plan_(plan), shuffle_in_weights_(shuffle_in_weights) {
    for (const Parameter& p : plan.registry.trainable()) places_[p.name] = {&p, values->trainable.data() + p.offset};
    for (const Parameter& p : plan.registry.statistics()) places_[p.name] = {&p, values->statistics.data() + p.offset};
  }

  Status Run() {
    RIFFLE_TRY(Fill("stem.conv", "stem.bn", s_.stem));
    size_t index = 0;
    for (size_t stage = 0; stage < kUnitsOfStage.size(); ++stage)
      for (int unit = 0; unit < kUnitsOfStage[stage]; ++unit)
        RIFFLE_TRY(FillUnit(fmt::format("stage{}.{}.", stage + 2, unit), s_.units[index++]));
    RIFFLE_ASSIGN(std::vector<float> weight, FloatsOf(*s_.linear->weight));
    if (s_.linear->transposed_weight) weight = Transposed(weight, s_.linear->channels);
    RIFFLE_TRY(Put("head.weight", weight, s_.linear->node));
    if (s_.linear->bias) {
      RIFFLE_ASSIGN(const std::vector<float> bias, FloatsOf(*s_.linear->bias));
      return Put("head.bias", bias, s_.linear->node);
    }
    return s_.bias ? Put("head.bias", s_.bias->shift, s_.bias->node) : Status();
  }

 private:
  // [in][out] as [out][in].
  static std::vector<float> Transposed(const std::vector<float>& from, int64_t out) {
    std::vector<float> to(from.size());
    const int64_t in = static_cast<int64_t>(from.size()) / out;
    for (int64_t i = 0; i < in; ++i)
      for (int64_t o = 0; o < out; ++o) to[o * in + i] = from[i * out + o];
    return to;
  }

  Status Put(const std::string& name, const std::vector<float>& values, const std::string& node) {
    const auto& [parameter, place] = places_.at(name);
    if (static_cast<int64_t>(values.size()) != parameter->size)
      return InvalidArgument("{}: expected {} as {}, found {}: another width than the layers before it", node,
                             Counted(parameter->size, "value"), name, values.size());
    if (!std::ranges::all_of(values, [](float v) { return std::isfinite(v); }))
      return DataLoss("{}: its weights hold values that are not finite numbers", node);
    std::ranges::copy(values, place);
    return {};
  }

  // `rows[i]` is where row i of the parameter stands in the file; empty: in the same place.
  static std::vector<float> InOrder(const std::vector<float>& from, const std::vector<int>& rows) {
    if (rows.empty()) return from;
    std::vector<float> to;
    to.reserve(from.size());
    const auto per_row = static_cast<int64_t>(from.size() / rows.size());
    for (const int row : rows) to.insert(to.end(), from.begin() + row * per_row, from.begin() + (row + 1) * per_row);
    return to;
  }

  // [out][in] as [out][in / groups]: column i of the parameter stands in columns[i]; the others are zero.
  static std::vector<float> InGroups(const std::vector<float>& dense, int64_t groups, const std::vector<int>& columns) {
    const auto in = static_cast<int64_t>(columns.size()), per_group = in / groups;
    const int64_t out = static_cast<int64_t>(dense.size()) / in;
    std::vector<float> grouped;
    grouped.reserve(out * per_group);
    for (int64_t o = 0; o < out; ++o)
      for (int64_t i = 0; i < per_group; ++i)
        grouped.push_back(dense[o * in + columns[o / (out / groups) * per_group + i]]);
    return grouped;
  }

  Status Fill(const std::string& conv_name, const std::string& norm_name, const ConvNorm& conv,
              const std::vector<int>& rows = {}, const std::vector<int>& columns = {}) {
    RIFFLE_ASSIGN(std::vector<float> weight, FloatsOf(*conv.conv->weight));
    if (!columns.empty()) weight = InGroups(weight, plan_.model.groups, columns);
    RIFFLE_TRY(Put(conv_name + ".weight", InOrder(weight, rows), conv.conv->node));
    return FillNorm(norm_name, conv, rows);
  }

  Status FillNorm(const std::string& name, const ConvNorm& conv, const std::vector<int>& rows) {
    const auto channels = static_cast<size_t>(conv.conv->channels);
    std::vector<float> bias(channels);
    if (conv.conv->bias) {
      RIFFLE_ASSIGN(bias, FloatsOf(*conv.conv->bias));
    }
    const double eps = plan_.model.bn_eps;
    std::vector<float> gamma(channels, 1), beta = bias, mean(channels, 0),
                                           variance(channels, static_cast<float>(1 - eps));
    if (conv.norm) {
      RIFFLE_ASSIGN(gamma, FloatsOf(*conv.norm->gamma));
      RIFFLE_ASSIGN(beta, FloatsOf(*conv.norm->beta));
      RIFFLE_ASSIGN(mean, FloatsOf(*conv.norm->mean));
      RIFFLE_ASSIGN(variance, FloatsOf(*conv.norm->variance));
      const auto more = static_cast<float>(conv.norm->epsilon) == static_cast<float>(eps)
                            ? 0.0f
                            : static_cast<float>(conv.norm->epsilon - eps);
      for (size_t c = 0; c < channels; ++c) {
        mean[c] -= bias[c];
        variance[c] += more;
      }
    }
    const std::string& node = conv.norm ? conv.norm->node : conv.conv->node;
    if (!std::ranges::all_of(variance, [&](float v) { return v + eps > 0; }))
      return DataLoss("{}: a variance below zero", node);
    RIFFLE_TRY(Put(name + ".gamma", InOrder(gamma, rows), node));
    RIFFLE_TRY(Put(name + ".beta", InOrder(beta, rows), node));
    RIFFLE_TRY(Put(name + ".running_mean", InOrder(mean, rows), node));
    return Put(name + ".running_variance", InOrder(variance, rows), node);
  }

  Status FillUnit(const std::string& name, const Unit& unit) {
    const Conventions& conventions = plan_.model.conventions;
    std::vector<int> conv1_rows, depthwise_rows, conv3_columns;
    if (shuffle_in_weights_) {
      // Channel i behind the shuffle is channel shuffled[i] in front of it.
      const auto channels = static_cast<int>(unit.depthwise.conv->channels);
      const std::vector<int> shuffled = ShufflePermutation(channels, plan_.model.groups, conventions.shuffle_direction);
      const bool after = conventions.shuffle_place == ShufflePlace::kAfterDepthwise;
      if (unit.conv1.conv->groups == 1) {
        conv1_rows.resize(channels);
        for (int i = 0; i < channels; ++i) conv1_rows[shuffled[i]] = i;
        if (after) depthwise_rows = conv1_rows;
      } else {
        conv3_columns = shuffled;
        if (!after) depthwise_rows = shuffled;
      }
    }
    RIFFLE_TRY(Fill(name + "conv1", name + "bn1", unit.conv1, conv1_rows));
    RIFFLE_TRY(Fill(name + "depthwise", name + "bn2", unit.depthwise, depthwise_rows));
    return Fill(name + "conv3", name + "bn3", unit.conv3, {}, conv3_columns);
  }

  const Structure& s_;
  const Plan& plan_;
  const bool shuffle_in_weights_;
  std::map<std::string, std::pair<const Parameter*, float*>, std::less<>> places_;
};

}  // namespace

Status CheckShapes(const Structure& structure, const Plan& plan) {
  std::vector<const Layer*> layers = {structure.stem.conv};
  for (const Unit& unit : structure.units)
    layers.insert(layers.end(), {unit.conv1.conv, unit.depthwise.conv, unit.conv3.conv});
  size_t next = 0;
  for (const Step& step : plan.steps) {
    if (step.op != Op::kStemConv && step.op != Op::kGroupConv && step.op != Op::kDepthwiseConv) continue;
    const Layer& layer = *layers[next++];
    const Map& map = plan.maps[step.y];
    if (layer.channels != step.channels || layer.height != map.height || layer.stride != step.stride ||
        (step.op == Op::kGroupConv && layer.groups != step.groups && layer.groups != 1))
      return InvalidArgument(
          "{}: {} of {} in {}, where {} of a ShuffleNetV1 with {} and {} channels in stage 2 has {}, {} and {}",
          layer.node, Counted(layer.channels, "channel"), Counted(layer.height, "pixel"),
          Counted(layer.groups, "group"), step.name, Counted(plan.model.groups, "group"), plan.model.stage2_channels,
          step.channels, map.height, step.groups);
  }
  return {};
}

Status Fill(const Structure& structure, const Plan& plan, bool shuffle_in_weights, ParameterValues<float>* values) {
  return Filler(structure, plan, shuffle_in_weights, values).Run();
}

}  // namespace riffle
