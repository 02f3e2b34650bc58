#include "backend/target.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <map>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backend/target_test.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace riffle::HWY_NAMESPACE {
/// The target that this copy of the function was compiled for.
int64_t CompiledTarget() { return HWY_TARGET; }
}  // namespace riffle::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace riffle {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;

HWY_EXPORT(CompiledTarget);
int64_t DispatchedTarget() { return HWY_DYNAMIC_DISPATCH(CompiledTarget)(); }

class Target : public ::testing::Test {
 protected:
  void TearDown() override {
    unsetenv("RIFFLE_TARGET");
    ASSERT_TRUE(ForceTarget("").ok());
  }
};

TEST_F(Target, TheBestOneIsUsedUntilAnotherIsForced) {
  EXPECT_EQ(ActiveTarget(), AvailableTargets().front());
  EXPECT_THAT(AvailableTargets(), Contains("baseline"));
}

TEST_F(Target, ForcingOneTakesEffectOnTheKernelThatRuns) {
  std::map<int64_t, std::string> name_of;
  for (const std::string& name : AvailableTargets()) {
    ASSERT_TRUE(ForceTarget(name).ok());
    EXPECT_EQ(ActiveTarget(), name);
    EXPECT_TRUE(name_of.emplace(DispatchedTarget(), name).second) << name << " ran the kernel of another target";
  }
#if HWY_ARCH_X86
  for (const auto& [target, name] : name_of) {
    EXPECT_EQ(name, target == HWY_AVX3 ? "avx512" : target == HWY_AVX2 ? "avx2" : "baseline");
  }
#endif
  ASSERT_TRUE(ForceTarget("").ok());
  EXPECT_EQ(name_of[DispatchedTarget()], AvailableTargets().front());
}

TEST_F(Target, AnUnknownOneIsAnErrorThatListsTheAvailableOnes) {
  const Status status = ForceTarget("avx1024");
  ASSERT_FALSE(status.ok());
  EXPECT_THAT(status.message(), HasSubstr("avx1024"));
  for (const std::string& name : AvailableTargets()) EXPECT_THAT(status.message(), HasSubstr(name));
  EXPECT_EQ(ActiveTarget(), AvailableTargets().front()) << "an error changes nothing";
}

TEST_F(Target, TheEnvironmentForcesOne) {
  ASSERT_TRUE(ForceTarget("baseline").ok());
  const int64_t baseline = DispatchedTarget();
  ASSERT_TRUE(ForceTarget("").ok());
  setenv("RIFFLE_TARGET", "baseline", 1);
  ASSERT_TRUE(UseTargetOfEnvironment().ok());
  EXPECT_EQ(ActiveTarget(), "baseline");
  EXPECT_EQ(DispatchedTarget(), baseline);

  setenv("RIFFLE_TARGET", "avx1024", 1);
  EXPECT_THAT(UseTargetOfEnvironment().message(), HasSubstr("RIFFLE_TARGET"));
}

TEST_F(Target, TheProgramsOwnChoiceWinsOverTheEnvironment) {
  const std::string best = AvailableTargets().front();
  setenv("RIFFLE_TARGET", "baseline", 1);
  ASSERT_TRUE(ForceTarget(best).ok());
  ASSERT_TRUE(UseTargetOfEnvironment().ok());
  EXPECT_EQ(ActiveTarget(), best);
}

}  // namespace
}  // namespace riffle
#endif  // HWY_ONCE
