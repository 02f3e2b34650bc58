#include "ops/backends.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "backend/target.h"

namespace riffle {
namespace {

using ::testing::HasSubstr;

class BackendsTest : public ::testing::Test {
 protected:
  void TearDown() override {
    unsetenv("RIFFLE_BACKEND");
    unsetenv("RIFFLE_TARGET");
    ASSERT_TRUE(ForceTarget("").ok());
  }
};

/// Which kernel a table would run.
auto Kernel(const Result<const OpTable<float>*>& ops) { return (*ops)->relu_forward; }

TEST_F(BackendsTest, ANameLeadsToItsOwnKernels) {
  EXPECT_EQ(Kernel(FindBackend("cpu")), CpuOps().relu_forward);
  EXPECT_EQ(Kernel(FindBackend("reference")), ReferenceOps<float>().relu_forward);
  EXPECT_NE(CpuOps().relu_forward, ReferenceOps<float>().relu_forward);
  for (const Backend& backend : Backends()) EXPECT_EQ(*FindBackend(backend.name), &backend.ops()) << backend.name;
}

TEST_F(BackendsTest, WithoutANameTheEnvironmentChoosesElseTheCpu) {
  EXPECT_EQ(Kernel(FindBackend("")), CpuOps().relu_forward);
  setenv("RIFFLE_BACKEND", "", 1);
  EXPECT_EQ(Kernel(FindBackend("")), CpuOps().relu_forward);
  setenv("RIFFLE_BACKEND", "reference", 1);
  EXPECT_EQ(Kernel(FindBackend("")), ReferenceOps<float>().relu_forward);
  EXPECT_EQ(Kernel(FindBackend("cpu")), CpuOps().relu_forward) << "a name wins over the environment";
}

TEST_F(BackendsTest, TheEnvironmentChoosesTheInstructionSet) {
  setenv("RIFFLE_TARGET", "baseline", 1);
  ASSERT_TRUE(FindBackend("cpu").ok());
  EXPECT_EQ(ActiveTarget(), "baseline");
}

TEST_F(BackendsTest, AnUnknownNameIsAnErrorThatNamesTheKnownOnes) {
  const auto unknown = FindBackend("referense");
  ASSERT_FALSE(unknown.ok());
  EXPECT_EQ(unknown.status().code(), ErrorCode::kInvalidArgument);
  EXPECT_THAT(unknown.status().message(), HasSubstr("cpu, reference"));
  EXPECT_THAT(unknown.status().message(), HasSubstr("did you mean 'reference'"));

  setenv("RIFFLE_BACKEND", "gpu", 1);
  EXPECT_THAT(FindBackend("").status().message(), HasSubstr("RIFFLE_BACKEND: unknown backend 'gpu'"));

  setenv("RIFFLE_TARGET", "avx1024", 1);
  EXPECT_THAT(FindBackend("cpu").status().message(), HasSubstr("avx1024"));
}

}  // namespace
}  // namespace riffle
