// Training in several processes: it is that of one with the whole batch, and what happens to one happens to all. Ranks
// are threads here; tests/mpi starts processes.
#include <gmock/gmock.h>

#include <cmath>
#include <mutex>

#include "dist/testing/thread_group.h"
#include "train/testing.h"

namespace riffle {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;
using Tensors = std::map<std::string, std::vector<float>>;

std::filesystem::path FolderOf(int rank) {
  static const std::filesystem::path folder = TestFolder();
  return folder / fmt::format("rank {}", rank);
}

/// Begins with an empty folder of rank 0, and none of the others.
class Processes : public testing::Test {
 protected:
  Processes() {
    std::filesystem::remove_all(FolderOf(0));
    std::filesystem::create_directory(FolderOf(0));
  }
};

/// What a world of so many ranks leaves, each of which trains on `batch_size` pictures a step; `change` may alter the
/// options of a rank, and its run before it starts. The statuses by rank are all ok, or the same.
struct World {
  int ranks;
  int batch_size;
  TrainerOptions options;
  bool drop_remainder = true;
  int size = 8;  ///< of pictures
  std::function<void(int rank, TrainerOptions&)> change = [](int, TrainerOptions&) {};
  std::function<Status(int rank, TinyRun&)> train = [](int, TinyRun& run) { return run.Train(); };

  Status Run() const {
    std::vector<Status> statuses(ranks);
    RunRanks(ranks, [&](Communicator& world) {
      const int rank = world.rank();
      TrainerOptions own = options;
      own.ckpt_save_dir = FolderOf(rank);
      change(rank, own);
      TinyRun run(own, InfoOfSize(size),
                  {.batch_size = batch_size, .threads = 1, .world = world, .drop_remainder = drop_remainder});
      statuses[rank] = train(rank, run);
    });
    for (const Status& status : statuses) EXPECT_EQ(status.message(), statuses[0].message());
    for (int rank = 1; rank < ranks; ++rank) EXPECT_FALSE(std::filesystem::exists(FolderOf(rank))) << "rank 0 writes";
    return statuses[0];
  }
};

std::filesystem::path Newest(int rank = 0) { return ListCheckpoints(FolderOf(rank), TinyModel()).back().path; }

/// The tensors of the last checkpoint; the next world begins with an empty folder.
Tensors Left() {
  Tensors tensors = TensorsOf(Newest());
  for (const auto& file : std::filesystem::directory_iterator(FolderOf(0))) std::filesystem::remove(file);
  return tensors;
}

/// The largest difference of a tensor, as a share of its largest value.
double Distance(const Tensors& a, const Tensors& b) {
  double distance = 0;
  EXPECT_EQ(a.size(), b.size());
  for (const auto& [name, values] : a) {
    const std::vector<float>& others = b.at(name);
    double largest = 1e-3, difference = 0;
    for (size_t i = 0; i < values.size(); ++i) {
      largest = std::max<double>(largest, std::abs(others[i]));
      difference = std::max<double>(difference, std::abs(values[i] - others[i]));
    }
    distance = std::max(distance, difference / largest);
  }
  return distance;
}

// Twelve steps on 20 pictures: the last batch of an epoch has two, so that of three ranks one has none. Sums run in
// another order, of which such steps make 1e-4 at most. Steps are small, and pictures large enough that batch norm has
// some pixels of two of them to go by: else a rate that is 1e-6 more makes as much of a difference as several
// processes.
constexpr double kTolerance = 3e-4;

TEST_F(Processes, WithSyncedBatchNormSeveralAreOneOnTheWholeBatch) {
  TrainerOptions plain = TinyOptions("", 3), averaging = AveragingOptions("", 3), frozen = TinyOptions("", 3);
  plain.sync_bn = averaging.sync_bn = frozen.sync_bn = true;
  for (TrainerOptions* options : {&plain, &averaging, &frozen}) options->schedule.lr = 3e-4;
  frozen.optimizer.policy.freezes_body = true;
  averaging.bn_recalibration = 2;
  for (const TrainerOptions& options : {plain, averaging, frozen}) {
    World world{.ranks = 1, .batch_size = 6, .options = options, .drop_remainder = false, .size = 16};
    ASSERT_TRUE(world.Run().ok());
    const Tensors one = Left();
    for (const int ranks : {2, 3}) {
      world.ranks = ranks;
      world.batch_size = 6 / ranks;
      ASSERT_TRUE(world.Run().ok());
      EXPECT_LT(Distance(Left(), one), kTolerance) << ranks << " ranks";
    }
  }
}

TEST_F(Processes, FewerPicturesThanRanksAreTrainedOn) {
  TrainerOptions options = TinyOptions("", 3);
  for (const bool synced : {true, false}) {
    options.sync_bn = synced;
    World world{.ranks = 1, .batch_size = 24, .options = options, .drop_remainder = false};
    world.train = [](int, TinyRun& run) {
      run.validate = false;
      return run.Train();
    };
    ASSERT_TRUE(world.Run().ok());
    const Tensors one = Left();
    world.ranks = 24;
    world.batch_size = 1;
    const Status status = world.Run();
    ASSERT_TRUE(status.ok()) << status.message();
    EXPECT_LT(Distance(Left(), one), synced ? kTolerance : 100) << "a number in any case";
  }
}

// Weights that stay: each step moves the statistics to the mean of those of the shares.
TEST_F(Processes, LocalStatisticsAreAveragedByPictures) {
  TrainerOptions options = TinyOptions("", 1);
  options.schedule.lr = options.schedule.min_lr = 0;
  std::vector<Tensors> shares;  // what a process alone makes of each rank's
  for (int rank = 0; rank < 2; ++rank) {
    World alone{.ranks = 1, .batch_size = 12, .options = options, .drop_remainder = false};
    alone.train = [&](int, TinyRun& run) {
      const Transform transform = *Transform::ForEvaluation(TinyInfo().preprocessing);
      const std::unique_ptr<Loader> share = std::move(*Loader::Create(
          *run.train, transform,
          {.batch_size = 12, .ranks = 2, .rank = rank, .shuffle = false, .drop_remainder = false, .workers = 0}));
      run.train_at = [&](int) -> Result<BatchSource*> { return share.get(); };
      return run.Train();
    };
    ASSERT_TRUE(alone.Run().ok());
    shares.push_back(Left());
  }
  World both{.ranks = 2, .batch_size = 12, .options = options, .drop_remainder = false};
  std::vector<std::unique_ptr<Loader>> loaders(2);
  both.train = [&](int rank, TinyRun& run) {
    const Transform transform = *Transform::ForEvaluation(TinyInfo().preprocessing);
    loaders[rank] = std::move(*Loader::Create(
        *run.train, transform,
        {.batch_size = 12, .ranks = 2, .rank = rank, .shuffle = false, .drop_remainder = false, .workers = 0}));
    run.train_at = [&](int) -> Result<BatchSource*> { return loaders[rank].get(); };
    return run.Train();
  };
  ASSERT_TRUE(both.Run().ok());
  for (const auto& [name, values] : Left()) {
    if (name.find("running") == std::string::npos) continue;
    for (size_t i = 0; i < values.size(); ++i)
      EXPECT_NEAR(values[i], (shares[0].at(name)[i] + shares[1].at(name)[i]) / 2, 1e-5) << name;
  }
}

TEST_F(Processes, AWorldOfOneHasTheBitsOfAProcessAlone) {
  TrainerOptions options = AveragingOptions(FolderOf(0), 2);
  options.sync_bn = true;
  ASSERT_TRUE(TinyRun(options).Train().ok());
  const Tensors alone = Left();
  ASSERT_TRUE((World{.ranks = 1, .batch_size = 6, .options = options}.Run().ok()));
  EXPECT_EQ(Left(), alone);
}

TEST_F(Processes, AllBeginWithTheWeightsOfTheFirst) {
  World world{.ranks = 3, .batch_size = 2, .options = TinyOptions("", 2)};
  ASSERT_TRUE(world.Run().ok());
  const Tensors expected = Left();
  world.change = [](int rank, TrainerOptions& options) { options.seed += rank; };
  ASSERT_TRUE(world.Run().ok());
  EXPECT_EQ(Left(), expected);
}

/// What rank 0's observer was told.
struct Told : Recorder {
  void OnUnreadable(const std::string& why) override { unreadable.push_back(why); }
  std::vector<std::string> unreadable;
};

TEST_F(Processes, TheFirstIsToldTheFiguresAndThePicturesOfAll) {
  Told told, alone;
  TrainerOptions options = TinyOptions("", 2);
  options.sync_bn = true;
  // Pictures 3 and 11 of the training set cannot be read.
  const auto train = [](TinyRun& run, const Communicator& world, int batch_size, TrainObserver& observer) {
    const DamagedData damaged(TinyData(20, 1), {3, 11});
    const Transform transform = *Transform::ForEvaluation(TinyInfo().preprocessing);
    const auto loader = std::move(*Loader::Create(damaged, transform,
                                                  {.batch_size = batch_size,
                                                   .ranks = world.size(),
                                                   .rank = world.rank(),
                                                   .shuffle = false,
                                                   .workers = 0,
                                                   .max_unreadable_share = 0.2}));
    run.train_at = [&](int) -> Result<BatchSource*> { return loader.get(); };
    return run.Train(observer);
  };
  World one{.ranks = 1, .batch_size = 6, .options = options};
  one.train = [&](int, TinyRun& run) { return train(run, ThisProcess(), 6, alone); };
  ASSERT_TRUE(one.Run().ok());
  Left();
  std::vector<Status> statuses(3);
  RunRanks(3, [&](Communicator& world) {
    TrainerOptions own = options;
    own.ckpt_save_dir = FolderOf(world.rank());
    TinyRun run(own, TinyInfo(), {.batch_size = 2, .threads = 1, .world = world});
    TrainObserver silent;
    statuses[world.rank()] = train(run, world, 2, world.first() ? told : silent);
  });
  for (const Status& status : statuses) EXPECT_EQ(status.message(), "");
  EXPECT_THAT(told.unreadable, ElementsAre("picture 3 is broken", "picture 11 is broken"));
  EXPECT_EQ(told.unreadable, alone.unreadable);
  ASSERT_EQ(told.epochs.size(), 2u);
  for (int e = 0; e < 2; ++e) {
    EXPECT_EQ(told.epochs[e].images, alone.epochs[e].images) << "of all processes";
    EXPECT_NEAR(told.epochs[e].train_loss, alone.epochs[e].train_loss, 1e-4);
    EXPECT_EQ(told.epochs[e].validation->images, 14);
    EXPECT_EQ(told.epochs[e].step, alone.epochs[e].step);
  }
  EXPECT_EQ(told.steps[0].images, 6);
}

TEST_F(Processes, APictureThatOneCannotReadEndsAllAtTheSameStepAndCostsNothing) {
  World world{.ranks = 3, .batch_size = 2, .options = TinyOptions("", 2)};
  world.train = [](int rank, TinyRun& run) {
    const DamagedData damaged(TinyData(20, 1), {9});  // of the second batch, and of rank 1
    const Transform transform = *Transform::ForEvaluation(TinyInfo().preprocessing);
    const auto loader =
        std::move(*Loader::Create(damaged, transform, {.batch_size = 2, .ranks = 3, .rank = rank, .shuffle = false}));
    run.train_at = [&](int) -> Result<BatchSource*> { return loader.get(); };
    return run.Train();
  };
  const Status status = world.Run();
  EXPECT_EQ(status.code(), ErrorCode::kDataLoss);
  EXPECT_THAT(status.message(),
              StartsWith("rank 1 on this host: picture 9 is broken; 1 of 3 batches of epoch 1 are in"));
}

/// Batches of noise, of which one has a pixel that is no number.
std::unique_ptr<GivenBatches> NoiseWithNan(std::vector<float>* memory, int64_t broken_batch) {
  const int64_t stride = RowStride(2 * 64);
  std::vector<Batch> batches;
  memory->assign(5 * 3 * stride, 0.0f);
  RandomStream random(9, RandomPurpose::kTest, 0, 0);
  for (float& value : *memory) value = static_cast<float>(random.Normal());
  for (int64_t b = 0; b < 5; ++b) {
    float* pixels = memory->data() + b * 3 * stride;
    if (b == broken_batch) pixels[7] = NAN;
    batches.push_back({.position = {0, b},
                       .images = 2,
                       .images_elsewhere = 4,
                       .image_size = 8,
                       .channels = 3,
                       .pixels = {pixels, stride},
                       .labels = {0, 1},
                       .indices = {0, 1}});
  }
  return std::make_unique<GivenBatches>(std::move(batches));
}

// Rank 0 looks at every loss and meets it a step later; the others look now and then.
TEST_F(Processes, ALossThatIsNoNumberIsToldOfTheRankAndTheStepWhereItBegan) {
  World world{.ranks = 3, .batch_size = 2, .options = TinyOptions("", 1)};
  world.train = [](int rank, TinyRun& run) {
    std::vector<float> memory;
    const auto batches = NoiseWithNan(&memory, rank == 2 ? 1 : -1);
    run.train_at = [&](int) -> Result<BatchSource*> { return batches.get(); };
    Recorder recorder;
    TrainObserver silent;
    return run.Train(rank == 0 ? recorder : silent);
  };
  const Status status = world.Run();
  EXPECT_EQ(status.code(), ErrorCode::kInvalidArgument);
  EXPECT_THAT(status.message(), StartsWith("rank 2 on this host: the loss is not a finite number at step 2"));
}

TEST_F(Processes, AStepThatOneLeavesOutIsLeftOutByAll) {
  struct Listener : TrainObserver {
    void OnNotFinite(const std::string& what) override { said.push_back(what); }
    std::vector<std::string> said;
  };
  for (const OnNan on_nan : {OnNan::kSkip, OnNan::kRollback}) {
    World world{.ranks = 3, .batch_size = 2, .options = TinyOptions("", 1)};
    world.options.on_nan = on_nan;
    world.options.ckpt_save_steps = 1;
    Listener listener;
    world.train = [&](int rank, TinyRun& run) {
      std::vector<float> memory;
      const auto batches = NoiseWithNan(&memory, rank == 2 ? 1 : -1);
      run.train_at = [&](int) -> Result<BatchSource*> { return batches.get(); };
      TrainObserver silent;
      return run.Train(rank == 0 ? listener : silent);
    };
    EXPECT_EQ(world.Run().message(), "") << "the ranks end with the same weights, or not so";
    ASSERT_EQ(listener.said.size(), 1u);
    EXPECT_THAT(listener.said[0], StartsWith("The loss is not a finite number at step 2 "));
    EXPECT_THAT(listener.said[0], HasSubstr("at rank 2 on this host: "));
    EXPECT_EQ(Checkpoint::Open(Newest())->info().updates, 4) << "of five batches";
    std::filesystem::remove_all(FolderOf(0));
  }
}

/// Changes a weight of its trainer within an epoch, as memory with an error would.
struct Drifting : TrainObserver {
  explicit Drifting(Trainer& of) : trainer(of) {}
  Status OnStep(const StepEvent& e) override {
    if (e.epoch != 2 || e.batch != 2) return {};
    Snapshot snapshot = trainer.TakeSnapshot();
    snapshot.values.trainable[0] += 1e-3f;
    trainer.TakeUp(snapshot);
    return {};
  }
  Trainer& trainer;
};

TEST_F(Processes, RanksThatDriftApartEndTheRunByName) {
  World world{.ranks = 3, .batch_size = 2, .options = TinyOptions("", 4)};
  world.train = [](int rank, TinyRun& run) {
    Drifting drifting(*run.trainer);
    TrainObserver silent;
    return run.Train(rank == 1 ? drifting : silent);
  };
  const Status status = world.Run();
  EXPECT_EQ(status.code(), ErrorCode::kDataLoss);
  EXPECT_THAT(status.message(), StartsWith("rank 1 on this host no longer has the parameters of rank 0 on this host "
                                           "after epoch 2"));
  EXPECT_THAT(status.message(), HasSubstr("epochs 1 to 1 are in")) << "the checkpoint before is whole";
}

/// Is told to stop after so many steps.
struct Stopping : Recorder {
  explicit Stopping(size_t step) : last(step) {}
  Status OnStep(const StepEvent& e) override {
    RIFFLE_TRY(Recorder::OnStep(e));
    return steps.size() == last && e.may_end ? Interrupted("stopped") : Status();
  }
  size_t last;
};

// At any step, and at any rank. Without sync_bn statistics are averaged, and each checkpoint has the same at all.
TEST_F(Processes, ASignalAtOneStopsAllAtOnceAndTheRunGoesOnToTheSameBits) {
  for (const bool synced : {false, true}) {
    TrainerOptions options = AveragingOptions("", 2);
    options.sync_bn = synced;
    std::vector<double> losses;
    World world{.ranks = 2, .batch_size = 2, .options = options};
    world.train = [&](int rank, TinyRun& run) {
      Recorder recorder;
      TrainObserver silent;
      const Status status = run.Train(rank == 0 ? recorder : silent);
      if (rank == 0)
        for (const EpochEvent& epoch : recorder.epochs) losses.push_back(epoch.train_loss);
      return status;
    };
    ASSERT_TRUE(world.Run().ok());
    const Tensors whole = Left();
    const std::vector<double> whole_losses = std::exchange(losses, {});
    for (const size_t stop : {2, 4, 7})
      for (const int signalled : {0, 1}) {
        World cut = world;
        cut.train = [&](int rank, TinyRun& run) {
          Stopping stopping(rank == signalled ? stop : 100);
          return run.Train(stopping);
        };
        const Status status = cut.Run();
        EXPECT_EQ(status.code(), ErrorCode::kInterrupted);
        EXPECT_THAT(status.message(), StartsWith(fmt::format("rank {} on this host: stopped; ", signalled)));
        EXPECT_THAT(status.message(), HasSubstr("nothing is lost"));
        losses.clear();
        World rest = world;
        rest.train = [&](int rank, TinyRun& run) {  // rank 0 alone has the file
          if (rank == 0) {
            const Status resumed = run.trainer->Resume(*Checkpoint::Open(Newest()));
            EXPECT_TRUE(resumed.ok()) << resumed.message();
          }
          return world.train(rank, run);
        };
        ASSERT_TRUE(rest.Run().ok());
        EXPECT_EQ(Left(), whole) << "stopped after step " << stop << " by rank " << signalled;
        EXPECT_EQ(losses.back(), whole_losses.back()) << "and the record has the same loss";
      }
  }
}

TEST_F(Processes, ADiskThatRefusesTheFirstEndsAll) {
  const World world{.ranks = 2, .batch_size = 2, .options = TinyOptions("", 1)};
  std::filesystem::remove(FolderOf(0));
  const Status status = world.Run();
  EXPECT_EQ(status.code(), ErrorCode::kNotFound) << status.message();
  EXPECT_THAT(status.message(), StartsWith("rank 0 on this host: "));
}

TEST_F(Processes, MeasureTheirPaceTogether) {
  World world{.ranks = 2, .batch_size = 2, .options = AveragingOptions("", 1)};
  world.train = [](int, TinyRun& run) -> Status {
    RIFFLE_TRY(run.trainer->ShareState());
    RIFFLE_ASSIGN(const Pace training, run.trainer->PaceOfTraining(*run.train_loader));
    RIFFLE_ASSIGN(const Pace validation, run.trainer->PaceOfValidation(*run.validation_loader));
    EXPECT_GT(training.images_per_second, 0);
    EXPECT_GT(validation.images_per_second, 0);
    return {};
  };
  EXPECT_EQ(world.Run().message(), "");
}

}  // namespace
}  // namespace riffle
