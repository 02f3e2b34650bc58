// The table against the publications, through counts that this file derives from the paper alone.
#include "model/zoo.h"

#include <gmock/gmock.h>

#include <cmath>
#include <set>

namespace riffle {
namespace {

using testing::HasSubstr;

// Trainable numbers, multiply-accumulates of one picture, and batch-norm channels of a network at 224 px.
struct Counts {
  int64_t trainable = 0;
  int64_t macs = 0;
  int64_t bn_channels = 0;
};

// A convolution without bias on a square of `out_size` px, and the batch norm behind it (gamma and beta).
void AddConv(Counts& counts, int64_t in, int64_t out, int64_t kernel, int64_t groups, int64_t out_size) {
  const int64_t weights = in / groups * out * kernel * kernel;
  counts.trainable += weights + 2 * out;
  counts.macs += weights * out_size * out_size;
  counts.bn_channels += out;
}

// Paper, Table 1 and Figure 2, for 1,000 classes.
Counts Count(const ZooEntry& entry) {
  Counts counts;
  AddConv(counts, 3, entry.stem_channels, 3, 1, 112);
  int64_t in = entry.stem_channels, size = 56;  // after the max-pool
  for (int stage = 2; stage <= 4; ++stage) {
    const int64_t out = int64_t{entry.stage2_channels} << (stage - 2);
    const int64_t mid = (out / 4 + entry.groups - 1) / entry.groups * entry.groups;
    for (int unit = 0; unit < (stage == 3 ? 8 : 4); ++unit) {
      const bool first = unit == 0;
      // "we do not apply group convolution on the first pointwise layer" of stage 2 (Section 3.2)
      AddConv(counts, in, mid, 1, stage == 2 && first ? 1 : entry.groups, size);
      if (first) size /= 2;
      AddConv(counts, mid, mid, 3, mid, size);
      AddConv(counts, mid, first ? out - in : out, 1, entry.groups, size);
      in = out;
    }
  }
  counts.trainable += in * 1000;
  counts.macs += in * 1000;
  return counts;
}

const ZooEntry& Entry(int groups, double width) {
  for (const ZooEntry& entry : Zoo())
    if (entry.groups == groups && entry.width == width) return entry;
  ADD_FAILURE() << "the zoo has no row for " << groups << " groups at " << width;
  return Zoo().front();
}

TEST(Zoo, HasEachGroupCountAtEachWidthUnderNamesThatSayIt) {
  ASSERT_EQ(Zoo().size(), 30u);
  std::set<std::string> names;
  size_t row = 0;
  for (const int groups : {1, 2, 3, 4, 8})
    for (const char* width : {"0_25", "0_5", "0_75", "1_0", "1_5", "2_0"}) {
      const ZooEntry& entry = Zoo()[row++];
      std::string dotted = width, short_form = width;
      dotted[1] = '.';
      short_form.erase(1, 1);
      EXPECT_EQ(entry.groups, groups);
      EXPECT_EQ(entry.width, std::stod(dotted));
      EXPECT_EQ(entry.name, fmt::format("shufflenet_v1_g{}_x{}", groups, width));
      EXPECT_EQ(entry.alias, fmt::format("shufflenet_v1_g{}_{}", groups, short_form));
      EXPECT_TRUE(names.emplace(entry.name).second && names.emplace(entry.alias).second);
    }
}

TEST(Zoo, Stage2IsThePapersTimesTheWidth) {
  for (const auto& [groups, channels] : {std::pair{1, 144}, {2, 200}, {3, 240}, {4, 272}, {8, 384}})
    for (const double width : {0.25, 0.5, 0.75, 1.0, 1.5, 2.0})
      EXPECT_EQ(Entry(groups, width).stage2_channels, channels * width) << groups << " groups at " << width;
}

// megvii-model/ShuffleNet-Series, ShuffleNetV1/network.py.
TEST(Zoo, StemsAreMegviis) {
  for (const int groups : {3, 8}) {
    EXPECT_EQ(Entry(groups, 0.5).stem_channels, groups == 3 ? 12 : 16);
    EXPECT_EQ(Entry(groups, 1.0).stem_channels, 24);
    EXPECT_EQ(Entry(groups, 1.5).stem_channels, 24);
    EXPECT_EQ(Entry(groups, 2.0).stem_channels, 48);
  }
}

TEST(Zoo, StemsFollowOneRule) {
  for (const ZooEntry& entry : Zoo()) {
    int expected = entry.width == 1.5 ? 24 : static_cast<int>(24 * entry.width);
    while ((entry.stage2_channels - expected) % entry.groups != 0) ++expected;
    EXPECT_EQ(entry.stem_channels, expected) << entry.name;
  }
}

TEST(Zoo, TrainableParametersOfThreeGroupsAreMindCvs) {
  EXPECT_EQ(Count(Entry(3, 0.5)).trainable, 717'324);
  EXPECT_EQ(Count(Entry(3, 1.0)).trainable, 1'864'728);
  EXPECT_EQ(Count(Entry(3, 1.5)).trainable, 3'441'168);
  EXPECT_EQ(Count(Entry(3, 2.0)).trainable, 5'449'776);
}

// MindCV's model page counts the running mean and variance, too: 0.73, 1.89, 3.48, 5.50 M.
TEST(Zoo, ParametersWithRunningStatisticsAreMindCvs) {
  const auto millions = [](double width) {
    const Counts counts = Count(Entry(3, width));
    return std::round((counts.trainable + 2 * counts.bn_channels) / 1e4) / 100;
  };
  EXPECT_EQ(millions(0.5), 0.73);
  EXPECT_EQ(millions(1.0), 1.89);
  EXPECT_EQ(millions(1.5), 3.48);
  EXPECT_EQ(millions(2.0), 5.50);
}

// Megvii's table: millions of multiply-accumulates and of parameters (it cuts digits off, or rounds them).
TEST(Zoo, ComplexityAndParametersAreMegviis) {
  struct Row {
    int groups;
    double width, mega_macs, mega_parameters;
  };
  for (const Row& row : {Row{3, 0.5, 38, 0.7},
                         {3, 1.0, 138, 1.9},
                         {3, 1.5, 292, 3.4},
                         {3, 2.0, 524, 5.4},
                         {8, 0.5, 40, 1.0},
                         {8, 1.0, 138, 2.4},
                         {8, 1.5, 290, 4.3},
                         {8, 2.0, 522, 6.5}}) {
    const Counts counts = Count(Entry(row.groups, row.width));
    EXPECT_NEAR(counts.macs / 1e6, row.mega_macs, 1) << row.groups << " groups at " << row.width;
    EXPECT_NEAR(counts.trainable / 1e6, row.mega_parameters, 0.1) << row.groups << " groups at " << row.width;
  }
}

// osmr/imgclsmob, pytorch/README.md: parameters with the head's bias.
TEST(Zoo, ParametersArePytorchcvs) {
  struct Row {
    int groups;
    double width;
    int64_t parameters;
  };
  for (const Row& row : {Row{1, 0.25, 209'746},
                         {3, 0.25, 305'902},
                         {1, 0.5, 534'484},
                         {3, 0.5, 718'324},
                         {1, 0.75, 975'214},
                         {3, 0.75, 1'238'266},
                         {1, 1.0, 1'531'936},
                         {2, 1.0, 1'733'848},
                         {3, 1.0, 1'865'728},
                         {4, 1.0, 1'968'344},
                         {8, 1.0, 2'434'768}})
    EXPECT_EQ(Count(Entry(row.groups, row.width)).trainable + 1000, row.parameters)
        << row.groups << " groups at " << row.width;
}

// Paper, Table 1 (complexity) and Table 2 (38 and 13 M for the narrow networks of any number of groups). The paper does
// not say how narrow their stems are; at 0.25 ours, a quarter of the full one, leaves 11 to 13 M.
TEST(Zoo, ComplexityIsThePapers) {
  for (const auto& [groups, mega_macs] : {std::pair{1, 143}, {2, 140}, {3, 137}, {4, 133}, {8, 137}})
    EXPECT_NEAR(Count(Entry(groups, 1.0)).macs / 1e6, mega_macs, 1.5) << groups << " groups";
  for (const int groups : {1, 2, 3, 4, 8}) {
    EXPECT_NEAR(Count(Entry(groups, 0.5)).macs / 1e6, 38, 3) << groups << " groups";
    EXPECT_NEAR(Count(Entry(groups, 0.25)).macs / 1e6, 12, 1.5) << groups << " groups";
  }
}

TEST(FindModel, FindsEachRowByNameAndAlias) {
  for (const ZooEntry& entry : Zoo())
    for (const std::string_view name : {entry.name, entry.alias}) {
      const Result<ModelDescription> model = FindModel(name);
      ASSERT_TRUE(model.ok()) << model.status().message();
      EXPECT_EQ(model->name, entry.name);
      EXPECT_EQ(model->groups, entry.groups);
      EXPECT_EQ(model->stem_channels, entry.stem_channels);
      EXPECT_EQ(model->stage2_channels, entry.stage2_channels);
      EXPECT_EQ(Check(*model).message(), "");
    }
}

TEST(FindModel, NamesTheNearest) {
  const Result<ModelDescription> model = FindModel("shufflenet_v1_g3x0_5");
  ASSERT_FALSE(model.ok());
  EXPECT_EQ(model.status().code(), ErrorCode::kNotFound);
  EXPECT_THAT(model.status().message(), HasSubstr("nearest is shufflenet_v1_g3_x0_5"));
}

}  // namespace
}  // namespace riffle
