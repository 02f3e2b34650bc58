#include "bench/exchange.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "checkpoint/checkpoint.h"
#include "data/registry.h"
#include "formats/safetensors.h"
#include "settings/settings.h"

namespace riffle {
namespace {

constexpr int kLosses = 3;

Result<CheckpointInfo> InfoOf(const ModelDescription& model) {
  RIFFLE_ASSIGN(const DatasetInfo* const imagenet, FindDataset("imagenet"));
  CheckpointInfo info{.model = model, .options = ToYaml(Options{})};
  info.preprocessing = DefaultPreprocessing(*imagenet, model.image_size, model.in_channels);
  for (int i = 0; i < model.num_classes; ++i) info.classes.push_back(fmt::format("class {}", i));
  return info;
}

Status WriteWeights(const std::filesystem::path& folder, const Plan& plan, const ParameterValues<float>& values) {
  Snapshot state(plan.registry);
  Copy(values, &state.values);
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) return IoError("{}: cannot make this folder: {}", folder.string(), error.message());
  RIFFLE_ASSIGN(const CheckpointInfo info, InfoOf(plan.model));
  return SaveCheckpoint(folder / "weights.safetensors", info, plan.registry, state);
}

/// The batch picture by picture: [N, C, H, W].
std::vector<float> Pictures(const BenchBatch& batch, const ModelDescription& model) {
  const int64_t area = int64_t{model.image_size} * model.image_size;
  std::vector<float> pictures;
  pictures.reserve(batch.images * model.in_channels * area);
  for (int64_t n = 0; n < batch.images; ++n)
    for (int c = 0; c < model.in_channels; ++c) {
      const float* first = batch.pictures()[c] + n * area;
      pictures.insert(pictures.end(), first, first + area);
    }
  return pictures;
}

Status WriteBatch(const std::filesystem::path& folder, const ModelDescription& model, const BenchBatch& batch,
                  const TensorView& expected) {
  const std::vector<float> pictures = Pictures(batch, model);
  const std::array<TensorView, 3> tensors = {
      ViewOf<float>("pictures", {batch.images, model.in_channels, model.image_size, model.image_size}, pictures),
      ViewOf<int32_t>("labels", {batch.images}, batch.labels), expected};
  return WriteSafetensors(folder / "batch.safetensors", tensors,
                          {{"lr", fmt::format("{}", kBenchLearningRate)},
                           {"momentum", fmt::format("{}", kBenchMomentum)},
                           {"weight_decay", fmt::format("{}", kBenchWeightDecay)},
                           {"label_smoothing", fmt::format("{}", kBenchLabelSmoothing)}});
}

}  // namespace

Status WriteInferenceExchange(const std::filesystem::path& folder, const Plan& plan, const OpTable<float>& ops,
                              InferenceWorkload& workload) {
  ParameterValues<float> values(plan.registry);
  FillBenchWeights(workload.session().execution(), plan, ops, &values);
  RIFFLE_TRY(WriteWeights(folder, plan, values));
  workload.Run();
  return WriteBatch(
      folder, plan.model, workload.batch(),
      ViewOf<float>("logits", {workload.batch().images, plan.model.num_classes}, std::span(workload.logits())));
}

Status WriteTrainingExchange(const std::filesystem::path& folder, const Plan& plan, TrainingWorkload& workload) {
  RIFFLE_TRY(WriteWeights(folder, plan, workload.network().values()));
  std::array<double, kLosses> losses;
  std::ranges::generate(losses, [&] { return workload.Run(); });
  return WriteBatch(folder, plan.model, workload.batch(),
                    ViewOf<double>("losses", {kLosses}, std::span<const double>(losses)));
}

}  // namespace riffle
