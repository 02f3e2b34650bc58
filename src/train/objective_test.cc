// The objective: what mixing does to a batch and its loss, and that each option changes what training learns.
#include "train/objective.h"

#include <gmock/gmock.h>

#include <cmath>

#include "base/threads.h"
#include "train/jensen_shannon.h"
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

std::unique_ptr<Objective> Make(const Options& options, const CheckpointInfo& info = TinyInfo()) {
  Result<std::unique_ptr<Objective>> objective = Objective::Create(options, info, TestOps());
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
  found.loss = objective.Loss(noise.logits.data(), share, found.dlogits.data());
  return found;
}

TEST(Objective, WithoutMixingThePicturesAreTheBatchs) {
  const NoiseBatch noise(6);
  EXPECT_EQ(Make({})->Begin(noise.batch)->data, noise.batch.pixels.data);
}

TEST(Objective, TheLossOfAMixedPictureIsThatOfBothLabelsByTheirShares) {
  const NoiseBatch noise(5);
  Options options;
  options.mixup = options.cutmix = 1;
  options.label_smoothing = 0.1;
  const std::unique_ptr<Objective> mixing = Make(options);
  options.mixup = options.cutmix = 0;
  const std::unique_ptr<Objective> plain = Make(options);
  NoiseBatch reversed(5);
  std::ranges::reverse(reversed.batch.labels);
  const Found own = Both(*plain, noise), partner = Both(*plain, reversed);
  options.mixup = options.cutmix = 1;
  for (int batch = 0; batch < 10; ++batch) {
    NoiseBatch at = noise;
    at.batch.pixels.data = at.memory.data();
    at.batch.position = {.epoch = 3, .batch = batch};
    const double share = DrawMix(options, at.batch.position, 8, 8).own_share;
    const Found mixed = Both(*mixing, at);
    EXPECT_NEAR(mixed.loss, share * own.loss + (1 - share) * partner.loss, 1e-5);
    for (size_t i = 0; i < mixed.dlogits.size(); ++i)
      EXPECT_NEAR(mixed.dlogits[i], share * own.dlogits[i] + (1 - share) * partner.dlogits[i], 1e-6);
    EXPECT_NE(mixing->Begin(at.batch)->data, at.batch.pixels.data);
  }
}

TEST(Objective, ASmallerBatchAfterALargerOneHasCleanPadding) {
  Options options;
  options.mixup = 1;
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
  Options options;
  options.cutmix = 1;
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
  Options options;
  const Found mean = Both(*Make(options), noise), half = Both(*Make(options), noise, 0.5);
  options.reduction = "sum";
  const Found sum = Both(*Make(options), noise);
  EXPECT_EQ(mean.loss, sum.loss);
  EXPECT_EQ(mean.loss, half.loss);
  for (size_t i = 0; i < mean.dlogits.size(); ++i) {
    EXPECT_FLOAT_EQ(half.dlogits[i], mean.dlogits[i] / 2);
    EXPECT_FLOAT_EQ(sum.dlogits[i], mean.dlogits[i] * 4);
  }
}

TEST(Objective, VersionsOfASampleAreJudgedByTheCleanOnesLabelAndByTheirDivergence) {
  const NoiseBatch noise(6, 3);  // two samples
  NoiseBatch clean(2);
  std::copy_n(noise.logits.begin(), 4, clean.logits.begin());
  const Found label = Both(*Make({}), clean), found = Both(*Make({}), noise);
  std::vector<float> divergence(2), gradient(12);
  AddJensenShannon(3, 2, 2, 12, 0.5, noise.logits.data(), divergence.data(), gradient.data());
  EXPECT_NEAR(found.loss, 3 * (label.loss + divergence[0] + divergence[1]), 1e-5) << "each version counts its sample's";
  for (int i = 0; i < 12; ++i)
    EXPECT_NEAR(found.dlogits[i], gradient[i] + (i < 4 ? label.dlogits[i] : 0), 1e-6) << "of the mean of two samples";
}

std::vector<uint8_t> Trained(const std::filesystem::path& folder, const Options& options) {
  std::filesystem::create_directories(folder);
  TinyRun run(options);
  EXPECT_EQ(run.Train().message(), "");
  return ReadBytes(ListCheckpoints(folder, TinyModel()).back().path);
}

TEST(Objective, EachOptionChangesWhatIsLearned) {
  const std::filesystem::path folder = TestFolder();
  const std::vector<void (*)(Options&)> changes = {
      [](Options&) {},
      [](Options& o) { o.loss = "BCE"; },
      [](Options& o) { o.label_smoothing = 0.1; },
      [](Options& o) { o.class_weights = "1,2"; },
      [](Options& o) { o.reduction = "sum"; },
      [](Options& o) { o.mixup = 1; },
      [](Options& o) { o.cutmix = 1; },
      [](Options& o) { o.mixup = o.cutmix = 1; },
      [](Options& o) {
        o.mixup = 1;
        o.cutmix_prob = 0.5;
      },
  };
  std::vector<std::vector<uint8_t>> files;
  for (const auto& change : changes) {
    Options options = TinyOptions(folder, 2);
    change(options);
    std::filesystem::remove_all(folder);
    files.push_back(Trained(folder, options));
    for (size_t i = 0; i + 1 < files.size(); ++i) EXPECT_NE(files[i], files.back()) << i << files.size() - 1;
  }
}

TEST(Objective, AResumedRunThatMixesEndsWithTheBitsOfOneThatWasNotStoppedOnAnyNumberOfThreads) {
  const std::filesystem::path whole = TestFolder() / "whole", parts = TestFolder() / "parts";
  const auto options = [](const std::filesystem::path& folder, int epochs) {
    Options mixing = TinyOptions(folder, epochs);
    mixing.mixup = mixing.cutmix = 1;
    mixing.loss = "BCE";
    return mixing;
  };
  SetThreads(1);
  const std::vector<uint8_t> expected = Trained(whole, options(whole, 3));
  SetThreads(3);
  Trained(parts, options(parts, 2));
  TinyRun next(options(parts, 3));
  ASSERT_EQ(next.trainer->Resume(*Checkpoint::Open(ListCheckpoints(parts, TinyModel()).back().path)).message(), "");
  ASSERT_EQ(next.Train().message(), "");
  EXPECT_EQ(ReadBytes(ListCheckpoints(parts, TinyModel()).back().path), expected);
}

}  // namespace
}  // namespace riffle
