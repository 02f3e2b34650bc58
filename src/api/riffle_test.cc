#include "riffle/riffle.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "checkpoint/checkpoint.h"
#include "model/initialise.h"
#include "model/plan.h"
#include "model/zoo.h"
#include "ops/op_table.h"
#include "picture/testing/pictures.h"

namespace riffle {
namespace {

const std::vector<std::string> kNames = {"ant", "bee", "cat"};

// A checkpoint of an untrained network for 8 × 8 pictures, and a picture for it.
struct Files {
  Files() {
    CheckpointInfo info;
    info.model = *FindModel("shufflenet_v1_g3_x0_25");
    info.model.num_classes = 3;
    info.model.image_size = 8;
    info.classes = kNames;
    info.preprocessing = {.image_size = 8, .channels = 3, .mean = {0, 0, 0}, .std = {1, 1, 1}};
    const Plan plan = *MakePlan(info.model);
    Snapshot state(plan.registry);
    Initialise(plan, {.seed = 1}, &state.values);
    EXPECT_TRUE(SaveCheckpoint(checkpoint, info, plan.registry, state).ok());
    WriteBytes(picture, Bmp(1, 1, 0));
  }
  const std::filesystem::path folder = TestFolder();
  const std::filesystem::path checkpoint = folder / "c.safetensors", picture = folder / "p.bmp";
};

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

}  // namespace
}  // namespace riffle
