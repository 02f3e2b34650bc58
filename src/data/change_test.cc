// Files that change under a run: what was opened is gone, shorter or another thing when it is read.
#include <gmock/gmock.h>
#include <sys/stat.h>

#include <functional>

#include "data/loader.h"
#include "data/pack.h"
#include "data/readers.h"
#include "data/splits.h"
#include "picture/testing/pictures.h"

namespace riffle {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr int kPictures = 40;  // half of each class

/// What happens to a file.
struct Fault {
  const char* what;
  std::function<void(const fs::path&)> happens;
};

const Fault kFaults[] = {
    {"it is removed", [](const fs::path& file) { fs::remove(file); }},
    {"it shrinks", [](const fs::path& file) { fs::resize_file(file, fs::file_size(file) / 2); }},
    {"it is emptied", [](const fs::path& file) { fs::resize_file(file, 0); }},
    {"a folder takes its place",
     [](const fs::path& file) {
       fs::remove(file);
       fs::create_directory(file);
     }},
    {"a FIFO takes its place",
     [](const fs::path& file) {
       fs::remove(file);
       EXPECT_EQ(mkfifo(file.c_str(), 0600), 0);
     }},
};

/// A folder of pictures, and its data set.
struct Photos {
  fs::path folder = TestFolder();
  std::unique_ptr<Dataset> data;

  Photos() {
    for (int i = 0; i < kPictures; ++i) {
      const fs::path of_class = folder / "train" / (i % 2 == 0 ? "ant" : "bee");
      fs::create_directories(of_class);
      WriteBytes(of_class / fmt::format("{}.bmp", i), Bmp(9, 9, static_cast<uint8_t>(i)));
    }
    data = std::move(*OpenDataset({.name = "folder", .data_dir = folder}));
  }
};

/// The error of an epoch of batches, if there is one; `named`: the pictures that others were taken for, or of which a
/// part was.
Status ReadEpoch(const Dataset& data, double max_unreadable_share, std::vector<std::string>* named) {
  const Transform transform = *Transform::ForEvaluation({.image_size = 8, .mean = {1, 1, 1}, .std = {1, 1, 1}});
  const auto loader = std::move(*Loader::Create(data, transform,
                                                {.batch_size = 5,
                                                 .workers = 2,
                                                 .end_epoch = 1,
                                                 .allow_incomplete = max_unreadable_share > 0,
                                                 .max_unreadable_share = max_unreadable_share}));
  for (int b = 0; b < kPictures / 5; ++b) {
    const Result<const Batch*> batch = loader->Next();
    if (!batch.ok()) return batch.status();
    named->insert(named->end(), (*batch)->unreadable.begin(), (*batch)->unreadable.end());
    named->insert(named->end(), (*batch)->flawed.begin(), (*batch)->flawed.end());
  }
  return {};
}

TEST(Change, OfAPictureIsToldAndAnotherTakesItsPlace) {
  for (const Fault& fault : kFaults) {
    const Photos photos;
    const fs::path changed = photos.folder / "train/bee/7.bmp";
    fault.happens(changed);
    std::vector<std::string> named;
    EXPECT_EQ(ReadEpoch(*photos.data, 0.05, &named).message(), "") << fault.what;
    ASSERT_EQ(named.size(), 1u) << fault.what;
    EXPECT_THAT(named[0], HasSubstr(changed.string())) << fault.what;
    named.clear();
    const Status strict = ReadEpoch(*photos.data, 0, &named);
    EXPECT_THAT(strict.message(), HasSubstr(changed.string())) << fault.what << ", where none is tolerated";
  }
}

// As where a disk goes away.
TEST(Change, OfManyPicturesIsAnErrorThatNamesOne) {
  const Photos photos;
  fs::remove_all(photos.folder / "train");
  std::vector<std::string> named;
  const Status status = ReadEpoch(*photos.data, 0.05, &named);
  EXPECT_EQ(status.code(), ErrorCode::kDataLoss);
  EXPECT_THAT(status.message(), AllOf(HasSubstr("of 40 pictures cannot be read"), HasSubstr(".bmp: no such file")));
}

TEST(Change, OfAShardIsAnErrorThatNamesIt) {
  for (const Fault& fault : kFaults) {
    Photos photos;
    const fs::path packed = photos.folder / "packed";
    std::vector<NamedSplit> splits;
    splits.push_back({"train", std::move(photos.data)});
    ASSERT_EQ(Pack(splits, {.prefix = (packed / "photos").string(), .shard_size = 20}).message(), "");
    const auto data = std::move(*OpenDataset({.name = "webdataset", .data_dir = packed}));
    fault.happens(packed / "photos-train-000001.tar");
    std::vector<std::string> named;
    const Status status = ReadEpoch(*data, 0.05, &named);
    EXPECT_FALSE(status.ok()) << fault.what;
    EXPECT_THAT(status.message(), HasSubstr("photos-train-000001.tar")) << fault.what;
  }
}

}  // namespace
}  // namespace riffle
