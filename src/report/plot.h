// Curves as text.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace riffle {

/// A curve from x = 0 on, and how to draw it.
struct TextPlot {
  std::span<const double> values;  ///< evenly spaced; none below 0, at least one
  double x_end = 1;                ///< where the last value ends
  std::string_view x_title, y_title;
  int width = 80;   ///< columns, of everything
  int height = 12;  ///< lines of the curve
};

/// The curve in braille dots, two by four in a character, from 0 to its highest value, with ticks there and at round
/// numbers; the y title above, the x title to the right of the ticks below. Where a dot's width holds many values, it
/// spans them all.
std::string PlotText(const TextPlot& plot);

}  // namespace riffle
