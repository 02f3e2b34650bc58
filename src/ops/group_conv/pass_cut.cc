#include "ops/group_conv/pass_cut.h"

#include <algorithm>

#include "base/bfloat16.h"
#include "ops/row_kernels.h"

namespace riffle {
namespace {

int TilesOf(int rows) { return static_cast<int>(DivideUp(rows, kTensorSide)); }

// Shares a block's memory out.
void LayOut(const PassParts& parts, const PassShape& shape, bool gathers, PassCut& cut) {
  constexpr int kShares = PassCut::kShares;
  cut.threads = cut.warps * cut.teams * kWarp;
  cut.tile_pixels = cut.teams * kShares * PassCut::kSharePixels;
  cut.pitch = cut.tile_pixels + 8;  // eight rows at the same pixels lie in different banks
  cut.gatherers = !gathers ? 0 : cut.teams * (parts.out ? TilesOf(shape.out) * kShares : cut.warps * cut.row_tiles);
  const auto slots = [&](int of_thread) { return of_thread * cut.threads * PassCut::kPackedBytes; };
  const auto narrow = [&](int rows, int maps) {
    return slots(static_cast<int>(DivideUp(rows * cut.tile_pixels / PassCut::kNeighbours, cut.threads)) * maps);
  };
  const auto tile = [&](bool there, int rows) {
    return there ? TilesOf(rows) * kTensorSide * cut.pitch * int{sizeof(Bfloat16)} : 0;
  };
  const int bytes[PassCut::kEnd] = {slots(cut.row_tiles * kShares * 2 * parts.wide_maps),
                                    narrow(shape.first, parts.first_maps),
                                    narrow(shape.second, parts.second_maps),
                                    tile(parts.first_maps > 0, shape.first),
                                    tile(parts.second_maps > 0, shape.second),
                                    tile(parts.out, shape.wide),
                                    cut.gatherers * kWarp * 2 * PassCut::kPartBytes};
  for (int i = 0; i < PassCut::kEnd; ++i) cut.address[i + 1] = cut.address[i] + bytes[i];
}

// Warps take their wide rows one row tile after the other, or, where they keep dots of them, one each; such a pass
// without `out` can be cut into chunks of wide rows.
std::optional<PassCut> Cut(const PassParts& parts, const PassLimits& limits, const PassShape& shape, bool gathers,
                           int64_t most_shared_bytes) {
  constexpr int kFewWarps = 4;
  const int tiles = TilesOf(shape.wide), rounds = static_cast<int>(DivideUp(tiles, limits.threads / kWarp));
  PassCut cut;
  cut.warps = static_cast<int>(DivideUp(tiles, rounds));
  if (parts.first_dots || parts.second_dots) {
    const int dotted = std::max(parts.first_dots ? shape.first : 0, parts.second_dots ? shape.second : 0);
    if (dotted > limits.narrow_rows || (rounds > 1 && parts.out)) return {};
    cut.chunks = rounds;
  } else {
    cut.row_tiles = rounds;
  }
  cut.teams = cut.warps < kFewWarps ? kFewWarps / cut.warps : 1;
  LayOut(parts, shape, gathers, cut);
  const int64_t shared_bytes = cut.shared_bytes();
  if (shared_bytes > most_shared_bytes) return {};

  // As many blocks as run at once, so that each goes through a share of the tiles; but not one for each tile.
  const int64_t of_threads = int64_t{limits.threads} * limits.blocks_at_once / cut.threads;
  const int64_t of_shared = LargeCard::kSharedOfProcessor / (shared_bytes + LargeCard::kSharedOfSystem);
  const int64_t blocks = LargeCard::kProcessors * std::clamp<int64_t>(of_threads, 1, std::max<int64_t>(of_shared, 1));
  const int64_t most = DivideUp(DivideUp(shape.pixels, cut.tile_pixels), 2);
  cut.slots = static_cast<int>(std::clamp<int64_t>(blocks / (int64_t{shape.groups} * cut.chunks), 1, most));
  return cut;
}

}  // namespace

std::optional<CardPass> CutPass(const PassParts& parts, std::span<const PassSize> sizes, const PassShape& shape,
                                bool gathers, int64_t most_shared_bytes) {
  for (const PassSize size : sizes)
    if (const auto cut = Cut(parts, LimitsOf(size), shape, gathers, most_shared_bytes)) return {{size, shape, *cut}};
  return {};
}

}  // namespace riffle
