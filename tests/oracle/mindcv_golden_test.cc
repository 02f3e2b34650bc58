// Riffle against the original system: what MindCV 0.3.0 on MindSpore 2.10.0 computed with shufflenet_v1_g3_05
// (RIFFLE_TEST_DATA/mindcv/g3_05: weights before and after one training step, logits, the losses of five steps).
#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <type_traits>

#include "backend/testing/execution.h"
#include "base/file.h"
#include "decisions.h"
#include "exchange/weight_source.h"
#include "formats/safetensors.h"
#include "model/testing/random_network.h"
#include "model/zoo.h"
#include "runtime/session.h"

namespace riffle {
namespace {

constexpr int64_t kImages = 8;
constexpr int kClasses = 10, kImageSize = 96, kSteps = 5;
// golden.json: "momentum 0.9, lr 0.005, weight decay 4e-5 on every parameter", "label smoothing 0.1".
constexpr double kMomentum = 0.9, kLearningRate = 0.005, kWeightDecay = 4e-5;
static_assert(kTestSmoothing == 0.1);

ModelDescription GoldenModel() {
  ModelDescription model = *FindModel("shufflenet_v1_g3_05");
  model.num_classes = kClasses;
  model.image_size = kImageSize;
  return model;
}

class MindCv : public testing::Test {
 protected:
  void SetUp() override {
    const char* root = std::getenv("RIFFLE_TEST_DATA");
    if (!root) GTEST_SKIP() << "RIFFLE_TEST_DATA is not set";
    folder_ = std::filesystem::path(root) / "mindcv" / "g3_05";
    ASSERT_TRUE(std::filesystem::is_directory(folder_)) << folder_ << " is missing";
    plan_ = std::make_unique<Plan>(*MakePlan(GoldenModel()));
    golden_ = nlohmann::json::parse(*ReadTextFile(folder_ / "golden.json"));
    ReadBatch();
  }

  template <class T>
  std::vector<T> ReadNumbers(const char* name) const {
    const std::string bytes = *ReadTextFile(folder_ / name);
    std::vector<T> numbers(bytes.size() / sizeof(T));
    std::memcpy(numbers.data(), bytes.data(), bytes.size());
    return numbers;
  }

  // The file has [images][channels][H][W]; a batch has one row a channel.
  void ReadBatch() {
    const auto pixels = ReadNumbers<float>("input_8x3x96x96.f32");
    constexpr int64_t area = kImageSize * kImageSize;
    ASSERT_EQ(pixels.size(), kImages * 3 * area);
    for (int64_t n = 0; n < kImages; ++n)
      for (int64_t c = 0; c < 3; ++c)
        std::copy_n(pixels.data() + (n * 3 + c) * area, area, batch_.pixels.data() + c * batch_.stride + n * area);
    const auto labels = ReadNumbers<int32_t>("labels_8.i32");
    batch_.labels.assign(labels.begin(), labels.end());
    ASSERT_EQ(batch_.labels.size(), kImages);
  }

  template <class T>
  TestBatch<T> BatchAs() const {
    TestBatch<T> batch(GoldenModel(), kImages, 0);
    std::copy(batch_.pixels.begin(), batch_.pixels.end(), batch.pixels.begin());
    batch.labels = batch_.labels;
    return batch;
  }

  // Calls visit(parameter, the golden file's values of it, our value at a place of its arena) for every tensor.
  template <class T, class Visit>
  void ForEachTensor(const char* name, ParameterValues<T>& values, const Visit& visit) const {
    const Result<SafetensorsFile> file = SafetensorsFile::Open(folder_ / name);
    ASSERT_TRUE(file.ok()) << file.status().message();
    ASSERT_EQ(file->tensors().size(), plan_->registry.trainable().size() + plan_->registry.statistics().size());
    const auto visit_list = [&](std::span<const Parameter> parameters, AlignedArray<T>& arena) {
      for (const Parameter& p : parameters) {
        const Result<TensorView> tensor = file->Find(NameAt(*FindWeightSource("mindcv"), p.name));
        ASSERT_TRUE(tensor.ok()) << p.name << ": " << tensor.status().message();
        ASSERT_EQ(tensor->shape, p.shape) << p.name;
        visit(p, *Values<float>(*tensor), arena.data() + p.offset);
      }
    };
    visit_list(plan_->registry.trainable(), values.trainable);
    visit_list(plan_->registry.statistics(), values.statistics);
  }

  template <class T>
  void LoadStart(ParameterValues<T>& values) const {
    ForEachTensor("start.safetensors", values, [](const Parameter&, const std::vector<float>& golden, T* ours) {
      std::copy(golden.begin(), golden.end(), ours);
    });
  }

  template <class T>
  void LoadStart(Network<T>& network) const {
    ParameterValues<T> values(plan_->registry);
    LoadStart(values);
    network.values().Upload(values);
  }

  template <class T>
  void ExpectLogits(const std::vector<T>& logits, const char* golden_file, double tolerance = 1e-5) const {
    const auto golden = ReadNumbers<float>(golden_file);
    ASSERT_EQ(golden.size(), kImages * kClasses);
    EXPECT_LE(RelativeDistance(logits.data(), golden.data(), kImages * kClasses), tolerance);
  }

  template <class T>
  void ExpectEvaluation(const OpTable<T>& ops) const {
    Network<T> network(OnThreads(), *plan_, ops);
    LoadStart(network);
    const TestBatch<T> batch = BatchAs<T>();
    ExpectLogits(ForwardPass(network, batch, Statistics::kRunning), "logits_eval_start.f32");
  }

  void ExpectFoldedEvaluation(const OpTable<float>& ops) const {
    ParameterValues<float> values(plan_->registry);
    LoadStart(values);
    Session session(OnThreads(), *plan_, ops);
    session.SetWeights(values);
    std::vector<float> logits(kImages * kClasses);
    session.Run(kImages, BatchAs<float>().pictures(), logits.data());
    ExpectLogits(logits, "logits_eval_start.f32");
  }

  // What the first training pass decides.
  template <class T>
  std::vector<int64_t> FirstDecisions(const OpTable<T>& ops) const {
    const DecisionRecorder<T> recorder(ops);
    Network<T> network(OnThreads(), *plan_, recorder.ops());
    LoadStart(network);
    ForwardPass(network, BatchAs<T>(), Statistics::kBatch);
    return recorder.decisions();
  }

  // How far a run may be from MindCV's, as shares: losses of the five steps, and tensors after the first.
  struct Tolerances {
    double losses[kSteps];
    double tensors, logits;
  };

  // MindCV computes in floats. Two correct float runs agree to rounding until a ReLU or a maximum among the two million
  // of a step lies so near its edge that they decide differently; from there they drift apart, and each step amplifies
  // the distance. From the third step on, MindCV's own run is 0.4 % off the exact one.
  template <class T>
  Tolerances TolerancesFor(const OpTable<T>& ops) const {
    if (std::is_same_v<T, double>) return {{1e-6, 1e-5, 5e-3, 5e-3, 5e-3}, 1e-5, 1e-5};
    const int64_t differences = CountDifferences(FirstDecisions(ops), FirstDecisions(ReferenceOps<double>()));
    EXPECT_LE(differences, 5) << "far more than rounding can explain";
    if (differences == 0) return {{1e-6, 1e-5, 3e-2, 6e-2, 0.1}, 1e-5, 1e-5};
    return {{1e-6, 1e-2, 3e-2, 6e-2, 0.1}, 2e-2, 1e-3};
  }

  template <class T>
  void ExpectTraining(const OpTable<T>& ops) const {
    const Tolerances tolerances = TolerancesFor(ops);
    Network<T> network(OnThreads(), *plan_, ops);
    LoadStart(network);
    const TestBatch<T> batch = BatchAs<T>();
    MomentumSgd<T> sgd(plan_->registry, {kLearningRate, kMomentum, kWeightDecay});
    for (int step = 0; step < kSteps; ++step) {
      const double golden = golden_["losses"][step];
      const T loss = TrainingPass(network, ops, batch, kClasses).loss;
      EXPECT_NEAR(loss, golden, golden * tolerances.losses[step]) << "step " << step + 1;
      sgd.Step(network);
      if (step == 0) ExpectAfterOneStep(network, batch, tolerances);
    }
  }

  template <class T>
  void ExpectAfterOneStep(Network<T>& network, const TestBatch<T>& batch, const Tolerances& tolerances) const {
    ParameterValues<T> values = HostValues(plan_->registry, network.values());
    ForEachTensor("after_1_step.safetensors", values,
                  [&](const Parameter& p, const std::vector<float>& golden, const T* ours) {
                    EXPECT_LE(RelativeDistance(ours, golden.data(), p.size), tolerances.tensors) << p.name;
                  });
    ExpectLogits(ForwardPass(network, batch, Statistics::kRunning), "logits_eval_after_1_step.f32", tolerances.logits);
  }

  // The losses of five steps, and all weights and statistics after them.
  std::vector<float> RunOf(const Execution& execution, const OpTable<float>& ops) const {
    Network<float> network(execution, *plan_, ops);
    LoadStart(network);
    MomentumSgd<float> sgd(plan_->registry, {kLearningRate, kMomentum, kWeightDecay});
    std::vector<float> run;
    for (int step = 0; step < kSteps; ++step) {
      run.push_back(TrainingPass(network, ops, batch_, kClasses).loss);
      sgd.Step(network);
    }
    const ParameterValues<float> values = HostValues(plan_->registry, network.values());
    run.insert(run.end(), values.trainable.begin(), values.trainable.end());
    run.insert(run.end(), values.statistics.begin(), values.statistics.end());
    return run;
  }

  std::filesystem::path folder_;
  std::unique_ptr<Plan> plan_;
  nlohmann::json golden_;
  TestBatch<float> batch_{GoldenModel(), kImages, 0};
};

TEST_F(MindCv, NamesItsParametersAsWeMapThem) {
  std::map<std::string, std::vector<int64_t>> theirs, ours;
  for (const auto& parameter : golden_["parameters"]) theirs[parameter[0]] = parameter[1].get<std::vector<int64_t>>();
  for (const auto list : {plan_->registry.trainable(), plan_->registry.statistics()})
    for (const Parameter& p : list) ours[NameAt(*FindWeightSource("mindcv"), p.name)] = p.shape;
  EXPECT_EQ(ours, theirs);
}

TEST_F(MindCv, EvaluatesAsTheReferenceInDouble) { ExpectEvaluation(ReferenceOps<double>()); }
TEST_F(MindCv, EvaluatesAsTheReference) { ExpectEvaluation(ReferenceOps<float>()); }
TEST_F(MindCv, EvaluatesAsTheCpuBackend) {
  UnderEachTarget([&] { ExpectEvaluation(CpuOps()); });
}

TEST_F(MindCv, EvaluatesAsTheFoldedReference) { ExpectFoldedEvaluation(ReferenceOps<float>()); }
TEST_F(MindCv, EvaluatesAsTheFoldedCpuBackend) {
  UnderEachTarget([&] { ExpectFoldedEvaluation(CpuOps()); });
}

TEST_F(MindCv, TrainsAsTheReferenceInDouble) { ExpectTraining(ReferenceOps<double>()); }
TEST_F(MindCv, TrainsAsTheReference) { ExpectTraining(ReferenceOps<float>()); }
TEST_F(MindCv, TrainsAsTheCpuBackend) {
  UnderEachTarget([&] { ExpectTraining(CpuOps()); });
}

TEST_F(MindCv, FiveStepsHaveTheSameBitsOnOneTwoAndThreeThreads) {
  UnderEachTarget([&] {
    const std::vector<float> one = RunOf(OnThreads(1), CpuOps());
    for (const int threads : {2, 3}) EXPECT_EQ(RunOf(OnThreads(threads), CpuOps()), one) << threads << " threads";
  });
}

}  // namespace
}  // namespace riffle
