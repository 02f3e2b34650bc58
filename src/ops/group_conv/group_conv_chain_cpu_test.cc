// A chain (group_conv_chain.h) does what its two ops do one after the other, to the bit.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "ops/testing/gradients.h"

namespace riffle {
namespace {

struct ChainCase {
  int groups = 1, in_per_group = 1, between_per_group = 1, out_per_group = 1;
  int64_t pixels = 1;
  bool residual = false, moments = false, recomputed = false, pull_back = false;

  GroupConvChainShape shape() const {
    return {.first = {groups, groups * in_per_group, groups * between_per_group, pixels},
            .second = {groups, groups * between_per_group, groups * out_per_group, pixels}};
  }
  std::string text() const {
    return fmt::format("{} groups of {} to {} to {}, {} pixels{}{}{}{}", groups, in_per_group, between_per_group,
                       out_per_group, pixels, residual ? ", residual" : "", moments ? ", moments" : "",
                       recomputed ? ", recomputed" : "", pull_back ? ", pull-back" : "");
  }
};

// conv3 of a unit and conv1 of the next one, forward and backward.
class ChainProblem {
 public:
  explicit ChainProblem(const ChainCase& c)
      : c_(c),
        shape_(c.shape()),
        draw_(Values::kExact),
        real_([this] { return draw_.Real(); }),
        first_weight_(GuardedMap<float>::Array(shape_.first.weights(), real_)),
        second_weight_(GuardedMap<float>::Array(shape_.second.weights(), real_)),
        bias_(GuardedMap<float>::Array(shape_.first.out_channels, real_)),
        x_(shape_.first.in_channels, c.pixels, real_),
        residual_(shape_.first.out_channels, c.pixels, real_),
        between_(shape_.first.out_channels, c.pixels),
        y_(shape_.second.out_channels, c.pixels),
        x_moments_(shape_.first.in_channels, {0.25f, 1}),
        moments_(shape_.second.out_channels),
        dy_(shape_.second.out_channels, c.pixels, draw_),
        dbetween_(shape_.first.out_channels, c.pixels, real_),
        dx_(shape_.first.in_channels, c.pixels, draw_),
        first_dweight_(GuardedMap<float>::Array(shape_.first.weights(), [] { return NAN; })),
        second_dweight_(GuardedMap<float>::Array(shape_.second.weights(), [] { return NAN; })),
        dy_sums_(GuardedMap<float>::Array(shape_.first.out_channels, [] { return NAN; })) {}

  Results<float> RunOpByOp(const Execution& execution, const OpTable<float>& table) {
    const GroupConvChainForward<float> forward = PrepareForward(execution, table);
    table.group_conv_forward(execution, shape_.first, forward.first);
    table.group_conv_forward(execution, shape_.second, forward.second);
    const GroupConvChainBackward<float> backward = Backward();
    table.group_conv_backward(execution, shape_.second, backward.second);
    table.group_conv_backward(execution, shape_.first, backward.first);
    return ResultsNow();
  }

  Results<float> RunChained(const Execution& execution, const OpTable<float>& table) {
    const GroupConvChainForward<float> forward = PrepareForward(execution, table);
    table.group_conv_chain_forward(execution, shape_, forward);
    GroupConvChainBackward<float> backward = Backward();
    if (c_.recomputed) {
      backward.second.x = {};
      backward.again = forward.first;
      backward.again.y = {};
    }
    table.group_conv_chain_backward(execution, shape_, backward);
    return ResultsNow();
  }

 private:
  GroupConvChainForward<float> PrepareForward(const Execution& execution, const OpTable<float>& table) {
    first_prepared_ = GuardedMap<float>(1, table.group_conv_prepared_values(shape_.first));
    second_prepared_ = GuardedMap<float>(1, table.group_conv_prepared_values(shape_.second));
    table.group_conv_prepare(execution, shape_.first, first_prepared_.data(),
                             {.weight = first_weight_.data(), .bias = bias_.data()});
    table.group_conv_prepare(execution, shape_.second, second_prepared_.data(), {.weight = second_weight_.data()});
    return {.first = {.y = between_.rows(),
                      .x = x_.rows(),
                      .prepared = first_prepared_.data(),
                      .residual = c_.residual ? residual_.rows() : Rows<float>{},
                      .relu = true},
            .second = {.y = y_.rows(),
                       .x = between_.rows(),
                       .prepared = second_prepared_.data(),
                       .residual = {},
                       .moments = c_.moments ? moments_.data() : nullptr}};
  }

  GroupConvChainBackward<float> Backward() {
    return {.second = {.dx = {.dz = dbetween_.rows(), .add = dbetween_.rows(), .raw = {}},
                       .dweight = second_dweight_.data(),
                       .dy = dy_.source(c_.pull_back),
                       .x = between_.rows(),
                       .relu = true,
                       .weight = second_weight_.data()},
            .first = {.dx = dx_.sink(false),
                      .dweight = first_dweight_.data(),
                      .dy_sums = dy_sums_.data(),
                      .dy = {.dz = dbetween_.rows(), .raw = {}},
                      .x = x_.rows(),
                      .x_moments = x_moments_.data(),
                      .weight = first_weight_.data()},
            .again = {}};
  }

  Results<float> ResultsNow() {
    Results<float> results;
    for (auto& [name, map] : {std::pair<const char*, GuardedMap<float>*>{"between", &between_},
                              {"y", &y_},
                              {"gradient between", &dbetween_},
                              {"dx", &dx_.dz},
                              {"first dweight", &first_dweight_},
                              {"second dweight", &second_dweight_},
                              {"dy_sums", &dy_sums_}})
      results.Add(name, *map, 1);
    if (c_.moments) results.AddMoments(y_, moments_);
    return results;
  }

  const ChainCase c_;
  const GroupConvChainShape shape_;
  Draw draw_;
  std::function<double()> real_;
  GuardedMap<float> first_weight_, second_weight_, bias_, x_, residual_, between_, y_, first_prepared_,
      second_prepared_;
  std::vector<Moments<float>> x_moments_, moments_;
  TestSource<float> dy_;
  GuardedMap<float> dbetween_;
  TestSink<float> dx_;
  GuardedMap<float> first_dweight_, second_dweight_, dy_sums_;
};

void ExpectSameBits(const ChainCase& c, const OpTable<float>& table) {
  const Results<float> expected = ChainProblem(c).RunOpByOp(OnThreads(), table);
  for (const int threads : {1, 3})
    EXPECT_TRUE(ChainProblem(c).RunChained(OnThreads(threads), table).SameBits(expected))
        << c.text() << ", " << threads << " threads";
}

void ExpectSameBits(const ChainCase& c) {
  ForEachTarget([&] { ExpectSameBits(c, CpuOps()); });
}

ChainCase WithOptions(ChainCase c, int i) {
  c.residual = Bit(i, 0), c.moments = Bit(i, 1), c.recomputed = Bit(i, 2), c.pull_back = Bit(i, 3);
  return c;
}

TEST(GroupConvChain, HasTheBitsOfItsOpsAtAllCountsOfPixelsAroundTheVectorWidth) {
  for (int pixels = 1; pixels <= 70; ++pixels)
    ExpectSameBits(WithOptions(
        {.groups = 2, .in_per_group = 3, .between_per_group = 11, .out_per_group = 4, .pixels = pixels}, pixels));
}

TEST(GroupConvChain, OfTheReferenceHasTheBitsOfItsOps) {
  for (int i = 0; i < 16; ++i)
    ExpectSameBits(
        WithOptions({.groups = 2, .in_per_group = 2, .between_per_group = 5, .out_per_group = 3, .pixels = 17}, i),
        ReferenceOps<float>());
}

// Of several blocks, the last of which is short, in several chunks.
TEST(GroupConvChain, HasTheBitsOfItsOpsOverManyBlocks) {
  int i = 0;
  for (const int64_t pixels : {255, 1031, 9001})
    for (int options = 0; options < 4; ++options)
      ExpectSameBits(WithOptions(
          {.groups = 2, .in_per_group = 2, .between_per_group = 9, .out_per_group = 3, .pixels = pixels}, i++));
}

// Units of a stage, and the first one of the next.
TEST(GroupConvChain, HasTheBitsOfItsOpsWhereThereAreSeveralSlabs) {
  int i = 0;
  for (const auto& [between, in, out] : {std::tuple{80, 20, 20}, {80, 20, 40}, {160, 40, 40}, {75, 37, 70}})
    for (int options = 0; options < 4; ++options)
      ExpectSameBits(WithOptions(
          {.groups = 3, .in_per_group = in, .between_per_group = between, .out_per_group = out, .pixels = 509}, i++));
}

// The maps are longer than the stretches in which a chain's kernels run.
TEST(GroupConvChain, OfKernelsForCardsHasTheBitsOfItsOps) {
  for (int i = 0; i < 16; ++i) {
    const int64_t pixels = i < 2 ? 35001 : 100 + 111 * i;
    ExpectSameBits(
        WithOptions({.groups = 2, .in_per_group = 3, .between_per_group = 9, .out_per_group = 4, .pixels = pixels}, i),
        emulated::Ops());
  }
}

// What is stored past the caches is read from scratch memory.
TEST(GroupConvChain, HasTheBitsOfItsOpsWhereMapsOutgrowTheCaches) {
  for (int i = 0; i < 2; ++i)
    ExpectSameBits(WithOptions({.in_per_group = 4, .between_per_group = 37, .out_per_group = 36, .pixels = 60001}, i));
}

}  // namespace
}  // namespace riffle
