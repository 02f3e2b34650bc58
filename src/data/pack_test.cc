// Packing a folder and reading it back; packing again.
#include "data/pack.h"

#include <sys/stat.h>

#include <algorithm>
#include <set>

#include "base/file_lock.h"
#include "data/readers.h"
#include "data/shard_index.h"
#include "data/splits.h"
#include "data/testing/errors.h"
#include "picture/testing/pictures.h"

namespace riffle {
namespace {

namespace fs = std::filesystem;

// Twelve pictures in two classes; a name with dots and a class without pictures in val.
fs::path SomeFolder(const fs::path& root) {
  for (int i = 0; i < 12; ++i)
    WriteBytes(root / "train" / (i % 3 ? "cat" : "dog") / fmt::format("p.{}.BMP", i),
               Bmp(4, 3, static_cast<uint8_t>(10 * i)));
  WriteBytes(root / "val/cat/v.bmp", Bmp(4, 3, 7));
  fs::create_directories(root / "val/dog");
  return root;
}

Status PackAll(const fs::path& from, const fs::path& prefix, const PackOptions& options = {.shard_size = 5}) {
  RIFFLE_ASSIGN(const auto splits, OpenAllSplits(**FindDataset("folder"), from, 2));
  PackOptions there = options;
  there.prefix = prefix.string();
  return Pack(splits, there);
}

std::set<std::string> FilesIn(const fs::path& folder) {
  std::set<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder))
    if (entry.path().filename() != ".pack.lock") names.insert(entry.path().filename().string());
  return names;
}

// Class and first pixel of each picture.
std::multiset<std::pair<std::string, int>> Contents(const Dataset& data) {
  std::multiset<std::pair<std::string, int>> contents;
  Picture scratch;
  for (int64_t i = 0; i < data.size(); ++i) {
    const auto picture = data.Read(i, scratch);
    EXPECT_TRUE(picture.ok()) << picture.status().message();
    if (picture.ok()) contents.emplace(data.classes()[data.label(i)], picture->pixels[0]);
  }
  return contents;
}

int64_t SizeOf(const fs::path& folder, const std::string& split = "train") {
  const auto data = OpenDataset({.name = "webdataset", .data_dir = folder, .split = split, .classes = {}});
  EXPECT_TRUE(data.ok()) << data.status().message();
  return data.ok() ? (*data)->size() : -1;
}

TEST(Pack, ShardsHoldThePicturesOfTheFolder) {
  const fs::path root = SomeFolder(TestFolder()), packed = root / "packed";
  ASSERT_EQ(PackAll(root, packed / "pets").message(), "");
  EXPECT_EQ(FilesIn(packed),
            (std::set<std::string>{"pets-train-000000.tar", "pets-train-000001.tar", "pets-train-000002.tar",
                                   "pets-train.json", "pets-val-000000.tar", "pets-val.json"}));
  const auto folder = OpenDataset({.data_dir = root, .classes = {}});
  for (const char* name : {"", "webdataset"}) {  // a folder without class folders is looked through for shards
    const auto shards = OpenDataset({.name = name, .data_dir = packed, .classes = {}});
    ASSERT_TRUE(shards.ok()) << shards.status().message();
    EXPECT_EQ((*shards)->classes(), (*folder)->classes());
    EXPECT_EQ(Contents(**shards), Contents(**folder));
    EXPECT_EQ((*shards)->ShardStarts(), (std::vector<int64_t>{0, 5, 10}));
    EXPECT_TRUE(Has((*shards)->NameOf(11), "pets-train-000002.tar: 00000011_p_")) << (*shards)->NameOf(11);
  }
  const auto val = OpenDataset({.data_dir = packed, .split = "val", .classes = {"cat", "dog"}});
  ASSERT_TRUE(val.ok()) << val.status().message();
  EXPECT_EQ((*val)->size(), 1);
  EXPECT_FALSE(OpenDataset({.data_dir = packed, .split = "val", .classes = {"dog", "cat"}}).ok())
      << "numbers of classes in another order mean others";
}

TEST(Pack, TheSamePicturesGiveTheSameBytes) {
  const fs::path root = SomeFolder(TestFolder());
  ASSERT_EQ(PackAll(root, root / "a/x").message(), "");
  ASSERT_EQ(PackAll(root, root / "b/x").message(), "");
  EXPECT_EQ(FilesIn(root / "a"), FilesIn(root / "b"));
  for (const std::string& file : FilesIn(root / "a"))
    EXPECT_EQ(ReadBytes(root / "a" / file), ReadBytes(root / "b" / file)) << file;
}

TEST(Pack, ASubsetKnowsItsShards) {
  const fs::path root = SomeFolder(TestFolder()), packed = root / "packed";
  ASSERT_EQ(PackAll(root, packed / "x", {.shard_size = 4}).message(), "");
  const auto some = OpenDataset({.data_dir = packed, .num_samples = 6, .classes = {}});
  ASSERT_TRUE(some.ok());
  const std::vector<int64_t> starts = (*some)->ShardStarts();
  EXPECT_EQ(starts.front(), 0);
  EXPECT_TRUE(std::ranges::is_sorted(starts));
  const auto shard_of = [&](int64_t i) {
    return (*some)->NameOf(i).substr(0, (packed / "x-train-000000").string().size());
  };
  for (size_t s = 1; s < starts.size(); ++s) EXPECT_NE(shard_of(starts[s]), shard_of(starts[s] - 1));
}

TEST(Pack, PicturesThatAreNoFilesCannotBePacked) {
  std::vector<NamedSplit> splits;
  splits.push_back(
      {"train", std::make_unique<MemoryDataset>("digits", std::vector<std::string>{"only"}, std::vector<int32_t>{0},
                                                PictureView{nullptr, 1, 1, 1, 1}, std::vector<uint8_t>{5})});
  const fs::path folder = TestFolder();
  EXPECT_EQ(Pack(splits, {.prefix = (folder / "x").string()}).code(), ErrorCode::kUnavailable);
  EXPECT_TRUE(FilesIn(folder).empty());
  EXPECT_EQ(Pack(splits, {.prefix = "x", .shard_size = 0}).code(), ErrorCode::kInvalidArgument);
}

TEST(Pack, NamesThatAnIndexCannotHoldAreErrorsBeforeAnythingIsWritten) {
  const fs::path root = TestFolder();
  WriteBytes(root /
                 "train/K\xe4"
                 "fer/a.bmp",
             Bmp(4, 3, 7));
  EXPECT_TRUE(Has(PackAll(root, root / "packed/x").message(), R"(the class name "K\ufffdfer" is not UTF-8)"));
  EXPECT_FALSE(fs::exists(root / "packed"));
  fs::rename(root /
                 "train/K\xe4"
                 "fer",
             root /
                 "train/K\xc3\xa4"
                 "fer");
  EXPECT_TRUE(Has(PackAll(root, root / "packed/f\xfcr").message(), "not UTF-8"));
  EXPECT_EQ(PackAll(root, root / "packed/x").message(), "");
}

TEST(PackAgain, IsAnErrorUnlessToldToOverwrite) {
  const fs::path root = SomeFolder(TestFolder()), packed = root / "packed";
  ASSERT_EQ(PackAll(root, packed / "x").message(), "");
  const auto before = FilesIn(packed);
  EXPECT_TRUE(Has(PackAll(root, packed / "x").message(), "x-train-000000.tar: an earlier pack is there already"));
  EXPECT_EQ(FilesIn(packed), before);
  fs::remove(packed / "x-train.json");
  fs::remove(packed / "x-val.json");
  EXPECT_TRUE(Has(PackAll(root, packed / "x").message(), "--overwrite")) << "shards without an index are there, too";
}

TEST(PackAgain, LeavesNothingOfTheEarlierOne) {
  const fs::path root = SomeFolder(TestFolder()), packed = root / "packed";
  ASSERT_EQ(PackAll(root, packed / "x", {.shard_size = 2}).message(), "");
  ASSERT_EQ(PackAll(root, packed / "other/y").message(), "");
  WriteBytes(packed / "x-notes.json", {'{', '}'});
  fs::remove_all(root / "val");
  fs::remove_all(root / "train/dog");
  ASSERT_EQ(PackAll(root, packed / "x", {.shard_size = 7, .overwrite = true}).message(), "");
  EXPECT_EQ(FilesIn(packed), (std::set<std::string>{"other", "x-notes.json", "x-train-000000.tar", "x-train-000001.tar",
                                                    "x-train.json"}))
      << "fewer and larger shards, a split less";
  EXPECT_EQ(SizeOf(packed), 8);
  EXPECT_EQ(SizeOf(packed / "other"), 12) << "what has another name stays";
}

TEST(PackAgain, NeverReplacesTheShardsThatItReads) {
  const fs::path root = SomeFolder(TestFolder()), packed = root / "packed";
  ASSERT_EQ(PackAll(root, packed / "x", {.shard_size = 2}).message(), "");
  const auto before = Contents(**OpenDataset({.data_dir = packed, .classes = {}}));
  EXPECT_TRUE(Has(PackAll(packed, packed / "x", {.shard_size = 100, .overwrite = true}).message(),
                  "it would be replaced by what is packed of it"));
  EXPECT_EQ(Contents(**OpenDataset({.data_dir = packed, .classes = {}})), before);
}

TEST(Pack, AShardOfAnotherOneUnderTheRightNameIsAnError) {
  const fs::path root = SomeFolder(TestFolder()), packed = root / "packed", file = packed / "x-train-000001.tar";
  ASSERT_EQ(PackAll(root, packed / "x", {.shard_size = 4}).message(), "");
  ASSERT_EQ(PackAll(root, root / "other/x", {.shard_size = 4, .seed = 2}).message(), "");
  for (const fs::path& other : {root / "other/x-train-000001.tar", packed / "x-train-000002.tar"}) {
    fs::copy_file(other, file, fs::copy_options::overwrite_existing);
    EXPECT_TRUE(Has(Error({.data_dir = packed, .classes = {}}),
                    file.string() + ": it is not the file that the index beside it tells of"));
  }
}

TEST(PackAgain, ThatFailsLeavesTheEarlierOne) {
  const fs::path root = SomeFolder(TestFolder()), packed = root / "packed";
  ASSERT_EQ(PackAll(root, packed / "x").message(), "");
  WriteBytes(packed / "x-train-000000.tar.part", {1});  // of a crash
  WriteBytes(packed / "x-train.json.part4711", {1});
  const auto splits = OpenAllSplits(**FindDataset("folder"), root, 2);
  ASSERT_TRUE(splits.ok());
  fs::remove(root / "val/cat/v.bmp");
  const Status failed = Pack(*splits, {.prefix = (packed / "x").string(), .shard_size = 3, .overwrite = true});
  EXPECT_EQ(failed.code(), ErrorCode::kNotFound);
  EXPECT_TRUE(Has(failed.message(), "v.bmp"));
  EXPECT_EQ(SizeOf(packed), 12);
  EXPECT_EQ(FilesIn(packed).size(), 6u) << "no part is left";
}

TEST(Pack, StoppedByItsCallerLeavesNothing) {
  const fs::path root = SomeFolder(TestFolder()), packed = root / "packed";
  const auto splits = OpenAllSplits(**FindDataset("folder"), root, 2);
  ASSERT_TRUE(splits.ok());
  const Status stopped = Pack(*splits, {.prefix = (packed / "x").string(), .shard_size = 3},
                              [](int64_t done, int64_t) { return done == 5 ? Interrupted("stopped") : Status(); });
  EXPECT_EQ(stopped.code(), ErrorCode::kInterrupted);
  EXPECT_TRUE(FilesIn(packed).empty());
}

TEST(Pack, RefusesNamesThatWouldBeHidden) {
  const fs::path root = SomeFolder(TestFolder());
  for (const char* prefix : {".", "..", "dir/.", "dir/.x"}) {
    const Status refused = PackAll(root, root / prefix);
    EXPECT_EQ(refused.code(), ErrorCode::kInvalidArgument) << prefix;
    EXPECT_TRUE(Has(refused.message(), "hidden files are no shards")) << refused.message();
  }
  EXPECT_FALSE(fs::exists(root / "dir"));
}

TEST(PackAgain, ThatWasStoppedIsToldToWhoReads) {
  const fs::path root = SomeFolder(TestFolder()), packed = root / "packed";
  ASSERT_EQ(PackAll(root, packed / "x").message(), "");
  WriteBytes(packed / "x-train.json", {kUnfinishedIndex.begin(), kUnfinishedIndex.end()});
  fs::remove(packed / "x-train-000001.tar");
  const auto data = OpenDataset({.data_dir = packed, .classes = {}});
  EXPECT_TRUE(Has(data.status().message(), "x-train.json: its shards are being replaced")) << data.status().message();
  ASSERT_EQ(PackAll(root, packed / "x", {.shard_size = 5, .overwrite = true}).message(), "");
  EXPECT_EQ(SizeOf(packed), 12);
}

TEST(PackAgain, UnderAnotherNameInTheSameFolderIsAnError) {
  const fs::path root = SomeFolder(TestFolder()), packed = root / "packed";
  ASSERT_EQ(PackAll(root, packed / "x").message(), "");
  EXPECT_TRUE(Has(PackAll(root, packed / "y", {.overwrite = true}).message(),
                  "of another data set lies in the folder already"));
}

TEST(PackAgain, IsAnErrorWhileAnotherProcessPacksThere) {
  const fs::path root = SomeFolder(TestFolder()), packed = root / "packed";
  fs::create_directories(packed);
  const auto other = FileLock::TakeAtOnce(packed / ".pack.lock", [](const std::string&) { return Status(); });
  ASSERT_TRUE(other.ok());
  EXPECT_TRUE(Has(PackAll(root, packed / "x").message(), "is packing into this folder"));
}

TEST(PackAgain, NeverReplacesWhatIsNoIndex) {
  const fs::path root = SomeFolder(TestFolder()), packed = root / "packed", file = packed / "x-val.json";
  const auto is_refused = [&] {
    for (const bool overwrite : {false, true})
      EXPECT_TRUE(Has(PackAll(root, packed / "x", {.shard_size = 5, .overwrite = overwrite}).message(),
                      file.string() + ": lies there already and is no index of shards; choose another name"));
    EXPECT_EQ(FilesIn(packed), std::set<std::string>{"x-val.json"});
  };
  const std::string annotations = R"({"images": [], "annotations": []})";
  WriteBytes(file, {annotations.begin(), annotations.end()});
  is_refused();
  EXPECT_EQ(ReadBytes(file), std::vector<uint8_t>(annotations.begin(), annotations.end()));
  fs::remove(file);
  ASSERT_EQ(mkfifo(file.c_str(), 0600), 0);
  is_refused();
  fs::remove(file);
  fs::create_symlink("nowhere", file);
  is_refused();
  fs::rename(file, packed / "x-test.json");
  EXPECT_EQ(PackAll(root, packed / "x").message(), "") << "no split that is packed has this name";
}

TEST(PackAgain, LeavesAFileThatIsCalledLikeALock) {
  const fs::path root = SomeFolder(TestFolder()), packed = root / "packed";
  WriteBytes(packed / ".lock", {'m', 'i', 'n', 'e'});
  WriteBytes(root / "precious", {});
  fs::create_symlink(root / "precious", packed / ".pack.lock");
  EXPECT_TRUE(Has(PackAll(root, packed / "x").message(), ".pack.lock: expected a file"));
  EXPECT_EQ(ReadBytes(root / "precious").size(), 0u);
  fs::remove(packed / ".pack.lock");
  EXPECT_EQ(PackAll(root, packed / "x").message(), "");
  EXPECT_EQ(ReadBytes(packed / ".lock").size(), 4u);
}

TEST(Pack, WritesFilesAndNoStream) {
  const fs::path root = SomeFolder(TestFolder());
  ASSERT_EQ(mkfifo((root / "fifo").c_str(), 0600), 0);
  for (const std::string& prefix : {std::string("-"), std::string("/dev/stdout"), std::string("/dev/fd/1"),
                                    std::string("/dev/null"), (root / "fifo").string()})
    EXPECT_TRUE(Has(
        PackAll(root, prefix).message(),
        "option out: expected the beginning of the shards' names, found '" + prefix + "'; pack writes several files"));
}

TEST(PackAgain, DuringARunIsNoticedByTheRun) {
  const fs::path root = SomeFolder(TestFolder()), packed = root / "packed";
  ASSERT_EQ(PackAll(root, packed / "x").message(), "");
  const auto data = OpenDataset({.data_dir = packed, .classes = {}});
  ASSERT_TRUE(data.ok());
  ASSERT_EQ(PackAll(root, packed / "x", {.shard_size = 5, .seed = 2, .overwrite = true}).message(), "");
  EXPECT_TRUE(Has((*data)->Encoded(0).status().message(), "it has changed since it was opened"));
}

}  // namespace
}  // namespace riffle
