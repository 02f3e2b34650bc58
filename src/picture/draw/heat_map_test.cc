#include "picture/draw/heat_map.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "picture/draw/draw.h"
#include "picture/testing/pictures.h"

namespace riffle {
namespace {

double Light(const Color3& c) { return 0.299 * c[0] + 0.587 * c[1] + 0.114 * c[2]; }

TEST(HeatColor, GrowsLighterWithEachStep) {
  for (int i = 0; i < 64; ++i) EXPECT_LT(Light(HeatColor(i / 64.0)), Light(HeatColor((i + 1) / 64.0))) << i;
}

TEST(HeatColor, OfWhatLiesBeyondIsTheNearestEnd) {
  EXPECT_EQ(HeatColor(-1), HeatColor(0));
  EXPECT_EQ(HeatColor(2), HeatColor(1));
  EXPECT_EQ(HeatColor(std::numeric_limits<double>::quiet_NaN()), HeatColor(0));
}

TEST(HeatMap, IsHotWhereTheGridIs) {
  const std::vector<float> grid = {0, 0, 0,  //
                                   0, 0, 5};
  const Picture map =
      HeatMap(Canvas(40, 60, {100, 100, 100}).View(), {.values = grid, .height = 2, .width = 3, .low = 0, .high = 5});
  ASSERT_EQ(map.height, 40);
  ASSERT_EQ(map.width, 60);
  const auto light = [&](int y, int x) {
    const uint8_t* p = map.View().Row(y) + 3 * x;
    return Light({p[0], p[1], p[2]});
  };
  for (int y = 0; y < 40; ++y)
    for (int x = 0; x < 60; ++x) EXPECT_LE(light(y, x), light(30, 50)) << "the middle of the hot cell is hottest";
  EXPECT_GT(light(30, 50), light(30, 45)) << "it fades";
  EXPECT_GT(light(30, 45), light(30, 35));
  EXPECT_EQ(light(0, 0), light(10, 10)) << "where all is cold all is alike";
}

TEST(HeatMap, ShowsThePictureInGreyThroughTheHeat) {
  const std::vector<float> even = {3};
  const HeatGrid grid = {.values = even, .height = 1, .width = 1, .low = 3, .high = 3};
  const Picture black = HeatMap(Canvas(1, 1, {0, 0, 0}).View(), grid);
  const Picture white = HeatMap(Canvas(1, 1, {255, 255, 255}).View(), grid);
  for (int c = 0; c < 3; ++c) EXPECT_GT(white.pixels[c], black.pixels[c] + 50);
  Picture grey = SomePicture(4, 4, 1), colours = grey;
  ConvertChannels(colours, 3);
  EXPECT_EQ(HeatMap(grey.View(), grid).pixels, HeatMap(colours.View(), grid).pixels);
}

}  // namespace
}  // namespace riffle
