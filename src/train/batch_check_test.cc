// A batch that a network was not made for is an error, whoever is handed it, and never a read past its end.
#include "train/batch_check.h"

#include <gmock/gmock.h>

#include "backend/testing/execution.h"
#include "train/loop/recalibrate.h"
#include "train/testing.h"

namespace riffle {
namespace {

using ::testing::HasSubstr;

Batch Fitting() { return {.images = 2, .image_size = 8, .channels = 3, .labels = {0, 1}}; }

TEST(CheckBatch, SaysHowPicturesOrLabelsDifferFromTheNetworks) {
  EXPECT_EQ(CheckBatch(Fitting(), TinyModel()).message(), "");
  Batch larger = Fitting(), grey = Fitting(), beyond = Fitting(), below = Fitting();
  larger.image_size = 12;
  grey.channels = 1;
  beyond.labels[1] = 2;
  below.labels[1] = -1;
  for (const auto& [batch, message] :
       {std::pair{larger, "the network takes pictures of 8 × 8 pixels, and a batch has 12 × 12"},
        {grey, "the network takes pictures of 3 channels, and a batch has 1"},
        {beyond, "the network has 2 classes, and a batch has a picture of class 2"},
        {below, "the network has 2 classes, and a batch has a picture of class -1"}}) {
    EXPECT_EQ(CheckBatch(batch, TinyModel()).code(), ErrorCode::kInvalidArgument);
    EXPECT_EQ(CheckBatch(batch, TinyModel()).message(), message);
  }
  EXPECT_EQ(CheckPictures(beyond, TinyModel()).message(), "") << "statistics need no labels";
  EXPECT_FALSE(CheckPictures(larger, TinyModel()).ok());
}

// Pictures of 12 pixels for a network of 8, and of 8 for one of 12: too many and too few.
class OfAnotherSize : public testing::TestWithParam<int> {
 protected:
  const int theirs_ = GetParam(), ours_ = 20 - GetParam();
  void ExpectRefused(const Status& status) const {
    EXPECT_EQ(status.code(), ErrorCode::kInvalidArgument);
    EXPECT_THAT(status.message(), HasSubstr(fmt::format("takes pictures of {0} × {0} pixels", ours_)));
  }
  GivenBatches batches_{{{.images = 2, .image_size = theirs_, .channels = 3, .labels = {0, 1}}}};
  const Plan plan_ = *MakePlan(InfoOfSize(ours_).model);
};
INSTANTIATE_TEST_SUITE_P(Pictures, OfAnotherSize, testing::Values(8, 12));

TEST_P(OfAnotherSize, AnEvaluationRefusesThem) {
  Session session(OnThreads(), plan_, TestOps());
  LabelLoss loss(OnThreads(), {}, 2, TestOps());
  ExpectRefused(Evaluate(session, loss, batches_).status());
}

TEST_P(OfAnotherSize, RecalibrationRefusesThem) {
  Network<float> network(OnThreads(), plan_, TestOps());
  ExpectRefused(RecalibrateStatistics(1, 0, batches_, &network, TestOps()).status());
}

TEST_P(OfAnotherSize, AnObjectiveRefusesThem) {
  const auto objective = std::move(*Objective::Create(OnThreads(), {}, InfoOfSize(ours_), TestOps()));
  ExpectRefused(objective->Begin(**batches_.Next()).status());
}

TEST_P(OfAnotherSize, ATrainerValidatesOnNone) {
  TinyRun run(TinyOptions(TestFolder(), 1), InfoOfSize(ours_));
  ExpectRefused(run.trainer->PaceOfValidation(batches_).status());
  TrainObserver silent;
  ExpectRefused(run.trainer->Run({run.train_at, &batches_}, silent));
}

}  // namespace
}  // namespace riffle
