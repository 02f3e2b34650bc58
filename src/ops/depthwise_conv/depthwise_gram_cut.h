// How the pass of depthwise_gram.cu is cut: into tiles of pixels, and among blocks. Arithmetic on shapes, which needs
// no card.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "ops/depthwise_conv/depthwise_gram.h"
#include "ops/kernel_target.h"

namespace riffle {

/// Tiles of the pixels of a row: whole pictures, or of one picture a band of lines.
struct PictureTiles {
  Plane in, out;
  int stride = 1;
  int count = 0;
  int pictures = 1;  ///< of a tile
  int bands = 1;     ///< of a picture; more than one only of one picture
  int lines = 0;     ///< of outputs, of a band
  int strips = 0;    ///< of a band: what a thread goes down at a time
  int strip_lines = 0;
};

/// Up to so many rows of a group, whose dots stay in registers, and so many blocks on a multiprocessor.
struct DepthwiseGramSize {
  int rows, blocks_at_once;
};
inline constexpr DepthwiseGramSize kDepthwiseGramSizes[] = {{32, 3}, {40, 3}, {80, 2}};  // the best first

struct DepthwiseGramCut {
  static constexpr int kNeighbours = 8;  ///< pixels that are read and written at once
  static constexpr int kPartBytes = 12;  ///< of what is gathered of a row

  int size = 0;  ///< in kDepthwiseGramSizes
  PictureTiles tiles;
  int in_pitch = 0, out_pitch = 0;  ///< of rows in shared memory
  int slots = 1;                    ///< blocks of a group, which share the tiles
  int64_t shared_bytes = 0;
};

/// Nothing: maps are not of bfloat16, or a group has too many rows, or no line fits; then the two ops run.
std::optional<DepthwiseGramCut> CutDepthwiseGram(const DepthwiseGramShape& shape, const KernelTarget& target);

}  // namespace riffle
