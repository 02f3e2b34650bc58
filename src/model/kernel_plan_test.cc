#include "model/kernel_plan.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "backend/cuda/card.h"
#include "model/fold.h"
#include "model/zoo.h"

namespace riffle {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

constexpr KernelTarget kCpu = {};
constexpr KernelTarget kFloat = {MapType::kFloat, false, LargeCard::kSharedOfBlock};
constexpr KernelTarget kTf32 = {MapType::kFloat, true, LargeCard::kSharedOfBlock};
constexpr KernelTarget kBfloat16 = {MapType::kBfloat16, false, LargeCard::kSharedOfBlock};

/// The kernels of a training step.
struct Kernels {
  Kernels(std::string_view model, const KernelTarget& target, int64_t images = 64)
      : plan(*MakePlan(*FindModel(model))),
        forward(TrainingKernels(plan, Pass::kForward, images, target)),
        backward(TrainingKernels(plan, Pass::kBackward, images, target)) {}

  const std::string& Of(std::string_view step, Pass pass) const {
    const size_t i = std::ranges::find(plan.steps, step, &Step::name) - plan.steps.begin();
    return (pass == Pass::kForward ? forward : backward).at(i);
  }
  /// Of a stage's second unit and the third one's conv1: the chain forward and backward, and the Gram matrix.
  std::string OfStage(int stage) const {
    const auto name = [&](std::string_view step) { return fmt::format("stage{}.{}", stage, step); };
    std::string gram = Of(name("1.gram"), Pass::kForward);
    if (gram == "with " + name("1.depthwise")) gram = Of(name("1.depthwise"), Pass::kForward) + " of depthwise, too";
    return fmt::format("{} | {} | {}", Of(name("1.conv3"), Pass::kForward), Of(name("2.conv1"), Pass::kBackward), gram);
  }

  Plan plan;
  std::vector<std::string> forward, backward;
};

// forward chain | backward chain | Gram matrix (up to 80 rows a group in the depthwise pass), and the stages whose
// kernels those are.
TEST(KernelPlan, OnBfloat16UnitsArePassesAsFarAsTheyFit) {
  const std::map<std::string, std::string> expected = {
      {"chain | chain | pass of depthwise, too",
       "g1_x0_25:234 g1_x0_5:23 g1_x0_75:2 g1_x1_0:2 g2_x0_25:234 g2_x0_5:23 g2_x0_75:23 g2_x1_0:2 g2_x1_5:2 "
       "g3_x0_25:234 g3_x0_5:234 g3_x0_75:23 g3_x1_0:23 g3_x1_5:2 g3_x2_0:2 "
       "g4_x0_25:234 g4_x0_5:234 g4_x0_75:23 g4_x1_0:23 g4_x1_5:2 g4_x2_0:2 "
       "g8_x0_25:234 g8_x0_5:234 g8_x0_75:234 g8_x1_0:23 g8_x1_5:23 g8_x2_0:2 "},
      {"chain | two passes | pass of depthwise, too",
       "g1_x0_5:4 g1_x0_75:3 g1_x1_0:3 g1_x1_5:2 g1_x2_0:2 g2_x0_5:4 g2_x0_75:4 g2_x1_0:3 g2_x1_5:3 g2_x2_0:2 "
       "g3_x0_75:4 g3_x1_0:4 g3_x1_5:3 g3_x2_0:3 g4_x0_75:4 g4_x1_0:4 g4_x1_5:3 g4_x2_0:3 "
       "g8_x1_0:4 g8_x1_5:4 g8_x2_0:3 "},
      {"chain | pass in 3 chunks, tensor dots 32×80, tensor product 32 | pass",
       "g1_x0_75:4 g1_x1_5:3 g2_x1_0:4 g2_x2_0:3 g3_x1_5:4 g4_x1_5:4 g8_x2_0:4 "},
      {"chain | pass in 4 chunks, tensor dots 32×80, tensor product 32 | pass",
       "g1_x1_0:4 g1_x2_0:3 g2_x1_5:4 g4_x2_0:4 "},
      {"two passes | pass in 4 chunks, tensor dots 32×80, tensor product 32 | pass", "g3_x2_0:4 "},
      {"pass, product 80 | 75776 px at a time: tensor dots 32×80, tensor product 32, tensor dots 32×80, product 80 | "
       "tensor dots 32×80",
       "g1_x1_5:4 "},
      {"pass, product 80 | 57344 px at a time: tensor dots 32×80, tensor product 32, tensor dots 32×80, product 80 | "
       "tensor dots 32×80",
       "g1_x2_0:4 "},
      {"pass, product 40 | 40960 px at a time: tensor dots 32×80, tensor product 32, tensor dots 32×80, tensor product "
       "32 | tensor dots 32×80",
       "g2_x2_0:4 "}};
  std::map<std::string, std::string> found;
  for (const ZooEntry& entry : Zoo()) {
    const Kernels kernels(entry.name, kBfloat16);
    std::map<std::string, std::string> stages;
    for (const int stage : {2, 3, 4}) stages[kernels.OfStage(stage)] += std::to_string(stage);
    for (const auto& [words, numbers] : stages)
      found[words] += fmt::format("{}:{} ", entry.name.substr(std::string_view("shufflenet_v1_").size()), numbers);
  }
  EXPECT_EQ(found, expected);
}

TEST(KernelPlan, OnFloatAllAreProductsAndDotsAndChainsGoByStretches) {
  for (const ZooEntry& entry : Zoo())
    for (const KernelTarget& target : {kFloat, kTf32}) {
      const Kernels kernels(entry.name, target);
      for (const Pass pass : {Pass::kForward, Pass::kBackward})
        for (size_t i = 0; i < kernels.plan.steps.size(); ++i) {
          const Step& step = kernels.plan.steps[i];
          const std::string& words = kernels.Of(step.name, pass);
          SCOPED_TRACE(testing::Message() << entry.name << ", " << step.name << ": " << words);
          if (step.op != Op::kGroupConv && step.op != Op::kGram) {
            EXPECT_EQ(words, "");
          } else if (!words.starts_with("with ")) {
            EXPECT_THAT(words, AllOf(Not(HasSubstr("pass")), Not(HasSubstr("tensor"))));
            EXPECT_EQ(words.find("TF32") != std::string::npos, target.tf32);
            const bool of_chain = pass == Pass::kForward ? step.chained : kernels.plan.EndsChain(i);
            EXPECT_EQ(words.find(" px at a time: ") != std::string::npos, of_chain);
          }
        }
    }
  EXPECT_EQ(Kernels("shufflenet_v1_g3_x1_0", kFloat).OfStage(3),
            "69632 px at a time: product 80, product 40 | "
            "69632 px at a time: product 80, dots 40×80, product 80, dots 40×40, product 40 | dots 40×40");
}

TEST(KernelPlan, OfAChainTheStepThatRunsForBothHasTheKernels) {
  for (const KernelTarget& target : {kCpu, kBfloat16}) {
    const Kernels kernels("shufflenet_v1_g3_x0_5", target);
    EXPECT_EQ(kernels.Of("stage2.1.conv3", Pass::kForward), "chain");
    EXPECT_EQ(kernels.Of("stage2.2.conv1", Pass::kForward), "with stage2.1.conv3");
    EXPECT_EQ(kernels.Of("stage2.2.conv1", Pass::kBackward), "chain");
    EXPECT_EQ(kernels.Of("stage2.1.conv3", Pass::kBackward), "with stage2.2.conv1");
  }
}

TEST(KernelPlan, OnTheCpuMapsStayWithinTheCachesOrGoByBlocks) {
  const Plan folded = FoldBatchNorm(*MakePlan(*FindModel("shufflenet_v1_g3_x1_0")));
  const size_t conv3 = std::ranges::find(folded.steps, "stage2.1.conv3", &Step::name) - folded.steps.begin();
  EXPECT_EQ(InferenceKernels(folded, 1, kCpu)[conv3], "within the caches");
  EXPECT_EQ(InferenceKernels(folded, 64, kCpu)[conv3], "blocks of pixels");
  EXPECT_EQ(InferenceKernels(folded, 64, kBfloat16)[conv3], "pass");
  EXPECT_EQ(Kernels("shufflenet_v1_g3_x1_0", kCpu, 1).Of("stage2.1.conv1", Pass::kForward), "blocks of pixels")
      << "they gather moments";
}

}  // namespace
}  // namespace riffle
