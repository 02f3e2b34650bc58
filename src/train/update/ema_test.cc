// The moving average: MindCV's formula by hand, and averages that have arrived.
#include "train/update/ema.h"

#include <gmock/gmock.h>

#include <cmath>

#include "backend/testing/execution.h"
#include "backend/testing/host_copy.h"
#include "train/testing.h"

namespace riffle {
namespace {

TEST(EmaDecay, IsMindCvsFormula) {
  EXPECT_NEAR(EmaDecay(0.9999, 1), 0.9999 * (1 - std::exp(-1 / 2000.0)), 1e-15);
  EXPECT_NEAR(EmaDecay(0.9999, 2000), 0.9999 * (1 - 0.36787944117144233), 1e-12);
  EXPECT_DOUBLE_EQ(EmaDecay(0.9999, 1000000), 0.9999);
}

class Averaging : public testing::Test {
 protected:
  const Plan plan_ = *MakePlan(TinyModel());
  ParameterValues<float> online_{plan_.registry};
  DeviceParameterValues<float> device_online_{CpuDevice(), plan_.registry}, ema_{CpuDevice(), plan_.registry};
};

TEST_F(Averaging, MovesWeightsAndStatistics) {
  const size_t last = online_.trainable.size() - 1;
  online_.trainable[last] = online_.statistics[5] = 1;
  device_online_.Upload(online_);
  StartEma(device_online_, &ema_);
  EXPECT_EQ(HostCopy(ema_.trainable)[last], 1);
  EXPECT_EQ(HostCopy(ema_.statistics)[5], 1);
  online_.trainable[last] = 3;
  online_.statistics[5] = -1;
  device_online_.Upload(online_);
  const double share = 1 - EmaDecay(0.5, 2000);
  UpdateEma(OnThreads(), TestOps(), &share, device_online_, &ema_);
  const double d = 0.5 * (1 - std::exp(-1.0));
  EXPECT_NEAR(HostCopy(ema_.trainable)[last], d * 1 + (1 - d) * 3, 1e-6);
  EXPECT_NEAR(HostCopy(ema_.statistics)[5], d * 1 - (1 - d), 1e-6);
  EXPECT_EQ(HostCopy(ema_.trainable)[0], 0);
}

TEST_F(Averaging, LeavesWhatDoesNotMoveToTheLastBit) {
  for (size_t i = 0; i < online_.trainable.size(); ++i) online_.trainable[i] = 1 / static_cast<float>(i + 3);
  device_online_.Upload(online_);
  StartEma(device_online_, &ema_);
  for (int update = 1; update < 50; ++update) {
    const double share = 1 - EmaDecay(0.9999, 100 * update);
    UpdateEma(OnThreads(), TestOps(), &share, device_online_, &ema_);
  }
  EXPECT_TRUE(std::ranges::equal(online_.trainable, HostCopy(ema_.trainable)));
}

}  // namespace
}  // namespace riffle
