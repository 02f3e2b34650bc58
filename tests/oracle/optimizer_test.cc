// Ten steps of each optimizer that LibTorch has, against LibTorch. The others: src/train/update/optimizer_test.cc.
#include "train/update/optimizer.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <memory>

#include "backend/testing/execution.h"
#include "base/random.h"
#include "ops/backends.h"

namespace riffle {
namespace {

using torch::Tensor;

// Float against float: a few roundings in each of ten steps of 0.05.
constexpr double kTolerance = 2e-6;

constexpr double kLearningRate = 0.05, kDecay = 0.01;

// Two parameters, one spared from weight decay, with gradients that change from step to step.
template <class TorchOptimizer, class TorchOptions>
void ExpectTenEqualSteps(const OptimizerOptions& options, TorchOptions theirs) {
  ParameterRegistry registry;
  registry.Add("w", ParameterKind::kGroupConvWeight, {6, 5, 1, 1});
  registry.Add("gamma", ParameterKind::kGamma, {6});
  std::vector<float> values(registry.trainable_arena_values()), gradients(registry.trainable_arena_values());
  RandomStream random(1, RandomPurpose::kTest, 0, 0);
  std::vector<Tensor> tensors;
  std::vector<torch::optim::OptimizerParamGroup> groups;
  for (const Parameter& p : registry.trainable()) {
    for (int64_t i = 0; i < p.size; ++i) values[p.offset + i] = static_cast<float>(random.Normal());
    tensors.push_back(torch::from_blob(values.data() + p.offset, {p.size}).clone().set_requires_grad(true));
    TorchOptions own = theirs;
    own.weight_decay(p.norm() ? 0 : kDecay);
    groups.emplace_back(std::vector<Tensor>{tensors.back()}, std::make_unique<TorchOptions>(own));
  }
  TorchOptimizer torch_optimizer(groups, theirs);
  DeviceArray<float> parameters(CpuDevice(), values);
  Optimizer optimizer(CpuDevice(), registry, options, **FindBackend(""));
  for (int t = 1; t <= 10; ++t) {
    for (size_t k = 0; k < tensors.size(); ++k) {
      const Parameter& p = registry.trainable()[k];
      for (int64_t i = 0; i < p.size; ++i) gradients[p.offset + i] = static_cast<float>(random.Normal());
      tensors[k].mutable_grad() = torch::from_blob(gradients.data() + p.offset, {p.size}).clone();
    }
    torch_optimizer.step();
    optimizer.Prepare(t, kLearningRate);
    optimizer.Step(OnThreads(), DeviceArray<float>(CpuDevice(), gradients), &parameters);
    parameters.Download(values);
    for (size_t k = 0; k < tensors.size(); ++k) {
      const Parameter& p = registry.trainable()[k];
      const Tensor ours = torch::from_blob(values.data() + p.offset, {p.size});
      EXPECT_LT((ours - tensors[k]).abs().max().item<double>(), kTolerance) << p.name << " after step " << t;
    }
  }
}

OptimizerOptions Named(std::string_view rule) {
  OptimizerOptions options;
  options.rule = &FindUpdateRule(rule);
  options.momentum = 0.8;
  options.policy.weight_decay = kDecay;
  options.policy.decays_norms = false;
  return options;
}

TEST(OptimizersOfLibTorch, Sgd) {
  OptimizerOptions options = Named("sgd");
  options.momentum = 0;
  ExpectTenEqualSteps<torch::optim::SGD>(options, torch::optim::SGDOptions(kLearningRate));
}

TEST(OptimizersOfLibTorch, Momentum) {
  ExpectTenEqualSteps<torch::optim::SGD>(Named("momentum"), torch::optim::SGDOptions(kLearningRate).momentum(0.8));
  ExpectTenEqualSteps<torch::optim::SGD>(Named("sgd"), torch::optim::SGDOptions(kLearningRate).momentum(0.8));
}

TEST(OptimizersOfLibTorch, Nesterov) {
  const auto theirs = torch::optim::SGDOptions(kLearningRate).momentum(0.8).nesterov(true);
  ExpectTenEqualSteps<torch::optim::SGD>(Named("nesterov"), theirs);
  OptimizerOptions options = Named("momentum");
  options.rule = &FindUpdateRule("nesterov");
  ExpectTenEqualSteps<torch::optim::SGD>(options, theirs);
}

TEST(OptimizersOfLibTorch, Adam) {
  ExpectTenEqualSteps<torch::optim::Adam>(Named("adam"), torch::optim::AdamOptions(kLearningRate));
  OptimizerOptions options = Named("adam");
  options.betas = {0.8, 0.95};
  options.eps = 1e-2;
  ExpectTenEqualSteps<torch::optim::Adam>(options,
                                          torch::optim::AdamOptions(kLearningRate).betas({0.8, 0.95}).eps(1e-2));
}

TEST(OptimizersOfLibTorch, AdamW) {
  ExpectTenEqualSteps<torch::optim::AdamW>(Named("adamw"), torch::optim::AdamWOptions(kLearningRate));
}

TEST(OptimizersOfLibTorch, RmsProp) {
  ExpectTenEqualSteps<torch::optim::RMSprop>(
      Named("rmsprop"), torch::optim::RMSpropOptions(kLearningRate).alpha(0.9).eps(1e-10).momentum(0.8));
}

TEST(OptimizersOfLibTorch, AdaGrad) {
  ExpectTenEqualSteps<torch::optim::Adagrad>(Named("adagrad"), torch::optim::AdagradOptions(kLearningRate));
}

}  // namespace
}  // namespace riffle
