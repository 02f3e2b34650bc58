// The backward pass of all plans, replayed: who writes, adds, masks and gathers what, row by row. That the gradients
// are right is network_test.cc's.
#include "model/backward_plan.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <span>

#include "model/fold.h"
#include "model/zoo.h"

namespace riffle {
namespace {

struct Variant {
  Stem stem;
  int stage2_stride;
};

// Each network of the zoo with each stem and stride of stage 2.
template <class Check>
void ForEachPlan(const Check& check) {
  for (const ZooEntry& entry : Zoo())
    for (const Variant variant : {Variant{Stem::kImagenet, 2}, {Stem::kSmall, 2}, {Stem::kSmall, 1}}) {
      ModelDescription model = *FindModel(entry.name);
      model.stem = variant.stem;
      model.stage2_stride = variant.stage2_stride;
      SCOPED_TRACE(fmt::format("{}, {} stem, stage 2 at stride {}", entry.name,
                               variant.stem == Stem::kSmall ? "small" : "ImageNet's", variant.stage2_stride));
      check(*MakePlan(model));
    }
}

int MapOf(const Plan& plan, std::string_view name) {
  return static_cast<int>(std::ranges::find(plan.maps, name, &Map::name) - plan.maps.begin());
}
size_t StepOf(const Plan& plan, std::string_view name) {
  return std::ranges::find(plan.steps, name, &Step::name) - plan.steps.begin();
}
const MapBackward& BackwardOfMap(const Plan& plan, std::string_view name) {
  return plan.backward.maps[MapOf(plan, name)];
}
const StepBackward& BackwardOfStep(const Plan& plan, std::string_view name) {
  return plan.backward.steps[StepOf(plan, name)];
}

TEST(BackwardPlan, ASumHasOneGradientWithTheSumThatIsATermOfIt) {
  const Plan plan = *MakePlan(*FindModel("shufflenet_v1_g3_x1_0"));
  // Stage 2: the first unit concatenates 24 pooled channels; the others add, and each sum is a term of the next one.
  const int last = MapOf(plan, "stage2.3");
  for (const char* name : {"stage2.0", "stage2.1", "stage2.3"}) {
    EXPECT_EQ(BackwardOfMap(plan, name).gradient_map, last) << name;
    EXPECT_EQ(BackwardOfMap(plan, name).gradient_row, 0) << name;
  }
  for (const char* name : {"stem", "stem.pool", "stage2.1.conv1", "stage2.1.depthwise", "features", "logits"})
    EXPECT_EQ(BackwardOfMap(plan, name).gradient_map, MapOf(plan, name)) << name << " has a gradient of its own";
}

TEST(BackwardPlan, TheInputOfAnIdentityConcatHasItsGradientInTheFirstRows) {
  ModelDescription model = *FindModel("shufflenet_v1_g3_x1_0");
  model.stem = Stem::kSmall;
  model.stage2_stride = 1;
  const Plan plan = *MakePlan(model);
  for (const char* name : {"stem", "stem.out"}) {
    EXPECT_EQ(BackwardOfMap(plan, name).gradient_map, MapOf(plan, "stage2.3")) << name;
    EXPECT_EQ(BackwardOfMap(plan, name).gradient_row, 0) << name;
  }
}

// Whether a step is of a map's statistics alone: backward it leaves a gradient where it is, or makes it one of what is
// stored there.
bool IsStatistics(const Step& step) { return step.x == step.y; }

// Replays the backward pass on one flag a row of each gradient.
TEST(BackwardPlan, EachGradientIsWrittenBeforeItIsReadAndAddedToWhereItWasWritten) {
  ForEachPlan([](const Plan& plan) {
    std::vector<std::vector<char>> written;  // 0 or 1
    for (const Map& map : plan.maps) written.emplace_back(map.channels, false);
    const auto rows = [&](int map, int first, int count) {
      const MapBackward& place = plan.backward.maps[map];
      return std::span(written[place.gradient_map]).subspan(place.gradient_row + first, count);
    };
    std::ranges::fill(rows(plan.output(), 0, plan.model.num_classes), 1);  // by the loss
    for (size_t i = plan.steps.size(); i-- > 0;) {
      const Step& step = plan.steps[i];
      if (IsStatistics(step)) continue;
      const auto is = [](char flag) { return flag == 1; };
      EXPECT_TRUE(std::ranges::all_of(rows(step.y, step.y_row, step.channels), is)) << step.name;
      if (step.op == Op::kRelu || step.x == 0) continue;
      const auto dx = rows(step.x, 0, plan.maps[step.x].channels);
      EXPECT_EQ(std::ranges::all_of(dx, is), plan.backward.steps[i].adds) << step.name;
      EXPECT_EQ(std::ranges::any_of(dx, is), plan.backward.steps[i].adds) << step.name;
      EXPECT_TRUE(!plan.backward.steps[i].adds || step.op == Op::kGroupConv) << step.name << ": the op cannot add";
      std::ranges::fill(dx, 1);
    }
  });
}

TEST(BackwardPlan, TheLastWriterOfAReluOutputsGradientMasksItAndNobodyElse) {
  ForEachPlan([](const Plan& plan) {
    // Whether the map is a ReLU's output, on load or as stored, but for the features, which are means of them.
    for (size_t i = 0; i < plan.steps.size(); ++i) {
      const Step& step = plan.steps[i];
      const bool first_reader = std::ranges::find_if(plan.steps, [&](const Step& other) {
                                  return other.x == step.x && !IsStatistics(other);
                                }) == plan.steps.begin() + static_cast<int64_t>(i);
      bool expected = first_reader;  // in the forward pass: the last one in the backward pass
      if (step.op == Op::kStemConv || step.op == Op::kLinear) expected = false;  // no ReLU before it
      if (step.op == Op::kGroupConv && step.name.ends_with(".conv3")) expected = false;
      if (IsStatistics(step) || step.op == Op::kRelu) expected = false;  // write no gradient
      EXPECT_EQ(plan.backward.steps[i].masks, expected) << step.name;
    }
  });
}

TEST(BackwardPlan, TheSumsOfEachBatchNormAreGatheredOnceByTheLastWriterOfItsGradient) {
  ForEachPlan([](const Plan& plan) {
    std::vector<int> gathered(plan.norms.size());
    for (size_t i = plan.steps.size(); i-- > 0;) {
      const Step& step = plan.steps[i];
      const StepBackward& backward = plan.backward.steps[i];
      // From what its convolution's backward has gathered, this makes the sums of both.
      if (step.op == Op::kProductNorm) {
        ++gathered[step.norm];
        ++gathered[plan.norms[step.norm].in_norm];
      }
      if (backward.sums_norm >= 0) {
        const MapBackward& x = plan.backward.maps[step.x];
        const MapBackward& raw = plan.backward.maps[plan.norms[backward.sums_norm].raw];
        EXPECT_EQ(x.gradient_map, raw.gradient_map) << step.name << ": what it writes is another gradient";
        EXPECT_EQ(x.gradient_row, raw.gradient_row) << step.name;
        ++gathered[backward.sums_norm];
      }
      if (step.op == Op::kBatchNorm || step.op == Op::kProductNorm) {
        EXPECT_EQ(gathered[step.norm], 1) << step.name;
      }
    }
  });
}

TEST(BackwardPlan, TheFirstUnitGathersTheSumsOfASmallStem) {
  ModelDescription model = *FindModel("shufflenet_v1_g3_x1_0");
  model.stem = Stem::kSmall;
  for (const int stride : {1, 2}) {
    model.stage2_stride = stride;
    const Plan plan = *MakePlan(model);
    EXPECT_EQ(BackwardOfStep(plan, "stage2.0.conv1").sums_norm, plan.steps[StepOf(plan, "stem.relu")].norm);
  }
}

TEST(BackwardPlan, OfTwoSumsInSequenceTheSecondIsRecomputedByItsConvolution) {
  const Plan plan = *MakePlan(*FindModel("shufflenet_v1_g3_x1_0"));
  std::vector<std::string> names;
  for (size_t m = 0; m < plan.maps.size(); ++m) {
    const int step = plan.backward.maps[m].recomputed_by;
    if (step < 0) continue;
    names.push_back(plan.maps[m].name);
    EXPECT_EQ(plan.steps[step].name, plan.maps[m].name + ".conv3");
  }
  // Not the last stage's, with which backward begins.
  EXPECT_EQ(names, (std::vector<std::string>{"stage2.1", "stage2.3", "stage3.1", "stage3.3", "stage3.5", "stage3.7"}));
}

// What a map is computed from must have been kept. Group convolutions ask for it; average pools read no map backward.
TEST(BackwardPlan, RecomputesFromWhatWasKeptForWhoeverCanAsk) {
  ForEachPlan([](const Plan& plan) {
    for (const MapBackward& map : plan.backward.maps)
      if (map.recomputed_by >= 0) {
        EXPECT_EQ(plan.backward.maps[plan.steps[map.recomputed_by].shortcut].recomputed_by, -1);
      }
    for (const Step& step : plan.steps)
      if (plan.backward.maps[step.x].recomputed_by >= 0) {
        EXPECT_TRUE(step.op == Op::kGroupConv || step.op == Op::kAveragePool) << step.name;
      }
  });
}

TEST(BackwardPlan, KeepsAllMapsWhereNothingIsToBeRecomputed) {
  ForEachPlan([](const Plan& plan) {
    for (const MapBackward& map : MakeBackwardPlan(plan, Recompute::kNothing).maps) EXPECT_EQ(map.recomputed_by, -1);
  });
}

TEST(BackwardPlan, IsNoneAfterFolding) {
  const Plan folded = FoldBatchNorm(*MakePlan(*FindModel("shufflenet_v1_g3_x1_0")));
  EXPECT_TRUE(folded.backward.maps.empty());
  EXPECT_TRUE(folded.backward.steps.empty());
}

}  // namespace
}  // namespace riffle
