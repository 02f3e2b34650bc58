// What one update of the training loop is made of: batches that are accumulated, the clipped norm, the learning rate.
#include <gmock/gmock.h>

#include <cmath>
#include <utility>

#include "backend/testing/execution.h"
#include "backend/testing/host_copy.h"
#include "model/initialise.h"
#include "train/testing.h"

namespace riffle {
namespace {

using ::testing::ElementsAre;

// The weights of the numbered checkpoint after one epoch, computed without the trainer: groups of `batches` batches,
// the mean of their gradients, clipped by the formula, plain SGD.
std::map<std::string, std::vector<float>> ByHand(TinyRun& run, int64_t batches, double clip) {
  const Plan plan = *MakePlan(TinyModel());
  Network<float> network(OnThreads(), plan, TestOps());
  ParameterValues<float> values(plan.registry);
  Initialise(plan, {.seed = run.options.seed, .zero_init_residual = true}, &values);
  std::vector<double> sum(plan.registry.trainable_arena_values());
  for (int64_t b = 0; b < run.train_loader->BatchesPerEpoch(); ++b) {
    const Batch& batch = **run.train_loader->Next();
    network.values().trainable.Upload(values.trainable);
    const std::vector<float> logits = HostCopy(
        network.execution(), network.Forward(batch.images, batch.pixels, Statistics::kBatch), 2 * batch.images);
    std::vector<float> dlogits(2 * batch.images);
    for (int n = 0; n < batch.images; ++n) {
      const double p1 = 1 / (1 + std::exp(logits[2 * n] - logits[2 * n + 1])), one = batch.labels[n];
      dlogits[2 * n + 1] = static_cast<float>((p1 - one) / batch.images);
      dlogits[2 * n] = static_cast<float>((one - p1) / batch.images);
    }
    network.execution().device.Upload(network.dlogits(), dlogits.data(), dlogits.size() * sizeof(float));
    network.Backward();
    const std::vector<float> gradients = HostCopy(network.gradients());
    for (size_t i = 0; i < sum.size(); ++i) sum[i] += gradients[i];
    const bool last = b + 1 == run.train_loader->BatchesPerEpoch();
    if ((b + 1) % batches != 0 && !last) continue;
    const int64_t count = (b % batches) + 1;
    double squares = 0;
    for (double& g : sum) {
      g /= static_cast<double>(count);
      squares += g * g;
    }
    const double factor = std::min(1.0, clip / std::sqrt(squares));
    for (size_t i = 0; i < sum.size(); ++i)
      values.trainable[i] -= static_cast<float>(run.options.schedule.lr * factor * std::exchange(sum[i], 0));
  }
  std::map<std::string, std::vector<float>> tensors;
  for (const Parameter& p : plan.registry.trainable()) {
    const float* first = values.trainable.data() + p.offset;
    tensors[p.name].assign(first, first + p.size);
  }
  return tensors;
}

// The largest difference of two sets of weights, as a share of how far training moved any weight.
double Distance(const std::map<std::string, std::vector<float>>& expected,
                const std::map<std::string, std::vector<float>>& found) {
  double largest = 0;
  for (const auto& [name, values] : expected)
    for (size_t i = 0; i < values.size(); ++i)
      largest = std::max(largest, std::abs(double{values[i]} - found.at(name)[i]));
  return largest;
}

TEST(TrainerUpdates, AnUpdateTakesTheMeanGradientOfItsBatchesClippedByItsNorm) {
  TrainerOptions options = TinyOptions(TestFolder(), 1);
  options.schedule.schedule = &FindSchedule("constant");
  options.schedule.warmup_epochs = 0;
  options.optimizer.rule = &FindUpdateRule("sgd");
  options.optimizer.momentum = 0;
  options.optimizer.policy.weight_decay = 0;
  options.schedule.lr = 0.01;
  const std::filesystem::path file = std::filesystem::path(options.ckpt_save_dir) / Numbered(1);
  TinyRun oracle(options);
  const auto each = ByHand(oracle, 1, 1e9), pairs = (oracle.train_loader->Seek({}), ByHand(oracle, 2, 1e9)),
             clipped = (oracle.train_loader->Seek({}), ByHand(oracle, 2, 0.05));
  ASSERT_GT(Distance(each, pairs), 1e-3) << "three batches: one update more, and shares of a half";
  ASSERT_GT(Distance(clipped, pairs), 1e-3);
  ASSERT_EQ(TinyRun(options).Train().message(), "");
  EXPECT_LT(Distance(each, TensorsOf(file)), 1e-5);
  options.gradient_accumulation_steps = 2;
  ASSERT_EQ(TinyRun(options).Train().message(), "");
  EXPECT_LT(Distance(pairs, TensorsOf(file)), 1e-5);
  EXPECT_EQ(Checkpoint::Open(file)->info().updates, 2) << "two batches, and the one that was left";
  options.clip_norm = 0.05;
  ASSERT_EQ(TinyRun(options).Train().message(), "");
  EXPECT_LT(Distance(clipped, TensorsOf(file)), 1e-5);
}

TEST(TrainerUpdates, AllBatchesOfAnUpdateHaveTheRateOfItsFirst) {
  TrainerOptions options = TinyOptions(TestFolder(), 2);
  options.gradient_accumulation_steps = 2;
  options.schedule.warmup_epochs = 2;
  TinyRun run(options);
  Recorder recorder;
  ASSERT_EQ(run.Train(recorder).message(), "");
  std::vector<double> sixths;  // of the warm-up, in which the schedule counts batches
  for (const StepEvent& e : recorder.steps) sixths.push_back(std::round(e.lr / options.schedule.lr * 6));
  EXPECT_THAT(sixths, ElementsAre(0, 0, 2, 3, 3, 5));
}

}  // namespace
}  // namespace riffle
