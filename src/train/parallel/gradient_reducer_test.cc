// The reducer: sums of whole arenas, whatever the order in which parts become final, on every device.
#include <gmock/gmock.h>

#include "backend/testing/guarded_device.h"
#include "backend/testing/host_copy.h"
#include "dist/testing/thread_group.h"
#include "train/parallel/host_gradient_reducer.h"

namespace riffle {
namespace {

using ::testing::Each;

// Parameters of sizes as a network's are: small ones first, a head that is most of it.
ParameterRegistry SomeRegistry() {
  ParameterRegistry registry;
  for (const int64_t size : {27, 9, 200, 5, 400, 900})
    registry.Add(fmt::format("weight {}", size), ParameterKind::kGroupConvWeight, {size});
  return registry;
}

std::vector<float> Constant(size_t size, float value) { return std::vector<float>(size, value); }

TEST(GradientReducer, SumsAllThatIsFinalOnEveryDevice) {
  const ParameterRegistry registry = SomeRegistry();
  const int64_t size = registry.trainable_arena_values();
  RunRanks(3, [&](Communicator& world) {
    GuardedDevice guarded;
    for (Device* device : {&CpuDevice(), static_cast<Device*>(&guarded)}) {
      const auto reducer = HostGradientReducer::Create(world, *device, registry);
      ASSERT_TRUE(reducer.ok());
      for (const float scale : {1.0f, 10.0f}) {  // more than once
        DeviceArray<float> gradients(*device, Constant(size, scale * static_cast<float>(1 + world.rank())));
        (*reducer)->Begin(&gradients);
        for (size_t p = registry.trainable().size(); p-- > 0;) (*reducer)->OnFinal(registry.trainable()[p].offset);
        ASSERT_TRUE((*reducer)->Wait().ok());
        EXPECT_THAT(HostCopy(gradients), Each(6 * scale));
      }
      EXPECT_GT((*reducer)->communicating_seconds(), 0);
    }
  });
}

// What is not final yet may still be written: nothing of it is on its way.
TEST(GradientReducer, LeavesWhatIsNotFinal) {
  const ParameterRegistry registry = SomeRegistry();
  const int64_t size = registry.trainable_arena_values();
  RunRanks(2, [&](Communicator& world) {
    const auto reducer = HostGradientReducer::Create(world, CpuDevice(), registry);
    DeviceArray<float> gradients(CpuDevice(), Constant(size, 1));
    for (int64_t from = size; from >= 0; from -= 16) {
      (*reducer)->Begin(&gradients);
      gradients.Upload(Constant(size, 1));
      (*reducer)->OnFinal(from);
      ASSERT_TRUE((*reducer)->Wait().ok());
      const std::vector<float> values = HostCopy(gradients);
      EXPECT_TRUE(std::all_of(values.begin(), values.begin() + from, [](float v) { return v == 1; })) << from;
    }
  });
}

TEST(GradientReducer, WithAFrozenBodySumsTheHeadAlone) {
  const ParameterRegistry registry = SomeRegistry();
  const int64_t head = registry.trainable().back().offset;
  RunRanks(2, [&](Communicator& world) {
    const auto reducer = HostGradientReducer::Create(world, CpuDevice(), registry, head);
    DeviceArray<float> gradients(CpuDevice(), Constant(registry.trainable_arena_values(), 1));
    (*reducer)->Begin(&gradients);
    (*reducer)->OnFinal(head);
    ASSERT_TRUE((*reducer)->Wait().ok());
    const std::vector<float> values = HostCopy(gradients);
    for (int64_t i = 0; i < std::ssize(values); ++i) ASSERT_EQ(values[i], i < head ? 1 : 2) << i;
  });
}

TEST(GradientReducer, AveragesByWeightBesideTheGradients) {
  const ParameterRegistry registry = SomeRegistry();
  RunRanks(3, [&](Communicator& world) {
    GuardedDevice guarded;
    for (Device* device : {&CpuDevice(), static_cast<Device*>(&guarded)}) {
      const auto reducer = HostGradientReducer::Create(world, *device, registry);
      DeviceArray<float> gradients(*device, Constant(registry.trainable_arena_values(), 1));
      DeviceArray<float> statistics(*device, Constant(40, static_cast<float>(world.rank())));
      (*reducer)->SetShare(std::array{0.25, 0.5, 0.25}[world.rank()]);
      (*reducer)->Average(&statistics);
      (*reducer)->Begin(&gradients);
      (*reducer)->OnFinal(0);
      ASSERT_TRUE((*reducer)->Wait().ok());
      EXPECT_THAT(HostCopy(statistics), Each(1.0f));
      EXPECT_THAT(HostCopy(gradients), Each(3.0f));
    }
  });
}

TEST(GradientReducer, ARankThatHasGoneIsAnErrorAndNoWait) {
  const ParameterRegistry registry = SomeRegistry();
  RunRanks(2, [&](Communicator& world) {
    const auto reducer = HostGradientReducer::Create(world, CpuDevice(), registry);
    if (world.rank() == 1) return;
    DeviceArray<float> gradients(CpuDevice(), Constant(registry.trainable_arena_values(), 1));
    (*reducer)->Begin(&gradients);
    (*reducer)->OnFinal(0);
    EXPECT_EQ((*reducer)->Wait().code(), ErrorCode::kUnavailable);
  });
}

}  // namespace
}  // namespace riffle
