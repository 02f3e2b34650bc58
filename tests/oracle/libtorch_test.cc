// Whole networks against LibTorch: the network is built here a second time, from the paper and in torch's primitives,
// and shares nothing with the plan but the names of the weights. All in double, so that agreement means
// agreement to rounding; float_test.cc goes on from there to floats.
#include <gtest/gtest.h>
#include <torch/torch.h>

#include <map>

#include "backend/testing/execution.h"
#include "cases.h"
#include "model/testing/random_network.h"

namespace riffle {
namespace {

using torch::Tensor;

constexpr double kLearningRate = 1e-3, kMomentum = 0.9, kWeightDecay = 1e-3;
// Relative to a tensor's largest value: above what five steps of rounding leave in doubles, far below any mistake.
constexpr double kTolerance = 1e-9;

// The paper's network (Figure 2, Table 1), each tensor by our name.
struct TorchNet {
  ModelDescription model;
  std::map<std::string, Tensor> tensors;

  const Tensor& At(const std::string& name) const { return tensors.at(name); }

  Tensor Conv(const Tensor& x, const std::string& name, int64_t stride, int64_t padding, int64_t groups) const {
    const std::vector<int64_t> paddings{padding};
    return torch::conv2d(x, At(name + ".weight"), {}, stride, paddings, 1, groups);
  }

  Tensor Norm(const Tensor& x, const std::string& name, bool training) const {
    return torch::batch_norm(x, At(name + ".gamma"), At(name + ".beta"), At(name + ".running_mean"),
                             At(name + ".running_variance"), training, 1 - model.bn_momentum, model.bn_eps, false);
  }

  // [N, C, H, W]; the groups and the channels of one group change places.
  Tensor Shuffle(const Tensor& x) const {
    const int64_t g = model.groups, n = x.size(1) / g;
    const bool paper = model.conventions.shuffle_direction == ShuffleDirection::kPaper;
    return x.view({x.size(0), paper ? g : n, paper ? n : g, x.size(2), x.size(3)}).transpose(1, 2).reshape(x.sizes());
  }

  // MindSpore's "same" for 3×3 and stride 2: what is missing, the smaller half first. [left, right, top, bottom]
  static std::vector<int64_t> SamePadding(const Tensor& x) {
    const auto along = [&](int64_t size) { return std::max<int64_t>(0, ((size + 1) / 2 - 1) * 2 + 3 - size); };
    const int64_t h = along(x.size(2)), w = along(x.size(3));
    return {w / 2, w - w / 2, h / 2, h - h / 2};
  }

  Tensor MaxPool(const Tensor& x) const {
    if (model.conventions.pool_padding == PoolPadding::kSymmetric) return torch::max_pool2d(x, 3, 2, 1);
    return torch::max_pool2d(torch::constant_pad_nd(x, SamePadding(x), -INFINITY), 3, 2);
  }

  Tensor AveragePool(const Tensor& x) const {
    const bool count_padding = model.conventions.average_divisor == AverageDivisor::kNine;
    if (model.conventions.pool_padding == PoolPadding::kSymmetric)
      return torch::avg_pool2d(x, 3, 2, 1, false, count_padding);
    const auto ninth = [&](const Tensor& t) {
      return torch::avg_pool2d(torch::constant_pad_nd(t, SamePadding(t)), 3, 2);
    };
    return count_padding ? ninth(x) : ninth(x) / ninth(torch::ones_like(x));
  }

  Tensor Unit(const Tensor& x, const std::string& name, int stage, bool first, bool training) const {
    const int64_t stride = !first ? 1 : stage == 2 ? model.stage2_stride : 2;
    const int64_t groups1 = first && stage == 2 ? 1 : model.groups;
    Tensor y = torch::relu(Norm(Conv(x, name + ".conv1", 1, 0, groups1), name + ".bn1", training));
    const bool before = model.conventions.shuffle_place == ShufflePlace::kBeforeDepthwise;
    if (before) y = Shuffle(y);
    y = Norm(Conv(y, name + ".depthwise", stride, 1, y.size(1)), name + ".bn2", training);
    if (!before) y = Shuffle(y);
    y = Norm(Conv(y, name + ".conv3", 1, 0, model.groups), name + ".bn3", training);
    if (!first) return torch::relu(x + y);
    const Tensor shortcut = stride == 2 ? AveragePool(x) : x;
    const bool shortcut_first = model.conventions.concat_order == ConcatOrder::kShortcutFirst;
    return torch::relu(shortcut_first ? torch::cat({shortcut, y}, 1) : torch::cat({y, shortcut}, 1));
  }

  // pictures: [N, C, H, W]. Logits [N, classes].
  Tensor Forward(Tensor x, bool training) const {
    const bool imagenet = model.stem == Stem::kImagenet;
    x = torch::relu(Norm(Conv(x, "stem.conv", imagenet ? 2 : 1, 1, 1), "stem.bn", training));
    if (imagenet) x = MaxPool(x);
    for (int stage = 2; stage <= 4; ++stage)
      for (int unit = 0; unit < (stage == 3 ? 8 : 4); ++unit)
        x = Unit(x, "stage" + std::to_string(stage) + "." + std::to_string(unit), stage, unit == 0, training);
    return torch::linear(x.mean({2, 3}), At("head.weight"), model.head_bias ? At("head.bias") : Tensor());
  }
};

// A network of ours and torch's of the same weights, on one batch.
class Pair {
 public:
  explicit Pair(const ModelDescription& model)
      : plan_(*MakePlan(model)),
        network_(OnThreads(), plan_, ReferenceOps<double>()),
        batch_(model, kOracleImages, 3),
        torch_{model, {}} {
    ParameterValues<double> values(plan_.registry);
    FillRandom(plan_.registry, 5, &values);
    network_.values().Upload(values);
    const auto copy = [&](std::span<const Parameter> parameters, const AlignedArray<double>& arena, bool trained) {
      for (const Parameter& p : parameters)
        torch_.tensors[p.name] = FromMemory(arena.data() + p.offset, p.shape).set_requires_grad(trained);
    };
    copy(plan_.registry.trainable(), values.trainable, true);
    copy(plan_.registry.statistics(), values.statistics, false);
    const int64_t size = model.image_size;
    std::vector<Tensor> channels;
    for (int c = 0; c < model.in_channels; ++c)
      channels.push_back(FromMemory(batch_.pictures()[c], {kOracleImages, size, size}));
    pictures_ = torch::stack(channels, 1);
    for (const int label : batch_.labels) labels_.push_back(label);
  }

  void ExpectEqualEvaluation() {
    const std::vector<double> logits = ForwardPass(network_, batch_, Statistics::kRunning);
    const torch::NoGradGuard no_grad;
    ExpectEqual("logits with running statistics", logits.data(), torch_.Forward(pictures_, false));
  }

  // Forward, loss, backward on both sides: logits, loss, every gradient and the running statistics.
  void ExpectEqualPass() {
    const auto [loss, our_logits] = TrainingPass(network_, ReferenceOps<double>(), batch_, kOracleClasses);
    const Tensor logits = torch_.Forward(pictures_, true);
    const Tensor torch_loss = torch::nn::functional::cross_entropy(
        logits, torch::tensor(labels_, torch::kLong),
        torch::nn::functional::CrossEntropyFuncOptions().label_smoothing(kTestSmoothing));
    torch_loss.backward();
    ExpectEqual("logits", our_logits.data(), logits);
    ExpectEqual("loss", &loss, torch_loss);
    const std::vector<double> gradients = HostCopy(network_.gradients());
    for (const Parameter& p : plan_.registry.trainable())
      ExpectEqual("gradient of " + p.name, gradients.data() + p.offset, torch_.At(p.name).grad(), GradientScale(p));
    const std::vector<double> statistics = HostCopy(network_.values().statistics);
    for (const Parameter& p : plan_.registry.statistics())
      ExpectEqual(p.name, statistics.data() + p.offset, torch_.At(p.name));
  }

  // Momentum SGD with weight decay, by the gradients of the last pass; then the weights are compared.
  void ExpectEqualStep() {
    sgd_.Step(network_);
    const std::vector<double> values = HostCopy(network_.values().trainable);
    const torch::NoGradGuard no_grad;
    for (const Parameter& p : plan_.registry.trainable()) {
      Tensor& w = torch_.tensors.at(p.name);
      Tensor& v = velocity_[p.name];
      const Tensor g = w.grad() + kWeightDecay * w;
      v = v.defined() ? kMomentum * v + g : g;
      w -= kLearningRate * v;
      w.mutable_grad() = Tensor();
      ExpectEqual(p.name + " after the step", values.data() + p.offset, w);
    }
  }

 private:
  static Tensor FromMemory(const double* values, std::vector<int64_t> shape) {
    return torch::from_blob(const_cast<double*>(values), shape, torch::kDouble).clone();
  }

  // The size that a gradient's rounding is measured against: its own, but for a shift: the second batch norm's shift
  // passes through a linear convolution into the third, which removes it, so that its gradient is rounding alone.
  double GradientScale(const Parameter& p) const {
    std::string name = p.name;
    if (p.kind == ParameterKind::kBeta) name.replace(name.rfind("beta"), 4, "gamma");
    return torch_.At(name).grad().abs().max().item<double>();
  }

  static void ExpectEqual(const std::string& what, const double* ours, const Tensor& theirs, double scale = 0) {
    const Tensor flat = theirs.detach().contiguous();
    EXPECT_LE(RelativeDistance(ours, flat.data_ptr<double>(), flat.numel(), scale), kTolerance) << what;
  }

  Plan plan_;
  Network<double> network_;
  TestBatch<double> batch_;
  TorchNet torch_;
  Tensor pictures_;
  std::vector<int64_t> labels_;
  MomentumSgd<double> sgd_{plan_.registry, {kLearningRate, kMomentum, kWeightDecay}};
  std::map<std::string, Tensor> velocity_;
};

class LibTorch : public testing::TestWithParam<OracleCase> {};

TEST_P(LibTorch, EvaluatesAlike) { Pair(GetParam().model).ExpectEqualEvaluation(); }

TEST_P(LibTorch, TrainsAlike) {
  Pair pair(GetParam().model);
  for (int step = 0; step < GetParam().steps; ++step) {
    SCOPED_TRACE("step " + std::to_string(step + 1));
    pair.ExpectEqualPass();
    pair.ExpectEqualStep();
  }
  if (GetParam().steps > 1) pair.ExpectEqualEvaluation();
}

INSTANTIATE_TEST_SUITE_P(Cases, LibTorch, testing::ValuesIn(OracleCases()),
                         [](const auto& test) { return test.param.name; });

}  // namespace
}  // namespace riffle
