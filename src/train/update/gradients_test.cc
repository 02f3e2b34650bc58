// Gradients between backward and optimizer: groups and the global norm, by hand.
#include "train/update/gradients.h"

#include <gtest/gtest.h>

#include "backend/testing/execution.h"
#include "train/testing.h"

namespace riffle {
namespace {

TEST(GroupOf, CountsWithinTheGroupAndLetsTheLastOneBeSmaller) {
  struct Row {
    int64_t batch, index, size;
  };
  for (const Row& row : {Row{0, 0, 3}, Row{2, 2, 3}, Row{3, 0, 3}, Row{5, 2, 3}, Row{6, 0, 2}, Row{7, 1, 2}}) {
    const UpdateGroup group = GroupOf(row.batch, 8, 3);
    EXPECT_EQ(group.index, row.index) << row.batch;
    EXPECT_EQ(group.size, row.size) << row.batch;
  }
  EXPECT_TRUE(GroupOf(7, 8, 3).last());
  EXPECT_TRUE(GroupOf(4, 8, 1).first() && GroupOf(4, 8, 1).last());
  EXPECT_EQ(GroupOf(0, 2, 100).size, 2);
}

class Clipping : public testing::Test {
 protected:
  // 3 in the stem and 4 in the head: norm 5.
  Clipping() {
    gradients_[First().offset] = 3;
    gradients_[Last().offset + Last().size - 1] = -4;
  }
  const Parameter& First() const { return plan_.registry.trainable().front(); }
  const Parameter& Last() const { return plan_.registry.trainable().back(); }
  void Clip(double max_norm, const PolicyOptions& options = {}) {
    DeviceArray<float> gradients(CpuDevice(), gradients_);
    NormClip(CpuDevice(), plan_.registry, ParameterPolicies(plan_.registry, options), max_norm, TestOps())
        .Clip(OnThreads(), &gradients);
    gradients.Download(gradients_);
  }
  const Plan plan_ = *MakePlan(TinyModel());
  AlignedArray<float> gradients_{static_cast<size_t>(plan_.registry.trainable_arena_values())};
};

TEST_F(Clipping, ScalesAllGradientsToTheNorm) {
  Clip(2.5);
  EXPECT_EQ(gradients_[First().offset], 1.5f);
  EXPECT_EQ(gradients_[Last().offset + Last().size - 1], -2.0f);
}

TEST_F(Clipping, LeavesASmallerNormAlone) {
  Clip(5);
  EXPECT_EQ(gradients_[First().offset], 3);
}

TEST_F(Clipping, CountsNothingThatIsFrozen) {
  Clip(2, {.freezes_body = true});  // the norm is 4
  EXPECT_EQ(gradients_[Last().offset + Last().size - 1], -2.0f);
}

}  // namespace
}  // namespace riffle
