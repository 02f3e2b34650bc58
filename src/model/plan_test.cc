// The plan as data: its counts against the publications, the shuffle against the paper's words, and what every backend
// takes for granted of any plan.
#include "model/plan.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "model/zoo.h"

namespace riffle {
namespace {

Plan PlanOf(const std::string& name) { return *MakePlan(*FindModel(name)); }

TEST(Plan, HasMindCvsTrainableParameters) {
  EXPECT_EQ(PlanOf("shufflenet_v1_g3_x0_5").registry.trainable_count(), 717'324);
  EXPECT_EQ(PlanOf("shufflenet_v1_g3_x1_0").registry.trainable_count(), 1'864'728);
  EXPECT_EQ(PlanOf("shufflenet_v1_g3_x1_5").registry.trainable_count(), 3'441'168);
  EXPECT_EQ(PlanOf("shufflenet_v1_g3_x2_0").registry.trainable_count(), 5'449'776);
}

// MindCV's model page: 0.73, 1.89, 3.48, 5.50 M.
TEST(Plan, HasMindCvsParametersWithRunningStatistics) {
  const auto total = [](const char* name) {
    const Plan plan = PlanOf(name);
    return std::round(static_cast<double>(plan.registry.trainable_count() + plan.registry.statistics_count()) / 1e4) /
           100;
  };
  EXPECT_EQ(total("shufflenet_v1_g3_x0_5"), 0.73);
  EXPECT_EQ(total("shufflenet_v1_g3_x1_0"), 1.89);
  EXPECT_EQ(total("shufflenet_v1_g3_x1_5"), 3.48);
  EXPECT_EQ(total("shufflenet_v1_g3_x2_0"), 5.50);
}

struct Published {
  const char* name;
  double mega_macs;
  double mega_parameters;
};

// Megvii's README: "FLOPs" are multiply-accumulates in millions, parameters in millions; some digits are cut off.
TEST(Plan, HasMegviisMacsAndParameters) {
  for (const Published& row : {Published{"shufflenet_v1_g3_x0_5", 38, 0.7},
                               {"shufflenet_v1_g3_x1_0", 138, 1.9},
                               {"shufflenet_v1_g3_x1_5", 292, 3.4},
                               {"shufflenet_v1_g3_x2_0", 524, 5.4},
                               {"shufflenet_v1_g8_x0_5", 40, 1.0},
                               {"shufflenet_v1_g8_x1_0", 138, 2.4},
                               {"shufflenet_v1_g8_x1_5", 290, 4.3},
                               {"shufflenet_v1_g8_x2_0", 522, 6.5}}) {
    const Plan plan = PlanOf(row.name);
    EXPECT_NEAR(static_cast<double>(plan.Macs()) / 1e6, row.mega_macs, 1) << row.name;
    EXPECT_NEAR(static_cast<double>(plan.registry.trainable_count()) / 1e6, row.mega_parameters, 0.1) << row.name;
  }
}

// Paper, Table 1, to the digit: it counts convolutions alone. The classifier, which we and Megvii count, adds 0.6 to
// 1.5 million, so that four groups have 134 with us and 133 there.
TEST(Plan, HasThePapersComplexityWithoutTheClassifier) {
  for (const auto& [groups, mega_macs] : {std::pair{1, 143}, {2, 140}, {3, 137}, {4, 133}, {8, 137}}) {
    const Plan plan = PlanOf(fmt::format("shufflenet_v1_g{}_x1_0", groups));
    const int64_t convolutions = plan.Macs() - plan.Macs(plan.steps.back());
    EXPECT_EQ(std::round(static_cast<double>(convolutions) / 1e6), mega_macs) << groups << " groups";
  }
}

// The sum of the table of `riffle summary` is its last line.
TEST(Plan, StepsHoldAllParameters) {
  for (const ZooEntry& entry : Zoo()) {
    const Plan plan = PlanOf(std::string(entry.name));
    int64_t sum = 0;
    for (const Step& step : plan.steps) sum += plan.Parameters(step);
    EXPECT_EQ(sum, plan.registry.trainable_count()) << entry.name;
  }
}

// Every value that a step reads was written before, whole, and each row by one step alone.
void ExpectSoundDataFlow(const Plan& plan) {
  std::vector<std::vector<int>> writes(plan.maps.size());
  for (size_t m = 0; m < plan.maps.size(); ++m) writes[m].assign(plan.maps[m].channels, m == 0);
  const auto written = [&](int map) { return std::ranges::all_of(writes[map], [](int count) { return count == 1; }); };
  for (const Step& step : plan.steps) {
    ASSERT_TRUE(written(step.x)) << step.name;
    ASSERT_TRUE(step.shortcut < 0 || written(step.shortcut)) << step.name;
    if (step.x == step.y) continue;  // statistics alone
    for (int row = step.y_row; row < step.y_row + step.channels; ++row) ++writes[step.y][row];
    // A concat whose one branch is the input in place: its rows were written with the input.
    for (size_t m = 0; m < plan.maps.size(); ++m)
      if (plan.maps[m].stored_in == step.y)
        for (int row = 0; row < plan.maps[m].channels; ++row) writes[step.y][plan.maps[m].stored_row + row] = 1;
  }
  EXPECT_TRUE(written(plan.output()));
}

TEST(Plan, EachRowOfTheZooMakesOneForEachConventionAndStem) {
  for (const ZooEntry& entry : Zoo())
    for (const NamedConventions& named : kConventions)
      for (const int variant : {0, 1, 2}) {
        ModelDescription model = *FindModel(entry.name);
        model.conventions = named.conventions;
        model.stem = variant == 0 ? Stem::kImagenet : Stem::kSmall;
        model.stage2_stride = variant == 2 ? 1 : 2;
        SCOPED_TRACE(fmt::format("{} {} variant {}", entry.name, named.name, variant));
        const Result<Plan> plan = MakePlan(model);
        ASSERT_TRUE(plan.ok()) << plan.status().message();
        ExpectSoundDataFlow(*plan);
      }
}

// The widest map of a unit: what stands in for it is derived in docs/backward.md.
TEST(Plan, StoresNoLastConvolutionsOutputBeforeItsBatchNorm) {
  const Plan plan = PlanOf("shufflenet_v1_g3_x1_0");
  int units = 0;
  for (const Step& step : plan.steps) {
    if (!step.name.ends_with(".conv3")) continue;
    ++units;
    EXPECT_FALSE(plan.WritesRaw(step)) << step.name;
    EXPECT_TRUE(step.relu) << step.name;
    EXPECT_EQ(plan.maps[step.y].name + ".conv3", step.name) << "it writes the unit's own output";
    const Norm& norm = plan.norms[step.norm];
    EXPECT_EQ(norm.raw, -1) << step.name;
    EXPECT_EQ(norm.weight, step.weight) << step.name;
    EXPECT_EQ(plan.norms[norm.in_norm].raw, step.x) << step.name;
  }
  EXPECT_EQ(units, 16);
}

// A device uploads all row indices at once; steps and norms say where theirs begin.
TEST(Plan, ShufflesByRowIndicesThatLieInOneArray) {
  for (const NamedConventions& named : kConventions) {
    ModelDescription model = *FindModel("shufflenet_v1_g3_x0_25");
    model.conventions = named.conventions;
    const Plan plan = *MakePlan(model);
    const bool after = named.conventions.shuffle_place == ShufflePlace::kAfterDepthwise;
    size_t indices = 0;
    for (const Step& step : plan.steps) {
      if (step.op != Op::kDepthwiseConv) continue;
      SCOPED_TRACE(std::string(named.name) + " " + step.name);
      const std::vector<int> shuffle = ShufflePermutation(step.channels, 3, named.conventions.shuffle_direction);
      const auto is_shuffle = [&](int first) {
        return std::equal(shuffle.begin(), shuffle.end(), plan.RowIndices(first));
      };
      EXPECT_TRUE(is_shuffle(step.in_rows));
      for (const int moved : {step.weight_rows, plan.norms[step.norm].parameter_rows})
        EXPECT_TRUE(after ? is_shuffle(moved) : plan.RowIndices(moved) == nullptr);
      indices += shuffle.size();
    }
    EXPECT_EQ(plan.row_indices.size(), indices) << named.name;
  }
}

TEST(Plan, WithOneGroupShufflesNothing) { EXPECT_TRUE(PlanOf("shufflenet_v1_g1_x0_25").row_indices.empty()); }

TEST(Plan, RefusesWhatMakesNoNetwork) {
  ModelDescription model = *FindModel("shufflenet_v1_g3_x0_5");
  model.stage2_channels = 121;
  EXPECT_EQ(MakePlan(model).status().code(), ErrorCode::kInvalidArgument);
}

// The paper, Section 3.1: "we first reshape the output channel dimension into (g, n), transposing and then flattening
// it back". The other direction reshapes into (n, g).
std::vector<int> ReshapeTransposeFlatten(int rows, int columns) {
  std::vector<std::vector<int>> matrix(rows, std::vector<int>(columns));
  for (int i = 0, next = 0; i < rows; ++i)
    for (int j = 0; j < columns; ++j) matrix[i][j] = next++;
  std::vector<int> flat;
  for (int j = 0; j < columns; ++j)
    for (int i = 0; i < rows; ++i) flat.push_back(matrix[i][j]);
  return flat;
}

TEST(ShufflePermutation, IsReshapeTransposeFlatten) {
  for (const int groups : {1, 2, 3, 4, 8})
    for (const int n : {1, 2, 5, 20}) {
      SCOPED_TRACE(fmt::format("{} groups of {}", groups, n));
      EXPECT_EQ(ShufflePermutation(groups * n, groups, ShuffleDirection::kPaper), ReshapeTransposeFlatten(groups, n));
      EXPECT_EQ(ShufflePermutation(groups * n, groups, ShuffleDirection::kInverse), ReshapeTransposeFlatten(n, groups));
    }
}

TEST(ShufflePermutation, DirectionsUndoOneAnother) {
  const std::vector<int> there = ShufflePermutation(24, 3, ShuffleDirection::kPaper);
  const std::vector<int> back = ShufflePermutation(24, 3, ShuffleDirection::kInverse);
  for (int i = 0; i < 24; ++i) EXPECT_EQ(there[back[i]], i);
}

}  // namespace
}  // namespace riffle
