#include "picture/preprocessing.h"

#include <gtest/gtest.h>

namespace riffle {
namespace {

const Preprocessing kColour = {.image_size = 32,
                               .crop_pct = 1,
                               .mean = {.4914f * 255, .4822f * 255, .4465f * 255},
                               .std = {.2023f * 255, .1994f * 255, .2010f * 255}};
const Preprocessing kGrey = {.image_size = 28, .channels = 1, .crop_pct = 1, .mean = {33.3f}, .std = {78.6f}};

TEST(Preprocessing, SurvivesItsJson) {
  for (Preprocessing p : {kColour, kGrey}) {
    p.interpolation = Interpolation::kLanczos;
    p.mean[0] = 0.1f;  // no short decimal is this float
    const auto back = PreprocessingFromJson(ToJson(p));
    ASSERT_TRUE(back.ok()) << back.status().message();
    EXPECT_EQ(*back, p);
  }
}

TEST(Preprocessing, WrongJsonNamesTheKey) {
  const std::string good = ToJson(kColour);
  const auto error = [&](const std::string& from, const std::string& to) {
    std::string text = good;
    const size_t at = text.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    text.replace(at, from.size(), to);
    const auto parsed = PreprocessingFromJson(text);
    EXPECT_FALSE(parsed.ok()) << text;
    return parsed.status().message();
  };
  EXPECT_NE(error("image_size", "imagesize").find("'image_size' is missing"), std::string::npos);
  EXPECT_NE(error("{", "{\"scale\":1,").find("\"scale\" is unknown"), std::string::npos);
  EXPECT_NE(error("\"image_size\":32", "\"image_size\":\"x\"").find("'image_size'"), std::string::npos);
  for (const char* value : {"32.5", "true", "1e300"})
    EXPECT_NE(error("\"image_size\":32", fmt::format("\"image_size\":{}", value))
                  .find("'image_size' has a value of the wrong"),
              std::string::npos)
        << value << " would be read as another number";
  EXPECT_NE(error("\"mean\":[", "\"mean\":[true,").find("'mean' has a value of the wrong"), std::string::npos);
  EXPECT_NE(error("\"image_size\":32", "\"image_size\":0").find("image_resize"), std::string::npos);
  EXPECT_NE(error("\"crop_pct\":1.0", "\"crop_pct\":1.5").find("crop_pct"), std::string::npos);
  EXPECT_NE(error("bilinear", "bilinaer").find("'bilinear'"), std::string::npos);
  EXPECT_NE(error("\"mean\":[", "\"mean\":[1,").find("mean: 3 values"), std::string::npos);
  EXPECT_NE(error("{", "[").size(), 0u);
  EXPECT_FALSE(PreprocessingFromJson("[1]").ok());
}

TEST(Preprocessing, OlderCheckpointsLeavePicturesAsTheyLie) {
  Preprocessing p = kColour;
  p.exif_orientation = true;
  EXPECT_TRUE(PreprocessingFromJson(ToJson(p))->exif_orientation);
  std::string older = ToJson(p);
  const std::string key = "\"exif_orientation\":true,";
  ASSERT_NE(older.find(key), std::string::npos) << older;
  older.erase(older.find(key), key.size());
  EXPECT_FALSE(PreprocessingFromJson(older)->exif_orientation);
}

TEST(Preprocessing, TheShortSideIsRoundedDown) {
  const auto short_side = [](int image_size, double crop_pct) {
    return Preprocessing{.image_size = image_size, .crop_pct = crop_pct}.ResizedShortSide();
  };
  EXPECT_EQ(short_side(224, 0.875), 256);
  EXPECT_EQ(short_side(160, 0.875), 182);
  EXPECT_EQ(short_side(224, 1), 224);
}

TEST(Preprocessing, SenselessNumbersAreRefused) {
  Preprocessing p = kColour;
  EXPECT_TRUE(Check(p).ok());
  p.std[1] = 0;
  EXPECT_FALSE(Check(p).ok());
  p.std[1] = NAN;
  EXPECT_FALSE(Check(p).ok());
}

}  // namespace
}  // namespace riffle
