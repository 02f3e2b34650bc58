// What is chosen for a card is what its kernels are launched with.
#include "ops/group_conv/card_kernels.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "backend/cuda/testing/emulation.h"
#include "backend/testing/execution.h"
#include "ops/gpu_ops.h"
#include "ops/testing/map.h"

namespace riffle {
namespace {

using emulated::LaunchLog;

constexpr KernelTarget kBfloat16 = {MapType::kBfloat16, false, LargeCard::kSharedOfBlock};
constexpr KernelTarget kFloat = {MapType::kFloat, false, LargeCard::kSharedOfBlock};
constexpr KernelTarget kTf32 = {MapType::kFloat, true, LargeCard::kSharedOfBlock};

GroupConvShape Conv(int groups, int in, int out, int64_t pixels = 40) {
  return {groups, groups * in, groups * out, pixels};
}

LaunchLog::Launch LaunchOf(const CardPass& pass) {
  return {int64_t{pass.cut.slots} * pass.shape.groups * pass.cut.chunks, pass.cut.threads, pass.cut.shared_bytes()};
}
LaunchLog::Launch LaunchOf(const RowProductShape& shape, bool gathers) {
  return {shape.tiles() * shape.groups, 256, TensorProductMemory::Bytes(shape, gathers)};
}

/// Maps and weights of any call on bfloat16: what they hold is none of these tests' business.
struct Numbers {
  explicit Numbers(int64_t channels, int64_t pixels)
      : narrow(channels, pixels, [] { return 0; }),
        wide(channels, pixels, [] { return 0; }),
        values(1, 2 * channels * channels + 100, [] { return 0; }),
        moments(channels) {}
  GuardedMap<Bfloat16> narrow, wide;
  GuardedMap<float> values;
  std::vector<Moments<float>> moments;
};

TEST(CardKernels, AForwardConvolutionRunsAsItWasChosen) {
  for (const auto& [in, out] : {std::pair{20, 80}, {80, 20}, {17, 900}, {840, 20}})
    for (const bool moments : {false, true}) {
      const GroupConvShape shape = Conv(2, in, out);
      SCOPED_TRACE(testing::Message() << in << " to " << out);
      Numbers n(std::max(shape.in_channels, shape.out_channels), shape.pixels);
      const LaunchLog log;
      emulated::Bfloat16Ops().group_conv_forward(OnThreads(), shape,
                                                 {.y = n.wide.rows(),
                                                  .x = n.narrow.rows(),
                                                  .prepared = n.values.data(),
                                                  .residual = {},
                                                  .moments = moments ? n.moments.data() : nullptr});
      const ConvKernels kernels = ChooseForward(shape, moments, kBfloat16);
      EXPECT_EQ(kernels.pass.has_value(), in != 840) << "a tile of all wide rows is more than a block can share";
      if (kernels.pass) {
        EXPECT_EQ(log.launches[0], LaunchOf(*kernels.pass));
      } else {
        const bool on_tensor_cores = kernels.product->arithmetic == Arithmetic::kBfloat16;
        EXPECT_EQ(on_tensor_cores, !moments);
        EXPECT_EQ(log.launches[0] == LaunchOf({2, out, in, 40}, moments), on_tensor_cores);
      }
    }
}

TEST(CardKernels, ABackwardConvolutionRunsAsItWasChosen) {
  for (const auto& [in, out] : {std::pair{20, 80}, {40, 60}, {70, 160}, {200, 60}, {80, 20}, {1400, 70}})
    for (const bool sums : {false, true}) {
      const GroupConvShape shape = Conv(1, in, out);
      SCOPED_TRACE(testing::Message() << in << " to " << out << (sums ? ", with sums" : ""));
      Numbers n(std::max(in, out), shape.pixels);
      std::vector<GradientSums<float>> of_rows(in);
      GroupConvBackward<float, Bfloat16> call = {.dx = {.dz = n.narrow.rows(), .add = {}, .raw = {}},
                                                 .dweight = n.values.data(),
                                                 .dy = {.dz = n.wide.rows(), .raw = {}},
                                                 .x = n.narrow.rows(),
                                                 .weight = n.values.data()};
      if (sums) call.dx.raw = n.narrow.rows(), call.dx.moments = n.moments.data(), call.dx.sums = of_rows.data();
      const ConvKernels kernels = ChooseBackward(shape, ConvGradients::Of(call), kBfloat16);
      const LaunchLog log;
      emulated::Bfloat16Ops().group_conv_backward(OnThreads(), shape, call);
      EXPECT_EQ(kernels.pass.has_value(), in < out || !sums) << "sums of wide rows are gathered by products alone";
      const LaunchLog::Launch expected = kernels.pass ? LaunchOf(*kernels.pass) : LaunchOf({1, in, out, 40}, sums);
      EXPECT_THAT(log.launches, testing::Contains(expected));
    }
}

TEST(CardKernels, AChainRunsAsItWasChosen) {
  // One pass; one for each; and those of narrow rows that no pass takes.
  for (const auto& [in, between, out] : {std::tuple{20, 80, 20}, {40, 160, 40}, {80, 320, 80}, {170, 40, 20}})
    for (const bool again : {false, true}) {
      const GroupConvChainShape shape = {Conv(1, in, between), Conv(1, between, out)};
      SCOPED_TRACE(testing::Message() << in << " to " << between << " to " << out);
      Numbers n(std::max(in, between), shape.first.pixels);
      const GroupConvForward<float, Bfloat16> first = {
          .y = n.wide.rows(), .x = n.narrow.rows(), .prepared = n.values.data(), .residual = {}, .relu = true};
      const GroupConvBackward<float, Bfloat16> backward = {.dx = {.dz = n.narrow.rows(), .add = {}, .raw = {}},
                                                           .dweight = n.values.data(),
                                                           .dy = {.dz = n.wide.rows(), .raw = {}},
                                                           .x = n.narrow.rows(),
                                                           .relu = true,
                                                           .weight = n.values.data()};
      const ChainKernels kernels =
          ChooseChainBackward(shape, ConvGradients::Of(backward), ConvGradients::Of(backward), again, kBfloat16);
      const LaunchLog log;
      emulated::Bfloat16Ops().group_conv_chain_backward(
          OnThreads(), shape,
          {.second = backward, .first = backward, .again = again ? first : GroupConvForward<float, Bfloat16>{}});
      EXPECT_EQ(kernels.pass.has_value(), in <= 40);
      if (kernels.pass) {
        EXPECT_THAT(log.launches, testing::Contains(LaunchOf(*kernels.pass)));
      }
      for (const ConvKernels& conv : {kernels.leading, kernels.following})
        if (conv.pass) {
          EXPECT_THAT(log.launches, testing::Contains(LaunchOf(*conv.pass)));
        }
    }
}

TEST(CardKernels, AGramMatrixRunsAsItWasChosen) {
  for (const int rows : {20, 40, 80, 160, 170}) {
    const GramShape shape = {1, rows, 40};
    Numbers n(rows, shape.pixels);
    const LaunchLog log;
    emulated::Bfloat16Ops().gram(OnThreads(), shape,
                                 {.comoments = n.values.data(), .x = n.narrow.rows(), .moments = n.moments.data()});
    const GramKernels kernels = ChooseGram(shape, kBfloat16);
    EXPECT_EQ(kernels.pass.has_value(), rows <= 160);
    if (kernels.pass) {
      EXPECT_EQ(log.launches[0], LaunchOf(*kernels.pass));
    }
  }
}

TEST(CardKernels, ACardWhoseBlocksShareLessTakesSmallerKernels) {
  const GroupConvShape shape = Conv(3, 80, 320);
  KernelTarget small = kBfloat16;
  small.shared_bytes = 99 << 10;
  EXPECT_EQ(Text(ChooseForward(shape, false, kBfloat16)), "pass");
  EXPECT_EQ(Text(ChooseChainForward({shape, Conv(3, 320, 80)}, true, kBfloat16)), "chain");
  EXPECT_EQ(Text(ChooseChainForward({shape, Conv(3, 320, 80)}, true, small)), "two passes");
}

TEST(CardKernels, WhereRowsAreMoreThanABlockCanShareProductsAreExact) {
  EXPECT_EQ(Text(ChooseForward(Conv(1, 840, 20), false, kBfloat16)), "tensor product 32");
  EXPECT_EQ(Text(ChooseForward(Conv(1, 840, 20), true, kBfloat16)), "product 40") << "with what the rows come to";
}

TEST(CardKernels, OnFloatTilesFollowTheRows) {
  EXPECT_EQ(Text(ChooseForward(Conv(1, 20, 80), false, kFloat)), "product 80");
  EXPECT_EQ(Text(ChooseForward(Conv(1, 80, 20), false, kFloat)), "product 40");
  EXPECT_EQ(Text(ChooseForward(Conv(1, 80, 20), false, kTf32)), "TF32 product 32");
  EXPECT_EQ(Text(ChooseBackward(Conv(1, 20, 20), {}, kFloat)), "dots 24×24, product 40");
  EXPECT_EQ(Text(ChooseBackward(Conv(1, 40, 40), {.dx = false}, kFloat)), "dots 40×40");
  EXPECT_EQ(Text(ChooseGram({1, 80, 40}, kFloat)), "dots 40×80");
  EXPECT_EQ(Text(ChooseGram({1, 30, 40}, kTf32)), "TF32 dots 32×40");
  EXPECT_EQ(Text(ChooseChainForward({Conv(1, 20, 80), Conv(1, 80, 20)}, true, kFloat)),
            "131072 px at a time: product 80, product 40");
}

}  // namespace
}  // namespace riffle
