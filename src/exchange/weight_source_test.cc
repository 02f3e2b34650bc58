#include "exchange/weight_source.h"

#include <gtest/gtest.h>

#include <set>

#include "model/plan.h"
#include "model/zoo.h"

namespace riffle {
namespace {

TEST(NameAt, CallsATensorAsItsSourceDoes) {
  const struct {
    const char *source, *ours, *theirs;
  } cases[] = {
      // MindCV numbers units through all stages.
      {"mindcv", "stem.conv.weight", "first_conv.0.weight"},
      {"mindcv", "stem.bn.gamma", "first_conv.1.gamma"},
      {"mindcv", "stem.bn.running_mean", "first_conv.1.moving_mean"},
      {"mindcv", "head.weight", "classifier.weight"},
      {"mindcv", "stage2.0.conv1.weight", "features.0.branch_main_1.0.weight"},
      {"mindcv", "stage2.3.bn1.beta", "features.3.branch_main_1.1.beta"},
      {"mindcv", "stage3.0.depthwise.weight", "features.4.branch_main_2.0.weight"},
      {"mindcv", "stage3.7.bn2.running_variance", "features.11.branch_main_2.1.moving_variance"},
      {"mindcv", "stage4.0.conv3.weight", "features.12.branch_main_2.2.weight"},
      {"mindcv", "stage4.3.bn3.running_mean", "features.15.branch_main_2.3.moving_mean"},
      // Megvii calls norms as PyTorch does.
      {"megvii", "stage3.7.bn2.gamma", "features.11.branch_main_2.1.weight"},
      {"megvii", "stage3.7.bn2.running_variance", "features.11.branch_main_2.1.running_var"},
      {"megvii", "head.weight", "classifier.0.weight"},
      // MMPretrain counts stages and units from nought, pytorchcv from one.
      {"mmpretrain", "stem.bn.beta", "backbone.conv1.bn.bias"},
      {"mmpretrain", "stage2.0.conv1.weight", "backbone.layers.0.0.g_conv_1x1_compress.conv.weight"},
      {"mmpretrain", "stage4.3.bn2.running_mean", "backbone.layers.2.3.depthwise_conv3x3_bn.bn.running_mean"},
      {"mmpretrain", "head.bias", "head.fc.bias"},
      {"pytorchcv", "stem.conv.weight", "features.init_block.conv.weight"},
      {"pytorchcv", "stage2.0.conv1.weight", "features.stage1.unit1.compress_conv1.weight"},
      {"pytorchcv", "stage4.3.bn3.gamma", "features.stage3.unit4.expand_bn3.weight"},
      {"pytorchcv", "head.bias", "output.bias"},
  };
  for (const auto& c : cases) EXPECT_EQ(NameAt(*FindWeightSource(c.source), c.ours), c.theirs) << c.source;
}

TEST(NameAt, IsEmptyForNamesThatAreNotOurs) {
  for (const WeightSource& source : WeightSources())
    for (const char* name :
         {"", "weight", "stem.weight", "stem.conv.bias", "stage2.4.conv1.weight", "stage5.0.bn1.beta",
          "stage2..conv1.weight", "stage2.-1.conv1.weight", "stage2.0.conv2.weight", "stage2.0.weight",
          "stage2.0conv1.weight", "first_conv.0.weight", "stage2.0.bn1.weight", "stage2.0.conv1.gamma", "head.gamma"})
      EXPECT_EQ(NameAt(source, name), "") << source.name << ": " << name;
}

TEST(NameAt, GivesEachTensorOfANetworkANameOfItsOwn) {
  ModelDescription model = *FindModel("shufflenet_v1_g3_x0_25");
  model.head_bias = true;
  const Plan plan = *MakePlan(model);
  for (const WeightSource& source : WeightSources()) {
    std::set<std::string> names;
    for (const auto list : {plan.registry.trainable(), plan.registry.statistics()})
      for (const Parameter& p : list) {
        const std::string name = NameAt(source, p.name);
        EXPECT_FALSE(name.empty()) << source.name << ": " << p.name;
        EXPECT_TRUE(names.insert(name).second) << name;
        EXPECT_TRUE(source.name != "riffle" || name == p.name) << name;
      }
  }
}

TEST(WeightSources, HaveConventionsOfTheTable) {
  for (const WeightSource& source : WeightSources())
    EXPECT_NE(std::ranges::find(kConventions, source.conventions, &NamedConventions::name), kConventions.end());
}

TEST(PreprocessingOf, IsImageNetsButForMegviiWhichTakesRawPixels) {
  const Preprocessing usual = PreprocessingOf(*FindWeightSource("mmpretrain"), 3);
  EXPECT_EQ(usual.image_size, 224);
  EXPECT_EQ(usual.ResizedShortSide(), 256);
  EXPECT_FLOAT_EQ(usual.mean[0], 123.675f);
  EXPECT_FLOAT_EQ(usual.std[2], 57.375f);
  const Preprocessing raw = PreprocessingOf(*FindWeightSource("megvii"), 3);
  EXPECT_EQ(raw.mean, (std::vector<float>{0, 0, 0}));
  EXPECT_EQ(raw.std, (std::vector<float>{1, 1, 1}));
  EXPECT_EQ(PreprocessingOf(*FindWeightSource("mindcv"), 1).mean.size(), 1u);
}

}  // namespace
}  // namespace riffle
