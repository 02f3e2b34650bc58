#include "exchange/open_weights.h"

#include <gmock/gmock.h>

#include <cstdlib>
#include <fstream>

#include "base/testing/test_folder.h"
#include "checkpoint/testing/tiny.h"
#include "model/plan.h"

namespace riffle {
namespace {

namespace fs = std::filesystem;

using testing::HasSubstr;

/// MindCV's own files (RIFFLE_TEST_DATA).
fs::path Golden(const std::string& name) {
  const char* data = std::getenv("RIFFLE_TEST_DATA");
  return data ? fs::path(data) / "mindcv/g3_05" / name : fs::path();
}

std::vector<float> Weights(const Checkpoint& checkpoint) {
  const Plan plan = *MakePlan(checkpoint.info().model);
  ParameterValues<float> values(plan.registry);
  EXPECT_TRUE(checkpoint.Load(plan.registry, WeightSet::kOnline, &values).ok());
  return {values.trainable.begin(), values.trainable.end()};
}

TEST(OpenWeights, ACheckpointOfOursIsOpenedAsItIs) {
  const fs::path path = TestFolder() / "ours.safetensors";
  const Plan plan = *MakePlan(TinyModel());
  CheckpointInfo info = TinyInfo();
  info.epoch = 3;
  ASSERT_TRUE(SaveCheckpoint(path, info, plan.registry, Snapshot(plan.registry)).ok());
  const auto opened = OpenWeights(path, {.conventions = "paper"});
  ASSERT_TRUE(opened.ok()) << opened.status().message();
  EXPECT_FALSE(opened->imported);
  EXPECT_EQ(opened->checkpoint.info().epoch, 3);
  EXPECT_EQ(opened->checkpoint.info().model, TinyModel()) << "options are for what is imported";
}

TEST(OpenWeights, MindSporesFileAndItsSafetensorsAreOneNetwork) {
  if (Golden("").empty()) GTEST_SKIP() << "RIFFLE_TEST_DATA is not set";
  const auto ckpt = OpenWeights(Golden("shufflenet_v1_g3_05-start.ckpt"));
  ASSERT_TRUE(ckpt.ok()) << ckpt.status().message();
  EXPECT_TRUE(ckpt->imported);
  EXPECT_EQ(ckpt->checkpoint.info().model.name, "shufflenet_v1_g3_x0_5");
  EXPECT_EQ(ckpt->checkpoint.info().model.num_classes, 10);
  EXPECT_TRUE(ckpt->checkpoint.info().classes.empty());
  for (const fs::directory_entry& entry : fs::directory_iterator(Golden(""))) {
    if (!entry.path().filename().string().ends_with("start.safetensors")) continue;
    const auto same = OpenWeights(entry.path());
    ASSERT_TRUE(same.ok()) << same.status().message();
    EXPECT_EQ(Weights(same->checkpoint), Weights(ckpt->checkpoint));
    return;
  }
  FAIL() << "no safetensors beside the checkpoint";
}

TEST(ImportWeights, ACheckpointOfOursTakesWhatTheUserSays) {
  const fs::path path = TestFolder() / "ours.safetensors";
  const Plan plan = *MakePlan(TinyModel());
  ASSERT_TRUE(SaveCheckpoint(path, TinyInfo(), plan.registry, Snapshot(plan.registry)).ok());
  const auto imported = ImportWeights(path, {.image_size = 48});
  ASSERT_TRUE(imported.ok()) << imported.status().message();
  EXPECT_EQ(imported->info.model.image_size, 48);
  EXPECT_EQ(imported->info.preprocessing.image_size, 48);
  EXPECT_EQ(imported->info.classes, TinyInfo().classes);
}

TEST(ImportWeights, SaysWhatTheUserChangesOfACheckpointOfOurs) {
  const fs::path path = TestFolder() / "ours.safetensors";
  const Plan plan = *MakePlan(TinyModel());
  ASSERT_TRUE(SaveCheckpoint(path, TinyInfo(), plan.registry, Snapshot(plan.registry)).ok());
  const auto same = ImportWeights(path, {});
  ASSERT_TRUE(same.ok()) << same.status().message();
  EXPECT_EQ(same->notes.size(), 1u) << "nothing is changed";
  const auto other = ImportWeights(path, {.conventions = "paper", .bgr = true, .mean = {1, 2, 3}});
  ASSERT_TRUE(other.ok()) << other.status().message();
  EXPECT_THAT(other->notes[1], testing::AllOf(HasSubstr("As the options say it: conventions paper instead of mindcv"),
                                              HasSubstr("mean 1,2,3 instead of ")));
  EXPECT_THAT(other->notes[2], HasSubstr("took blue, green, red"));
  EXPECT_TRUE(other->bgr);
  EXPECT_THAT(ImportWeights(path, {.key = "ema"}).status().message(), HasSubstr("leave --ckpt_key out"));
}

TEST(OpenWeights, SaysOfAnEmptyFileThatItIsEmpty) {
  const fs::path path = TestFolder() / "empty.pkl";
  std::ofstream(path).close();
  EXPECT_THAT(OpenWeights(path).status().message(), HasSubstr("no weights but an empty file: copy it again"));
}

TEST(OpenWeights, SaysOfADamagedCheckpointThatItIsDamaged) {
  const fs::path path = TestFolder() / "ours.safetensors";
  const Plan plan = *MakePlan(TinyModel());
  ASSERT_TRUE(SaveCheckpoint(path, TinyInfo(), plan.registry, Snapshot(plan.registry)).ok());
  fs::resize_file(path, fs::file_size(path) - 100);
  EXPECT_EQ(OpenWeights(path).status().code(), ErrorCode::kDataLoss);
  EXPECT_EQ(OpenWeights(TestFolder() / "nowhere.pth").status().code(), ErrorCode::kNotFound);
}

}  // namespace
}  // namespace riffle
