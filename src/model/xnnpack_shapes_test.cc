// The plan's matrix products against those that XNNPACK published for its benchmarks of ShuffleNetV1 at 1.0.
#include <gtest/gtest.h>

#include <set>
#include <tuple>
#include <vector>

#include "model/plan.h"
#include "model/zoo.h"

namespace riffle {
namespace {

// One product of one group: M output pixels, N output channels, K inputs of each output value.
using Gemm = std::tuple<int64_t, int64_t, int64_t>;

// google/XNNPACK, bench/models/shufflenet_v1_g{1,2,3,4,8}_gemm.txt: the distinct M, N, K at 224 px, in the network's
// order. The stem counts as the product of its unfolded input; depthwise convolutions and the head are not listed.
struct Published {
  int groups;
  std::set<Gemm> gemms;
};
const std::vector<Published>& XnnpackGemms() {
  static const std::vector<Published> all = {
      {1,
       {{12544, 24, 27},
        {3136, 36, 24},
        {784, 120, 36},
        {784, 36, 144},
        {784, 144, 36},
        {784, 72, 144},
        {196, 144, 72},
        {196, 72, 288},
        {196, 288, 72},
        {196, 144, 288},
        {49, 288, 144},
        {49, 144, 576},
        {49, 576, 144}}},
      {2,
       {{12544, 24, 27},
        {3136, 50, 24},
        {784, 88, 25},
        {784, 25, 100},
        {784, 100, 25},
        {784, 50, 100},
        {196, 100, 50},
        {196, 50, 200},
        {196, 200, 50},
        {196, 100, 200},
        {49, 200, 100},
        {49, 100, 400},
        {49, 400, 100}}},
      {3,
       {{12544, 24, 27},
        {3136, 60, 24},
        {784, 72, 20},
        {784, 20, 80},
        {784, 80, 20},
        {784, 40, 80},
        {196, 80, 40},
        {196, 40, 160},
        {196, 160, 40},
        {196, 80, 160},
        {49, 160, 80},
        {49, 80, 320},
        {49, 320, 80}}},
      {4,
       {{12544, 24, 27},
        {3136, 68, 24},
        {784, 62, 17},
        {784, 17, 68},
        {784, 68, 17},
        {784, 34, 68},
        {196, 68, 34},
        {196, 34, 136},
        {196, 136, 34},
        {196, 68, 136},
        {49, 136, 68},
        {49, 68, 272},
        {49, 272, 68}}},
      {8,
       {{12544, 24, 27},
        {3136, 96, 24},
        {784, 45, 12},
        {784, 12, 48},
        {784, 48, 12},
        {784, 24, 48},
        {196, 48, 24},
        {196, 24, 96},
        {196, 96, 24},
        {196, 48, 96},
        {49, 96, 48},
        {49, 48, 192},
        {49, 192, 48}}},
  };
  return all;
}

std::set<Gemm> GemmsOf(const Plan& plan) {
  std::set<Gemm> gemms;
  for (const Step& step : plan.steps) {
    if (step.op != Op::kStemConv && step.op != Op::kGroupConv) continue;
    const int64_t in = plan.maps[step.x].channels, kernel = step.op == Op::kStemConv ? 9 : 1;
    gemms.emplace(plan.maps[step.y].area(), step.channels / step.groups, in / step.groups * kernel);
  }
  return gemms;
}

TEST(XnnpackShapes, AreThePlans) {
  for (const Published& published : XnnpackGemms()) {
    const Result<Plan> plan = MakePlan(*FindModel(fmt::format("shufflenet_v1_g{}_x1_0", published.groups)));
    ASSERT_TRUE(plan.ok()) << plan.status().message();
    EXPECT_EQ(GemmsOf(*plan), published.gemms) << published.groups << " groups";
  }
}

}  // namespace
}  // namespace riffle
