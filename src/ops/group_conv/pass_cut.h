// How a pass (tensor_pass.h) is cut: among blocks, their warps and tiles of pixels, and where what lies in a block's
// shared memory. Arithmetic on shapes, which needs no card.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>

namespace riffle {

/// Rows of a group; tensor_pass.h says which.
struct PassShape {
  int groups = 1;
  int wide = 0, first = 0, second = 0, out = 0;
  int64_t pixels = 0;
};

/// What a pass reads and computes, as far as its cut depends on it.
struct PassParts {
  int wide_maps = 0, first_maps = 0, second_maps = 0;  ///< maps that are read for each row; 0: no such narrow rows
  bool out = false;                                    ///< rows are computed from wide ones
  bool first_dots = false, second_dots = false;        ///< of wide rows with those

  friend constexpr bool operator==(const PassParts&, const PassParts&) = default;
};

/// What pays off: up to so many narrow rows whose dots a warp keeps, up to so many threads of a block, and so many
/// blocks on a multiprocessor, which leaves each thread so many registers.
struct PassLimits {
  int narrow_rows, threads, blocks_at_once;
};
enum class PassSize { kWithoutDots, kSmall, kMiddle, kLarge, kLargest };
constexpr PassLimits LimitsOf(PassSize size) {
  constexpr PassLimits kLimits[] = {{16, 320, 2}, {32, 256, 2}, {40, 320, 2}, {80, 640, 1}, {160, 320, 1}};
  return kLimits[static_cast<int>(size)];
}

/// A kind of pass: its parts, and the sizes that it comes in, the best first.
template <int kSizes>
struct PassKind {
  PassParts parts;
  std::array<PassSize, kSizes> sizes;
};

namespace passes {
using enum PassSize;
inline constexpr PassKind<1> kToWide = {{1, 1, 0, false, false, false}, {kWithoutDots}};
inline constexpr PassKind<1> kToNarrow = {{1, 0, 0, true, false, false}, {kWithoutDots}};
inline constexpr PassKind<1> kChain = {{1, 1, 0, true, false, false}, {kWithoutDots}};
/// Backward of what read wide rows: as they were kept, or computed once more.
inline constexpr PassKind<4> kFromWide = {{2, 2, 0, false, true, false}, {kSmall, kMiddle, kLarge, kLargest}};
inline constexpr PassKind<4> kFromWideAgain = {{2, 2, 1, false, true, false}, {kSmall, kMiddle, kLarge, kLargest}};
/// Backward of what wrote wide rows: with the gradient of its input, or that of its weights alone.
inline constexpr PassKind<3> kFromNarrow = {{2, 0, 1, true, false, true}, {kSmall, kMiddle, kLarge}};
inline constexpr PassKind<3> kWeightsOfNarrow = {{2, 0, 1, false, false, true}, {kSmall, kMiddle, kLarge}};
/// A chain has the dots of two convolutions.
inline constexpr PassKind<2> kChainBackward = {{2, 2, 1, true, true, true}, {kSmall, kMiddle}};
inline constexpr PassKind<4> kGram = {{0, 0, 1, false, false, true}, {kSmall, kMiddle, kLarge, kLargest}};
}  // namespace passes

/// Who computes what, and where it lies.
struct PassCut {
  static constexpr int kNeighbours = 8;                 ///< pixels that a lane has, of each of two rows
  static constexpr int kSharePixels = 4 * kNeighbours;  ///< of a warp at a time
  static constexpr int kShares = 2;                     ///< of a warp, of each tile
  static constexpr int kPackedBytes = 16;               ///< of neighbours
  static constexpr int kPartBytes = 12;                 ///< of what a lane has gathered of a row

  int warps = 1;      ///< that share the wide rows of a tile
  int row_tiles = 1;  ///< of a warp
  int teams = 1;      ///< of warps, each of which has pixels of its own
  int chunks = 1;     ///< of a group's wide rows: a block has all, or a chunk of them
  int slots = 1;      ///< blocks for each of them, which share the tiles
  int threads = 0;    ///< of a block
  int tile_pixels = 0, pitch = 0;
  int gatherers = 0;  ///< of two rows each; 0: nothing is gathered

  /// What lies in shared memory, in this order, and where it begins.
  enum Area { kWideSlots, kFirstSlots, kSecondSlots, kFirstTile, kSecondTile, kWideTile, kGathered, kEnd };
  int address[kEnd + 1] = {};

  int64_t shared_bytes() const { return address[kEnd]; }
};

/// A pass as a card runs it.
struct CardPass {
  PassSize size = PassSize::kWithoutDots;
  PassShape shape;
  PassCut cut;
};

/// Cuts a pass, of the first of its sizes that it fits; nothing: it fits none. `gathers`: what the rows come to that it
/// stores.
std::optional<CardPass> CutPass(const PassParts& parts, std::span<const PassSize> sizes, const PassShape& shape,
                                bool gathers, int64_t most_shared_bytes);

}  // namespace riffle
