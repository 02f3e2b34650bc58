// The objective: what mixing does to a batch and its loss, and that each option changes what training learns.
#include "train/loss/objective.h"

#include <gmock/gmock.h>

#include <cmath>

#include "backend/testing/execution.h"
#include "train/testing.h"

namespace riffle {
namespace {

using ::testing::ElementsAre;
using ::testing::Pointwise;

// A batch of noise, as a loader would give it.
struct NoiseBatch {
  explicit NoiseBatch(int images, int splits = 1) : logits(2 * images) {
    RandomStream random(9, RandomPurpose::kTest, 0, 0);
    const int64_t stride = RowStride(images * 64);
    memory.resize(3 * stride);
    for (int c = 0; c < 3; ++c)
      for (int i = 0; i < images * 64; ++i) memory[c * stride + i] = static_cast<float>(random.Normal());
    for (float& z : logits) z = static_cast<float>(random.Normal());
    batch = {.images = images, .splits = splits, .image_size = 8, .channels = 3, .pixels = {memory.data(), stride}};
    for (int n = 0; n < images; ++n) batch.labels.push_back(n % (images / splits) % 2);
  }
  std::vector<float> memory, logits;
  Batch batch;
};

std::unique_ptr<Objective> Make(const ObjectiveOptions& options, const CheckpointInfo& info = TinyInfo()) {
  Result<std::unique_ptr<Objective>> objective = Objective::Create(OnThreads(), options, info, TestOps());
  EXPECT_TRUE(objective.ok()) << objective.status().message();
  return std::move(*objective);
}

struct Found {
  double loss = 0;
  std::vector<float> dlogits;
};
Found Both(Objective& objective, const NoiseBatch& noise, double share = 1) {
  Found found{.dlogits = std::vector<float>(noise.logits.size())};
  EXPECT_EQ(objective.Begin(noise.batch).status().message(), "");
  objective.Loss(noise.logits.data(), share, found.dlogits.data());
  objective.KeepLosses();
  found.loss = objective.ReadLosses().at(0);
  return found;
}

TEST(Objective, WithoutMixingThePicturesAreTheBatchs) {
  const NoiseBatch noise(6);
  EXPECT_EQ(Make({})->Begin(noise.batch)->data, noise.batch.pixels.data);
}

TEST(Objective, TheLossOfAMixedPictureIsThatOfBothLabelsByTheirShares) {
  const NoiseBatch noise(5);
  ObjectiveOptions options;
  options.mix.mixup = options.mix.cutmix = 1;
  options.label.label_smoothing = 0.1;
  const std::unique_ptr<Objective> mixing = Make(options);
  options.mix.mixup = options.mix.cutmix = 0;
  const std::unique_ptr<Objective> plain = Make(options);
  NoiseBatch reversed(5);
  std::ranges::reverse(reversed.batch.labels);
  const Found own = Both(*plain, noise), partner = Both(*plain, reversed);
  options.mix.mixup = options.mix.cutmix = 1;
  for (int batch = 0; batch < 10; ++batch) {
    NoiseBatch at = noise;
    at.batch.pixels.data = at.memory.data();
    at.batch.position = {.epoch = 3, .batch = batch};
    const double share = DrawMix(options.mix, at.batch.position, 8, 8).own_share;
    const Found mixed = Both(*mixing, at);
    EXPECT_NEAR(mixed.loss, share * own.loss + (1 - share) * partner.loss, 1e-5);
    for (size_t i = 0; i < mixed.dlogits.size(); ++i)
      EXPECT_NEAR(mixed.dlogits[i], share * own.dlogits[i] + (1 - share) * partner.dlogits[i], 1e-6);
    EXPECT_NE(mixing->Begin(at.batch)->data, at.batch.pixels.data);
  }
}

TEST(Objective, ASmallerBatchAfterALargerOneHasCleanPadding) {
  ObjectiveOptions options;
  options.mix.mixup = 1;
  const std::unique_ptr<Objective> mixing = Make(options);
  const NoiseBatch large(9), small(2);
  ASSERT_TRUE(mixing->Begin(large.batch).ok());
  const Rows<const float> pictures = *mixing->Begin(small.batch);
  EXPECT_EQ(pictures.stride, RowStride(2 * 64));
  for (int c = 0; c < 3; ++c)
    for (int64_t i = 2 * 64; i < pictures.stride; ++i) EXPECT_EQ(pictures[c][i], 0);
}

TEST(Objective, MixesPicturesOfTheSizeThatItWasTold) {
  CheckpointInfo info = TinyInfo();
  info.model.image_size = 16;
  ObjectiveOptions options;
  options.mix.cutmix = 1;
  const std::unique_ptr<Objective> told = Make(options, info), born = Make(options);
  ASSERT_TRUE(told->SetImageSize(8).ok());
  const NoiseBatch noise(5);
  const Rows<const float> found = *told->Begin(noise.batch), expected = *born->Begin(noise.batch);
  EXPECT_EQ(found.stride, expected.stride);
  for (int c = 0; c < 3; ++c)
    for (int64_t i = 0; i < expected.stride; ++i) EXPECT_EQ(found[c][i], expected[c][i]);
}

TEST(Objective, TheGradientIsThatOfTheMeanOrTheSumAndTheShare) {
  const NoiseBatch noise(4);
  ObjectiveOptions options;
  const Found mean = Both(*Make(options), noise), half = Both(*Make(options), noise, 0.5);
  options.label.sums = true;
  const Found sum = Both(*Make(options), noise);
  EXPECT_EQ(mean.loss, sum.loss);
  EXPECT_EQ(mean.loss, half.loss);
  for (size_t i = 0; i < mean.dlogits.size(); ++i) {
    EXPECT_FLOAT_EQ(half.dlogits[i], mean.dlogits[i] / 2);
    EXPECT_FLOAT_EQ(sum.dlogits[i], mean.dlogits[i] * 4);
  }
}

// What two processes do to their shares, of four pictures and two, is what one does to all six.
TEST(Objective, TheGradientsOfSharesAreThatOfTheBatch) {
  const NoiseBatch whole(6);
  for (const bool sums : {false, true}) {
    ObjectiveOptions options;
    options.label.sums = sums;
    const std::vector<float> expected = Both(*Make(options), whole, 0.5).dlogits;
    NoiseBatch share(4);
    share.logits.assign(whole.logits.begin(), whole.logits.begin() + 8);
    share.batch.images_elsewhere = 2;
    const std::vector<float> found = Both(*Make(options), share, 0.5).dlogits;
    for (int i = 0; i < 8; ++i) EXPECT_FLOAT_EQ(found[i], expected[i]) << sums;
  }
}

TEST(Objective, AShareWithoutPicturesCostsNothing) {
  Batch none{.images_elsewhere = 3, .image_size = 8, .channels = 3};
  const std::unique_ptr<Objective> objective = Make({});
  EXPECT_EQ(objective->Begin(none)->data, nullptr);
  objective->Loss(nullptr, 1, nullptr);
  objective->KeepLosses();
  EXPECT_THAT(objective->ReadLosses(), ElementsAre(0));
}

TEST(Objective, VersionsOfASampleAreJudgedByTheCleanOnesLabelAndByTheirDivergence) {
  const NoiseBatch noise(6, 3);  // two samples
  NoiseBatch clean(2);
  std::copy_n(noise.logits.begin(), 4, clean.logits.begin());
  const Found label = Both(*Make({}), clean), found = Both(*Make({}), noise);
  std::vector<float> divergence(2), gradient(12);
  TestOps().jensen_shannon(OnThreads(), {.splits = 3, .samples = 2, .classes = 2},
                           {.loss = divergence.data(),
                            .dlogits = gradient.data(),
                            .logits = noise.logits.data(),
                            .alpha = 12,
                            .weight = 0.5});
  EXPECT_NEAR(found.loss, 3 * (label.loss + divergence[0] + divergence[1]), 1e-5) << "each version counts its sample's";
  for (int i = 0; i < 12; ++i)
    EXPECT_NEAR(found.dlogits[i], gradient[i] + (i < 4 ? label.dlogits[i] : 0), 1e-6) << "of the mean of two samples";
}

TEST(Objective, KeepsWhatBatchesCostUntilItIsRead) {
  const std::unique_ptr<Objective> objective = Make({}), other = Make({});
  const NoiseBatch first(6), second(4), third(6, 3);
  std::vector<double> expected;
  std::vector<float> dlogits(12);
  for (const NoiseBatch* noise : {&first, &second, &third}) {
    expected.push_back(Both(*other, *noise).loss);
    ASSERT_TRUE(objective->Begin(noise->batch).ok());
    objective->Loss(noise->logits.data(), 1, dlogits.data());
    objective->KeepLosses();
  }
  EXPECT_EQ(objective->ReadLosses(), expected);
  EXPECT_TRUE(objective->ReadLosses().empty()) << "each is read once";
}

std::vector<uint8_t> Trained(const std::filesystem::path& folder, const TrainerOptions& options,
                             TinyMachine machine = {}) {
  std::filesystem::create_directories(folder);
  TinyRun run(options, TinyInfo(), machine);
  EXPECT_EQ(run.Train().message(), "");
  return ReadBytes(ListCheckpoints(folder, TinyModel()).back().path);
}

TEST(Objective, EachOptionChangesWhatIsLearned) {
  const std::filesystem::path folder = TestFolder();
  const std::vector<void (*)(TrainerOptions&)> changes = {
      [](TrainerOptions&) {},
      [](TrainerOptions& o) { o.objective.label.kind = LabelLossOptions::Kind::kBinaryCrossEntropy; },
      [](TrainerOptions& o) { o.objective.label.label_smoothing = 0.1; },
      [](TrainerOptions& o) {
        o.objective.label.class_weights = {1, 2};
      },
      [](TrainerOptions& o) { o.objective.label.sums = true; },
      [](TrainerOptions& o) { o.objective.mix.mixup = 1; },
      [](TrainerOptions& o) { o.objective.mix.cutmix = 1; },
      [](TrainerOptions& o) { o.objective.mix.mixup = o.objective.mix.cutmix = 1; },
      [](TrainerOptions& o) {
        o.objective.mix.mixup = 1;
        o.objective.mix.cutmix_prob = 0.5;
      },
  };
  std::vector<std::vector<uint8_t>> files;
  for (const auto& change : changes) {
    TrainerOptions options = TinyOptions(folder, 2);
    change(options);
    std::filesystem::remove_all(folder);
    files.push_back(Trained(folder, options));
    for (size_t i = 0; i + 1 < files.size(); ++i) EXPECT_NE(files[i], files.back()) << i << files.size() - 1;
  }
}

TEST(Objective, AResumedRunThatMixesEndsWithTheBitsOfOneThatWasNotStoppedOnAnyNumberOfThreads) {
  const std::filesystem::path whole = TestFolder() / "whole", parts = TestFolder() / "parts";
  const auto options = [](const std::filesystem::path& folder, int epochs) {
    TrainerOptions mixing = TinyOptions(folder, epochs);
    mixing.objective.mix.mixup = mixing.objective.mix.cutmix = 1;
    mixing.objective.label.kind = LabelLossOptions::Kind::kBinaryCrossEntropy;
    return mixing;
  };
  const std::vector<uint8_t> expected = Trained(whole, options(whole, 3), {.threads = 1});
  Trained(parts, options(parts, 2), {.threads = 3});
  TinyRun next(options(parts, 3), TinyInfo(), {.threads = 3});
  ASSERT_EQ(next.trainer->Resume(*Checkpoint::Open(ListCheckpoints(parts, TinyModel()).back().path)).message(), "");
  ASSERT_EQ(next.Train().message(), "");
  EXPECT_EQ(ReadBytes(ListCheckpoints(parts, TinyModel()).back().path), expected);
}

}  // namespace
}  // namespace riffle
