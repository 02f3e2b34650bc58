// Processes that share each batch: what all of them get is what one process would get.
#include <gmock/gmock.h>

#include "data/loader.h"
#include "data/testing/numbers.h"
#include "dist/testing/thread_group.h"

namespace riffle {
namespace {

// What all ranks get of a batch, one after another by rank: its place, the indices, and the pictures one by one.
struct Joined {
  LoaderPosition position;
  std::vector<int64_t> indices;
  std::vector<std::vector<float>> pixels;
  bool operator==(const Joined&) const = default;
};

// All batches; `shares`, if not null: the samples of each rank in the last one.
std::vector<Joined> JoinedBatches(const Dataset& dataset, LoaderOptions options, std::vector<int>* shares = nullptr) {
  std::vector<Joined> batches;
  if (shares) shares->clear();
  for (options.rank = 0; options.rank < options.ranks; ++options.rank) {
    const auto loader = Loader::Create(dataset, Augmented(), options);
    EXPECT_TRUE(loader.ok()) << loader.status().message();
    batches.resize(options.end_epoch * (*loader)->BatchesPerEpoch());
    int images = 0;
    for (Joined& joined : batches) {
      const Batch& batch = **(*loader)->Next();
      joined.position = batch.position;
      joined.indices.insert(joined.indices.end(), batch.indices.begin(), batch.indices.end());
      for (int i = 0; i < batch.samples(); ++i) joined.pixels.push_back(PixelsAt(batch, i));
      images = batch.images;
    }
    if (shares) shares->push_back(images);
  }
  return batches;
}

TEST(Loader, TheSharesOfAllRanksAreTheBatchesOfOneProcess) {
  const Numbers numbers(103);
  for (const bool drop : {false, true})
    for (const int repeats : {0, 3})
      for (const int64_t buffer : {0, 20}) {
        LoaderOptions options{.batch_size = 12,
                              .drop_remainder = drop,
                              .shuffle_buffer = buffer,
                              .aug_repeats = repeats,
                              .workers = 0,
                              .end_epoch = 2};
        const std::vector<Joined> expected = JoinedBatches(numbers, options);
        ASSERT_EQ(expected.size(), drop ? 16u : 18u);
        for (const int ranks : {2, 3, 4}) {
          options.batch_size = 12 / ranks;
          options.ranks = ranks;
          for (const int workers : {0, 2}) {
            options.workers = workers;
            EXPECT_TRUE(JoinedBatches(numbers, options) == expected)
                << ranks << " ranks, repeats " << repeats << ", buffer " << buffer << ", drop " << drop;
          }
        }
      }
}

TEST(Loader, ALastBatchThatIsNotFullIsSharedOutEvenly) {
  std::vector<int> shares;
  const LoaderOptions options{.batch_size = 4, .ranks = 3, .drop_remainder = false, .workers = 1, .end_epoch = 1};
  EXPECT_EQ(JoinedBatches(Numbers(24), options, &shares).size(), 2u);
  EXPECT_EQ(shares, (std::vector{4, 4, 4}));
  EXPECT_EQ(JoinedBatches(Numbers(20), options, &shares).size(), 2u);
  EXPECT_EQ(shares, (std::vector{2, 3, 3}));
  EXPECT_EQ(JoinedBatches(Numbers(13), options, &shares).size(), 2u);
  EXPECT_EQ(shares, (std::vector{0, 0, 1})) << "fewer pictures than ranks";
  EXPECT_EQ(JoinedBatches(Numbers(2), options, &shares).size(), 1u);
  EXPECT_EQ(shares, (std::vector{0, 1, 1}));
}

TEST(Loader, ABatchKnowsHowManyPicturesItHasAtAllRanks) {
  const Numbers numbers(13);
  const auto loader =
      Loader::Create(numbers, Augmented(), {.batch_size = 4, .ranks = 3, .rank = 2, .drop_remainder = false});
  const Batch* batch = *(*loader)->Next();
  EXPECT_EQ(batch->global_images(), 12);
  EXPECT_EQ(batch->share(), 4.0 / 12);
  batch = *(*loader)->Next();
  EXPECT_EQ(batch->global_images(), 1);
  EXPECT_EQ(batch->share(), 1);
  EXPECT_EQ((*loader)->ImagesPerEpoch(), 13);
  const auto alone = Loader::Create(numbers, Augmented(), {.batch_size = 4});
  EXPECT_EQ((**(*alone)->Next()).share(), 1);
}

TEST(Loader, RanksThatCannotFillABatchTogetherHaveNone) {
  const Numbers numbers(11);
  const auto loader = Loader::Create(numbers, Augmented(), {.batch_size = 4, .ranks = 3});
  ASSERT_FALSE(loader.ok());
  EXPECT_EQ(
      loader.status().message(),
      "batch_size 4 at each of 3 processes is more than the data set has, 11 pictures, and with drop_remainder no "
      "batch is left; set a smaller one, or drop_remainder=False");
  EXPECT_FALSE(Loader::Create(numbers, Augmented(), {.ranks = 2, .rank = 2}).ok());
}

// Each rank is within what is tolerated, and all of them together may not be.
TEST(Loader, UnreadablePicturesOfAllRanksCountTogether) {
  for (const double share : {0.05, 0.1})
    RunRanks(2, [&](Communicator& world) {
      Numbers numbers(40);
      numbers.broken_ = {0, 1, 4, 5};
      LoaderOptions options{.batch_size = 4,
                            .ranks = 2,
                            .rank = world.rank(),
                            .shuffle = false,
                            .workers = 0,
                            .max_unreadable_share = share};
      const auto loader = Loader::Create(numbers, Augmented(), options);
      const auto batch = (*loader)->Next();
      ASSERT_TRUE(batch.ok()) << batch.status().message();
      EXPECT_EQ((*batch)->unreadable.size(), 2u);
      const Status status = (*loader)->CheckUnreadable(world);
      EXPECT_EQ(status.ok(), share == 0.1);
      if (!status.ok()) {
        EXPECT_THAT(status.message(), testing::StartsWith("4 of 40 pictures cannot be read"));
      }
      EXPECT_TRUE((*loader)->CheckUnreadable(world).ok() == status.ok()) << "none counts twice";
    });
}

}  // namespace
}  // namespace riffle
