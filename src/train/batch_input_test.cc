// Pictures that a device makes of what a loader left to it: those of a loader that makes them itself, to the bit, in
// every kind of batch; and what goes up while the device computes.
#include "train/batch_input.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "backend/testing/execution.h"
#include "backend/testing/guarded_device.h"
#include "backend/testing/host_copy.h"
#include "data/encoded_dataset.h"
#include "ops/testing/guarded_ops.h"
#include "picture/encode_jpeg.h"
#include "train/testing.h"

namespace riffle {
namespace {

/// Pictures of several sizes, which lie in files as it were.
class SomePictures : public Dataset {
 public:
  explicit SomePictures(int images) {
    classes_ = {"a", "b"};
    for (int i = 0; i < images; ++i) labels_.push_back(i % 2);
  }
  std::string NameOf(int64_t i) const override { return fmt::format("picture {}", i); }
  Result<PictureView> Read(int64_t i, Picture& scratch) const override {
    const int n = static_cast<int>(i);
    scratch = SomePicture(9 + 7 * (n % 5), 12 + 5 * (n % 7), 3, static_cast<uint32_t>(i));
    return scratch.View();
  }
};

struct Pictures {
  std::vector<float> values;  // without the rows' padding
  std::vector<int32_t> labels;
  std::vector<int64_t> indices;
  bool operator==(const Pictures&) const = default;
};

Pictures Of(const Batch& batch, const std::vector<float>& rows, int64_t stride) {
  Pictures pictures = {.labels = batch.labels, .indices = batch.indices};
  const int64_t pixels = int64_t{batch.images} * batch.image_size * batch.image_size;
  for (int c = 0; c < batch.channels && pixels > 0; ++c) {
    pictures.values.insert(pictures.values.end(), rows.begin() + c * stride, rows.begin() + c * stride + pixels);
    for (int64_t i = pixels; i < stride; ++i) EXPECT_EQ(rows[c * stride + i], 0) << "padding";
  }
  return pictures;
}

/// The batches of two epochs, from one in the first on.
std::vector<Pictures> Batches(const Dataset& data, const Transform& transform, LoaderOptions options, Device& device) {
  options.device = &device;
  options.end_epoch = 2;
  const std::unique_ptr<Loader> loader = std::move(*Loader::Create(data, transform, options));
  const Execution execution = {OnThreads(2).pool, device};
  BatchInput input(execution, device.ReadsHostMemory() ? CpuOps() : GuardedOps());
  std::vector<Pictures> all;
  loader->Seek({.epoch = 0, .batch = 1});
  while (true) {
    const Result<const Batch*> batch = loader->Next();
    EXPECT_TRUE(batch.ok()) << batch.status().message();
    if (!batch.ok() || *batch == nullptr) return all;
    EXPECT_EQ((*batch)->unmade.has_value(), !device.ReadsHostMemory());
    const Rows<const float> rows = input.PicturesOf(**batch);
    all.push_back(Of(**batch, HostCopy(execution, rows.data, static_cast<size_t>((*batch)->channels * rows.stride)),
                     rows.stride));
  }
}

void ExpectSamePictures(const Dataset& data, const Transform& transform, const LoaderOptions& options) {
  const std::vector<Pictures> expected = Batches(data, transform, options, CpuDevice());
  ASSERT_GT(expected.size(), 1);
  GuardedDevice device;
  const std::vector<Pictures> found = Batches(data, transform, options, device);
  ASSERT_EQ(found.size(), expected.size());
  for (size_t b = 0; b < expected.size(); ++b) {
    EXPECT_EQ(found[b].indices, expected[b].indices) << b;
    EXPECT_EQ(found[b].labels, expected[b].labels) << b;
    EXPECT_TRUE(found[b] == expected[b]) << b;
  }
}

Transform Training(const Augmentation& augmentation) {
  return *Transform::ForTraining(TinyInfo().preprocessing, augmentation);
}

const Augmentation kAll = {.hflip = 0.5, .color_jitter = 0.5, .erasing = {.probability = 0.5, .value = {}}};

TEST(BatchInput, HasTheLoadersPicturesInWholeAndInShortBatches) {
  for (const int workers : {0, 3})
    for (const bool drop_remainder : {true, false})
      ExpectSamePictures(SomePictures(23), Training(kAll),
                         {.batch_size = 5, .drop_remainder = drop_remainder, .seed = 3, .workers = workers});
}

TEST(BatchInput, HasAllVersionsAndRepeatsOfThem) {
  Augmentation splits = kAll;
  splits.splits = 3;
  ExpectSamePictures(SomePictures(12), Training(splits), {.batch_size = 4, .aug_repeats = 2, .workers = 2});
  splits.policy = *ParseAugmentPolicy("augmix-m5-w2-d1");
  ExpectSamePictures(SomePictures(12), Training(splits), {.batch_size = 4, .workers = 2});
}

TEST(BatchInput, HasTheShareOfEachProcess) {
  for (const int rank : {0, 1, 2})
    ExpectSamePictures(SomePictures(16), Training(kAll),
                       {.batch_size = 2, .ranks = 3, .rank = rank, .drop_remainder = false, .workers = 2});
}

TEST(BatchInput, HasWhatTakesThePlaceOfUnreadablePictures) {
  const DamagedData damaged(std::make_unique<SomePictures>(12), {3, 7});
  ExpectSamePictures(damaged, Training(kAll), {.batch_size = 4, .workers = 2, .max_unreadable_share = 0.5});
}

TEST(BatchInput, HasPicturesThatStayOnTheDevice) {
  Augmentation padded = kAll;
  padded.crop = TrainCrop::kPadded;
  for (const Augmentation& augmentation : {kAll, padded})
    for (const int64_t kept_bytes : {16 * 8 * 8 * 3 - 1, 16 * 8 * 8 * 3}) {
      const std::unique_ptr<Dataset> data = TinyData(16);
      const LoaderOptions options = {.batch_size = 4, .workers = 2, .kept_bytes = kept_bytes};
      ExpectSamePictures(*data, Training(augmentation), options);
    }
}

TEST(BatchInput, OfPicturesThatStayOnTheDeviceNoByteGoesUpAgain) {
  const std::unique_ptr<Dataset> data = TinyData(16);
  GuardedDevice device;
  for (const int64_t kept_bytes : {0, 1 << 20}) {
    const LoaderOptions options = {.batch_size = 4, .device = &device, .kept_bytes = kept_bytes};
    const std::unique_ptr<Loader> loader = std::move(*Loader::Create(*data, Training(kAll), options));
    const Batch& batch = **loader->Next();
    EXPECT_EQ(batch.unmade->bytes.empty(), kept_bytes > 0);
    EXPECT_EQ(batch.unmade->kept != nullptr, kept_bytes > 0);
  }
}

/// JPEG files of several sizes. To pictures of 8 pixels a side: most stay on a device as a whole; one has more bytes
/// than that, one is too long; and one is decoded at half its size where all of it is needed.
class Photographs : public EncodedDataset {
 public:
  Photographs() : EncodedDataset(3) {
    classes_ = {"a", "b"};
    const std::pair<int, int> sizes[] = {{9, 12}, {16, 16}, {31, 8}, {12, 20}, {17, 17}, {5, 33}, {48, 40}};
    for (int i = 0; i < 14; ++i) {
      const auto [height, width] = sizes[i % 7];
      const Picture picture = SomePicture(height, width, 3, static_cast<uint32_t>(i));
      files_.push_back(*EncodeJpeg(picture.View(), 95));
      labels_.push_back(i % 2);
    }
  }
  std::string NameOf(int64_t i) const override { return fmt::format("photograph {}", i); }
  Result<std::vector<uint8_t>> Encoded(int64_t i) const override {
    ++reads;
    return files_[static_cast<size_t>(i)];
  }
  void CutOff(int64_t i) { files_[static_cast<size_t>(i)].resize(files_[static_cast<size_t>(i)].size() - 60); }
  void Break(int64_t i) { files_[static_cast<size_t>(i)].resize(20); }

  mutable std::atomic<int> reads = 0;

 private:
  std::vector<std::vector<uint8_t>> files_;
};

constexpr int64_t kEnough = 1 << 20;

TEST(BatchInput, HasDecodedPicturesThatStayOnTheDevice) {
  Augmentation padded = kAll, splits = kAll, exact = kAll;
  padded.crop = TrainCrop::kPadded;
  splits.splits = 3;
  exact.exact_decode = true;
  const Photographs data;
  for (const Augmentation& augmentation : {kAll, padded, splits, exact})
    for (const int workers : {0, 3})
      for (const int repeats : {1, 2})
        for (const int64_t kept_bytes : {int64_t{0}, kEnough})
          ExpectSamePictures(data, Training(augmentation),
                             {.batch_size = 4, .aug_repeats = repeats, .workers = workers, .kept_bytes = kept_bytes});
}

TEST(BatchInput, HasFlawedAndUnreadablePicturesBesideThoseThatStay) {
  Photographs data;
  data.CutOff(2);  // in its lower half
  data.Break(3);
  Picture incomplete;
  ASSERT_TRUE(data.Read(2, incomplete).ok());
  ASSERT_TRUE(incomplete.incomplete);
  for (const bool allow_incomplete : {true, false})
    ExpectSamePictures(data, Training(kAll),
                       {.batch_size = 4,
                        .workers = 2,
                        .allow_incomplete = allow_incomplete,
                        .max_unreadable_share = 0.5,
                        .kept_bytes = kEnough});
}

/// What is read of the files in each of so many epochs.
std::vector<int> ReadsOfEpochs(Photographs& data, int64_t kept_bytes, int epochs) {
  GuardedDevice device;
  const std::unique_ptr<Loader> loader = std::move(*Loader::Create(
      data, Training(kAll), {.batch_size = 7, .workers = 0, .device = &device, .kept_bytes = kept_bytes}));
  std::vector<int> reads;
  for (int epoch = 0; epoch < epochs; ++epoch) {
    const int before = data.reads;
    for (int batch = 0; batch < 2; ++batch) EXPECT_TRUE(loader->Next().ok());
    reads.push_back(data.reads - before);
  }
  return reads;
}

// Of 14 photographs 8 stay: the first epoch looks at all for what they take, reads all, and six of them a second time.
TEST(BatchInput, OfDecodedPicturesThatStayNoneIsReadAgain) {
  Photographs data;
  EXPECT_THAT(ReadsOfEpochs(data, kEnough, 3), testing::ElementsAre(14 + 14 + 6, 6, 6));
  EXPECT_THAT(ReadsOfEpochs(data, 0, 2), testing::ElementsAre(14, 14));
  EXPECT_THAT(ReadsOfEpochs(data, 1000, 2), testing::ElementsAre(14 + 14, 14)) << "they do not fit";
}

// What was prefetched and thrown away did not go up.
TEST(BatchInput, HasDecodedPicturesThatStayAfterASeekInEitherDirection) {
  const Photographs data;
  GuardedDevice device;
  const Execution execution = {OnThreads(2).pool, device};
  const LoaderOptions on_cpu = {.batch_size = 4, .workers = 2, .prefetch_batches = 5};
  LoaderOptions on_device = on_cpu;
  on_device.device = &device;
  on_device.kept_bytes = kEnough;
  const std::unique_ptr<Loader> expected = std::move(*Loader::Create(data, Training(kAll), on_cpu));
  const std::unique_ptr<Loader> loader = std::move(*Loader::Create(data, Training(kAll), on_device));
  BatchInput input(execution, GuardedOps());
  for (const LoaderPosition position : {LoaderPosition{0, 0}, {2, 1}, {0, 1}, {1, 2}, {2, 0}, {4, 0}}) {
    expected->Seek(position);
    loader->Seek(position);
    for (int i = 0; i < 2; ++i) {
      const Batch &batch = **loader->Next(), &of_cpu = **expected->Next();
      const Rows<const float> rows = input.PicturesOf(batch);
      const std::vector<float> found = HostCopy(execution, rows.data, static_cast<size_t>(3 * rows.stride));
      EXPECT_TRUE(std::equal(found.begin(), found.end(), of_cpu.pixels.data)) << position.epoch << " " << i;
    }
  }
}

TEST(BatchInput, TakesBatchesOfAnySize) {
  GuardedDevice device;
  const Execution execution = {OnThreads(2).pool, device};
  BatchInput input(execution, GuardedOps());
  for (const int size : {12, 30, 8}) {
    Preprocessing preprocessing = TinyInfo().preprocessing;
    preprocessing.image_size = size;
    const Transform transform = *Transform::ForTraining(preprocessing, kAll);
    const SomePictures data(4);
    const auto first_of = [&](Device& makes) {
      return std::move(*Loader::Create(data, transform, {.batch_size = 4, .device = &makes}));
    };
    const std::unique_ptr<Loader> on_cpu = first_of(CpuDevice()), on_device = first_of(device);
    const Batch &expected = **on_cpu->Next(), &batch = **on_device->Next();
    const Rows<const float> rows = input.PicturesOf(batch);
    EXPECT_EQ(rows.stride, expected.pixels.stride);
    const std::vector<float> found = HostCopy(execution, rows.data, static_cast<size_t>(3 * rows.stride));
    EXPECT_TRUE(std::equal(found.begin(), found.end(), expected.pixels.data)) << size;
  }
}

TEST(BatchInput, HasPicturesOfEvaluation) {
  ExpectSamePictures(SomePictures(9), *Transform::ForEvaluation(TinyInfo().preprocessing),
                     {.batch_size = 4, .shuffle = false, .drop_remainder = false, .workers = 2});
}

/// Notes what is called of its side queue.
class NotingDevice : public GuardedDevice {
 public:
  class NotingQueue : public Queue {
   public:
    NotingQueue(NotingDevice& device, std::string& calls) : Queue(device), calls_(calls) {}
    void Follow() override { calls_ += 'F'; }
    void Upload(void* to, const void* from, size_t bytes) override {
      if (!calls_.ends_with('U')) calls_ += 'U';
      Queue::Upload(to, from, bytes);
    }
    void Join() override {
      calls_ += 'J';
      Queue::Join();
    }

   private:
    std::string& calls_;
  };
  std::unique_ptr<SideQueue> OpenSideQueue() override { return std::make_unique<NotingQueue>(*this, calls); }

  std::string calls;
};

TEST(BatchInput, WhatGoesUpFollowsThePicturesOfTheBatchBeforeAndNotItsStep) {
  const std::unique_ptr<Dataset> data = TinyData(16);
  NotingDevice device;
  // Not random: each batch has as many bytes as the others, for which no memory is taken once.
  const LoaderOptions options = {.batch_size = 4, .device = &device};
  const std::unique_ptr<Loader> loader =
      std::move(*Loader::Create(*data, *Transform::ForEvaluation(TinyInfo().preprocessing), options));
  BatchInput input({OnThreads(2).pool, device}, GuardedOps());
  input.PicturesOf(**loader->Next());
  EXPECT_TRUE(device.calls.starts_with("FU")) << "behind the clearing of new memory";
  device.calls.clear();
  for (int batch = 1; batch < 3; ++batch) {
    input.PicturesOf(**loader->Next());
    device.calls += ' ';  // the batch's step
  }
  EXPECT_EQ(device.calls, "UJF UJF ");
}

}  // namespace
}  // namespace riffle
