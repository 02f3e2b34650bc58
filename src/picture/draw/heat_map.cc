#include "picture/draw/heat_map.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

namespace riffle {
namespace {

// Colours at equal distances, of evenly rising luminance; between them they are mixed.
constexpr std::array<std::array<double, 3>, 6> kColors = {
    {{10, 8, 32}, {74, 20, 108}, {150, 40, 104}, {214, 78, 58}, {246, 154, 26}, {252, 242, 150}}};

// Of the heat's colour in a pixel, where it is coldest and hottest: the picture shows through everywhere.
constexpr double kLeastHeat = 0.55, kMostHeat = 0.65;
constexpr double kDimmed = 0.75;  // the picture's light, for the heat to shine

/// Between which two cells a pixel lies, and how far it is from the first to the second.
struct Between {
  int64_t first, second;
  double share;
};

std::vector<Between> Places(int64_t cells, int64_t pixels) {
  std::vector<Between> places;
  for (int64_t pixel = 0; pixel < pixels; ++pixel) {
    const double at = (static_cast<double>(pixel) + 0.5) * static_cast<double>(cells) / static_cast<double>(pixels);
    const double place = std::clamp(at - 0.5, 0.0, static_cast<double>(cells - 1));
    const auto first = static_cast<int64_t>(place);
    places.push_back({first, std::min(first + 1, cells - 1), place - static_cast<double>(first)});
  }
  return places;
}

/// How light a pixel is (ITU-R 601), so that all colour there is heat.
double Luma(const uint8_t* pixel, int channels) {
  return channels == 1 ? pixel[0] : 0.299 * pixel[0] + 0.587 * pixel[1] + 0.114 * pixel[2];
}

double Mix(double a, double b, double share) { return a + (b - a) * share; }

}  // namespace

Color3 HeatColor(double share) {
  const double place = (share > 0 ? std::min(share, 1.0) : 0) * (kColors.size() - 1);
  const size_t first = std::min(static_cast<size_t>(place), kColors.size() - 2);
  Color3 color;
  for (size_t c = 0; c < color.size(); ++c)
    color[c] = static_cast<uint8_t>(
        std::lround(Mix(kColors[first][c], kColors[first + 1][c], place - static_cast<double>(first))));
  return color;
}

Picture HeatMap(const PictureView& picture, const HeatGrid& grid) {
  Picture out;
  out.Reshape(picture.height, picture.width, 3);
  const std::vector<Between> rows = Places(grid.height, out.height), columns = Places(grid.width, out.width);
  const double range = double{grid.high} - grid.low;
  for (int y = 0; y < out.height; ++y) {
    const Between& row = rows[y];
    const float* above = grid.values.data() + row.first * grid.width;
    const float* below = grid.values.data() + row.second * grid.width;
    for (int x = 0; x < out.width; ++x) {
      const Between& column = columns[x];
      const double value = Mix(Mix(above[column.first], above[column.second], column.share),
                               Mix(below[column.first], below[column.second], column.share), row.share);
      const double heat = range > 0 ? std::clamp((value - grid.low) / range, 0.0, 1.0) : 0;
      const Color3 color = HeatColor(heat);
      const double light = kDimmed * Luma(picture.Row(y) + int64_t{x} * picture.channels, picture.channels);
      for (int c = 0; c < 3; ++c)
        out.Row(y)[3 * x + c] =
            static_cast<uint8_t>(std::lround(Mix(light, color[c], Mix(kLeastHeat, kMostHeat, heat))));
    }
  }
  return out;
}

}  // namespace riffle
