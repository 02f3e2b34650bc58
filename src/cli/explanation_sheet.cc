#include "cli/explanation_sheet.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "picture/draw/draw.h"
#include "picture/draw/heat_map.h"
#include "picture/resize.h"

namespace riffle {
namespace {

// In pixels.
constexpr int kMargin = 24;
constexpr int kPanel = 384;      // side of each picture
constexpr int kGap = 16;         // between pictures
constexpr int kTitleGap = 16;    // below the title
constexpr int kLabelGap = 12;    // between a picture and what stands below it
constexpr int kShareHeight = 6;  // of the bar that shows a probability
constexpr int kScaleWidth = 16;  // of the bar that shows the colours
constexpr int kScaleTextGap = 8;
constexpr int kZoom = 2;  // of all text
constexpr int kTextHeight = kGlyphHeight * kZoom;
constexpr Color3 kPaper = {250, 249, 246}, kInk = {34, 38, 46}, kFaint = {128, 134, 144}, kTrack = {226, 225, 221},
                 kShare = {214, 78, 58};

constexpr int kTop = kMargin + kTextHeight + kTitleGap;  // of the pictures

int LeftOf(size_t panel) { return kMargin + static_cast<int>(panel) * (kPanel + kGap); }

/// The text, cut where it is wider than `width`.
std::string Fitting(std::string_view text, int width) {
  std::string fitting(text);
  while (!fitting.empty() && TextWidth(fitting, kZoom) > width)
    fitting =
        std::string(std::string_view(fitting).substr(0, fitting.size() - (fitting.ends_with("...") ? 4 : 1))) + "...";
  return fitting;
}

Picture Enlarged(const PictureView& seen) {
  ResizeScratch scratch;
  Picture enlarged;
  Resize(seen, kPanel, kPanel, {0, 0, kPanel, kPanel}, Interpolation::kBicubic, scratch, enlarged);
  return enlarged;
}

std::string PercentText(double share) { return fmt::format("{:.1f} %", 100 * share); }

void DrawClass(Picture& sheet, size_t panel, const ExplainedMap& map) {
  const int left = LeftOf(panel), top = kTop + kPanel + kLabelGap;
  const std::string percent = PercentText(map.probability);
  const int percent_width = TextWidth(percent, kZoom);
  DrawText(sheet, top, left, Fitting(map.class_name, kPanel - percent_width - kGap), kInk, kZoom);
  DrawText(sheet, top, left + kPanel - percent_width, percent, kInk, kZoom);
  const int bar = top + kTextHeight + kLabelGap - kShareHeight / 2;
  DrawRectangle(sheet, bar, left, kShareHeight, kPanel, kTrack);
  DrawRectangle(sheet, bar, left, kShareHeight, static_cast<int>(std::lround(map.probability * kPanel)), kShare);
}

void DrawScale(Picture& sheet, int left, const std::string& high, const std::string& low) {
  for (int y = 0; y < kPanel; ++y)
    DrawRectangle(sheet, kTop + y, left, 1, kScaleWidth, HeatColor(1 - y / double{kPanel - 1}));
  const int text_left = left + kScaleWidth + kScaleTextGap;
  DrawText(sheet, kTop, text_left, high, kInk, kZoom);
  DrawText(sheet, kTop + kPanel - kTextHeight, text_left, low, kInk, kZoom);
}

}  // namespace

Picture DrawExplanation(const PictureView& seen, std::string_view title, std::span<const ExplainedMap> maps) {
  float low = maps[0].map.values[0], high = low;
  for (const ExplainedMap& map : maps) {
    const auto [lowest, highest] = std::ranges::minmax(map.map.values);
    low = std::min(low, lowest), high = std::max(high, highest);
  }
  const std::string high_text = fmt::format("{:+.3g}", high), low_text = fmt::format("{:+.3g}", low);
  const int scale_left = LeftOf(maps.size() + 1);
  const int text_width = std::max(TextWidth(high_text, kZoom), TextWidth(low_text, kZoom));
  const int width = scale_left + kScaleWidth + kScaleTextGap + text_width + kMargin;
  const int height = kTop + kPanel + 2 * kLabelGap + kTextHeight + kMargin;

  Picture sheet = Canvas(height, width, kPaper);
  DrawText(sheet, kMargin, kMargin, Fitting(title, width - 2 * kMargin), kInk, kZoom);
  const Picture enlarged = Enlarged(seen);
  Draw(sheet, kTop, LeftOf(0), enlarged.View(), 1);
  DrawText(sheet, kTop + kPanel + kLabelGap, LeftOf(0), "what the network sees", kFaint, kZoom);
  for (size_t i = 0; i < maps.size(); ++i) {
    const ActivationMap& map = maps[i].map;
    const HeatGrid grid = {.values = map.values, .height = map.height, .width = map.width, .low = low, .high = high};
    Draw(sheet, kTop, LeftOf(i + 1), HeatMap(enlarged.View(), grid).View(), 1);
    DrawClass(sheet, i + 1, maps[i]);
  }
  DrawScale(sheet, scale_left, high_text, low_text);
  return sheet;
}

}  // namespace riffle
