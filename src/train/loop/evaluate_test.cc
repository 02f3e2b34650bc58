// Evaluation: ranks by hand, and sums that do not depend on how pictures are batched.
#include "train/loop/evaluate.h"

#include <gmock/gmock.h>

#include <array>
#include <cmath>

#include "backend/testing/execution.h"
#include "backend/testing/failing_device.h"
#include "dist/testing/thread_group.h"
#include "model/initialise.h"
#include "ops/testing/guarded_ops.h"
#include "train/testing.h"

namespace riffle {
namespace {

using ::testing::ElementsAre;
using ::testing::StartsWith;

TEST(RankOf, CountsTheClassesBefore) {
  const std::array<float, 4> logits = {0.5f, 3, -1, 2};
  EXPECT_EQ(RankOf(1, logits), 0);
  EXPECT_EQ(RankOf(3, logits), 1);
  EXPECT_EQ(RankOf(0, logits), 2);
  EXPECT_EQ(RankOf(2, logits), 3);
}

TEST(RankOf, EqualOnesFollowByIndexSoThatEachPlaceIsTakenOnce) {
  const std::array<float, 5> logits = {1, 2, 1, 2, 1};
  EXPECT_THAT(
      (std::array{RankOf(0, logits), RankOf(1, logits), RankOf(2, logits), RankOf(3, logits), RankOf(4, logits)}),
      ElementsAre(2, 0, 3, 1, 4));
}

TEST(RankOf, ABrokenNetworkIsNeverRight) {
  const std::array<float, 3> none = {NAN, NAN, NAN}, one = {NAN, 1, 0};
  for (int label = 0; label < 3; ++label) EXPECT_EQ(RankOf(label, none), 2);
  EXPECT_EQ(RankOf(0, one), 2);
  EXPECT_EQ(RankOf(1, one), 1);
}

// A network as it is after its initialisation, whose running statistics fit nothing: it errs often.
class Evaluating : public testing::Test {
 protected:
  Evaluating() {
    Initialise(plan_, {.seed = 11}, &values_);
    session_.SetWeights(values_);
  }
  Evaluation Run(int batch_size, const LabelLossOptions& options = {}) {
    const std::unique_ptr<Loader> loader = EvaluationLoader(*data_, batch_size);
    LabelLoss loss(OnThreads(), options, 2, TestOps());
    Result<Evaluation> result = Evaluate(session_, loss, *loader);
    EXPECT_TRUE(result.ok()) << result.status().message();
    return *result;
  }
  const std::unique_ptr<Dataset> data_ = TinyData(23);
  const Plan plan_ = *MakePlan(TinyModel());
  ParameterValues<float> values_{plan_.registry};
  Session session_{OnThreads(), plan_, TestOps()};
};

TEST_F(Evaluating, CountsEachPictureOnceAtAnyBatchSize) {
  const Evaluation one = Run(1);
  EXPECT_EQ(one.images, 23);
  EXPECT_EQ(one.top5, 23) << "of two classes, both are among the best five";
  for (const int batch_size : {2, 7, 22, 23, 24, 100}) {
    const Evaluation many = Run(batch_size);
    EXPECT_EQ(many.images, 23);
    EXPECT_EQ(many.top1, one.top1);
    EXPECT_EQ(many.top5, 23);
    EXPECT_EQ(many.loss_sum, one.loss_sum) << "to the last bit, at batch size " << batch_size;
  }
}

TEST_F(Evaluating, AgreesWithTheLogitsOfEachPicture) {
  const std::unique_ptr<Loader> loader = EvaluationLoader(*data_, 1);
  double loss = 0;
  int right = 0;
  for (int64_t i = 0; i < data_->size(); ++i) {
    const Batch& batch = **loader->Next();
    std::array<float, 2> logits;
    session_.Run(1, batch.pixels, logits.data());
    const double mine = logits[batch.labels[0]], other = logits[1 - batch.labels[0]];
    right += mine > other || (mine == other && batch.labels[0] == 0);
    loss += std::log1p(std::exp(other - mine));
  }
  const Evaluation result = Run(5);
  EXPECT_EQ(result.top1, right);
  EXPECT_NEAR(result.loss_sum, loss, 1e-5 * loss);
  EXPECT_DOUBLE_EQ(result.top1_percent(), 100.0 * right / 23);
  LabelLossOptions options;
  options.label_smoothing = 0.5;
  EXPECT_GT(std::abs(Run(5, options).loss_sum - loss), 1e-4 * loss) << "label smoothing counts";
  options = {};
  options.kind = LabelLossOptions::Kind::kBinaryCrossEntropy;
  EXPECT_GT(std::abs(Run(5, options).loss_sum - loss), 1e-4 * loss) << "the kind of loss counts";
}

TEST_F(Evaluating, ADeviceThatFailsIsAnErrorAndNoFigure) {
  FailingDevice device;
  const Execution execution{OnThreads().pool, device};
  Session session(execution, plan_, GuardedOps());
  session.SetWeights(values_);
  LabelLoss loss(execution, {}, 2, GuardedOps());
  const std::unique_ptr<Loader> loader = EvaluationLoader(*data_, 10);
  EXPECT_TRUE(Evaluate(session, loss, *loader).ok());
  device.health = Unavailable("the device failed");
  EXPECT_EQ(Evaluate(session, loss, *loader).status().message(), "the device failed");
}

TEST_F(Evaluating, TellsItsProgressAfterEachBatch) {
  const std::unique_ptr<Loader> loader = EvaluationLoader(*data_, 10);
  std::vector<int64_t> images;
  LabelLoss loss(OnThreads(), {}, 2, TestOps());
  ASSERT_TRUE(Evaluate(session_, loss, *loader, [&](const Evaluation& so_far, int64_t batch, int64_t batches) {
                images.push_back(so_far.images);
                EXPECT_EQ(batch, static_cast<int64_t>(images.size()));
                EXPECT_EQ(batches, 3);
                return Status();
              }).ok());
  EXPECT_THAT(images, ElementsAre(10, 20, 23));
}

// 23 pictures; with four ranks and 100 a batch some have a share and others less; with 22 a batch one picture is left.
TEST_F(Evaluating, OverProcessesIsExactlyWhatOneProcessFinds) {
  const Evaluation one = Run(5);
  for (const int ranks : {2, 3, 4})
    for (const int batch_size : {1, 4, 11, 100})
      RunRanks(ranks, [&](Communicator& world) {
        ThreadPool pool(1);
        Session session({pool}, plan_, TestOps());
        session.SetWeights(values_);
        const std::unique_ptr<Loader> loader = EvaluationLoader(*data_, batch_size, TinyInfo(), world);
        LabelLoss loss({pool}, {}, 2, TestOps());
        const Result<Evaluation> found = Evaluate(session, loss, *loader, {}, world);
        ASSERT_TRUE(found.ok()) << found.status().message();
        EXPECT_EQ(found->images, 23);
        EXPECT_EQ(found->top1, one.top1);
        EXPECT_EQ(found->top5, one.top5);
        EXPECT_EQ(found->loss_sum, one.loss_sum) << "to the last bit, " << ranks << " ranks, batch " << batch_size;
      });
}

TEST_F(Evaluating, EndsAtAllProcessesWhereOneOfThemEndsIt) {
  RunRanks(3, [&](Communicator& world) {
    ThreadPool pool(1);
    Session session({pool}, plan_, TestOps());
    session.SetWeights(values_);
    const std::unique_ptr<Loader> loader = EvaluationLoader(*data_, 2, TinyInfo(), world);
    LabelLoss loss({pool}, {}, 2, TestOps());
    for (const int64_t last : {1, 4}) {  // in the middle, and after the last batch
      int64_t batches = 0;
      const Result<Evaluation> found = Evaluate(
          session, loss, *loader,
          [&](const Evaluation&, int64_t batch, int64_t) {
            batches = batch;
            return world.rank() == 1 && batch == last ? Interrupted("stopped") : Status();
          },
          world);
      EXPECT_EQ(found.status().code(), ErrorCode::kInterrupted);
      EXPECT_EQ(found.status().message(), "rank 1 on this host: stopped");
      EXPECT_EQ(batches, last);
    }
  });
}

// Picture 9 is of the second batch, and of rank 1's share.
TEST_F(Evaluating, APictureThatOneProcessCannotReadIsTheErrorOfAll) {
  RunRanks(3, [&](Communicator& world) {
    const DamagedData data(TinyData(23), {9});
    const std::unique_ptr<Loader> loader = EvaluationLoader(data, 2, TinyInfo(), world);
    ThreadPool pool(1);
    Session session({pool}, plan_, TestOps());
    session.SetWeights(values_);
    LabelLoss loss({pool}, {}, 2, TestOps());
    const Status evaluating = Evaluate(session, loss, *loader, {}, world).status();
    const Status looking = LookAtAll(*loader, {}, world).status();
    for (const Status& status : {evaluating, looking}) {
      EXPECT_EQ(status.code(), ErrorCode::kDataLoss);
      EXPECT_THAT(status.message(), StartsWith("rank 1 on this host: picture 9 is broken; every picture"));
    }
  });
}

}  // namespace
}  // namespace riffle
