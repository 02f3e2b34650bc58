// A chain (group_conv_chain.h) does what its two ops do one after the other, to the bit; on maps of bfloat16, where it
// is one pass over the maps (tensor_pass.h), within rounding errors.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "ops/testing/gradients.h"

namespace riffle {
namespace {

struct ChainCase {
  int groups = 1, in_per_group = 1, between_per_group = 1, out_per_group = 1;
  int64_t pixels = 1;
  bool residual = false, moments = false, recomputed = false, pull_back = false, sums = false;

  GroupConvChainShape shape() const {
    return {.first = {groups, groups * in_per_group, groups * between_per_group, pixels},
            .second = {groups, groups * between_per_group, groups * out_per_group, pixels}};
  }
  std::string text() const {
    return fmt::format("{} groups of {} to {} to {}, {} pixels{}{}{}{}{}", groups, in_per_group, between_per_group,
                       out_per_group, pixels, residual ? ", residual" : "", moments ? ", moments" : "",
                       recomputed ? ", recomputed" : "", pull_back ? ", pull-back" : "", sums ? ", sums" : "");
  }
};

// conv3 of a unit and conv1 of the next one, forward and backward.
template <class T, class Map = T>
class ChainProblem {
 public:
  explicit ChainProblem(const ChainCase& c, Values values = Values::kExact)
      : c_(c),
        shape_(c.shape()),
        draw_(values),
        real_([this] { return draw_.Real(); }),
        first_weight_(GuardedMap<T>::Array(shape_.first.weights(), real_)),
        second_weight_(GuardedMap<T>::Array(shape_.second.weights(), real_)),
        bias_(GuardedMap<T>::Array(shape_.first.out_channels, real_)),
        x_(shape_.first.in_channels, c.pixels, real_),
        residual_(shape_.first.out_channels, c.pixels, real_),
        between_(shape_.first.out_channels, c.pixels),
        y_(shape_.second.out_channels, c.pixels),
        // Means are subtracted: with magnitudes, terms add up where they are negative.
        x_moments_(shape_.first.in_channels, {T(values == Values::kMagnitude ? -0.25 : 0.25), 1}),
        moments_(shape_.second.out_channels),
        dy_(shape_.second.out_channels, c.pixels, draw_),
        dbetween_(shape_.first.out_channels, c.pixels, real_),
        dx_(shape_.first.in_channels, c.pixels, draw_),
        first_dweight_(GuardedMap<T>::Array(shape_.first.weights(), [] { return NAN; })),
        second_dweight_(GuardedMap<T>::Array(shape_.second.weights(), [] { return NAN; })),
        dy_sums_(GuardedMap<T>::Array(shape_.first.out_channels, [] { return NAN; })) {}

  Results<T> RunOpByOp(const Execution& execution, const OpTable<T, Map>& table) {
    const GroupConvChainForward<T, Map> forward = PrepareForward(execution, table);
    table.group_conv_forward(execution, shape_.first, forward.first);
    table.group_conv_forward(execution, shape_.second, forward.second);
    const GroupConvChainBackward<T, Map> backward = Backward();
    table.group_conv_backward(execution, shape_.second, backward.second);
    table.group_conv_backward(execution, shape_.first, backward.first);
    return ResultsNow();
  }

  Results<T> RunChained(const Execution& execution, const OpTable<T, Map>& table) {
    const GroupConvChainForward<T, Map> forward = PrepareForward(execution, table);
    table.group_conv_chain_forward(execution, shape_, forward);
    GroupConvChainBackward<T, Map> backward = Backward();
    if (c_.recomputed) {
      backward.second.x = {};
      backward.again = forward.first;
      backward.again.y = {};
    }
    table.group_conv_chain_backward(execution, shape_, backward);
    return ResultsNow();
  }

  // As problems of compare.h are.
  void Run(const Execution& execution, const OpTable<T, Map>& table) { RunChained(execution, table); }
  void AddTo(Results<T>* results) {
    const GroupConvShape &first = shape_.first, &second = shape_.second;
    results->Add("between", between_, first.in_per_group());
    results->Add("y", y_, second.in_per_group());
    results->Add("gradient between", dbetween_, second.out_per_group());
    results->Add("dx", dx_.dz, first.out_per_group());
    results->Add("first dweight", first_dweight_, c_.pixels);
    results->Add("second dweight", second_dweight_, c_.pixels);
    results->Add("dy_sums", dy_sums_, c_.pixels);
    if (c_.moments) results->AddMoments(y_, moments_);
    if (c_.sums) results->AddSums(dx_.dz, dx_.raw, dx_.moments, dx_.sums);
  }

 private:
  GroupConvChainForward<T, Map> PrepareForward(const Execution& execution, const OpTable<T, Map>& table) {
    first_prepared_ = GuardedMap<T>(1, table.group_conv_prepared_values(shape_.first));
    second_prepared_ = GuardedMap<T>(1, table.group_conv_prepared_values(shape_.second));
    table.group_conv_prepare(execution, shape_.first, first_prepared_.data(),
                             {.weight = first_weight_.data(), .bias = bias_.data()});
    table.group_conv_prepare(execution, shape_.second, second_prepared_.data(), {.weight = second_weight_.data()});
    return {.first = {.y = between_.rows(),
                      .x = x_.rows(),
                      .prepared = first_prepared_.data(),
                      .residual = c_.residual ? residual_.rows() : Rows<Map>{},
                      .relu = true},
            .second = {.y = y_.rows(),
                       .x = between_.rows(),
                       .prepared = second_prepared_.data(),
                       .residual = {},
                       .moments = c_.moments ? moments_.data() : nullptr}};
  }

  GroupConvChainBackward<T, Map> Backward() {
    return {.second = {.dx = {.dz = dbetween_.rows(), .add = dbetween_.rows(), .raw = {}},
                       .dweight = second_dweight_.data(),
                       .dy = dy_.source(c_.pull_back),
                       .x = between_.rows(),
                       .relu = true,
                       .weight = second_weight_.data()},
            .first = {.dx = dx_.sink(c_.sums),
                      .dweight = first_dweight_.data(),
                      .dy_sums = dy_sums_.data(),
                      .dy = {.dz = dbetween_.rows(), .raw = {}},
                      .x = x_.rows(),
                      .x_moments = x_moments_.data(),
                      .weight = first_weight_.data()},
            .again = {}};
  }

  Results<T> ResultsNow() {
    Results<T> results;
    AddTo(&results);
    return results;
  }

  const ChainCase c_;
  const GroupConvChainShape shape_;
  Draw draw_;
  std::function<double()> real_;
  GuardedMap<T> first_weight_, second_weight_, bias_, first_prepared_, second_prepared_;
  GuardedMap<Map> x_, residual_, between_, y_;
  std::vector<Moments<T>> x_moments_, moments_;
  TestSource<T, Map> dy_;
  GuardedMap<Map> dbetween_;
  TestSink<T, Map> dx_;
  GuardedMap<T> first_dweight_, second_dweight_, dy_sums_;
};

void ExpectSameBits(const ChainCase& c, const OpTable<float>& table) {
  const Results<float> expected = ChainProblem<float>(c).RunOpByOp(OnThreads(), table);
  for (const int threads : {1, 3})
    EXPECT_TRUE(ChainProblem<float>(c).RunChained(OnThreads(threads), table).SameBits(expected))
        << c.text() << ", " << threads << " threads";
}

void ExpectSameBits(const ChainCase& c) {
  ForEachTarget([&] { ExpectSameBits(c, CpuOps()); });
}

ChainCase WithOptions(ChainCase c, int i) {
  c.residual = Bit(i, 0), c.moments = Bit(i, 1), c.recomputed = Bit(i, 2), c.pull_back = Bit(i, 3), c.sums = Bit(i, 4);
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
    const int64_t pixels = i == 0 ? 132001 : 100 + 111 * i;
    ChainCase c =
        WithOptions({.groups = 2, .in_per_group = 3, .between_per_group = 9, .out_per_group = 4, .pixels = pixels}, i);
    if (i == 0) c.recomputed = true;
    ExpectSameBits(c, emulated::Ops());
  }
}

void ExpectOnBfloat16(const ChainCase& c) {
  SCOPED_TRACE(c.text());
  const auto magnitude = Solve<ChainProblem>(c, Values::kMagnitude, ReferenceOps<double>());
  if (const TestCard* card = OnCard()) return ExpectCardMatchesReference<ChainProblem>(*card, c, magnitude);
  if (!RunsKernels()) return;
  ExpectKernelsWithin(
      Bfloat16RoundingBound, [&] { return SolveOnBfloat16<ChainProblem>(c); },
      Solve<ChainProblem>(c, Values::kBfloat16, ReferenceOps<double>()), magnitude);
}

TEST(GroupConvChainOnBfloat16, IsThatOfTheReferenceAtAllCountsOfPixelsAroundATile) {
  for (int i = 0; i < 24; ++i)
    ExpectOnBfloat16(WithOptions(
        {.groups = 2, .in_per_group = 5, .between_per_group = 18, .out_per_group = 7, .pixels = 1 + 11 * i}, i));
}

// Blocks go through several tiles each, the last of which is short.
TEST(GroupConvChainOnBfloat16, IsThatOfTheReferenceWhereThereAreMoreTilesThanBlocks) {
  for (int i = 0; i < 4; ++i)
    ExpectOnBfloat16(WithOptions(
        {.groups = 2, .in_per_group = 3, .between_per_group = 9, .out_per_group = 4, .pixels = 2001 + 8 * i}, i));
  ExpectOnBfloat16(
      {.groups = 66, .in_per_group = 1, .between_per_group = 2, .out_per_group = 1, .pixels = 6001, .moments = true});
}

// One pass for both, forward and backward; backward one for each; a first one that does not fit. Wide rows of one warp,
// of several, and more than one block has warps for.
TEST(GroupConvChainOnBfloat16, IsThatOfTheReferenceForUnitsOfAllWidths) {
  int i = 0;
  for (const auto& [between, in, out] :
       {std::tuple{80, 20, 40}, {120, 30, 30}, {160, 40, 40}, {320, 80, 80}, {360, 60, 60}, {480, 120, 120}})
    for (const bool recomputed : {false, true}) {
      ChainCase c =
          WithOptions({.in_per_group = in, .between_per_group = between, .out_per_group = out, .pixels = 99}, i++);
      c.recomputed = recomputed;
      ExpectOnBfloat16(c);
    }
}

// What is stored past the caches is read from scratch memory.
TEST(GroupConvChain, HasTheBitsOfItsOpsWhereMapsOutgrowTheCaches) {
  for (int i = 0; i < 2; ++i)
    ExpectSameBits(WithOptions({.in_per_group = 4, .between_per_group = 37, .out_per_group = 36, .pixels = 60001}, i));
}

}  // namespace
}  // namespace riffle
