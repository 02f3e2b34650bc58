// Losses and their gradients against LibTorch: each is written down a second time in torch's functions, and torch
// differentiates it. Ours return floats, so the comparison is to a float's rounding.
#include <gtest/gtest.h>
#include <torch/torch.h>

#include "backend/testing/execution.h"
#include "base/random.h"
#include "ops/backends.h"
#include "train/loss/label_loss.h"

namespace riffle {
namespace {

using torch::Tensor;
namespace F = torch::nn::functional;

constexpr int kImages = 6, kClasses = 10;

const OpTable<float>& Ops() { return **FindBackend(""); }

std::vector<float> Noise(uint32_t number) {
  RandomStream random(1, RandomPurpose::kTest, 0, number);
  std::vector<float> values(kImages * kClasses);
  for (float& v : values) v = static_cast<float>(3 * random.Normal());
  return values;
}

Tensor Matrix(const std::vector<float>& values) {
  return torch::tensor(values, torch::kFloat32).to(torch::kFloat64).view({-1, kClasses});
}

// Our logits and torch's, what we found, and the comparison.
struct Comparison {
  void Expect(const Tensor& torch_losses, double weight) {
    const Tensor sum = torch_losses.sum();
    (weight * sum).backward();
    double total = 0;
    for (const float loss : losses) total += loss;
    EXPECT_NEAR(total, sum.item<double>(), 1e-5 * std::abs(sum.item<double>()));
    const Tensor gradient = torch_logits.grad().contiguous();
    for (int i = 0; i < kImages * kClasses; ++i)
      EXPECT_NEAR(dlogits[i], gradient.data_ptr<double>()[i], 3e-6 * gradient.abs().max().item<double>()) << i;
  }
  std::vector<float> logits = Noise(0);
  Tensor torch_logits = Matrix(logits).set_requires_grad(true);
  std::vector<float> losses = std::vector<float>(kImages), dlogits = std::vector<float>(kImages * kClasses);
};

TEST(LossesAgainstTorch, OfLabels) {
  const std::vector<int32_t> labels = {0, 3, 9, 3, 5, 1};
  const Tensor torch_labels = torch::tensor(std::vector<int64_t>(labels.begin(), labels.end()));
  const Tensor one_hot = torch::one_hot(torch_labels, kClasses).to(torch::kFloat64);
  const Tensor weights = torch::tensor(std::vector<double>{1, 2, 0.5, 3, 1, 0, 1, 1, 2, 0.25}, torch::kFloat64);
  using enum LabelLossOptions::Kind;
  for (const auto kind : {kCrossEntropy, kBinaryCrossEntropy})
    for (const bool weighted : {false, true}) {
      LabelLossOptions options{.kind = kind, .label_smoothing = 0.1};
      if (weighted) options.class_weights = {1, 2, 0.5, 3, 1, 0, 1, 1, 2, 0.25};
      LabelLoss loss(OnThreads(), options, kClasses, Ops());
      Comparison c;
      std::vector<float> targets(kImages * kClasses);
      loss.MakeTargets(labels, targets.data());
      loss.Run(kImages, c.logits.data(), targets.data(), 0.25, c.losses.data(), c.dlogits.data());
      SCOPED_TRACE(static_cast<int>(kind));
      const Tensor class_weights = weighted ? weights : torch::ones({kClasses}, torch::kFloat64);
      if (kind == kCrossEntropy) {
        c.Expect(F::cross_entropy(
                     c.torch_logits, torch_labels,
                     F::CrossEntropyFuncOptions().label_smoothing(0.1).weight(class_weights).reduction(torch::kNone)),
                 0.25);
      } else {
        c.Expect(F::binary_cross_entropy_with_logits(
                     c.torch_logits, one_hot * 0.9 + 0.1 / kClasses,
                     F::BinaryCrossEntropyWithLogitsFuncOptions().weight(class_weights).reduction(torch::kNone))
                     .mean(1),
                 0.25);
      }
    }
}

TEST(LossesAgainstTorch, JensenShannon) {
  Comparison c;
  Ops().jensen_shannon(
      OnThreads(), {.splits = 3, .samples = kImages / 3, .classes = kClasses},
      {.loss = c.losses.data(), .dlogits = c.dlogits.data(), .logits = c.logits.data(), .alpha = 12, .weight = 0.25});
  const std::vector<Tensor> p = torch::softmax(c.torch_logits, 1).split(kImages / 3);
  const Tensor log_mean = torch::stack(p).mean(0).log();
  Tensor sum = torch::zeros({}, torch::kFloat64);
  for (const Tensor& ps : p) sum = sum + 12.0 / 3 * F::kl_div(log_mean, ps, F::KLDivFuncOptions(torch::kSum));
  c.Expect(sum, 0.25);
}

TEST(LossesAgainstTorch, Distillation) {
  const std::vector<float> teacher = Noise(1), targets = Noise(2);
  const double t = 4, alpha = 1.5, beta = 8;
  const Tensor theirs = Matrix(teacher);
  for (const bool decoupled : {false, true}) {
    Comparison c;
    Ops().distillation(OnThreads(), {kImages, kClasses},
                       {.decoupled = decoupled, .temperature = t, .alpha = alpha, .beta = beta},
                       {.loss = c.losses.data(),
                        .dlogits = c.dlogits.data(),
                        .student = c.logits.data(),
                        .teacher = teacher.data(),
                        .targets = targets.data(),
                        .weight = 0.25});
    const auto kl = [](const Tensor& log_q, const Tensor& p) {
      return F::kl_div(log_q, p, F::KLDivFuncOptions(torch::kNone)).sum(1);
    };
    Tensor losses = t * t * kl(torch::log_softmax(c.torch_logits / t, 1), torch::softmax(theirs / t, 1));
    if (decoupled) {
      const Tensor mask = torch::one_hot(Matrix(targets).argmax(1), kClasses).to(torch::kFloat64);
      const auto two = [&](const Tensor& logits) {
        const Tensor p = torch::softmax(logits / t, 1);
        return torch::stack({(p * mask).sum(1), (p * (1 - mask)).sum(1)}, 1);
      };
      const auto others = [&](const Tensor& logits) { return torch::log_softmax(logits / t - 1000 * mask, 1); };
      losses = t * t *
               (alpha * kl(two(c.torch_logits).log(), two(theirs)) +
                beta * kl(others(c.torch_logits), others(theirs).exp()));
    }
    SCOPED_TRACE(decoupled);
    c.Expect(losses, 0.25);
  }
}

}  // namespace
}  // namespace riffle
