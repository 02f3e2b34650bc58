#include "report/plot.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>
#include <vector>

namespace riffle {
namespace {

std::string Plot(const std::vector<double>& values, double x_end, int width, int height) {
  return PlotText(
      {.values = values, .x_end = x_end, .x_title = "epochs", .y_title = "lr", .width = width, .height = height});
}

std::vector<std::string> Lines(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

TEST(Plot, DrawsStairsWithTheirRisers) {
  EXPECT_EQ(Plot({0, 1, 2, 3}, 4, 24, 4),
            "lr\n"
            "3 ┤               ⡏⠉⠉⠉⠉\n"
            "  │          ⡖⠒⠒⠒⠒⠁\n"
            "  │     ⡤⠤⠤⠤⠤⠃\n"
            "0 ┤⣀⣀⣀⣀⣀⠇\n"
            "  └┬─────────┬─────────┬\n"
            "   0         2         4 epochs\n");
}

TEST(Plot, SpansAllValuesOfADot) {
  std::vector<double> spikes(10'000, 0.0);
  spikes[5'000] = 1;  // one of a hundred values in its dot's width
  const std::vector<std::string> lines = Lines(Plot(spikes, 100, 60, 5));
  for (int line = 1; line <= 4; ++line) EXPECT_NE(lines[line].find("⡇"), std::string::npos) << lines[line];
}

TEST(Plot, LabelsTheHighestValueAndRoundNumbers) {
  std::vector<double> ramp;
  for (int i = 0; i <= 350; ++i) ramp.push_back(0.001 * i);
  const std::vector<std::string> lines = Lines(Plot(ramp, 250, 80, 12));
  ASSERT_EQ(lines.size(), 15u);
  EXPECT_TRUE(lines[1].starts_with("0.35 ┤"));
  for (const char* label : {" 0.3 ┤", " 0.2 ┤", " 0.1 ┤", "   0 ┤"})
    EXPECT_TRUE(std::ranges::any_of(lines, [&](const std::string& line) { return line.starts_with(label); })) << label;
  for (const char* label : {" 50 ", " 100 ", " 150 ", " 200 ", " 250 epochs"})
    EXPECT_NE(lines.back().find(label), std::string::npos) << label;
}

TEST(Plot, StaysWithinItsWidth) {
  for (const int width : {40, 63, 80, 132}) {
    for (const double end : {1.0, 7.0, 90.0, 1234.0}) {
      for (const std::string& line : Lines(Plot({0.35, 0.2, 0.1, 0}, end, width, 12))) {
        const auto columns = std::ranges::count_if(line, [](char c) { return (c & 0xC0) != 0x80; });
        EXPECT_LE(columns, width) << line;
      }
    }
  }
}

TEST(Plot, DrawsNothingButZeros) { EXPECT_EQ(Lines(Plot({0, 0, 0}, 1, 40, 4)).size(), 7u); }

}  // namespace
}  // namespace riffle
