#include "ops/depthwise_conv/depthwise_gram_cut.h"

#include <algorithm>
#include <iterator>

#include "backend/cuda/card.h"
#include "ops/row_kernels.h"

namespace riffle {
namespace {

// Of rows that hold so many pixels, which may begin within eight: whole steps of tensor cores, and eight more, so that
// eight rows at the same pixels lie in different banks.
int PitchOf(int64_t pixels) {
  constexpr int kNeighbours = DepthwiseGramCut::kNeighbours;
  return static_cast<int>(DivideUp(pixels + kNeighbours - 1, kTensorSide) * kTensorSide + kNeighbours);
}

// Whole pictures, if one fits, else as few bands as fit, of much the same number of lines.
std::optional<DepthwiseGramCut> Cut(const DepthwiseGramShape& shape, int size, int64_t most_shared_bytes) {
  const int64_t at_once = kDepthwiseGramSizes[size].blocks_at_once;
  const int64_t most_bytes = std::min(most_shared_bytes, LargeCard::kSharedOfProcessor / at_once - 4096);
  const int64_t rows = shape.gram().per_group();
  DepthwiseGramCut cut = {.size = size, .tiles = {.in = shape.conv.in, .out = shape.conv.out()}};
  PictureTiles& tiles = cut.tiles;
  tiles.stride = shape.conv.stride;
  const auto fits = [&](int64_t pictures, int64_t lines) {
    const int64_t in_lines = std::min(tiles.stride * (lines - 1) + 3, tiles.in.height);
    const int64_t in_pixels = ((pictures - 1) * tiles.in.height + in_lines) * tiles.in.width;
    const int64_t out_pixels = ((pictures - 1) * tiles.out.height + lines) * tiles.out.width;
    if (in_pixels + out_pixels > most_bytes) return false;  // in a row of its own, and so that they are ints
    cut.in_pitch = PitchOf(in_pixels);
    cut.out_pitch = PitchOf(out_pixels);
    // Behind the rows of the input those of the output, a row of zeros, and each row's part.
    cut.shared_bytes = (rows * (cut.in_pitch + cut.out_pitch) + cut.out_pitch) * int64_t{sizeof(Bfloat16)} +
                       rows * DepthwiseGramCut::kPartBytes;
    return cut.shared_bytes <= most_bytes;
  };
  int64_t lines = tiles.out.height;
  while (!fits(1, lines))
    if (--lines == 0) return {};
  const int most_strip_lines = tiles.stride == 1 ? 7 : 4;
  tiles.bands = static_cast<int>(DivideUp(tiles.out.height, lines));
  tiles.lines = static_cast<int>(DivideUp(tiles.out.height, tiles.bands));
  tiles.strips = static_cast<int>(DivideUp(tiles.lines, most_strip_lines));
  tiles.strip_lines = static_cast<int>(DivideUp(tiles.lines, tiles.strips));
  // Small pictures go together, but not so many that blocks have less than two tiles each.
  const int64_t blocks = DivideUp(LargeCard::kProcessors * at_once, shape.groups);
  const int64_t together = std::max<int64_t>(1, tiles.in.images / (2 * blocks));
  while (tiles.bands == 1 && tiles.pictures < together && fits(tiles.pictures + 1, lines)) ++tiles.pictures;
  fits(tiles.pictures, tiles.lines);
  tiles.count = static_cast<int>(DivideUp(tiles.in.images, tiles.pictures)) * tiles.bands;
  cut.slots = static_cast<int>(std::min<int64_t>(blocks, tiles.count));
  return cut;
}

}  // namespace

std::optional<DepthwiseGramCut> CutDepthwiseGram(const DepthwiseGramShape& shape, const KernelTarget& target) {
  if (target.maps != MapType::kBfloat16) return {};
  for (int size = 0; size < static_cast<int>(std::size(kDepthwiseGramSizes)); ++size)
    if (shape.gram().per_group() <= kDepthwiseGramSizes[size].rows)
      if (const auto cut = Cut(shape, size, target.shared_bytes)) return cut;
  return {};
}

}  // namespace riffle
