#include <gtest/gtest.h>

#include <cstring>
#include <limits>

#include "api/testing/files.h"
#include "base/json.h"
#include "riffle/riffle.h"
#include "riffle/riffle.hpp"

namespace riffle {
namespace {

class CInterface : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(riffle_model_open(files_.checkpoint.c_str(), &model_, &error_), RIFFLE_OK) << error_.message;
    ASSERT_EQ(riffle_classifier_new(model_, 1, &classifier_, &error_), RIFFLE_OK) << error_.message;
  }
  void TearDown() override {
    riffle_classifier_free(classifier_);
    riffle_model_free(model_);
  }
  const ApiFiles files_;
  riffle_model* model_ = nullptr;
  riffle_classifier* classifier_ = nullptr;
  riffle_error error_ = {RIFFLE_IO, "from before"};
};

TEST_F(CInterface, TellsWhatTheModelIs) {
  EXPECT_STREQ(error_.message, "");
  EXPECT_EQ(error_.code, RIFFLE_OK);
  EXPECT_EQ(riffle_model_classes(model_), 3);
  EXPECT_STREQ(riffle_model_class_name(model_, 2), "cat");
  EXPECT_EQ(riffle_model_class_name(model_, 3), nullptr);
  EXPECT_EQ(riffle_model_class_name(model_, -1), nullptr);
  EXPECT_EQ(riffle_model_features(model_), 240);
  EXPECT_EQ(riffle_model_channels(model_), 3);
  EXPECT_EQ(riffle_model_image_size(model_), 8);
}

TEST_F(CInterface, AnswersAsTheOneForCpp) {
  const Picture picture = SomePicture(8, 8, 3);
  const std::vector<uint8_t> file = ReadBytes(files_.picture);
  const std::vector<float> tensor(2 * 3 * 64, 0.5f);
  Classifier cpp(Model::Open(files_.checkpoint.string()), 1);
  ASSERT_TRUE(cpp.Add({picture.pixels.data(), 8, 8, RIFFLE_BGR}));
  ASSERT_TRUE(cpp.AddFile(files_.picture.string()));
  ASSERT_TRUE(cpp.AddEncoded(file.data(), file.size()));
  ASSERT_TRUE(cpp.AddTensor(tensor.data(), 2));
  ASSERT_TRUE(cpp.Run());

  EXPECT_EQ(riffle_add_pixels(classifier_, picture.pixels.data(), 8, 8, 24, RIFFLE_BGR, nullptr), RIFFLE_OK);
  EXPECT_EQ(riffle_add_file(classifier_, files_.picture.c_str(), nullptr), RIFFLE_OK);
  EXPECT_EQ(riffle_add_encoded(classifier_, file.data(), file.size(), nullptr), RIFFLE_OK);
  EXPECT_EQ(riffle_add_tensor(classifier_, tensor.data(), 2, nullptr), RIFFLE_OK);
  EXPECT_EQ(riffle_logits(classifier_), nullptr);
  riffle_class top[3];
  EXPECT_EQ(riffle_top(classifier_, 0, 3, top), 0u);
  ASSERT_EQ(riffle_pictures(classifier_), 5u);
  ASSERT_EQ(riffle_run(classifier_, &error_), RIFFLE_OK) << error_.message;
  EXPECT_EQ(std::vector(riffle_logits(classifier_), riffle_logits(classifier_) + 5 * 3), cpp.logits());
  EXPECT_EQ(std::vector(riffle_probabilities(classifier_), riffle_probabilities(classifier_) + 5 * 3),
            cpp.probabilities());
  EXPECT_EQ(std::vector(riffle_features(classifier_), riffle_features(classifier_) + 5 * 240), cpp.features());
  for (size_t n = 0; n < 5; ++n) {
    ASSERT_EQ(riffle_top(classifier_, n, 2, top), 2u);
    for (int i = 0; i < 2; ++i) {
      EXPECT_EQ(top[i].name, cpp.Top(n)[i].name);
      EXPECT_EQ(top[i].index, cpp.Top(n)[i].index);
      EXPECT_EQ(top[i].probability, cpp.Top(n)[i].probability);
    }
  }
  EXPECT_EQ(riffle_top(classifier_, 5, 3, top), 0u);
  EXPECT_STREQ(riffle_flaw(classifier_), "");
  riffle_clear(classifier_);
  EXPECT_EQ(riffle_pictures(classifier_), 0u);
}

TEST_F(CInterface, TheNamesLastAsLongAsAClassifier) {
  const std::vector<uint8_t> bytes = ReadBytes(files_.checkpoint);
  riffle_model* model = nullptr;
  riffle_classifier* classifier = nullptr;
  ASSERT_EQ(riffle_model_read(bytes.data(), bytes.size(), &model, &error_), RIFFLE_OK) << error_.message;
  ASSERT_EQ(riffle_classifier_new(model, 2, &classifier, nullptr), RIFFLE_OK);
  riffle_model_free(model);
  ASSERT_EQ(riffle_add_file(classifier, files_.picture.c_str(), nullptr), RIFFLE_OK);
  ASSERT_EQ(riffle_run(classifier, nullptr), RIFFLE_OK);
  riffle_class top;
  ASSERT_EQ(riffle_top(classifier, 0, 1, &top), 1u);
  EXPECT_STREQ(top.name, top.index == 0 ? "ant" : top.index == 1 ? "bee" : "cat");
  riffle_classifier_free(classifier);
}

TEST_F(CInterface, ErrorsAreACodeAndALine) {
  riffle_model* model = model_;
  EXPECT_EQ(riffle_model_open("/nowhere/x.safetensors", &model, &error_), RIFFLE_NOT_FOUND);
  EXPECT_EQ(model, nullptr);
  EXPECT_EQ(error_.code, RIFFLE_NOT_FOUND);
  EXPECT_NE(std::strstr(error_.message, "/nowhere/x.safetensors"), nullptr);
  EXPECT_EQ(riffle_model_read("text", 4, &model, &error_), RIFFLE_DATA_LOSS);
  EXPECT_EQ(riffle_add_file(classifier_, "/nowhere/p.png", &error_), RIFFLE_NOT_FOUND);
  EXPECT_EQ(riffle_add_encoded(classifier_, "text", 4, &error_), RIFFLE_DATA_LOSS);
  EXPECT_EQ(riffle_add_pixels(classifier_, "text", 0, 4, 0, RIFFLE_GREY, &error_), RIFFLE_INVALID_ARGUMENT);
  EXPECT_EQ(riffle_add_tensor(classifier_, nullptr, 1, &error_), RIFFLE_INVALID_ARGUMENT);
  EXPECT_EQ(riffle_run(classifier_, &error_), RIFFLE_INVALID_ARGUMENT);
  EXPECT_EQ(riffle_run(classifier_, nullptr), RIFFLE_INVALID_ARGUMENT);
  riffle_model_free(nullptr);
  riffle_classifier_free(nullptr);
}

TEST_F(CInterface, ALongMessageIsCutBetweenCharacters) {
  for (const char* start : {"/", "/a", "/ab", "/abc"}) {
    std::string path = start;
    while (path.size() < 3000) path += "ä/x";
    EXPECT_EQ(riffle_add_file(classifier_, path.c_str(), &error_), RIFFLE_NOT_FOUND);
    const std::string message = error_.message;
    EXPECT_GE(message.size() + 2, sizeof error_.message);
    EXPECT_TRUE(IsUtf8(message)) << start;
  }
}

}  // namespace
}  // namespace riffle
