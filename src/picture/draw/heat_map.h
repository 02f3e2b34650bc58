// A grid of numbers drawn over a picture, the way thermal cameras show them.
#pragma once

#include <cstdint>
#include <span>

#include "picture/picture.h"

namespace riffle {

/// From 0, nearly black, over violet, red and orange to 1, pale yellow: each share is lighter than those below it, so
/// that it reads the same in grey. Shares beyond 0 and 1, and what is no number, are drawn as the nearest end, or 0.
Color3 HeatColor(double share);

/// A grid of height × width numbers, row by row, that covers a picture; `low` and `high` are drawn as 0 and 1.
struct HeatGrid {
  std::span<const float> values;
  int64_t height = 0, width = 0;
  float low = 0, high = 1;
};

/// `picture` (grey or RGB) in grey, tinted by the grid, which is interpolated between the middles of its
/// cells: what is cold recedes, what is hot glows. REQUIRES: a grid that is not empty.
Picture HeatMap(const PictureView& picture, const HeatGrid& grid);

}  // namespace riffle
