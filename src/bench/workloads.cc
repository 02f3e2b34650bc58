#include "bench/workloads.h"

#include <algorithm>
#include <numeric>

#include "base/random.h"
#include "bench/cost.h"
#include "model/initialise.h"

namespace riffle {
namespace {

constexpr uint64_t kSeed = 1;
constexpr int64_t kCalibrationImages = 2;
constexpr int64_t kPictures = 128;  // of a batch; those of a larger one come again

enum Stream : uint32_t { kPixels, kLabels, kParameters };

OptimizerOptions TrainingOptions() {
  return {
      .rule = &FindUpdateRule("momentum"), .momentum = kBenchMomentum, .policy = {.weight_decay = kBenchWeightDecay}};
}

}  // namespace

BenchBatch::BenchBatch(const ModelDescription& model, int64_t image_count)
    : images(image_count), stride(RowStride(image_count * model.image_size * model.image_size)) {
  const int64_t area = int64_t{model.image_size} * model.image_size, own = std::min(images, kPictures);
  pixels = AlignedArray<float>(model.in_channels * stride);
  for (int c = 0; c < model.in_channels; ++c) {
    RandomStream random(kSeed, RandomPurpose::kTest, kPixels, c);
    float* const row = pixels.data() + c * stride;
    std::generate_n(row, own * area, [&] { return static_cast<float>(random.Normal()); });
    for (int64_t n = own; n < images; ++n) std::copy_n(row + (n - own) * area, area, row + n * area);
  }
  RandomStream random(kSeed, RandomPurpose::kTest, kLabels, 0);
  for (int64_t n = 0; n < images; ++n) labels.push_back(static_cast<int32_t>(random.Below(model.num_classes)));
}

void FillBenchWeights(const Execution& execution, const Plan& plan, const OpTable<float>& ops,
                      ParameterValues<float>* values) {
  Plan calibration = plan;
  calibration.model.bn_momentum = 0;  // running statistics become the batch's own
  Network<float> network(execution, calibration, ops);
  Initialise(plan, {.seed = kSeed}, values);
  for (const Parameter& p : plan.registry.trainable()) {
    if (!p.norm()) continue;
    RandomStream random(kSeed, RandomPurpose::kTest, kParameters, static_cast<uint32_t>(p.offset));
    const double centre = p.kind == ParameterKind::kGamma ? 1 : 0;
    std::generate_n(values->trainable.data() + p.offset, p.size,
                    [&] { return static_cast<float>(centre + random.Uniform(-0.3, 0.3)); });
  }
  network.values().Upload(*values);
  const BenchBatch batch(plan.model, kCalibrationImages);
  DeviceInput<float> input;
  network.Forward(batch.images, {input.At(execution.device, batch.pixels), batch.stride}, Statistics::kBatch);
  network.values().Download(values);
}

InferenceWorkload::InferenceWorkload(const Execution& execution, const Plan& plan, const OpTable<float>& ops,
                                     int64_t images, MapType maps)
    : maps_(maps),
      session_(execution, plan, ops, maps),
      batch_(plan.model, images),
      pictures_{input_.At(execution.device, batch_.pixels), batch_.stride},
      logits_(images * plan.model.num_classes) {
  ParameterValues<float> values(plan.registry);
  FillBenchWeights(execution, plan, ops, &values);
  session_.SetWeights(values);
}

void InferenceWorkload::Run() {
  const Execution& execution = session_.execution();
  const float* logits = session_.Forward(batch_.images, pictures_);
  execution.device.Download(logits_.data(), logits, logits_.size() * sizeof(float));
  execution.Synchronize();
}

Workload InferenceWorkload::AsWorkload() {
  const Cost cost = PassCost(session_.plan(), Pass::kForward, batch_.images);
  return {.run = [this] { Run(); },
          .images = batch_.images,
          .flops = cost.flops,
          .bytes = cost.bytes * map_bytes() / sizeof(float)};
}

TrainingWorkload::TrainingWorkload(const Execution& execution, const Plan& plan, const OpTable<float>& ops,
                                   int64_t images, MapType maps)
    : execution_(execution),
      plan_(plan),
      ops_(ops),
      maps_(maps),
      network_(MakeNetwork(execution, plan, ops, maps)),
      optimizer_(execution.device, plan.registry, TrainingOptions(), ops),
      batch_(plan.model, images),
      pictures_{input_.At(execution.device, batch_.pixels), batch_.stride},
      losses_(execution.device, images),
      recordings_(execution.device) {
  ParameterValues<float> initial(plan.registry);
  Initialise(plan, {.seed = kSeed}, &initial);
  network_->values().Upload(initial);
  const int classes = plan.model.num_classes;
  std::vector<float> targets(images * classes, static_cast<float>(kBenchLabelSmoothing / classes));
  for (int64_t n = 0; n < images; ++n)
    targets[n * classes + batch_.labels[n]] += static_cast<float>(1 - kBenchLabelSmoothing);
  targets_ = DeviceArray<float>(execution.device, targets);
}

double TrainingWorkload::Run() {
  optimizer_.Prepare(++steps_, kBenchLearningRate);
  const auto enqueue = [this] { EnqueueStep(); };
  // As in training: not where the host takes part in a step.
  reducer_ || network_->observed() ? enqueue() : recordings_.Enqueue(0, enqueue);
  std::vector<float> losses(batch_.images);
  losses_.Download(losses);
  return std::accumulate(losses.begin(), losses.end(), 0.0) / static_cast<double>(batch_.images);
}

void TrainingWorkload::EnqueueStep() {
  const int64_t images = batch_.images;
  const float* logits = network_->Forward(images, pictures_, Statistics::kBatch);
  ops_.cross_entropy(execution_, {images, plan_.model.num_classes},
                     {.loss = losses_.data(),
                      .dlogits = network_->dlogits(),
                      .logits = logits,
                      .targets = targets_.data(),
                      .weight = 1.0f / static_cast<float>(images)});
  if (reducer_ != nullptr) reducer_->Begin(&network_->gradients());
  network_->Backward();
  if (reducer_ != nullptr) {
    if (Status status = reducer_->Wait(); !status.ok()) reduced_ = std::move(status);
  }
  optimizer_.Step(execution_, network_->gradients(), &network_->values().trainable);
}

void TrainingWorkload::ReduceBy(GradientReducer* reducer) {
  reducer_ = reducer;
  network_->SetGradientListener(reducer);
}

Workload TrainingWorkload::AsWorkload() {
  const Cost cost = TrainingCost(plan_, batch_.images);
  return {.run = [this] { Run(); },
          .images = batch_.images,
          .flops = cost.flops,
          .bytes = cost.bytes * map_bytes() / sizeof(float)};
}

}  // namespace riffle
