#include "data/loader.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <map>
#include <numeric>
#include <set>

#include "data/order.h"
#include "data/testing/numbers.h"

namespace riffle {
namespace {

// [channels][versions][8 · 8]: what a loader that is alone with this picture of Numbers makes of it.
std::vector<float> Alone(const Transform& transform, int64_t index, RandomStream random) {
  std::vector<float> pixels(3 * transform.splits() * 64);
  TransformScratch scratch;
  const Picture picture = SomePicture(8, 8, 3, static_cast<uint32_t>(index));
  EXPECT_TRUE(transform.Apply(picture.View(), random, scratch, pixels.data(), transform.splits() * 64, 64).ok());
  return pixels;
}

struct Copy {
  LoaderPosition position;
  std::vector<float> pixels;
  std::vector<int32_t> labels;
  std::vector<int64_t> indices;
  bool operator==(const Copy&) const = default;
};

Copy CopyOf(const Batch& batch) {
  return {
      batch.position, {batch.pixels.data, batch.pixels.data + 3 * batch.pixels.stride}, batch.labels, batch.indices};
}

// All batches from `position` on; the options must have an end.
std::vector<Copy> Batches(const Dataset& dataset, const LoaderOptions& options, LoaderPosition position = {}) {
  auto loader = Loader::Create(dataset, Augmented(), options);
  EXPECT_TRUE(loader.ok()) << loader.status().message();
  (*loader)->Seek(position);
  std::vector<Copy> batches;
  while (true) {
    const auto batch = (*loader)->Next();
    EXPECT_TRUE(batch.ok()) << batch.status().message();
    if (!batch.ok() || *batch == nullptr) return batches;
    batches.push_back(CopyOf(**batch));
  }
}

TEST(Order, IsAPermutationThatDependsOnSeedAndEpochAlone) {
  std::set<std::vector<int64_t>> orders;
  for (uint64_t seed : {1, 2})
    for (int64_t epoch : {0, 1, 2}) {
      std::vector<int64_t> order = EpochOrder(100, true, seed, epoch);
      EXPECT_EQ(order, EpochOrder(100, true, seed, epoch));
      orders.insert(order);
      std::sort(order.begin(), order.end());
      EXPECT_EQ(order, EpochOrder(100, false, seed, epoch));
    }
  EXPECT_EQ(orders.size(), 6u);
}

TEST(Order, EveryPictureIsEquallyLikelyToComeFirst) {
  std::vector<int> firsts(10);
  for (int64_t epoch = 0; epoch < 5000; ++epoch) ++firsts[EpochOrder(10, true, 3, epoch)[0]];
  for (int count : firsts) EXPECT_NEAR(count, 500, 6 * std::sqrt(450));
}

TEST(Order, RepeatsStandSideBySideAndTheLengthStays) {
  std::vector<int64_t> order = {5, 6, 7, 0, 1, 2, 3, 4};
  RepeatPictures(1, order);
  EXPECT_EQ(order, (std::vector<int64_t>{5, 6, 7, 0, 1, 2, 3, 4}));
  RepeatPictures(3, order);
  EXPECT_EQ(order, (std::vector<int64_t>{5, 5, 5, 6, 6, 6, 7, 7}));
}

TEST(Order, ABufferMixesNeighboursAndReadsShardAfterShard) {
  const std::vector<int64_t> starts = {0, 100, 200, 300};
  std::set<int64_t> first_shards;
  for (int64_t epoch = 0; epoch < 20; ++epoch) {
    std::vector<int64_t> order = BufferedOrder(370, starts, 20, 3, epoch);
    EXPECT_EQ(order, BufferedOrder(370, starts, 20, 3, epoch));
    const std::vector<int64_t> stream = BufferedOrder(370, starts, 1, 3, epoch);  // a buffer of one mixes nothing
    for (int64_t s = 1; s < 370; ++s)
      EXPECT_TRUE(stream[s] == stream[s - 1] + 1 || stream[s] % 100 == 0) << "shards are read from their beginnings";
    int64_t moved = 0;
    for (int64_t k = 0; k < 370; ++k) {
      const int64_t turn = std::find(stream.begin(), stream.end(), order[k]) - stream.begin();
      EXPECT_LT(turn, k + 20) << "nothing is read before the buffer has room for it";
      moved += std::abs(turn - k);
    }
    EXPECT_GT(moved / 370, 5) << "as far as the buffer allows";
    first_shards.insert(stream[0]);
    std::sort(order.begin(), order.end());
    EXPECT_EQ(order, EpochOrder(370, false, 3, epoch));
  }
  EXPECT_EQ(first_shards.size(), 4u) << "another shard comes first in other epochs";
}

TEST(Order, ABufferForAllIsAShuffleOfAll) {
  const std::vector<int64_t> starts = {0};
  std::vector<int> firsts(10);
  for (int64_t epoch = 0; epoch < 5000; ++epoch) ++firsts[BufferedOrder(10, starts, 10, 3, epoch)[0]];
  for (int count : firsts) EXPECT_NEAR(count, 500, 6 * std::sqrt(450));
}

TEST(Loader, RepeatedPicturesAreAugmentedInDifferentWays) {
  const Numbers numbers(60);
  LoaderOptions options{.batch_size = 10, .aug_repeats = 3, .workers = 2, .end_epoch = 2};
  const std::vector<Copy> batches = Batches(numbers, options);
  ASSERT_EQ(batches.size(), 12u) << "as many as without";
  std::map<int64_t, int> times;
  std::set<std::vector<float>> versions;
  for (size_t b = 0; b < 6; ++b)
    for (int i = 0; i < 10; ++i) {
      ++times[batches[b].indices[i]];
      std::vector<float> pixels;
      for (int c = 0; c < 3; ++c) {
        const float* row = &batches[b].pixels[c * RowStride(10 * 64) + i * 64];
        pixels.insert(pixels.end(), row, row + 64);
      }
      versions.insert(pixels);
    }
  EXPECT_EQ(times.size(), 20u);
  for (const auto& [index, count] : times) EXPECT_EQ(count, 3) << index;
  EXPECT_GT(versions.size(), 50u) << "of the few crops of so small a picture two may be equal";
  options.workers = 0;
  EXPECT_TRUE(Batches(numbers, options, {1, 0}).front() == batches[6]);
  options.aug_repeats = 0;
  const std::vector<Copy> off = Batches(numbers, options);
  options.aug_repeats = 1;
  EXPECT_TRUE(Batches(numbers, options) == off);
}

TEST(Loader, EveryBitIsTheSameWithAnyNumberOfWorkers) {
  const Numbers numbers(103);
  LoaderOptions options{.batch_size = 16, .drop_remainder = false, .workers = 0, .end_epoch = 3};
  const std::vector<Copy> expected = Batches(numbers, options);
  ASSERT_EQ(expected.size(), 3u * 7);
  for (int workers : {1, 3, 8})
    for (int prefetch : {2, 5}) {
      options.workers = workers;
      options.prefetch_batches = prefetch;
      EXPECT_TRUE(Batches(numbers, options) == expected) << workers << " workers, " << prefetch << " batches";
    }
}

TEST(Loader, ABatchHoldsAllVersionsOfItsSamplesOneVersionAfterAnother) {
  const Numbers numbers(23);
  const DatasetInfo& cifar = **FindDataset("cifar10");
  Augmentation augmentation = DefaultAugmentation(cifar);
  augmentation.policy = *ParseAugmentPolicy("augmix");
  augmentation.splits = 3;
  const Transform transform = *Transform::ForTraining(DefaultPreprocessing(cifar, 8, 3), augmentation);
  for (int workers : {0, 3}) {
    const auto loader = Loader::Create(
        numbers, transform, {.batch_size = 6, .drop_remainder = false, .seed = 9, .workers = workers, .end_epoch = 1});
    EXPECT_EQ((*loader)->BatchesPerEpoch(), 4) << "the batch size counts samples";
    for (int step = 0; step < 4; ++step) {
      const auto next = (*loader)->Next();
      ASSERT_TRUE(next.ok() && *next != nullptr);
      const Batch& batch = **next;
      const int samples = step < 3 ? 6 : 5;
      ASSERT_EQ(batch.images, 3 * samples);
      ASSERT_EQ(batch.samples(), samples);
      for (int i = 0; i < samples; ++i) {
        const int64_t index = batch.indices[i];
        for (int place = i; place < batch.images; place += samples) {
          EXPECT_EQ(batch.indices[place], index);
          EXPECT_EQ(batch.labels[place], numbers.label(index));
        }
        const RandomStream random(9, RandomPurpose::kAugmentation, 0, static_cast<uint32_t>(index));
        EXPECT_EQ(PixelsAt(batch, i), Alone(transform, index, random)) << i;
      }
    }
  }
}

TEST(Loader, ABatchHoldsItsPicturesInChannelRows) {
  const Numbers numbers(20);
  const Transform transform = Augmented();
  const auto loader = Loader::Create(numbers, transform, {.batch_size = 6, .seed = 9, .workers = 2});
  for (int step = 0; step < 5; ++step) {
    const auto batch = (*loader)->Next();
    ASSERT_TRUE(batch.ok() && *batch != nullptr);
    EXPECT_EQ((*batch)->images, 6);
    EXPECT_EQ((*batch)->pixels.stride, RowStride(6 * 64));
    for (int i = 0; i < 6; ++i) {
      const int64_t index = (*batch)->indices[i];
      EXPECT_EQ((*batch)->labels[i], numbers.label(index));
      const RandomStream random(9, RandomPurpose::kAugmentation, static_cast<uint32_t>((*batch)->position.epoch),
                                static_cast<uint32_t>(index));
      EXPECT_EQ(PixelsAt(**batch, i), Alone(transform, index, random)) << i;
    }
  }
}

// What stands in a place, and the random numbers that it gets, is known before any picture is read.
TEST(Loader, APlaceIsAFunctionOfSeedEpochAndWhereItIsInTheEpoch) {
  Numbers numbers(40);
  numbers.broken_ = {7, 8};
  const Transform transform = Augmented();
  const auto loader = Loader::Create(
      numbers, transform, {.batch_size = 8, .aug_repeats = 3, .seed = 9, .workers = 2, .max_unreadable_share = 0.05});
  int replaced = 0;
  for (uint32_t epoch = 0; epoch < 4; ++epoch) {
    std::vector<int64_t> order = EpochOrder(40, true, 9, epoch);
    RepeatPictures(3, order);
    for (int b = 0; b < 5; ++b) {
      const auto batch = (*loader)->Next();
      ASSERT_TRUE(batch.ok()) << batch.status().message();
      for (int i = 0; i < 8; ++i) {
        const int place = 8 * b + i;
        const auto own = static_cast<uint32_t>(order[place]);
        int64_t index = own;
        if (numbers.broken_.contains(own)) {
          ++replaced;
          index = RandomStream(9, RandomPurpose::kReplacement, epoch, own).Below(40);
          while (numbers.broken_.contains(index)) ++index;
        }
        EXPECT_EQ((*batch)->indices[i], index) << place;
        EXPECT_EQ((*batch)->labels[i], numbers.label(index)) << place;
        const RandomStream random(9, RandomPurpose::kAugmentation, epoch, own, place % 3);
        EXPECT_EQ(PixelsAt(**batch, i), Alone(transform, index, random)) << place;
      }
    }
  }
  EXPECT_GT(replaced, 3) << "or nothing was seen of replacements";
}

TEST(Loader, AnEpochVisitsEachPictureOnce) {
  const Numbers numbers(50);
  for (bool drop : {false, true}) {
    const LoaderOptions options{.batch_size = 8, .drop_remainder = drop, .workers = 2, .end_epoch = 1};
    std::multiset<int64_t> seen;
    for (const Copy& batch : Batches(numbers, options)) seen.insert(batch.indices.begin(), batch.indices.end());
    EXPECT_EQ(seen.size(), drop ? 48u : 50u);
    EXPECT_EQ(std::set<int64_t>(seen.begin(), seen.end()).size(), seen.size());
    EXPECT_EQ((*Loader::Create(numbers, Augmented(), options))->BatchesPerEpoch(), drop ? 6 : 7);
  }
}

TEST(Loader, WithoutShufflingTheOrderIsTheDataSetsAndTheLastBatchIsShort) {
  const Numbers numbers(10);
  const auto batches =
      Batches(numbers, {.batch_size = 4, .shuffle = false, .drop_remainder = false, .workers = 1, .end_epoch = 1});
  ASSERT_EQ(batches.size(), 3u);
  EXPECT_EQ(batches[1].indices, (std::vector<int64_t>{4, 5, 6, 7}));
  EXPECT_EQ(batches[2].indices, (std::vector<int64_t>{8, 9}));
  EXPECT_EQ(static_cast<int64_t>(batches[2].pixels.size()), 3 * RowStride(2 * 64));
}

TEST(Loader, TheEndsOfRowsAreZeroAfterALongerBatchToo) {
  const Numbers numbers(9);
  LoaderOptions options{.batch_size = 8, .drop_remainder = false, .workers = 0, .end_epoch = 2};
  const auto batches = Batches(numbers, options);
  const int64_t stride = RowStride(64);
  for (int c = 0; c < 3; ++c)
    for (int64_t i = 64; i < stride; ++i) EXPECT_EQ(batches[1].pixels[c * stride + i], 0);
}

TEST(Loader, StartsAnywhereWithTheSameBatches) {
  const Numbers numbers(40);
  const LoaderOptions options{.batch_size = 8, .workers = 2, .end_epoch = 3};
  const std::vector<Copy> all = Batches(numbers, options);
  const std::vector<Copy> late = Batches(numbers, options, {1, 3});
  ASSERT_EQ(late.size(), 7u);
  EXPECT_EQ(late[0].position, (LoaderPosition{1, 3}));
  EXPECT_TRUE(std::equal(late.begin(), late.end(), all.begin() + 8));
  const auto loader = Loader::Create(numbers, Augmented(), options);
  for (int round = 0; round < 20; ++round) {  // again and again, with workers in the middle of their work
    const int64_t number = round * 7 % 15;
    (*loader)->Seek({number / 5, number % 5});
    const auto batch = (*loader)->Next();
    ASSERT_TRUE(batch.ok());
    EXPECT_TRUE(CopyOf(**batch) == all[number]) << number;
  }
}

TEST(Loader, SentWhereItIsAnywayKeepsWhatItReadAhead) {
  const Numbers numbers(16);
  const auto loader = Loader::Create(numbers, Augmented(), {.batch_size = 8, .workers = 2, .end_epoch = 2});
  for (int batch = 0; batch < 2; ++batch) ASSERT_TRUE((*loader)->Next().ok());
  while (numbers.reads_ < 32) std::this_thread::yield();  // the second epoch is read ahead
  (*loader)->Seek({1, 0});
  for (int batch = 0; batch < 2; ++batch) ASSERT_TRUE((*loader)->Next().ok());
  EXPECT_EQ(numbers.reads_, 32);
}

TEST(Loader, TheFirstBrokenPictureOfABatchIsTheError) {
  for (int workers : {0, 1, 4}) {
    Numbers numbers(64);
    numbers.broken_ = {22, 20, 31};
    const auto loader = Loader::Create(numbers, Augmented(), {.batch_size = 16, .shuffle = false, .workers = workers});
    ASSERT_TRUE((*loader)->Next().ok());
    for (int again = 0; again < 2; ++again) {
      const auto batch = (*loader)->Next();
      ASSERT_FALSE(batch.ok());
      EXPECT_EQ(batch.status().message(), "number 20 is broken") << workers;
    }
    (*loader)->Seek({0, 2});
    EXPECT_TRUE((*loader)->Next().ok());
  }
}

TEST(Loader, AnUnreadablePictureIsReplacedInTheSameWayByAnyNumberOfWorkers) {
  Numbers numbers(200);
  LoaderOptions options{.batch_size = 20, .workers = 0, .end_epoch = 2, .max_unreadable_share = 0.02};
  const std::vector<Copy> whole = Batches(numbers, options);
  numbers.broken_ = {17, 18, 150};
  const std::vector<Copy> expected = Batches(numbers, options);
  ASSERT_EQ(expected.size(), whole.size());
  std::set<int64_t> replacements;
  for (size_t b = 0; b < whole.size(); ++b)
    for (int i = 0; i < 20; ++i) {
      const int64_t index = expected[b].indices[i];
      EXPECT_FALSE(numbers.broken_.contains(index));
      EXPECT_EQ(expected[b].labels[i], numbers.label(index));
      if (numbers.broken_.contains(whole[b].indices[i]))
        replacements.insert(index);
      else
        EXPECT_EQ(index, whole[b].indices[i]) << "the others stay where they are";
    }
  EXPECT_GT(replacements.size(), 3u) << "another one in each epoch";
  for (int workers : {1, 4}) {
    options.workers = workers;
    EXPECT_TRUE(Batches(numbers, options) == expected) << workers;
    EXPECT_TRUE(Batches(numbers, options, {1, 4}).front() == expected[14]) << "after a resume too";
  }
}

TEST(Loader, EachUnreadablePictureIsNamedOnce) {
  Numbers numbers(40);
  numbers.broken_ = {3, 31};
  const auto loader =
      Loader::Create(numbers, Augmented(),
                     {.batch_size = 8, .shuffle = false, .workers = 2, .end_epoch = 3, .max_unreadable_share = 0.05});
  std::map<int64_t, std::vector<std::string>> said;  // by number of the batch
  for (int64_t b = 0; b < 15; ++b) {
    const auto batch = (*loader)->Next();
    ASSERT_TRUE(batch.ok()) << batch.status().message();
    if (!(*batch)->unreadable.empty()) said[b] = (*batch)->unreadable;
  }
  EXPECT_EQ(said,
            (std::map<int64_t, std::vector<std::string>>{{0, {"number 3 is broken"}}, {3, {"number 31 is broken"}}}));
}

TEST(Loader, EachCutPictureIsNamedOnceOrRefused) {
  Numbers numbers(40);
  numbers.cut_ = {3, 31};
  for (const int workers : {0, 3}) {
    LoaderOptions options{.batch_size = 8, .shuffle = false, .workers = workers};
    const auto allowing = Loader::Create(numbers, Augmented(), options);
    std::map<int64_t, size_t> said;  // by number of the batch
    for (int64_t b = 0; b < 10; ++b) {
      const auto batch = (*allowing)->Next();
      ASSERT_TRUE(batch.ok()) << batch.status().message();
      EXPECT_TRUE((*batch)->unreadable.empty());
      for (const std::string& what : (*batch)->flawed) {
        ++said[b];
        EXPECT_TRUE(what.starts_with(b == 0 ? "number 3: cut off" : "number 31: cut off")) << what;
      }
    }
    EXPECT_EQ(said, (std::map<int64_t, size_t>{{0, 1}, {3, 1}})) << "in two epochs";
    options.allow_incomplete = false;
    const auto refusing = Loader::Create(numbers, Augmented(), options);
    const auto batch = (*refusing)->Next();
    ASSERT_FALSE(batch.ok());
    EXPECT_EQ(batch.status().code(), ErrorCode::kDataLoss);
    EXPECT_TRUE(batch.status().message().starts_with("number 3: cut off")) << batch.status().message();
  }
}

TEST(Loader, MoreUnreadablePicturesThanToleratedEndTheRunAtTheSameBatch) {
  Numbers numbers(100);
  const auto batches_until_error = [&](double share, std::set<int64_t> broken, int workers, std::string* message) {
    numbers.broken_ = std::move(broken);
    const auto loader = Loader::Create(
        numbers, Augmented(), {.batch_size = 10, .shuffle = false, .workers = workers, .max_unreadable_share = share});
    for (int b = 0; b < 10; ++b) {
      const auto batch = (*loader)->Next();
      if (batch.ok()) continue;
      *message = batch.status().message();
      EXPECT_EQ((*loader)->Next().status().message(), *message) << "and stays";
      return b;
    }
    return 10;
  };
  std::string message;
  std::set<int64_t> all;
  for (int64_t i = 0; i < 100; ++i) all.insert(i);
  for (int workers : {0, 1, 4}) {
    EXPECT_EQ(batches_until_error(0.02, {5, 45, 46}, workers, &message), 4);
    EXPECT_EQ(message,
              "3 of 100 pictures cannot be read, and max_unreadable_share 0.02 tolerates 2; one of them is number 5 is "
              "broken; 'riffle data check' lists all");
    EXPECT_EQ(batches_until_error(0.03, {5, 45, 46}, workers, &message), 10);
    EXPECT_EQ(batches_until_error(0.001, {5}, workers, &message), 10) << "one always may";
    EXPECT_EQ(batches_until_error(0.001, {5, 45}, workers, &message), 4);
    EXPECT_EQ(batches_until_error(0.05, all, workers, &message), 0) << "and the search ends";
    EXPECT_EQ(batches_until_error(1, all, workers, &message), 0);
  }
}

TEST(Loader, WaitingIsMeasured) {
  Numbers numbers(64);
  numbers.slow_ = true;
  const auto loader = Loader::Create(numbers, Augmented(), {.batch_size = 32, .workers = 1});
  ASSERT_TRUE((*loader)->Next().ok());
  EXPECT_GT((*loader)->WaitedSeconds(), 0.02);
}

TEST(Loader, StopsInTheMiddleOfItsWork) {
  Numbers numbers(1000);
  numbers.slow_ = true;
  for (int workers : {1, 4}) {
    const auto loader = Loader::Create(numbers, Augmented(), {.batch_size = 500, .workers = workers});
    (*loader)->Seek({0, 0});
  }
  numbers.reads_ = 0;
  auto loader = Loader::Create(numbers, Augmented(), {.batch_size = 10, .workers = 3, .prefetch_batches = 2000});
  ASSERT_TRUE((*loader)->Next().ok());
  *loader = nullptr;
  EXPECT_LT(numbers.reads_, 20000) << "what is prefetched, seconds of work, was not waited for";
}

TEST(Loader, RefusesOptionsThatGiveNoBatch) {
  const Numbers numbers(10);
  const auto message = [&](const LoaderOptions& options) {
    return Loader::Create(numbers, Augmented(), options).status().message();
  };
  EXPECT_NE(message({.batch_size = 0}).find("batch_size"), std::string::npos);
  EXPECT_NE(message({.batch_size = 11}).find("drop_remainder"), std::string::npos);
  EXPECT_EQ(message({.batch_size = 11, .drop_remainder = false}), "");
  EXPECT_NE(message({.batch_size = 1, .workers = -1}).find("num_parallel_workers"), std::string::npos);
  EXPECT_NE(message({.batch_size = 1, .max_unreadable_share = 2}).find("max_unreadable_share"), std::string::npos);
  EXPECT_NE(message({.batch_size = 1, .aug_repeats = -1}).find("aug_repeats"), std::string::npos);
  EXPECT_NE(message({.batch_size = 1, .prefetch_batches = 1}).find("prefetch_batches"), std::string::npos);
}

}  // namespace
}  // namespace riffle
