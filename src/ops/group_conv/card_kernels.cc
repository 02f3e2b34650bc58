#include "ops/group_conv/card_kernels.h"

#include <fmt/format.h>

#include <algorithm>

namespace riffle {
namespace {

template <int kSizes>
std::optional<CardPass> Cut(const PassKind<kSizes>& kind, const PassShape& shape, bool gathers,
                            const KernelTarget& target) {
  if (target.maps != MapType::kBfloat16) return {};
  return CutPass(kind.parts, kind.sizes, shape, gathers, target.shared_bytes);
}

ConvKernels ForwardByRows(const GroupConvShape& shape, bool moments, const KernelTarget& target) {
  return {.product = ChooseProduct({shape.groups, shape.out_per_group(), shape.in_per_group(), shape.pixels}, moments,
                                   target)};
}

ConvKernels BackwardByRows(const GroupConvShape& shape, const ConvGradients& asked, const KernelTarget& target) {
  ConvKernels kernels = {
      .dots = ChooseDots({shape.groups, shape.out_per_group(), shape.in_per_group(), shape.pixels}, target)};
  if (asked.dx)
    kernels.product =
        ChooseProduct({shape.groups, shape.in_per_group(), shape.out_per_group(), shape.pixels}, asked.dx_sums, target);
  return kernels;
}

// Backward of a convolution that reads wide rows. Where they are computed again it is from so many rows.
std::optional<CardPass> CutFromWide(const GroupConvShape& shape, const ConvGradients& asked, int again_from,
                                    const KernelTarget& target) {
  if (shape.in_channels <= shape.out_channels || !asked.dx || asked.dx_sums || asked.dy_sums) return {};
  return Cut(again_from > 0 ? passes::kFromWideAgain : passes::kFromWide,
             {.groups = shape.groups,
              .wide = shape.in_per_group(),
              .first = shape.out_per_group(),
              .second = again_from,
              .pixels = shape.pixels},
             false, target);
}

// Pixels of the stretches in which a chain runs, where it is no pass: what is computed once more takes the memory of a
// stretch, and of less the kernels would not fill a large card.
int64_t StretchPixels(const GroupConvChainShape& shape, const KernelTarget& target) {
  constexpr int64_t kBytes = 128 << 20, kMost = 64 * kMostPartPixels;
  const int64_t fit = kBytes / (int64_t{shape.first.out_channels} * BytesOf(target.maps));
  return std::clamp(fit / kMostPartPixels * kMostPartPixels, kMostPartPixels, kMost);
}

std::string Text(const CardPass& pass, std::string_view name) {
  return pass.cut.chunks == 1 ? std::string(name) : fmt::format("{} in {} chunks", name, pass.cut.chunks);
}

}  // namespace

ConvKernels ChooseForward(const GroupConvShape& shape, bool moments, const KernelTarget& target) {
  const int in = shape.in_per_group(), out = shape.out_per_group();
  const auto pass =
      out >= in ? Cut(passes::kToWide, {.groups = shape.groups, .wide = out, .first = in, .pixels = shape.pixels},
                      moments, target)
                : Cut(passes::kToNarrow, {.groups = shape.groups, .wide = in, .out = out, .pixels = shape.pixels},
                      moments, target);
  return pass ? ConvKernels{.pass = pass} : ForwardByRows(shape, moments, target);
}

ConvKernels ChooseBackward(const GroupConvShape& shape, const ConvGradients& asked, const KernelTarget& target) {
  const int in = shape.in_per_group(), out = shape.out_per_group();
  std::optional<CardPass> pass = CutFromWide(shape, asked, 0, target);
  if (out >= in)
    pass = Cut(asked.dx ? passes::kFromNarrow : passes::kWeightsOfNarrow,
               {.groups = shape.groups, .wide = out, .second = in, .out = asked.dx ? in : 0, .pixels = shape.pixels},
               asked.dx_sums, target);
  return pass ? ConvKernels{.pass = pass} : BackwardByRows(shape, asked, target);
}

ChainKernels ChooseChainForward(const GroupConvChainShape& shape, bool moments, const KernelTarget& target) {
  const GroupConvShape &first = shape.first, &second = shape.second;
  if (const auto pass = Cut(passes::kChain,
                            {.groups = first.groups,
                             .wide = first.out_per_group(),
                             .first = first.in_per_group(),
                             .out = second.out_per_group(),
                             .pixels = first.pixels},
                            moments, target))
    return {.pass = pass};
  if (ConvKernels of_first = ChooseForward(first, false, target); of_first.pass)
    return {.leading = of_first, .following = ChooseForward(second, moments, target)};
  return {.leading = ForwardByRows(first, false, target),
          .following = ForwardByRows(second, moments, target),
          .stretch_pixels = StretchPixels(shape, target)};
}

ChainKernels ChooseChainBackward(const GroupConvChainShape& shape, const ConvGradients& of_second,
                                 const ConvGradients& of_first, bool again, const KernelTarget& target) {
  const GroupConvShape &first = shape.first, &second = shape.second;
  // One after the other the first one's dy is in the card's cache, if that is large enough.
  const int in = first.in_per_group();
  if (const auto after = CutFromWide(second, of_second, again ? in : 0, target); after && of_first.dx) {
    const auto pass = Cut(passes::kChainBackward,
                          {.groups = first.groups,
                           .wide = first.out_per_group(),
                           .first = second.out_per_group(),
                           .second = in,
                           .out = in,
                           .pixels = first.pixels},
                          of_first.dx_sums, target);
    if (pass) return {.pass = pass};
    return {.leading = {.pass = after}, .following = ChooseBackward(first, of_first, target)};
  }
  ChainKernels kernels = {.leading = BackwardByRows(second, of_second, target),
                          .following = BackwardByRows(first, of_first, target),
                          .stretch_pixels = StretchPixels(shape, target)};
  if (again) kernels.again = ForwardByRows(first, false, target).product;
  return kernels;
}

GramKernels ChooseGram(const GramShape& shape, const KernelTarget& target) {
  const int rows = shape.per_group();
  return {.pass = Cut(passes::kGram, {.groups = shape.groups, .wide = rows, .second = rows, .pixels = shape.pixels},
                      false, target),
          .dots = ChooseDots({shape.groups, rows, rows, shape.pixels}, target)};
}

std::string Text(const ConvKernels& kernels) {
  if (kernels.pass) return Text(*kernels.pass, "pass");
  std::string text = kernels.dots ? Text(*kernels.dots) : "";
  if (kernels.dots && kernels.product) text += ", ";
  return kernels.product ? text + Text(*kernels.product) : text;
}

std::string Text(const ChainKernels& kernels) {
  if (kernels.pass) return Text(*kernels.pass, "chain");
  const std::string leading = Text(kernels.leading), following = Text(kernels.following);
  if (kernels.stretch_pixels == 0)
    return leading == "pass" && following == "pass" ? "two passes" : leading + ", " + following;
  return fmt::format("{} px at a time: {}{}, {}", kernels.stretch_pixels,
                     kernels.again ? Text(*kernels.again) + ", " : "", leading, following);
}

std::string Text(const GramKernels& kernels) { return kernels.pass ? Text(*kernels.pass, "pass") : Text(kernels.dots); }

}  // namespace riffle
