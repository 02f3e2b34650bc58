// Packing that is killed or stopped: what is kept, what is done anew, and what is never replaced.
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "data/testing/packs.h"

namespace riffle {
namespace {

namespace fs = std::filesystem;

TEST(StoppedPack, GoesOnWithTheFilesThatAreWholeAfterItWasKilled) {
  const fs::path root = SomePhotographs(), packed = root / "packed";
  ASSERT_TRUE(PackIt(root, root / "expected/x", kRaw).ok());
  const pid_t child = fork();
  if (child == 0) {
    const auto killed = PackIt(root, packed / "x", kRaw, {.shard_size = 5}, {.progress = [](int64_t done, int64_t) {
                                 if (done > 10) raise(SIGKILL);  // in the third file
                                 return Status();
                               }});
    _exit(killed.ok() ? 0 : 1);
  }
  int state = 0;
  ASSERT_EQ(waitpid(child, &state, 0), child);
  ASSERT_TRUE(WIFSIGNALED(state) && WTERMSIG(state) == SIGKILL);
  EXPECT_EQ(FilesIn(packed).size(), 3u) << "two that are whole, one that is not";
  EXPECT_TRUE(Has(Error({.data_dir = packed, .classes = {}}), "train"));
  int64_t kept = 0, left = 0;
  ASSERT_TRUE(PackIt(root, packed / "x", kRaw, {.shard_size = 5},
                     {.begin = [&](const PackNeeds& needs) { kept = needs.files_kept, left = needs.pictures; }})
                  .ok());
  EXPECT_EQ(kept, 2);
  EXPECT_EQ(left, 4) << "two of train, two of val";
  EXPECT_EQ(FilesIn(packed), FilesIn(root / "expected"));
}

TEST(StoppedPack, ThatWasKilledWhileFilesWerePutInPlaceGoesOn) {
  const fs::path root = SomePhotographs(), packed = root / "packed";
  ASSERT_TRUE(PackIt(root, packed / "x", kRaw).ok());
  const auto expected = FilesIn(packed);
  WriteText(packed / "x-train.json", std::string("{\"unfinished\": true}\n"));
  fs::remove(packed / "x-val.json");
  fs::rename(packed / "x-val-000000.pack", packed / "x-val-000000.pack.part");
  EXPECT_TRUE(Has(Error({.data_dir = packed, .classes = {}}), "are being replaced by 'riffle data pack'"));
  ASSERT_TRUE(PackIt(root, packed / "x", kRaw).ok());
  EXPECT_EQ(FilesIn(packed), expected);
  EXPECT_TRUE(Has(PackIt(root, packed / "x", kRaw).status().message(), "an earlier pack is there already"));
}

TEST(StoppedPack, TakesNoPackForItsOwnThatIsDamagedOrOfOtherPictures) {
  const fs::path root = SomePhotographs(), packed = root / "packed";
  const PackEvents stop = {
      .progress = [](int64_t done, int64_t) { return done > 10 ? Interrupted("stopped") : Status(); }};
  const auto files_kept = [&](const fs::path& from) {
    int64_t kept = 0;
    const PackEvents events = {.begin = [&](const PackNeeds& needs) { kept = needs.files_kept; },
                               .progress = [](int64_t, int64_t) { return Interrupted("stopped"); }};
    EXPECT_FALSE(PackIt(from, packed / "x", kRaw, {.shard_size = 5}, events).ok());
    return kept;
  };
  const auto begin = [&] {
    fs::remove_all(packed);
    EXPECT_FALSE(PackIt(root, packed / "x", kRaw, {.shard_size = 5}, stop).ok());
  };
  begin();
  EXPECT_EQ(files_kept(root), 2);
  begin();
  FlipABit(packed / "x-train-000001.pack.part");
  EXPECT_EQ(files_kept(root), 1) << "one bit is another";
  begin();
  fs::last_write_time(root / "train/cat/1.bmp", fs::file_time_type::clock::now() + std::chrono::seconds(5));
  EXPECT_EQ(files_kept(root), 1) << "a picture is newer";
  fs::last_write_time(root / "train/cat/1.bmp", fs::file_time_type::clock::now() - std::chrono::hours(1));
  begin();
  for (const auto& entry : fs::recursive_directory_iterator(root / "train"))
    if (entry.is_regular_file()) {
      WriteBytes(entry.path(), BmpOf(SomePicture(30, 20, 3, 5)));
      fs::last_write_time(entry.path(), fs::file_time_type::clock::now() - std::chrono::hours(1));
    }
  EXPECT_EQ(files_kept(root), 0) << "other pictures under the same names";
}

TEST(StoppedPack, WritesAllAnewWhereAFinishedPackIsReplaced) {
  const fs::path root = SomePhotographs(), packed = root / "packed";
  ASSERT_TRUE(PackIt(root, packed / "x", kRaw).ok());
  const auto expected = FilesIn(packed);
  FlipABit(packed / "x-train-000001.pack");
  int64_t kept = -1;
  ASSERT_TRUE(PackIt(root, packed / "x", kRaw, {.shard_size = 5, .overwrite = true},
                     {.begin = [&](const PackNeeds& needs) { kept = needs.files_kept; }})
                  .ok());
  EXPECT_EQ(kept, 0);
  EXPECT_EQ(FilesIn(packed), expected) << "so a damaged one is mended";
}

TEST(StoppedPack, NeverReplacesWhatItReads) {
  const fs::path root = SomePhotographs(), packed = root / "packed";
  ASSERT_TRUE(PackIt(root, packed / "x", kRaw).ok());
  const auto before = FilesIn(packed);
  EXPECT_TRUE(Has(PackIt(packed, packed / "x", kRaw, {.shard_size = 4, .overwrite = true}).status().message(),
                  "it would be replaced by what is packed of it"));
  EXPECT_EQ(FilesIn(packed), before);
}

TEST(StoppedPack, KeepsNothingOfOtherDataOrAnotherForm) {
  const fs::path root = SomePhotographs(), packed = root / "packed";
  const PackEvents stop = {
      .progress = [](int64_t done, int64_t) { return done > 10 ? Interrupted("stopped") : Status(); }};
  EXPECT_EQ(PackIt(root, packed / "x", kRaw, {.shard_size = 5}, stop).status().code(), ErrorCode::kInterrupted);
  EXPECT_EQ(FilesIn(packed).size(), 2u) << "the half one is gone";
  WriteBytes(root / "train/cat/new.bmp", BmpOf(SomePicture(20, 20, 3)));
  for (const PackForm& form : {kRaw, kJpeg, PackForm{.max_side = 15}}) {
    const fs::path here = root / "here";
    fs::remove_all(here);
    fs::copy(packed, here);
    ASSERT_TRUE(PackIt(root, here / "x", form, {.shard_size = 5},
                       {.begin = [&](const PackNeeds& needs) { EXPECT_EQ(needs.files_kept, 0); }})
                    .ok());
    EXPECT_FALSE(FilesIn(here).contains("x-train-000000.pack.part"));
  }
}

TEST(StoppedPack, ReplacesAnEarlierPackOnlyIfToldToAndAForeignFileNever) {
  const fs::path root = SomePhotographs(), packed = root / "packed";
  ASSERT_TRUE(PackIt(root, packed / "x", kRaw).ok());
  const auto before = FilesIn(packed);
  EXPECT_TRUE(Has(PackIt(root, packed / "x", kJpeg).status().message(), "an earlier pack is there already"));
  EXPECT_EQ(FilesIn(packed), before);
  ASSERT_TRUE(PackIt(root, packed / "x", kJpeg, {.shard_size = 100, .overwrite = true}).ok());
  EXPECT_EQ(FilesIn(packed).size(), 4u) << "two packs, two indexes";
  WriteText(packed / "x-train-000000.pack", "my own notes");
  for (const bool overwrite : {false, true})
    EXPECT_TRUE(Has(PackIt(root, packed / "x", kRaw, {.shard_size = 5, .overwrite = overwrite}).status().message(),
                    "lies there already and is no pack of pictures"));
  EXPECT_EQ(ReadBytes(packed / "x-train-000000.pack").size(), 12u);
}

TEST(StoppedPack, RemovesTheHalfIndexesOfOnesThatWereKilled) {
  const fs::path root = SomePhotographs(), packed = root / "packed";
  for (const char* left : {"x-train.json.part4711", "x-test.json.part1", "y-train.json.part1", "x-train.json.partial"})
    WriteText(packed / left, "{\"cla");
  ASSERT_TRUE(PackIt(root, packed / "x", kRaw).ok());
  EXPECT_FALSE(fs::exists(packed / "x-train.json.part4711"));
  EXPECT_FALSE(fs::exists(packed / "x-test.json.part1")) << "of a split that is gone";
  EXPECT_TRUE(fs::exists(packed / "y-train.json.part1")) << "of another name";
  EXPECT_TRUE(fs::exists(packed / "x-train.json.partial")) << "somebody's own";
}

TEST(StoppedPack, AFullDiskEndsWithItsNameAndNoHalfFile) {
  const fs::path root = SomePhotographs(), packed = root / "packed";
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  rlimit before = {};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
  const rlimit small = {.rlim_cur = 2000, .rlim_max = before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
  const auto failed = PackIt(root, packed / "x", kRaw);
  setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  EXPECT_EQ(failed.status().code(), ErrorCode::kIo);
  EXPECT_TRUE(Has(failed.status().message(), "x-train-000000.pack.part: cannot be written"))
      << failed.status().message();
  EXPECT_TRUE(FilesIn(packed).empty());
}

}  // namespace
}  // namespace riffle
