// Runs whose pictures grow: each epoch has its size, and validation and the checkpoint have theirs.
#include <gmock/gmock.h>

#include "train/testing.h"

namespace riffle {
namespace {

using ::testing::ElementsAre;

// A run on pictures of 8 pixels, of 12 from the second epoch on; it is validated on 16.
struct GrowingRun {
  explicit GrowingRun(const TrainerOptions& options) : run(options, InfoOfSize(16)) {
    run.train_at = [this](int epoch) -> Result<BatchSource*> {
      sizes.push_back(epoch < 1 ? 8 : 12);
      loader = std::move(*Loader::Create(*run.train, *Transform::ForEvaluation(InfoOfSize(sizes.back()).preprocessing),
                                         {.batch_size = 6, .seed = 5}));
      return loader.get();
    };
  }
  TinyRun run;
  std::unique_ptr<Loader> loader;
  std::vector<int> sizes;
};

TEST(TrainerResolutions, TakesEachEpochsSizeAndIsValidatedAtItsOwn) {
  const std::filesystem::path folder = TestFolder(), whole = folder / "whole", parts = folder / "parts";
  for (const auto& part : {whole, parts}) std::filesystem::create_directories(part);
  GrowingRun run(AveragingOptions(whole, 3));
  ASSERT_EQ(run.run.Train().message(), "");
  EXPECT_THAT(run.sizes, ElementsAre(8, 12, 12));
  EXPECT_EQ(Checkpoint::Open(whole / Best())->info().model.image_size, 16) << "what predict has to know";
  ASSERT_EQ(GrowingRun(AveragingOptions(parts, 1)).run.Train().message(), "");
  GrowingRun next(AveragingOptions(parts, 3));
  ASSERT_EQ(next.run.trainer->Resume(*Checkpoint::Open(parts / Numbered(1))).message(), "");
  ASSERT_EQ(next.run.Train().message(), "");
  EXPECT_EQ(ReadBytes(parts / Numbered(3)), ReadBytes(whole / Numbered(3)));
  ASSERT_EQ(TinyRun(AveragingOptions(parts, 3), InfoOfSize(16)).Train().message(), "");
  EXPECT_NE(ReadBytes(parts / Numbered(3)), ReadBytes(whole / Numbered(3))) << "the comparison can fail";
}

TEST(TrainerResolutions, TheTeacherSeesAndMixingTakesEachEpochsSize) {
  const std::filesystem::path folder = TestFolder(), teacher = folder / "teacher", student = folder / "student";
  for (const auto& part : {teacher, student}) std::filesystem::create_directories(part);
  ASSERT_EQ(TinyRun(AveragingOptions(teacher, 1), InfoOfSize(16)).Train().message(), "");
  TrainerOptions options = AveragingOptions(student, 2);
  options.objective.teacher_ckpt = (teacher / Numbered(1)).string();
  options.objective.mix.mixup = options.objective.mix.cutmix = 1;
  GrowingRun run(options);
  ASSERT_EQ(run.run.Train().message(), "");
  EXPECT_THAT(run.sizes, ElementsAre(8, 12));
}

}  // namespace
}  // namespace riffle
