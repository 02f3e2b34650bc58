#include "cli/machine.h"

#include <gmock/gmock.h>

#include <cstdlib>

#include "backend/testing/guarded_device.h"
#include "ops/backends.h"

namespace riffle {
namespace {

using testing::HasSubstr;

/// The environment's backend is `name` as long as this lives.
class Environment {
 public:
  explicit Environment(const char* name) {
    if (const char* before = std::getenv("RIFFLE_BACKEND")) before_ = before;
    setenv("RIFFLE_BACKEND", name, 1);
  }
  ~Environment() { before_ ? setenv("RIFFLE_BACKEND", before_->c_str(), 1) : unsetenv("RIFFLE_BACKEND"); }

 private:
  std::optional<std::string> before_;
};

TEST(Machine, HasTheThreadsThatWereAskedFor) {
  const auto machine = OpenMachine({.threads = 3});
  ASSERT_TRUE(machine.ok()) << machine.status().message();
  EXPECT_EQ((*machine)->pool.threads(), 3);
  EXPECT_EQ(&(*machine)->execution.pool, &(*machine)->pool);
}

TEST(Machine, WithoutAWordHasAllThatTheProcessMayUse) {
  const auto machine = OpenMachine({});
  ASSERT_TRUE(machine.ok()) << machine.status().message();
  EXPECT_EQ((*machine)->pool.threads(), DefaultThreads());
}

TEST(Machine, TakesTheBackendOfTheEnvironment) {
  const Environment environment("reference");
  const auto machine = OpenMachine({.threads = 1});
  ASSERT_TRUE(machine.ok()) << machine.status().message();
  EXPECT_EQ(&(*machine)->ops, *FindBackend("reference"));
}

// A machine whose device is no CPU, though it computes nothing.
Machine WithSomeGpu() { return {ThreadPool(1), std::make_unique<GuardedDevice>(), CpuOps(), "", true}; }

TEST(Machine, RoundsToTf32WhereItHasAGpuAndSaysWhereThatHasNoEffect) {
  const auto cpu = OpenMachine({.device_target = "CPU", .tf32 = true});
  ASSERT_TRUE(cpu.ok()) << cpu.status().message();
  EXPECT_FALSE((*cpu)->execution.tf32);
  EXPECT_THAT(NoteOnTf32(true, {MapType::kFloat}, **cpu), HasSubstr("the CPU computes everything in fp32"));
  EXPECT_EQ(NoteOnTf32(false, {MapType::kFloat}, **cpu), "");

  const Machine gpu = WithSomeGpu();
  EXPECT_TRUE(gpu.execution.tf32);
  EXPECT_EQ(NoteOnTf32(true, {MapType::kBfloat16, MapType::kFloat}, gpu), "");
  EXPECT_THAT(NoteOnTf32(true, {MapType::kBfloat16, MapType::kBfloat16}, gpu), HasSubstr("maps are bfloat16"));
}

TEST(Machine, SaysThatTheCpuTakesNoCardsNumberWhereItWasTyped) {
  const auto cpu = OpenMachine({.device_target = "CPU"});
  ASSERT_TRUE(cpu.ok()) << cpu.status().message();
  Settings typed, of_a_file;
  ASSERT_TRUE(typed.Set("device_id", "0", std::string(kCommandLine)).ok());
  ASSERT_TRUE(of_a_file.Set("device_id", "0", "recipe.yaml line 3").ok());
  EXPECT_EQ(NoteOnDeviceId(typed, **cpu), "--device_id has no effect here: the CPU computes");
  EXPECT_EQ(NoteOnDeviceId(typed, WithSomeGpu()), "");
  EXPECT_EQ(NoteOnDeviceId(of_a_file, **cpu), "") << "a recipe is shared by machines";
  EXPECT_EQ(NoteOnDeviceId({}, **cpu), "");
}

TEST(Machine, SaysWhatThereIsNot) {
  const Status device = OpenMachine({.device_target = "GPU"}).status();
  EXPECT_EQ(device.code(), ErrorCode::kUnavailable);
  EXPECT_THAT(device.message(), HasSubstr("option device_target"));
  const Environment environment("abacus");
  const Status backend = OpenMachine({}).status();
  EXPECT_EQ(backend.code(), ErrorCode::kInvalidArgument);
  EXPECT_THAT(backend.message(), HasSubstr("unknown backend 'abacus'"));
}

}  // namespace
}  // namespace riffle
