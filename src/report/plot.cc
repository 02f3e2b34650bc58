#include "report/plot.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

namespace riffle {
namespace {

constexpr int kDotColumns = 2, kDotRows = 4;  // of one braille character
constexpr int kLinesPerTick = 3, kColumnsPerTick = 10;

/// Multiples of 1, 2 or 5 times a power of ten, from 0 up to `end`, at most about `count` of them.
std::vector<double> Ticks(double end, int count) {
  const double least = end / std::max(1, count), power = std::pow(10, std::floor(std::log10(least)));
  double step = 10 * power;
  for (const double factor : {5.0, 2.0, 1.0})
    if (factor * power >= least * (1 - 1e-9)) step = factor * power;
  std::vector<double> ticks;
  for (int i = 0; i * step <= end * (1 + 1e-9); ++i) ticks.push_back(i * step);
  return ticks;
}

/// A canvas of dots.
class Braille {
 public:
  Braille(int columns, int lines) : columns_(columns), dots_(static_cast<size_t>(columns) * lines) {}

  void Dot(int x, int y) {
    constexpr uint8_t kBits[kDotColumns][kDotRows] = {{0x01, 0x02, 0x04, 0x40}, {0x08, 0x10, 0x20, 0x80}};
    dots_[static_cast<size_t>(y / kDotRows) * columns_ + x / kDotColumns] |= kBits[x % kDotColumns][y % kDotRows];
  }

  /// A line in UTF-8, without the blanks at its end.
  std::string Line(int line) const {
    std::string text, blanks;
    for (int x = 0; x < columns_; ++x) {
      const uint8_t dots = dots_[static_cast<size_t>(line) * columns_ + x];
      if (dots == 0) {
        blanks += ' ';
        continue;
      }
      text += blanks;
      blanks.clear();
      text += {'\xE2', static_cast<char>(0xA0 | dots >> 6), static_cast<char>(0x80 | (dots & 0x3F))};  // U+2800 + dots
    }
    return text;
  }

 private:
  const int columns_;
  std::vector<uint8_t> dots_;
};

Braille Draw(std::span<const double> values, double top, int columns, int lines) {
  Braille canvas(columns, lines);
  const int dots = kDotColumns * columns, last_row = kDotRows * lines - 1;
  const auto row = [&](double value) { return static_cast<int>(std::lround((1 - value / top) * last_row)); };
  int before = row(values[0]);
  for (int x = 0; x < dots; ++x) {
    const size_t begin = values.size() * x / dots, end = std::max(begin + 1, values.size() * (x + 1) / dots);
    const auto [low, high] = std::ranges::minmax(values.subspan(begin, end - begin));
    int first = row(high), last = row(low);
    if (before < first) first = before + 1;  // the curve has no gaps
    if (before > last) last = before - 1;
    for (int y = first; y <= last; ++y) canvas.Dot(x, y);
    before = row(values[end - 1]);
  }
  return canvas;
}

/// Labels of the x axis, each centred below its tick where there is room, then the title.
std::string XLabels(const std::vector<double>& ticks, const std::vector<int>& columns, std::string_view title) {
  std::string line;
  for (size_t i = 0; i < ticks.size(); ++i) {
    const std::string label = fmt::format("{:g}", ticks[i]);
    const size_t at = static_cast<size_t>(std::max(0, columns[i] - static_cast<int>(label.size() / 2)));
    if (!line.empty() && at <= line.size()) continue;
    line.resize(at, ' ');
    line += label;
  }
  return fmt::format("{} {}", line, title);
}

}  // namespace

std::string PlotText(const TextPlot& plot) {
  const double highest = std::ranges::max(plot.values), top = highest > 0 ? highest : 1;
  const std::vector<double> y_ticks = Ticks(top, plot.height / kLinesPerTick);
  std::vector<std::string> y_labels(plot.height);
  for (const double tick : y_ticks) {
    const int row = static_cast<int>(std::lround((1 - tick / top) * (kDotRows * plot.height - 1)));
    y_labels[row / kDotRows] = fmt::format("{:g}", tick);
  }
  y_labels[0] = fmt::format("{:.4g}", top);
  size_t margin = 0;
  for (const std::string& label : y_labels) margin = std::max(margin, label.size());

  const int columns =
      std::max(2 * kColumnsPerTick, plot.width - static_cast<int>(margin + 2 + plot.x_title.size() + 3));
  const Braille canvas = Draw(plot.values, top, columns, plot.height);
  std::string text = fmt::format("{:>{}}\n", plot.y_title, margin);
  for (int line = 0; line < plot.height; ++line)
    text += fmt::format("{:>{}} {}{}\n", y_labels[line], margin, y_labels[line].empty() ? "│" : "┤", canvas.Line(line));

  const std::vector<double> x_ticks = Ticks(plot.x_end, columns / kColumnsPerTick);
  std::vector<int> tick_columns;
  std::string axis;
  for (const double tick : x_ticks) tick_columns.push_back(static_cast<int>(std::lround(tick / plot.x_end * columns)));
  for (int x = 0; x <= columns; ++x) axis += std::ranges::count(tick_columns, x) ? "┬" : "─";
  text += fmt::format("{:>{}} └{}\n", "", margin, axis);
  text += fmt::format("{:>{}}  {}\n", "", margin, XLabels(x_ticks, tick_columns, plot.x_title));
  return text;
}

}  // namespace riffle
