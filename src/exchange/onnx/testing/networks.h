// For tests: networks of each convention to write, and other tools' Python to hand them to.
#pragma once

#include <string>
#include <vector>

#include "exchange/onnx/onnx.h"
#include "model/testing/random_network.h"
#include "model/zoo.h"

namespace riffle {

/// A network with weights as after training, and what is said of it.
struct TestNetwork {
  explicit TestNetwork(const ModelDescription& model)
      : info{.model = model,
             .preprocessing = {.image_size = model.image_size, .channels = model.in_channels, .crop_pct = 0.9},
             .classes = {},
             .options = ""},
        plan(*MakePlan(model)),
        values(plan.registry) {
    for (int c = 0; c < model.in_channels; ++c) {
      info.preprocessing.mean.push_back(120.5f - 3 * c);
      info.preprocessing.std.push_back(58.25f + c);
    }
    for (int i = 0; i < model.num_classes; ++i) info.classes.push_back(fmt::format("class {} of 'é\\'", i));
    FillRandom(plan.registry, 1, &values);
    // So that no class has all of the probability.
    const Parameter& head = plan.registry.trainable()[plan.steps.back().weight];
    for (int64_t i = 0; i < head.size; ++i) values.trainable[head.offset + i] *= 0.001f;
  }
  Exportable exportable() const { return {info, plan, values}; }

  CheckpointInfo info;
  Plan plan;
  ParameterValues<float> values;
};

struct NamedModel {
  std::string name;
  ModelDescription model;
};
inline void PrintTo(const NamedModel& named, std::ostream* out) { *out << named.name; }

/// Each number of groups with each row of conventions, the stems in turn: at even and odd sizes, grey and RGB, with
/// and without a head bias.
inline std::vector<NamedModel> TestModels(std::span<const int> groups_of = std::array{1, 2, 3, 4, 8}) {
  std::vector<NamedModel> models;
  size_t turn = 0;
  for (const int groups : groups_of)
    for (const NamedConventions& named : kConventions) {
      constexpr std::string_view kStems[] = {"imagenet", "small_stride2", "small_stride1"};
      const std::string_view stem = kStems[turn++ % 3];
      ModelDescription model = *FindModel(fmt::format("shufflenet_v1_g{}_x0_25", groups));
      model.num_classes = 7;
      model.conventions = named.conventions;
      model.stem = stem == "imagenet" ? Stem::kImagenet : Stem::kSmall;
      model.stage2_stride = stem == "small_stride1" ? 1 : 2;
      model.image_size = stem == "imagenet" ? 64 : stem == "small_stride1" ? 20 : 8;
      model.in_channels = groups % 2 ? 3 : 1;
      model.head_bias = named.name == "mmpretrain" || named.name == "pytorchcv";
      models.push_back({fmt::format("g{}_{}_{}", groups, named.name, stem), model});
    }
  return models;
}

}  // namespace riffle
