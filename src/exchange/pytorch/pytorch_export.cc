#include "exchange/pytorch/pytorch_export.h"

#include "exchange/pytorch/pytorch.h"

namespace riffle {

std::vector<std::string_view> StateDictNames() {
  std::vector<std::string_view> names;
  for (const WeightSource& source : WeightSources())
    if (source.names.norm[0] == "weight") names.push_back(source.name);
  return names;
}

std::vector<TensorView> StateDict(const Exportable& network, const WeightSource& names) {
  const Plan& plan = network.plan;
  std::vector<TensorView> tensors;
  const auto add = [&](const Parameter& p, const AlignedArray<float>& arena) {
    tensors.push_back(
        ViewOf<float>(NameAt(names, p.name), p.shape, std::span(arena.data() + p.offset, static_cast<size_t>(p.size))));
  };
  const auto add_trainable = [&](int index) {
    if (index >= 0) add(plan.registry.trainable()[index], network.values.trainable);
  };
  const auto add_statistic = [&](int index) { add(plan.registry.statistics()[index], network.values.statistics); };
  for (const Step& step : plan.steps) {
    add_trainable(step.weight);
    add_trainable(step.bias);
    if (step.weight < 0 || step.norm < 0) continue;
    const Norm& norm = plan.norms[step.norm];
    add_trainable(norm.gamma);
    add_trainable(norm.beta);
    add_statistic(norm.running_mean);
    add_statistic(norm.running_variance);
    const std::string& last = tensors.back().name;
    tensors.push_back(ViewOf<int64_t>(last.substr(0, last.rfind('.')) + ".num_batches_tracked", {},
                                      std::span(&network.info.step, 1)));
  }
  return tensors;
}

Status ExportPyTorch(const std::filesystem::path& path, const Exportable& network, const WeightSource& names) {
  const CheckpointInfo& info = network.info;
  RIFFLE_TRY(CheckClassNames(info.classes));
  return WritePyTorch(path, StateDict(network, names),
                      {{"names", std::string(names.name)},
                       {"model", ToJson(info.model)},
                       {"preprocessing", ToJson(info.preprocessing)},
                       {"classes", nlohmann::json(info.classes).dump()}});
}

}  // namespace riffle
