// Pictures in batches: each has the logits that it has alone, and a bad one costs only itself.
#include "runtime/batch_classifier.h"

#include <gmock/gmock.h>

#include "backend/testing/execution.h"
#include "backend/testing/failing_device.h"
#include "checkpoint/testing/tiny.h"
#include "model/testing/random_network.h"
#include "ops/cpu.h"
#include "ops/testing/guarded_ops.h"
#include "picture/draw/draw.h"
#include "picture/testing/pictures.h"
#include "runtime/load_session.h"
#include "runtime/picture_batch.h"

namespace riffle {
namespace {

using ::testing::HasSubstr;

constexpr size_t kPictures = 37;

class BatchClassifierOf : public testing::TestWithParam<int> {
 protected:
  // Pictures of other sizes, one in five none.
  void SetUp() override {
    CheckpointInfo info = TinyInfo();
    info.model.in_channels = info.preprocessing.channels = GetParam();
    info.preprocessing.mean.resize(GetParam());
    info.preprocessing.std.resize(GetParam());
    const Plan plan = *MakePlan(info.model);
    Snapshot snapshot(plan.registry);
    FillRandom(plan.registry, 1, &snapshot.values);
    ASSERT_TRUE(SaveCheckpoint(folder_ / "x.safetensors", info, plan.registry, snapshot).ok());
    for (uint32_t i = 0; i < kPictures; ++i) {
      const std::filesystem::path path = folder_ / fmt::format("{}.png", i);
      const std::string png = *EncodePng(SomePicture(8 + i % 5, 9 + i % 7, 3, i).View());
      WriteText(path, i % 5 == 4 ? "no picture" : png);
      inputs_.push_back({path.string(), {}});
    }
  }
  std::unique_ptr<BatchClassifier> Classifier(int threads = 3) const {
    const Result<Checkpoint> checkpoint = Checkpoint::Open(folder_ / "x.safetensors");
    return std::move(*BatchClassifier::Create(OnThreads(threads), *checkpoint, CpuOps()));
  }

  const std::filesystem::path folder_ = TestFolder();
  std::vector<PictureInput> inputs_;
};

TEST_P(BatchClassifierOf, EachHasTheLogitsThatItHasAlone) {
  const auto together = Classifier(), alone = Classifier(1);
  ASSERT_EQ(together->Classify(inputs_).message(), "");
  for (size_t i = 0; i < kPictures; ++i) {
    ASSERT_EQ(alone->Classify(std::span(inputs_).subspan(i, 1)).message(), "");
    ASSERT_EQ(together->outcome(i).status.message(), alone->outcome(0).status.message());
    if (i % 5 == 4) continue;
    EXPECT_TRUE(std::ranges::equal(together->logits(i), alone->logits(0))) << i;
    EXPECT_EQ(together->Seen(i).pixels, alone->Seen(0).pixels) << i;
    EXPECT_EQ(together->outcome(i).height, 8 + static_cast<int>(i) % 5);
    EXPECT_EQ(together->outcome(i).width, 9 + static_cast<int>(i) % 7);
  }
}

// Which adds pictures to a PictureBatch.
TEST_P(BatchClassifierOf, EachHasTheLogitsOfThePublicClassifier) {
  const Result<Checkpoint> checkpoint = Checkpoint::Open(folder_ / "x.safetensors");
  const CheckpointInfo& info = checkpoint->info();
  const auto session =
      std::move(*LoadSession(OnThreads(2), *checkpoint, checkpoint->best_weights(), info.model, CpuOps()));
  PictureBatch pictures(CpuDevice(), session->plan().maps[0], *EvaluationView::Create(info.preprocessing));
  const auto batch = Classifier();
  ASSERT_EQ(batch->Classify(std::span(inputs_).first(3)).message(), "");
  for (size_t i = 0; i < 3; ++i) {
    pictures.Clear();
    ASSERT_EQ(pictures.AddFile(inputs_[i].name).message(), "");
    std::vector<float> expected(info.model.num_classes);
    session->Run(1, pictures.rows(), expected.data());
    EXPECT_TRUE(std::ranges::equal(batch->logits(i), expected)) << i;
  }
}

TEST_P(BatchClassifierOf, ABatchAfterOneOfAnotherSizeIsAsOneOfItsOwn) {
  const auto classifier = Classifier();
  for (const size_t size : {size_t{3}, kPictures, size_t{2}}) {
    const auto fresh = Classifier();
    ASSERT_EQ(classifier->Classify(std::span(inputs_).first(size)).message(), "");
    ASSERT_EQ(fresh->Classify(std::span(inputs_).first(size)).message(), "");
    for (size_t i = 0; i < size; ++i) EXPECT_TRUE(std::ranges::equal(classifier->logits(i), fresh->logits(i))) << size;
  }
}

TEST_P(BatchClassifierOf, NamesWhatIsWrong) {
  const auto classifier = Classifier();
  inputs_[1].name = (folder_ / "nowhere.png").string();
  inputs_[2].bytes = {'G', 'I', 'F', '8', '9', 'a'};
  inputs_[3].bytes = Bmp(9, 9, 77);
  inputs_[3].bytes.resize(inputs_[3].bytes.size() * 2 / 3);
  ASSERT_EQ(classifier->Classify(inputs_).message(), "");
  EXPECT_EQ(classifier->outcome(0).status.message(), "");
  EXPECT_EQ(classifier->outcome(0).flaw, "");
  EXPECT_EQ(classifier->outcome(1).status.code(), ErrorCode::kNotFound);
  EXPECT_THAT(classifier->outcome(1).status.message(), HasSubstr("nowhere.png"));
  EXPECT_THAT(classifier->outcome(2).status.message(), AllOf(HasSubstr("2.png: "), HasSubstr("a GIF")));
  EXPECT_THAT(classifier->outcome(3).flaw, HasSubstr("cut off"));
  EXPECT_EQ(classifier->outcome(4).status.code(), ErrorCode::kDataLoss);
}

TEST_P(BatchClassifierOf, ADeviceThatFailsIsAnError) {
  FailingDevice device;
  const Execution execution{OnThreads().pool, device};
  const Result<Checkpoint> checkpoint = Checkpoint::Open(folder_ / "x.safetensors");
  const auto classifier = std::move(*BatchClassifier::Create(execution, *checkpoint, GuardedOps()));
  ASSERT_EQ(classifier->Classify(inputs_).message(), "");
  device.health = Unavailable("the device failed");
  EXPECT_EQ(classifier->Classify(inputs_).message(), "the device failed");
}

INSTANTIATE_TEST_SUITE_P(Channels, BatchClassifierOf, testing::Values(1, 3));

}  // namespace
}  // namespace riffle
