#include "picture/evaluation_view.h"

#include <gtest/gtest.h>

#include "picture/testing/pictures.h"

namespace riffle {
namespace {

// A picture whose value tells its place: 10 · row + column.
Picture Numbered(int height, int width) {
  Picture picture;
  picture.Reshape(height, width, 1);
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x) picture.Row(y)[x] = static_cast<uint8_t>(10 * y + x);
  return picture;
}

TEST(EvaluationView, TakesTheMiddleAndNormalises) {
  const auto view = EvaluationView::Create(
      {.image_size = 2, .channels = 1, .crop_pct = 0.5, .mean = {10}, .std = {2}});  // a short side of 4 is cut to 2
  ASSERT_TRUE(view.ok()) << view.status().message();
  Picture picture = Numbered(4, 7);
  ViewScratch scratch;
  float out[4] = {};
  ASSERT_TRUE(view->Apply(picture.View(), scratch, out, 4).ok());
  // (4 − 2) / 2 = 1 row above, (7 − 2) / 2 = 2 columns to the left: of an odd rest the larger part is at the right.
  for (int y = 0; y < 2; ++y)
    for (int x = 0; x < 2; ++x) EXPECT_EQ(out[2 * y + x], (10 * (y + 1) + x + 2 - 10) / 2.0f);
}

TEST(EvaluationView, TellsWhichPartTheNetworkSees) {
  const auto view = EvaluationView::Create({.image_size = 4, .channels = 1, .crop_pct = 0.5, .mean = {0}, .std = {1}});
  const SourceBox same = view->Seen(8, 11);  // of its size already: 2 rows above, (11 − 4) / 2 = 3 columns at the left
  EXPECT_EQ(same.top, 2);
  EXPECT_EQ(same.left, 3);
  EXPECT_EQ(same.height, 4);
  EXPECT_EQ(same.width, 4);
  const SourceBox reduced = view->Seen(32, 16);  // to 16 × 8
  EXPECT_EQ(reduced.top, 12);
  EXPECT_EQ(reduced.left, 4);
  EXPECT_EQ(reduced.height, 8);
  EXPECT_EQ(reduced.width, 8);
}

TEST(EvaluationView, ResizesTheShortSideFirst) {
  const auto view = EvaluationView::Create({.image_size = 4, .channels = 1, .crop_pct = 1, .mean = {0}, .std = {1}});
  ASSERT_TRUE(view.ok());
  Picture wide;
  wide.Reshape(8, 16, 1);
  std::fill(wide.pixels.begin(), wide.pixels.end(), uint8_t{7});
  ViewScratch scratch;
  const auto fitted = view->Fit(wide.View(), scratch);
  ASSERT_TRUE(fitted.ok());
  EXPECT_EQ(fitted->height, 4);
  EXPECT_EQ(fitted->width, 4);
  EXPECT_EQ(fitted->Row(3)[3], 7);
}

TEST(EvaluationView, RefusesWhatItCannotShow) {
  EXPECT_FALSE(EvaluationView::Create({.image_size = 4, .channels = 1, .mean = {0}, .std = {0}}).ok());
  const auto view = EvaluationView::Create({.image_size = 4, .channels = 3, .mean = {0, 0, 0}, .std = {1, 1, 1}});
  ASSERT_TRUE(view.ok());
  ViewScratch scratch;
  float out[48];
  Picture grey = Numbered(4, 4);
  EXPECT_NE(view->Apply(grey.View(), scratch, out, 16).message().find("3 channel(s) was expected, one of 1"),
            std::string::npos);
  Picture hair;
  hair.Reshape(1, 20'000'000, 3);
  EXPECT_NE(view->Apply(hair.View(), scratch, out, 16).message().find("long and thin"), std::string::npos);
}

}  // namespace
}  // namespace riffle
