#include "formats/mindcv_names.h"

#include <gtest/gtest.h>

namespace riffle {
namespace {

TEST(MindCvName, NamesTheStemAndTheHead) {
  EXPECT_EQ(MindCvName("stem.conv.weight"), "first_conv.0.weight");
  EXPECT_EQ(MindCvName("stem.bn.gamma"), "first_conv.1.gamma");
  EXPECT_EQ(MindCvName("stem.bn.running_mean"), "first_conv.1.moving_mean");
  EXPECT_EQ(MindCvName("head.weight"), "classifier.weight");
}

TEST(MindCvName, NumbersUnitsThroughAllStages) {
  EXPECT_EQ(MindCvName("stage2.0.conv1.weight"), "features.0.branch_main_1.0.weight");
  EXPECT_EQ(MindCvName("stage2.3.bn1.beta"), "features.3.branch_main_1.1.beta");
  EXPECT_EQ(MindCvName("stage3.0.depthwise.weight"), "features.4.branch_main_2.0.weight");
  EXPECT_EQ(MindCvName("stage3.7.bn2.running_variance"), "features.11.branch_main_2.1.moving_variance");
  EXPECT_EQ(MindCvName("stage4.0.conv3.weight"), "features.12.branch_main_2.2.weight");
  EXPECT_EQ(MindCvName("stage4.3.bn3.running_mean"), "features.15.branch_main_2.3.moving_mean");
}

TEST(MindCvName, IsEmptyForNamesThatAreNotOurs) {
  for (const char* name : {"", "weight", "stem.weight", "stem.conv.bias", "stage2.4.conv1.weight", "stage5.0.bn1.beta",
                           "stage2..conv1.weight", "stage2.-1.conv1.weight", "stage2.0.conv2.weight", "stage2.0.weight",
                           "stage2.0conv1.weight", "first_conv.0.weight"})
    EXPECT_EQ(MindCvName(name), "") << name;
}

}  // namespace
}  // namespace riffle
