#include "riffle/riffle.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "api/testing/files.h"

namespace riffle {
namespace {

using Files = ApiFiles;

const std::vector<std::string> kNames = {"ant", "bee", "cat"};

std::shared_ptr<const Model> Opened(const Files& files) {
  Outcome outcome;
  auto model = Model::Open(files.checkpoint.string(), &outcome);
  EXPECT_TRUE(model && outcome) << outcome.message;
  return model;
}

/// The logits of a picture whose pixels lie in memory in this way; empty if they were refused.
std::vector<float> LogitsOf(Classifier& classifier, const Pixels& pixels) {
  return classifier.Classify(pixels) ? classifier.logits() : std::vector<float>();
}

TEST(Classifier, ClassifiesAFileAndItsBytesAlike) {
  const Files files;
  std::string error;
  const auto classifier = Classifier::Load(files.checkpoint.string(), &error, 1);
  ASSERT_TRUE(classifier) << error;
  EXPECT_EQ(classifier->classes(), kNames);
  const Classification from_file = classifier->ClassifyFile(files.picture.string());
  ASSERT_TRUE(from_file) << from_file.error;
  ASSERT_EQ(from_file.classes.size(), 3u);
  std::ifstream stream(files.picture, std::ios::binary);
  const std::string bytes((std::istreambuf_iterator<char>(stream)), {});
  const Classification from_bytes = classifier->ClassifyEncoded(bytes.data(), bytes.size());
  ASSERT_TRUE(from_bytes) << from_bytes.error;
  EXPECT_EQ(from_bytes.classes[0].probability, from_file.classes[0].probability);
}

TEST(Classifier, SeveralOnThreadsOfTheirOwnAnswerAsOneAlone) {
  constexpr int kUsers = 8, kPictures = 6;
  const Files files;
  const auto picture = [&](int i) { return (files.folder / (std::to_string(i) + ".bmp")).string(); };
  for (int i = 0; i < kPictures; ++i) WriteBytes(picture(i), Bmp(9 + i, 7, static_cast<uint8_t>(40 * i)));
  const auto answers = [&](int threads) {
    std::string error;
    const auto classifier = Classifier::Load(files.checkpoint.string(), &error, threads);
    EXPECT_TRUE(classifier) << error;
    std::vector<double> probabilities;
    for (int i = 0; i < kPictures; ++i)
      for (const ClassProbability& c : classifier->ClassifyFile(picture(i)).classes)
        probabilities.push_back(c.probability);
    return probabilities;
  };
  const std::vector<double> alone = answers(1);
  ASSERT_EQ(alone.size(), kPictures * kNames.size());
  std::vector<std::thread> users;
  for (int user = 0; user < kUsers; ++user) users.emplace_back([&] { EXPECT_EQ(answers(2), alone); });
  for (std::thread& user : users) user.join();
}

TEST(Classifier, MovesWithItsNetwork) {
  static_assert(std::is_nothrow_move_constructible_v<Classifier> && std::is_nothrow_move_assignable_v<Classifier>);
  static_assert(!std::is_copy_constructible_v<Classifier>);
  const Files files;
  std::string error;
  const auto loaded = Classifier::Load(files.checkpoint.string(), &error, 1),
             other = Classifier::Load(files.checkpoint.string(), &error, 1);
  ASSERT_TRUE(loaded && other) << error;
  const Classification before = loaded->ClassifyFile(files.picture.string());
  Classifier moved = std::move(*loaded);
  EXPECT_EQ(moved.classes(), kNames);
  *other = std::move(moved);
  const Classification after = other->ClassifyFile(files.picture.string());
  ASSERT_TRUE(after) << after.error;
  EXPECT_EQ(after.classes[0].probability, before.classes[0].probability);
}

TEST(Classifier, ErrorsAreTextAndNameTheFile) {
  const Files files;
  std::string error;
  EXPECT_FALSE(Classifier::Load("/nowhere/x.safetensors", &error));
  EXPECT_NE(error.find("/nowhere/x.safetensors"), std::string::npos);
  const auto classifier = Classifier::Load(files.checkpoint.string(), &error, 1);
  ASSERT_TRUE(classifier) << error;
  EXPECT_NE(classifier->ClassifyFile("/nowhere/p.jpg").error.find("/nowhere/p.jpg"), std::string::npos);
  EXPECT_FALSE(classifier->ClassifyEncoded("text", 4));
}

TEST(Model, TellsWhatItIs) {
  const Files files(1);
  const auto model = Opened(files);
  EXPECT_EQ(model->classes(), kNames);
  EXPECT_EQ(model->channels(), 1);
  EXPECT_EQ(model->image_size(), 8);
  EXPECT_EQ(model->features(), 240);
}

TEST(Model, OfBytesIsThatOfTheirFile) {
  const Files files;
  const std::vector<uint8_t> bytes = ReadBytes(files.checkpoint);
  Outcome outcome;
  const auto model = Model::Read(bytes.data(), bytes.size(), &outcome);
  ASSERT_TRUE(model) << outcome.message;
  Classifier of_bytes(model, 1), of_file(Opened(files), 1);
  ASSERT_TRUE(of_bytes.ClassifyFile(files.picture.string()) && of_file.ClassifyFile(files.picture.string()));
  EXPECT_EQ(of_bytes.logits(), of_file.logits());

  EXPECT_FALSE(Model::Read(bytes.data(), bytes.size() - 1, &outcome));
  EXPECT_EQ(outcome.code, RIFFLE_DATA_LOSS);
  EXPECT_NE(outcome.message, "");
  EXPECT_FALSE(Model::Read(nullptr, 0));
}

TEST(Model, OutlivesNothingThatUsesIt) {
  const Files files;
  auto model = Opened(files);
  Classifier classifier(model, 1);
  model.reset();
  EXPECT_TRUE(classifier.ClassifyFile(files.picture.string()));
}

TEST(Classifier, OnThreadsOfTheirOwnShareAModelAndAnswerAsOneAlone) {
  const Files files;
  const auto model = Opened(files);
  const auto logits = [&] {
    Classifier classifier(model, 2);
    for (int i = 0; i < 5; ++i) {
      const std::vector<uint8_t> picture = Bmp(8, 8, static_cast<uint8_t>(50 * i));
      EXPECT_TRUE(classifier.AddEncoded(picture.data(), picture.size()));
    }
    EXPECT_TRUE(classifier.Run());
    return classifier.logits();
  };
  const std::vector<float> alone = logits();
  std::vector<std::thread> users;
  for (int user = 0; user < 8; ++user) users.emplace_back([&] { EXPECT_EQ(logits(), alone); });
  for (std::thread& user : users) user.join();
}

TEST(Classifier, PixelsOfEveryLayoutAreTheSamePicture) {
  constexpr int kWidth = 9, kHeight = 8;
  const Files files;
  Classifier classifier(Opened(files), 1);
  const Picture picture = SomePicture(kHeight, kWidth, 3);
  const std::vector<float> rgb = LogitsOf(classifier, {picture.pixels.data(), kWidth, kHeight});
  ASSERT_EQ(rgb.size(), 3u);

  struct Case {
    riffle_pixels layout;
    std::vector<int> channels;  // of a pixel: 0 red, 1 green, 2 blue, 3 something else
  };
  for (const Case& c : {Case{RIFFLE_RGB, {0, 1, 2}}, Case{RIFFLE_BGR, {2, 1, 0}}, Case{RIFFLE_RGBA, {0, 1, 2, 3}},
                        Case{RIFFLE_BGRA, {2, 1, 0, 3}}}) {
    for (const size_t gap : {0, 5}) {
      const size_t row_bytes = kWidth * c.channels.size() + gap;
      std::vector<uint8_t> bytes(row_bytes * kHeight, 77);
      for (int y = 0; y < kHeight; ++y)
        for (int x = 0; x < kWidth; ++x)
          for (size_t i = 0; i < c.channels.size(); ++i)
            if (c.channels[i] < 3)
              bytes[y * row_bytes + x * c.channels.size() + i] = picture.View().Row(y)[3 * x + c.channels[i]];
      EXPECT_EQ(LogitsOf(classifier, {bytes.data(), kWidth, kHeight, c.layout, gap ? row_bytes : 0}), rgb) << c.layout;
    }
  }

  const Picture grey = SomePicture(kHeight, kWidth, 1);
  std::vector<uint8_t> three;
  for (const uint8_t value : grey.pixels) three.insert(three.end(), 3, value);
  EXPECT_EQ(LogitsOf(classifier, {grey.pixels.data(), kWidth, kHeight, RIFFLE_GREY}),
            LogitsOf(classifier, {three.data(), kWidth, kHeight}));
}

TEST(Classifier, PixelsThatCannotBeAreRefused) {
  const Files files;
  Classifier classifier(Opened(files), 1);
  const std::vector<uint8_t> bytes(64);
  for (const Pixels& bad :
       {Pixels{nullptr, 2, 2}, Pixels{bytes.data(), 0, 2}, Pixels{bytes.data(), 2, -1},
        Pixels{bytes.data(), 1 << 30, 1 << 30}, Pixels{bytes.data(), 2, 2, RIFFLE_RGB, 5},
        Pixels{bytes.data(), 2, 2, RIFFLE_RGB, SIZE_MAX}, Pixels{bytes.data(), 2, 2, static_cast<riffle_pixels>(9)}}) {
    const Outcome outcome = classifier.Add(bad);
    EXPECT_EQ(outcome.code, RIFFLE_INVALID_ARGUMENT);
    EXPECT_NE(outcome.message.find("expected") + outcome.message.find("allowed"), 2 * std::string::npos);
    EXPECT_FALSE(classifier.Classify(bad));
  }
  EXPECT_EQ(classifier.AddTensor(nullptr, 1).code, RIFFLE_INVALID_ARGUMENT);
  const float value = 0;
  EXPECT_EQ(classifier.AddTensor(&value, SIZE_MAX).code, RIFFLE_INVALID_ARGUMENT);
  EXPECT_EQ(classifier.AddTensor(&value, SIZE_MAX / 4096).code, RIFFLE_UNAVAILABLE) << "more than memory holds";
  EXPECT_EQ(classifier.pictures(), 0u);
}

TEST(Classifier, ATensorIsAPictureThatWasNormalisedBefore) {
  const Files files;
  Classifier classifier(Opened(files), 1);
  const Picture picture = SomePicture(8, 8, 3);
  const std::vector<float> from_pixels = LogitsOf(classifier, {picture.pixels.data(), 8, 8});
  std::vector<float> tensor(3 * 64);
  for (int c = 0; c < 3; ++c)
    for (int i = 0; i < 64; ++i) tensor[c * 64 + i] = (static_cast<float>(picture.pixels[3 * i + c]) - 100) / 50;
  ASSERT_TRUE(classifier.ClassifyTensor(tensor.data()));
  for (int k = 0; k < 3; ++k) EXPECT_NEAR(classifier.logits()[k], from_pixels[k], 1e-5);
}

TEST(Classifier, ABatchAnswersForEachPictureAsForItAlone) {
  constexpr int kPictures = 7;
  const Files files;
  Classifier classifier(Opened(files), 2), single(Opened(files), 1);
  for (const int turn : {1, 2}) {  // the second in the memory of the first
    for (int i = 0; i < kPictures; ++i) {
      const Picture picture = SomePicture(8, 8, 3, turn * i);
      ASSERT_TRUE(classifier.Add({picture.pixels.data(), 8, 8}));
      EXPECT_EQ(classifier.pictures(), i + 1u);
    }
    ASSERT_TRUE(classifier.Run());
    const auto part = [](const std::vector<float>& values, int i) {
      const size_t size = values.size() / kPictures;
      return std::vector(values.begin() + i * size, values.begin() + (i + 1) * size);
    };
    for (int i = 0; i < kPictures; ++i) {
      const Picture picture = SomePicture(8, 8, 3, turn * i);
      const Classification alone = single.Classify({picture.pixels.data(), 8, 8});
      EXPECT_EQ(part(classifier.logits(), i), single.logits());
      EXPECT_EQ(part(classifier.probabilities(), i), single.probabilities());
      EXPECT_EQ(part(classifier.features(), i), single.features());
      EXPECT_EQ(single.features().size(), 240u);
      const auto top = classifier.Top(i);
      ASSERT_EQ(top.size(), alone.classes.size());
      for (size_t k = 0; k < top.size(); ++k) {
        EXPECT_EQ(top[k].index, alone.classes[k].index);
        EXPECT_EQ(static_cast<float>(top[k].probability), single.probabilities()[top[k].index]);
      }
    }
    EXPECT_TRUE(classifier.Top(kPictures).empty());
  }
}

TEST(Classifier, OnlyABatchThatRanHasAnswers) {
  const Files files;
  Classifier classifier(Opened(files), 1);
  EXPECT_EQ(classifier.Run().code, RIFFLE_INVALID_ARGUMENT) << "an empty batch";
  ASSERT_TRUE(classifier.AddFile(files.picture.string()));
  EXPECT_TRUE(classifier.logits().empty() && classifier.Top(0).empty());
  ASSERT_TRUE(classifier.Run());
  EXPECT_EQ(classifier.logits().size(), 3u);
  ASSERT_TRUE(classifier.AddFile(files.picture.string())) << "begins a new batch";
  EXPECT_EQ(classifier.pictures(), 1u);
  EXPECT_TRUE(classifier.logits().empty() && classifier.features().empty());
  classifier.Clear();
  EXPECT_EQ(classifier.pictures(), 0u);
}

TEST(Classifier, TellsTheFlawOfAPicture) {
  const Files files;
  Classifier classifier(Opened(files), 1);
  std::vector<uint8_t> cut = Bmp(8, 8, 40);
  EXPECT_EQ(classifier.ClassifyEncoded(cut.data(), cut.size()).flaw, "");
  cut.resize(cut.size() - 50);
  const Classification answer = classifier.ClassifyEncoded(cut.data(), cut.size());
  EXPECT_TRUE(answer) << answer.error;
  EXPECT_NE(answer.flaw, "");
  EXPECT_EQ(classifier.flaw(), answer.flaw);
}

}  // namespace
}  // namespace riffle
