// The training loop: it learns, a run in two parts is the run in one, and what is broken reaches no checkpoint.
#include "train/trainer.h"

#include <gmock/gmock.h>

#include <cmath>
#include <utility>

#include "base/threads.h"
#include "model/initialise.h"
#include "train/recalibrate.h"
#include "train/testing.h"

namespace riffle {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

// Names as Save gives them; an epoch of 20 pictures is 3 batches of 6.
std::string Numbered(int epoch) { return CheckpointName(TinyModel(), epoch, 3 * epoch); }
std::string Best() { return BestCheckpointName(TinyModel()); }

// Keeps what it is told.
struct Recorder : TrainObserver {
  void OnStep(const StepEvent& e) override { steps.push_back(e); }
  Status OnEpoch(const EpochEvent& e) override {
    epochs.push_back(e);
    return refusal;
  }
  std::vector<StepEvent> steps;
  std::vector<EpochEvent> epochs;
  Status refusal;
};

TEST(Trainer, LearnsAndTellsWhatItDoes) {
  TinyRun run(TinyOptions(TestFolder(), 4));
  Recorder recorder;
  ASSERT_EQ(run.Train(recorder).message(), "");
  ASSERT_EQ(recorder.epochs.size(), 4u);
  ASSERT_EQ(recorder.steps.size(), 12u);
  EXPECT_LT(recorder.epochs[3].train_loss, 0.85 * recorder.epochs[0].train_loss);
  EXPECT_EQ(recorder.epochs[3].validation->images, 14);
  EXPECT_GE(recorder.epochs[3].validation->top1, 12);
  EXPECT_EQ(recorder.epochs[3].step, 12);
  EXPECT_EQ(recorder.epochs[1].images, 18) << "the remainder of 20 pictures is dropped";
  const double mean = (recorder.steps[3].loss + recorder.steps[4].loss + recorder.steps[5].loss) / 3;
  EXPECT_NEAR(recorder.epochs[1].train_loss, mean, 1e-12) << "the loss of an epoch is its mean";
  EXPECT_EQ(recorder.steps[5].mean_loss, recorder.epochs[1].train_loss);
  EXPECT_EQ(recorder.steps[0].lr, 0) << "warm-up begins at the factor 0";
  EXPECT_EQ(recorder.steps[3].lr, 0.003) << "and is over after an epoch";
}

TEST(Trainer, AResumedRunEndsWithTheBitsOfOneThatWasNotStopped) {
  const std::filesystem::path folder = TestFolder(), whole = folder / "whole", parts = folder / "parts";
  std::filesystem::create_directories(whole);
  std::filesystem::create_directories(parts);
  ASSERT_EQ(TinyRun(TinyOptions(whole, 4)).Train().message(), "");
  ASSERT_EQ(TinyRun(TinyOptions(parts, 1)).Train().message(), "");
  for (const int epochs : {3, 4}) {
    TinyRun next(TinyOptions(parts, epochs));
    const std::vector<CheckpointFile> files = ListCheckpoints(parts, TinyModel());
    ASSERT_EQ(next.trainer->Resume(*Checkpoint::Open(files.back().path)).message(), "");
    EXPECT_EQ(next.trainer->info().epoch, files.back().epoch);
    ASSERT_EQ(next.Train().message(), "");
  }
  EXPECT_EQ(FilesIn(parts), FilesIn(whole));
  for (const std::string& file : FilesIn(whole)) EXPECT_EQ(ReadBytes(parts / file), ReadBytes(whole / file)) << file;
}

TEST(Trainer, ResumesEveryOptimizerWithItsSlotsAndItsUpdates) {
  for (const char* opt : {"adan", "lamb", "nadam", "rmsprop"}) {
    const std::filesystem::path folder = TestFolder(), whole = folder / opt,
                                parts = folder / (std::string(opt) + "-parts");
    std::filesystem::create_directories(whole);
    std::filesystem::create_directories(parts);
    const auto options = [&](const std::filesystem::path& out, int epochs) {
      Options o = TinyOptions(out, epochs);
      o.opt = opt;
      return o;
    };
    ASSERT_EQ(TinyRun(options(whole, 2)).Train().message(), "");
    ASSERT_EQ(TinyRun(options(parts, 1)).Train().message(), "");
    TinyRun next(options(parts, 2));
    ASSERT_EQ(next.trainer->Resume(*Checkpoint::Open(parts / Numbered(1))).message(), "");
    ASSERT_EQ(next.Train().message(), "");
    EXPECT_EQ(ReadBytes(parts / Numbered(2)), ReadBytes(whole / Numbered(2))) << opt;
  }
}

TEST(Trainer, ResumesNoOtherOptimizer) {
  const std::filesystem::path folder = TestFolder();
  ASSERT_EQ(TinyRun(TinyOptions(folder, 1)).Train().message(), "");
  Options options = TinyOptions(folder, 2);
  options.opt = "adam";
  TinyRun run(options);
  const Status status = run.trainer->Resume(*Checkpoint::Open(folder / Numbered(1)));
  EXPECT_EQ(status.code(), ErrorCode::kInvalidArgument);
  EXPECT_THAT(status.message(), HasSubstr("it holds velocity, this --opt needs mean, square;"));
}

TEST(Trainer, TheNumberOfThreadsChangesNoBit) {
  const std::filesystem::path folder = TestFolder();
  std::vector<std::vector<uint8_t>> files;
  for (const int threads : {1, 2, 3}) {
    SetThreads(threads);
    ASSERT_EQ(TinyRun(TinyOptions(folder, 2)).Train().message(), "");
    files.push_back(ReadBytes(folder / Numbered(2)));
  }
  EXPECT_EQ(files[0], files[1]);
  EXPECT_EQ(files[0], files[2]);
}

TEST(Trainer, KeepsTheLatestCheckpointsAndTheBest) {
  Options options = TinyOptions(TestFolder(), 4);
  options.keep_checkpoint_max = 2;
  ASSERT_EQ(TinyRun(options).Train().message(), "");
  EXPECT_THAT(FilesIn(options.ckpt_save_dir), ElementsAre(Numbered(3), Numbered(4), Best()));
}

TEST(Trainer, SavesAtTheIntervalAndAfterTheLastEpoch) {
  Options options = TinyOptions(TestFolder(), 5);
  options.ckpt_save_interval = 2;
  TinyRun run(options);
  run.validate = false;
  ASSERT_EQ(run.Train().message(), "");
  EXPECT_THAT(FilesIn(options.ckpt_save_dir), ElementsAre(Numbered(2), Numbered(4), Numbered(5)));
}

TEST(Trainer, ValidatesAtTheIntervalAndAfterTheLastEpoch) {
  Options options = TinyOptions(TestFolder(), 5);
  options.val_interval = 2;
  TinyRun run(options);
  Recorder recorder;
  ASSERT_EQ(run.Train(recorder).message(), "");
  std::vector<bool> validated;
  for (const EpochEvent& e : recorder.epochs) validated.push_back(e.validation.has_value());
  EXPECT_THAT(validated, ElementsAre(false, true, false, true, true));
}

TEST(Trainer, TheBestCheckpointIsTheFirstOfTheBestEpoch) {
  Options options = TinyOptions(TestFolder(), 4);
  TinyRun run(options);
  Recorder recorder;
  ASSERT_EQ(run.Train(recorder).message(), "");
  int best_epoch = 0;
  double best = -1;
  for (const EpochEvent& e : recorder.epochs) {
    EXPECT_EQ(e.best, e.validation->top1_percent() > best);
    if (e.best) best_epoch = e.epoch;
    best = std::max(best, e.validation->top1_percent());
  }
  const std::filesystem::path folder = options.ckpt_save_dir;
  EXPECT_EQ(ReadBytes(folder / Best()), ReadBytes(folder / Numbered(best_epoch)));
  EXPECT_EQ(Checkpoint::Open(folder / Best())->info().best_top1_percent, best);
}

TEST(Trainer, AnEpochThatIsNotRecordedIsNotSaved) {
  Options options = TinyOptions(TestFolder(), 2);
  TinyRun run(options);
  Recorder recorder;
  recorder.refusal = IoError("the disk is full");
  EXPECT_EQ(run.Train(recorder).message(), "the disk is full");
  EXPECT_THAT(FilesIn(options.ckpt_save_dir), IsEmpty());
}

TEST(Trainer, ALossThatIsNotFiniteEndsTheRunAndLeavesCheckpointsAlone) {
  Options options = TinyOptions(TestFolder(), 1);
  ASSERT_EQ(TinyRun(options).Train().message(), "");
  const std::filesystem::path folder = options.ckpt_save_dir;
  const std::vector<std::string> names = FilesIn(folder);
  const std::vector<uint8_t> bytes = ReadBytes(folder / Numbered(1));
  options.epoch_size = 3;
  options.lr = 1e30;
  TinyRun run(options);
  ASSERT_EQ(run.trainer->Resume(*Checkpoint::Open(folder / Numbered(1))).message(), "");
  const Status status = run.Train();
  ASSERT_FALSE(status.ok());
  EXPECT_THAT(status.message(), AllOf(HasSubstr("not a finite number at step 5"), HasSubstr("lower --lr")));
  EXPECT_EQ(FilesIn(folder), names);
  EXPECT_EQ(ReadBytes(folder / Numbered(1)), bytes);
}

TEST(Trainer, ParametersThatOverflowInTheLastStepReachNoCheckpoint) {
  Options options = TinyOptions(TestFolder(), 1);
  options.batch_size = 20;  // one step, of a finite loss
  options.warmup_epochs = 0;
  options.lr = 3e38;
  options.momentum = 0;
  options.weight_decay = 1e3;
  TinyRun run(options);
  const Status status = run.Train();
  ASSERT_FALSE(status.ok());
  EXPECT_THAT(status.message(), HasSubstr("the parameters are not finite numbers after step 1"));
  EXPECT_THAT(FilesIn(options.ckpt_save_dir), IsEmpty());
}

// The error of going on with the checkpoint of another network.
Status ResumeFrom(const CheckpointInfo& there, CheckpointInfo here = TinyInfo()) {
  const std::filesystem::path folder = TestFolder();
  TinyRun run(TinyOptions(folder, 1), there);
  run.validate = false;
  EXPECT_EQ(run.Train().message(), "");
  const Result<Checkpoint> checkpoint = Checkpoint::Open(ListCheckpoints(folder, there.model).back().path);
  const auto trainer = Trainer::Create(TinyOptions(folder, 2), std::move(here), TestOps());
  return (*trainer)->Resume(*checkpoint);
}

TEST(Trainer, ResumesNoOtherNetworkAndNamesWhatDiffers) {
  CheckpointInfo other = TinyInfo();
  other.model.conventions.shuffle_direction = ShuffleDirection::kPaper;
  other.model.bn_momentum = 0.8;
  const Status status = ResumeFrom(other);
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.code(), ErrorCode::kInvalidArgument);
  EXPECT_THAT(status.message(), AllOf(HasSubstr("shuffle_direction"), HasSubstr("bn_momentum is 0.8 there and 0.5"),
                                      HasSubstr("--resume"), Not(HasSubstr("groups")), Not(HasSubstr("\n"))));
}

TEST(Trainer, ResumesNoOtherStem) {
  CheckpointInfo here = TinyInfo();
  here.model.stem = Stem::kImagenet;
  EXPECT_FALSE(ResumeFrom(TinyInfo(), here).ok());
}

TEST(Trainer, AFrozenBodyKeepsEveryBitAndTheHeadLearns) {
  Options options = TinyOptions(TestFolder(), 1);
  options.lr = 0.1;
  options.warmup_epochs = 0;
  const std::filesystem::path folder = options.ckpt_save_dir;
  options.epoch_size = 2;
  options.freeze = "body";
  options.weight_decay = 0.1;
  options.keep_checkpoint_max = 2;
  TinyRun run(options);
  Recorder recorder;
  ASSERT_EQ(run.Train(recorder).message(), "");
  const auto first = TensorsOf(folder / Numbered(1)), second = TensorsOf(folder / Numbered(2));
  const Plan plan = *MakePlan(TinyModel());
  ParameterValues<float> initial(plan.registry);
  Initialise(plan, {.seed = static_cast<uint64_t>(options.seed), .zero_init_residual = true}, &initial);
  const auto values = [](const Parameter& p, const AlignedArray<float>& arena) {
    return std::vector<float>(arena.data() + p.offset, arena.data() + p.offset + p.size);
  };
  for (const Parameter& p : plan.registry.trainable()) {
    if (p.name == "head.weight") {
      EXPECT_NE(second.at(p.name), first.at(p.name));
    } else {
      EXPECT_EQ(second.at(p.name), values(p, initial.trainable)) << p.name;
    }
  }
  for (const Parameter& p : plan.registry.statistics())
    EXPECT_EQ(second.at(p.name), values(p, initial.statistics)) << p.name << " is left alone, too";

  // The loss of the first batch is the one that an evaluation finds: its batch norms use the running statistics.
  Session session(plan, TestOps());
  session.SetWeights(initial);
  run.train_loader->Seek({});
  const Batch& batch = **run.train_loader->Next();
  std::vector<float> logits(2 * batch.images);
  session.Run(batch.images, batch.pixels, logits.data());
  double loss = 0;
  for (int n = 0; n < batch.images; ++n)
    loss += std::log1p(std::exp(logits[2 * n + 1 - batch.labels[n]] - logits[2 * n + batch.labels[n]]));
  EXPECT_NEAR(recorder.steps[0].loss, loss / batch.images, 1e-5);
}

// The weights of the numbered checkpoint after one epoch, computed without the trainer: groups of `batches` batches,
// the mean of their gradients, clipped by the formula, plain SGD.
std::map<std::string, std::vector<float>> ByHand(TinyRun& run, int64_t batches, double clip) {
  const Plan plan = *MakePlan(TinyModel());
  Network<float> network(plan, TestOps());
  Initialise(plan, {.seed = static_cast<uint64_t>(run.options.seed), .zero_init_residual = true}, &network.values());
  std::vector<double> sum(plan.registry.trainable_arena());
  for (int64_t b = 0; b < run.train_loader->BatchesPerEpoch(); ++b) {
    const Batch& batch = **run.train_loader->Next();
    const float* logits = network.Forward(batch.images, batch.pixels, Statistics::kBatch);
    for (int n = 0; n < batch.images; ++n) {
      const double p1 = 1 / (1 + std::exp(logits[2 * n] - logits[2 * n + 1])), one = batch.labels[n];
      network.dlogits()[2 * n + 1] = static_cast<float>((p1 - one) / batch.images);
      network.dlogits()[2 * n] = static_cast<float>((one - p1) / batch.images);
    }
    network.Backward();
    for (size_t i = 0; i < sum.size(); ++i) sum[i] += network.gradients()[i];
    const bool last = b + 1 == run.train_loader->BatchesPerEpoch();
    if ((b + 1) % batches != 0 && !last) continue;
    const int64_t count = (b % batches) + 1;
    double squares = 0;
    for (double& g : sum) {
      g /= static_cast<double>(count);
      squares += g * g;
    }
    const double factor = std::min(1.0, clip / std::sqrt(squares));
    for (size_t i = 0; i < sum.size(); ++i)
      network.values().trainable[i] -= static_cast<float>(run.options.lr * factor * std::exchange(sum[i], 0));
  }
  std::map<std::string, std::vector<float>> tensors;
  for (const Parameter& p : plan.registry.trainable()) {
    const float* values = network.values().trainable.data() + p.offset;
    tensors[p.name].assign(values, values + p.size);
  }
  return tensors;
}

// The largest difference of two sets of weights, as a share of how far training moved any weight.
double Distance(const std::map<std::string, std::vector<float>>& expected,
                const std::map<std::string, std::vector<float>>& found) {
  double largest = 0;
  for (const auto& [name, values] : expected)
    for (size_t i = 0; i < values.size(); ++i)
      largest = std::max(largest, std::abs(double{values[i]} - found.at(name)[i]));
  return largest;
}

TEST(Trainer, AnUpdateTakesTheMeanGradientOfItsBatchesClippedByItsNorm) {
  Options options = TinyOptions(TestFolder(), 1);
  options.scheduler = "constant";
  options.warmup_epochs = 0;
  options.opt = "sgd";
  options.momentum = 0;
  options.weight_decay = 0;
  options.lr = 0.01;
  const std::filesystem::path file = std::filesystem::path(options.ckpt_save_dir) / Numbered(1);
  TinyRun oracle(options);
  const auto each = ByHand(oracle, 1, 1e9), pairs = (oracle.train_loader->Seek({}), ByHand(oracle, 2, 1e9)),
             clipped = (oracle.train_loader->Seek({}), ByHand(oracle, 2, 0.05));
  ASSERT_GT(Distance(each, pairs), 1e-3) << "three batches: one update more, and shares of a half";
  ASSERT_GT(Distance(clipped, pairs), 1e-3);
  ASSERT_EQ(TinyRun(options).Train().message(), "");
  EXPECT_LT(Distance(each, TensorsOf(file)), 1e-5);
  options.gradient_accumulation_steps = 2;
  ASSERT_EQ(TinyRun(options).Train().message(), "");
  EXPECT_LT(Distance(pairs, TensorsOf(file)), 1e-5);
  EXPECT_EQ(Checkpoint::Open(file)->info().updates, 2) << "two batches, and the one that was left";
  options.clip_grad = true;
  options.clip_value = 0.05;
  ASSERT_EQ(TinyRun(options).Train().message(), "");
  EXPECT_LT(Distance(clipped, TensorsOf(file)), 1e-5);
}

TEST(Trainer, AllBatchesOfAnUpdateHaveTheRateOfItsFirst) {
  Options options = TinyOptions(TestFolder(), 2);
  options.gradient_accumulation_steps = 2;
  options.warmup_epochs = 2;
  TinyRun run(options);
  Recorder recorder;
  ASSERT_EQ(run.Train(recorder).message(), "");
  std::vector<double> sixths;  // of the warm-up, in which the schedule counts batches
  for (const StepEvent& e : recorder.steps) sixths.push_back(std::round(e.lr / options.lr * 6));
  EXPECT_THAT(sixths, ElementsAre(0, 0, 2, 3, 3, 5));
}

Options AveragingOptions(const std::filesystem::path& folder, int epochs) {
  Options options = TinyOptions(folder, epochs);
  options.ema = true;
  options.ema_decay = 0.9;
  options.gradient_accumulation_steps = 2;
  options.clip_grad = true;
  options.clip_value = 0.1;
  return options;
}

TEST(Trainer, AnAverageIsResumedWithTheBitsOfARunThatWasNotStopped) {
  const std::filesystem::path folder = TestFolder(), whole = folder / "whole", parts = folder / "parts";
  for (const auto& part : {whole, parts}) std::filesystem::create_directories(part);
  ASSERT_EQ(TinyRun(AveragingOptions(whole, 3)).Train().message(), "");
  ASSERT_EQ(TinyRun(AveragingOptions(parts, 1)).Train().message(), "");
  TinyRun next(AveragingOptions(parts, 3));
  ASSERT_EQ(next.trainer->Resume(*Checkpoint::Open(parts / Numbered(1))).message(), "");
  ASSERT_EQ(next.Train().message(), "");
  EXPECT_EQ(ReadBytes(parts / Numbered(3)), ReadBytes(whole / Numbered(3)));
  EXPECT_EQ(ReadBytes(parts / Best()), ReadBytes(whole / Best()));
  EXPECT_EQ(Checkpoint::Open(whole / Numbered(3))->info().ema_updates, 6);
}

TEST(Trainer, TheAverageIsThatOfTheWeightsAfterEachUpdateAndIsWhatIsValidated) {
  Options options = AveragingOptions(TestFolder(), 3);
  options.batch_size = 20;  // one update an epoch
  options.gradient_accumulation_steps = 1;
  const std::filesystem::path folder = options.ckpt_save_dir;
  TinyRun run(options);
  Recorder recorder;
  ASSERT_EQ(run.Train(recorder).message(), "");
  const auto at = [&](int epoch) { return TensorsOf(folder / CheckpointName(TinyModel(), epoch, epoch)); };
  const auto before = at(2), after = at(3);
  const double d = 0.9 * (1 - std::exp(-3 / 2000.0));
  for (const char* name : {"head.weight", "stem.conv.weight", "stage4.3.bn3.running_variance"}) {
    const std::string ema = std::string("ema.") + name;
    for (size_t i = 0; i < after.at(name).size(); ++i)
      ASSERT_NEAR(after.at(ema)[i], d * before.at(ema)[i] + (1 - d) * after.at(name)[i], 1e-5) << name;
  }
  const Result<Checkpoint> checkpoint = Checkpoint::Open(folder / CheckpointName(TinyModel(), 3, 3));
  EXPECT_EQ(checkpoint->best_weights(), WeightSet::kEma);
  const Plan plan = *MakePlan(TinyModel());
  ParameterValues<float> values(plan.registry);
  ASSERT_EQ(checkpoint->Load(plan.registry, WeightSet::kEma, &values).message(), "");
  Session session(plan, TestOps());
  session.SetWeights(values);
  LabelLoss loss = *LabelLoss::Create(options, 2, TestOps());
  EXPECT_EQ(Evaluate(session, loss, *run.validation_loader)->loss_sum, recorder.epochs[2].validation->loss_sum);
}

TEST(Trainer, ARunWithAnAverageAndOneWithoutAreNotResumedAsEachOther) {
  const std::filesystem::path folder = TestFolder();
  ASSERT_EQ(TinyRun(TinyOptions(folder, 1)).Train().message(), "");
  EXPECT_THAT(TinyRun(AveragingOptions(folder, 2)).trainer->Resume(*Checkpoint::Open(folder / Numbered(1))).message(),
              HasSubstr("cannot be resumed with --ema, for it holds no averaged weights; leave out --ema"));
  ASSERT_EQ(TinyRun(AveragingOptions(folder, 1)).Train().message(), "");
  EXPECT_THAT(TinyRun(TinyOptions(folder, 2)).trainer->Resume(*Checkpoint::Open(folder / Numbered(1))).message(),
              HasSubstr("cannot be resumed without --ema, for it holds also averaged weights; add --ema"));
}

TEST(Trainer, TheBestCheckpointsStayUnderTopK) {
  Options options = TinyOptions(TestFolder(), 4);
  options.ckpt_save_policy = "top_k";
  options.keep_checkpoint_max = 1;
  TinyRun run(options);
  Recorder recorder;
  ASSERT_EQ(run.Train(recorder).message(), "");
  int best = 1;
  for (const EpochEvent& e : recorder.epochs)
    if (e.best) best = e.epoch;
  std::vector<std::string> expected = {Best(), Numbered(best)};
  if (best != 4) expected.push_back(Numbered(4));
  EXPECT_THAT(FilesIn(options.ckpt_save_dir), testing::UnorderedElementsAreArray(expected));
}

// A run on pictures of 8 pixels, of 12 from the second epoch on; it is validated on 16.
struct GrowingRun {
  explicit GrowingRun(const Options& options) : run(options, Info(16)) {
    const Dataset& data = *run.validation;
    run.validation_loader = std::move(*Loader::Create(data, *Transform::ForEvaluation(Info(16).preprocessing),
                                                      {.batch_size = 4, .shuffle = false, .drop_remainder = false}));
    run.train_at = [this](int epoch) -> Result<Loader*> {
      sizes.push_back(epoch < 1 ? 8 : 12);
      loader = std::move(*Loader::Create(*run.train, *Transform::ForEvaluation(Info(sizes.back()).preprocessing),
                                         {.batch_size = 6, .seed = 5}));
      return loader.get();
    };
  }
  static CheckpointInfo Info(int size) {
    CheckpointInfo info = TinyInfo();
    info.model.image_size = info.preprocessing.image_size = size;
    return info;
  }
  TinyRun run;
  std::unique_ptr<Loader> loader;
  std::vector<int> sizes;
};

TEST(Trainer, TakesEachEpochsSizeAndIsValidatedAtItsOwn) {
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
  ASSERT_EQ(TinyRun(AveragingOptions(parts, 3), GrowingRun::Info(16)).Train().message(), "");
  EXPECT_NE(ReadBytes(parts / Numbered(3)), ReadBytes(whole / Numbered(3))) << "the comparison can fail";
}

TEST(Trainer, TheTeacherSeesAndMixingTakesEachEpochsSize) {
  const std::filesystem::path folder = TestFolder(), teacher = folder / "teacher", student = folder / "student";
  for (const auto& part : {teacher, student}) std::filesystem::create_directories(part);
  ASSERT_EQ(TinyRun(AveragingOptions(teacher, 1), GrowingRun::Info(16)).Train().message(), "");
  Options options = AveragingOptions(student, 2);
  options.teacher_ckpt = (teacher / Numbered(1)).string();
  options.mixup = options.cutmix = 1;
  GrowingRun run(options);
  ASSERT_EQ(run.run.Train().message(), "");
  EXPECT_THAT(run.sizes, ElementsAre(8, 12));
}

TEST(Trainer, StatisticsOfTheWeightsInUseAreComputedAnewAfterTheLastEpoch) {
  Options options = AveragingOptions(TestFolder(), 2);
  const std::filesystem::path folder = options.ckpt_save_dir;
  ASSERT_EQ(TinyRun(options).Train().message(), "");
  const auto plain = TensorsOf(folder / Numbered(2)), plain_before = TensorsOf(folder / Numbered(1));
  options.bn_recalibration = 2;
  TinyRun run(options);
  ASSERT_EQ(run.Train().message(), "");
  const auto found = TensorsOf(folder / Numbered(2));
  EXPECT_EQ(TensorsOf(folder / Numbered(1)), plain_before) << "before the last epoch there is no difference";

  const Plan plan = *MakePlan(TinyModel());
  Network<float> network(plan, TestOps());
  ASSERT_EQ(Checkpoint::Open(folder / Numbered(2))->Load(plan.registry, WeightSet::kEma, &network.values()).message(),
            "");
  ASSERT_TRUE(RecalibrateStatistics(2, 1, *run.train_loader, &network).ok());
  for (const Parameter& p : plan.registry.trainable()) {
    EXPECT_EQ(found.at(p.name), plain.at(p.name)) << p.name;
    EXPECT_EQ(found.at("ema." + p.name), plain.at("ema." + p.name)) << p.name;
  }
  for (const Parameter& p : plan.registry.statistics()) {
    EXPECT_EQ(found.at(p.name), plain.at(p.name)) << "nobody uses these";
    const float* values = network.values().statistics.data() + p.offset;
    EXPECT_EQ(found.at("ema." + p.name), std::vector<float>(values, values + p.size)) << p.name;
    EXPECT_NE(found.at("ema." + p.name), plain.at("ema." + p.name)) << p.name;
  }
}

}  // namespace
}  // namespace riffle
