// Starting from another run: what is taken, what is new, what is refused, and that the line says which.
#include "train/loop/transfer.h"

#include <gmock/gmock.h>

#include "backend/testing/execution.h"
#include "model/initialise.h"
#include "model/network.h"
#include "train/testing.h"

namespace riffle {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

// A network, its optimizer and its info, every value another one.
struct Weights {
  explicit Weights(CheckpointInfo of, float first) : info(std::move(of)), plan(*MakePlan(info.model)) {
    for (AlignedArray<float>* arena : {&state.values.trainable, &state.values.statistics, &state.slots[0].values})
      for (float& value : *arena) value = first++;
  }
  // The line, or the error.
  std::string StartFrom(const Weights& there) {
    const std::filesystem::path path = TestFolder() / "there.safetensors";
    EXPECT_EQ(SaveCheckpoint(path, there.info, there.plan.registry, there.state).message(), "");
    const auto line = Transfer(*Checkpoint::Open(path), info, plan, &state);
    return line.ok() ? *line : line.status().message();
  }
  std::vector<float> Values(std::string_view name) const {
    return Of(name, state.values.trainable, state.values.statistics);
  }
  std::vector<float> Slot(std::string_view name) const {
    return Of(name, state.slots[0].values, state.values.statistics);
  }
  std::vector<float> Of(std::string_view name, const AlignedArray<float>& trainable,
                        const AlignedArray<float>& statistics) const {
    for (const auto& [list, arena] :
         {std::pair(plan.registry.trainable(), &trainable), std::pair(plan.registry.statistics(), &statistics)})
      for (const Parameter& p : list)
        if (p.name == name) return {arena->data() + p.offset, arena->data() + p.offset + p.size};
    return {};
  }
  // All names, but for the head's and the first convolution's.
  std::vector<std::string> BodyNames() const {
    std::vector<std::string> names;
    for (const auto list : {plan.registry.trainable(), plan.registry.statistics()})
      for (const Parameter& p : list)
        if (p.name != "head.weight" && p.name != "stem.conv.weight") names.push_back(p.name);
    return names;
  }

  CheckpointInfo info;
  Plan plan;
  Snapshot state{plan.registry, std::array<std::string_view, 1>{"velocity"}};
};

CheckpointInfo WithClasses(std::vector<std::string> classes) {
  CheckpointInfo info = TinyInfo();
  info.classes = std::move(classes);
  info.model.num_classes = static_cast<int>(info.classes.size());
  return info;
}

void ExpectSameBody(const Weights& a, const Weights& b) {
  for (const std::string& name : a.BodyNames()) EXPECT_EQ(a.Values(name), b.Values(name)) << name;
}

TEST(Transfer, TheSameClassesKeepTheHead) {
  const Weights there(TinyInfo(), 1);
  Weights here(TinyInfo(), -1e6f);
  EXPECT_THAT(here.StartFrom(there), AllOf(HasSubstr("there.safetensors: its body and head"), Not(HasSubstr("new"))));
  ExpectSameBody(here, there);
  EXPECT_EQ(here.Values("stem.conv.weight"), there.Values("stem.conv.weight"));
  EXPECT_EQ(here.Values("head.weight"), there.Values("head.weight"));
}

TEST(Transfer, OtherClassesKeepTheBodyAndStartANewHead) {
  const Weights there(TinyInfo(), 1);
  for (const auto& [classes, why] :
       {std::pair(std::vector<std::string>{"a", "b", "c"}, "it knows 2 classes and the data have 3"),
        std::pair(std::vector<std::string>{"dark", "grey"}, "such as 'bright' and here 'grey'"),
        std::pair(std::vector<std::string>{"bright", "dark"}, "such as 'dark' and here 'bright'")}) {
    Weights here(WithClasses(classes), -1e6f);
    const std::vector<float> head = here.Values("head.weight");
    EXPECT_THAT(here.StartFrom(there), AllOf(HasSubstr("its body; the head is new"), HasSubstr(why)));
    ExpectSameBody(here, there);
    EXPECT_EQ(here.Values("head.weight"), head) << "as it was initialised";
  }
}

TEST(Transfer, TheSizeOfThePicturesTheStemAndBatchNormsConstantsMayDiffer) {
  const Weights there(TinyInfo(), 1);
  CheckpointInfo info = TinyInfo();
  info.model.image_size = 16;
  info.model.bn_eps = 1e-3;
  info.model.bn_momentum = 0.9;
  info.model.stem = Stem::kImagenet;
  Weights here(info, -1e6f);
  EXPECT_THAT(here.StartFrom(there), HasSubstr("its body and head"));
  ExpectSameBody(here, there);
}

TEST(Transfer, AnotherNetworkIsRefusedAndNamed) {
  const Weights there(TinyInfo(), 1);
  CheckpointInfo shuffle = TinyInfo(), width = TinyInfo();
  shuffle.model.conventions.shuffle_direction = ShuffleDirection::kPaper;
  width.model = *FindModel("shufflenet_v1_g1_x0_25");
  width.model.num_classes = 2;
  EXPECT_THAT(Weights(shuffle, 1).StartFrom(there), HasSubstr("its network is another one: conventions/shuffle"))
      << "the shapes are the same, but the weights mean something else";
  EXPECT_THAT(Weights(width, 1).StartFrom(there), AllOf(HasSubstr("groups is 3 there and 1 here"), HasSubstr("name")));
}

TEST(Transfer, AGreyNetworkAnswersAsTheColouredOneDoesToGreyPictures) {
  CheckpointInfo grey = TinyInfo();
  grey.model.in_channels = grey.preprocessing.channels = 1;
  grey.preprocessing.mean = grey.preprocessing.std = {100};
  Weights here(grey, -1e6f), there(TinyInfo(), 1);
  Initialise(there.plan, {.seed = 3}, &there.state.values);
  EXPECT_THAT(here.StartFrom(there), HasSubstr("summed over the colours"));
  ExpectSameBody(here, there);

  constexpr int kImages = 2, kPixels = kImages * 8 * 8;
  const int64_t stride = RowStride(kPixels);
  AlignedArray<float> colours(3 * stride);
  for (int i = 0; i < kPixels; ++i)
    for (int c = 0; c < 3; ++c) colours[c * stride + i] = std::sin(static_cast<float>(i));
  const auto logits = [&](Weights& weights) {
    Session session(OnThreads(), weights.plan, TestOps());
    session.SetWeights(weights.state.values);
    std::vector<float> answer(kImages * 2);
    session.Run(kImages, {colours.data(), stride}, answer.data());
    return answer;
  };
  const std::vector<float> expected = logits(there), found = logits(here);
  for (size_t i = 0; i < expected.size(); ++i) EXPECT_NEAR(found[i], expected[i], 1e-4 * std::abs(expected[i]) + 1e-6);

  EXPECT_THAT(Weights(TinyInfo(), 1).StartFrom(here), HasSubstr("in_channels is 1 there and 3 here"));
}

TEST(Transfer, TheOptimizerStaysAsItIs) {
  Weights here(TinyInfo(), -1e6f);
  const std::vector<float> slot = here.Slot("stem.conv.weight");
  here.StartFrom(Weights(TinyInfo(), 1));
  EXPECT_EQ(here.Slot("stem.conv.weight"), slot);
}

}  // namespace
}  // namespace riffle
