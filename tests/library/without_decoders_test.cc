// A library without decoders (RIFFLE_PICTURE_FILES=OFF) says what it cannot read, and classifies what needs none.
#include <gtest/gtest.h>

#include "api/testing/files.h"
#include "riffle/riffle.hpp"

namespace riffle {
namespace {

TEST(WithoutDecoders, TheFormatIsNamedAndPixelsAreClassified) {
  const ApiFiles files;
  Outcome outcome;
  const auto model = Model::Open(files.checkpoint.string(), &outcome);
  ASSERT_TRUE(model) << outcome.message;
  Classifier classifier(model, 1);
  const std::string jpeg = "\xFF\xD8\xFF\xE0", png = "\x89PNG\r\n\x1A\n", webp = "RIFF    WEBP";
  for (const auto& [bytes, name] : {std::pair(jpeg, "JPEG"), {png, "PNG"}, {webp, "WebP"}}) {
    const Outcome found = classifier.AddEncoded(bytes.data(), bytes.size());
    EXPECT_EQ(found.code, RIFFLE_UNAVAILABLE);
    EXPECT_NE(found.message.find(name), std::string::npos) << found.message;
  }
  EXPECT_TRUE(classifier.ClassifyFile(files.picture.string())) << "a bitmap";
  const std::vector<uint8_t> pixels(64, 5);
  EXPECT_TRUE(classifier.Classify({pixels.data(), 8, 8, RIFFLE_GREY}));
}

}  // namespace
}  // namespace riffle
