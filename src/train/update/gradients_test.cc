// Gradients between backward and optimizer: groups, sums and the global norm, by hand.
#include "train/update/gradients.h"

#include <gmock/gmock.h>

#include <cmath>

#include "backend/testing/execution.h"
#include "backend/testing/host_copy.h"
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

TEST(Accumulate, ReplacesThenAdds) {
  std::vector<float> before(40000), values(40000);
  before[3] = NAN;
  values[3] = 2;
  values[39999] = 5;
  DeviceArray<float> sum(CpuDevice(), before);
  const DeviceArray<float> gradients(CpuDevice(), values);
  Accumulate(OnThreads(), gradients, true, &sum);
  Accumulate(OnThreads(), gradients, false, &sum);
  const std::vector<float> found = HostCopy(sum);
  EXPECT_EQ(found[3], 4);
  EXPECT_EQ(found[39999], 10);
  EXPECT_EQ(found[4], 0);
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
  double Clip(double max_norm, const PolicyOptions& options = {}, int threads = DefaultThreads()) {
    DeviceArray<float> gradients(CpuDevice(), gradients_);
    const double norm = ClipByGlobalNorm(OnThreads(threads), plan_.registry, ParameterPolicies(plan_.registry, options),
                                         max_norm, &gradients);
    gradients.Download(gradients_);
    return norm;
  }
  const Plan plan_ = *MakePlan(TinyModel());
  AlignedArray<float> gradients_{static_cast<size_t>(plan_.registry.trainable_arena())};
};

TEST_F(Clipping, ScalesAllGradientsToTheNorm) {
  EXPECT_EQ(Clip(2.5), 5);
  EXPECT_EQ(gradients_[First().offset], 1.5f);
  EXPECT_EQ(gradients_[Last().offset + Last().size - 1], -2.0f);
}

TEST_F(Clipping, LeavesASmallerNormAlone) {
  EXPECT_EQ(Clip(5), 5);
  EXPECT_EQ(gradients_[First().offset], 3);
}

TEST_F(Clipping, CountsNothingThatIsFrozen) {
  EXPECT_EQ(Clip(2, {.freezes_body = true}), 4);
  EXPECT_EQ(gradients_[Last().offset + Last().size - 1], -2.0f);
}

TEST_F(Clipping, SumsInDoublePrecisionAndToTheSameBitsAtAnyNumberOfThreads) {
  for (const Parameter& p : plan_.registry.trainable())
    for (int64_t k = 0; k < p.size; ++k) gradients_[p.offset + k] = 1e-3f * static_cast<float>(k % 7 + 1);
  gradients_[First().offset] = 1e3f;  // in float, nothing of the others would be left
  double squares = 0;
  for (float g : gradients_) squares += double{g} * g;
  std::vector<double> norms;
  for (const int threads : {1, 2, 3}) norms.push_back(Clip(1e9, {}, threads));
  EXPECT_NEAR(norms[0] * norms[0] - 1e6, squares - 1e6, 1e-3 * (squares - 1e6));
  EXPECT_EQ(norms[0], norms[1]);
  EXPECT_EQ(norms[0], norms[2]);
}

}  // namespace
}  // namespace riffle
