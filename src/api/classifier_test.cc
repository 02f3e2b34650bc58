#include "api/classifier.h"

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>

#include "data/test_support.h"
#include "model/initialise.h"
#include "model/zoo.h"
#include "ops/op_table.h"

namespace riffle {
namespace {

const std::vector<std::string> kNames = {"ant", "bee", "cat"};

TEST(Likeliest, SortsByProbabilityAndEqualOnesByIndex) {
  const std::vector<float> logits = {0, std::log(2.0f), 0};
  const auto classes = Likeliest(logits, kNames, 5);
  ASSERT_EQ(classes.size(), 3u);
  EXPECT_EQ(classes[0].name, "bee");
  EXPECT_NEAR(classes[0].probability, 0.5, 1e-7);
  EXPECT_EQ(classes[1].index, 0);
  EXPECT_EQ(classes[2].index, 2);
  EXPECT_EQ(Likeliest(logits, kNames, 1).size(), 1u);
}

TEST(Likeliest, LargeLogitsDoNotOverflow) {
  const std::vector<float> logits = {1e4f, -1e4f, 0};
  EXPECT_EQ(Likeliest(logits, kNames, 1)[0].probability, 1.0);
}

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
    ParameterValues<float> values(plan.registry);
    Initialise(plan, {.seed = 1}, &values);
    EXPECT_TRUE(SaveCheckpoint(checkpoint, info, plan.registry, values, nullptr).ok());
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
