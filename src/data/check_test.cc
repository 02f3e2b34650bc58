// What a check of a data set finds: counts, sizes, what cannot be read, what is there twice.
#include "data/check.h"

#include "backend/testing/execution.h"
#include "data/splits.h"
#include "picture/testing/pictures.h"

namespace riffle {
namespace {

namespace fs = std::filesystem;

Result<DataCheck> Check(const fs::path& folder, DataCheckProgress progress = {}, int threads = DefaultThreads()) {
  return CheckData(OnThreads(threads).pool, **FindDataset("folder"), folder, progress);
}

std::vector<std::string> NamesIn(const std::vector<DataCheck::Problem>& problems) {
  std::vector<std::string> names;
  for (const DataCheck::Problem& p : problems) names.push_back(p.split + ": " + fs::path(p.name).filename().string());
  return names;
}

TEST(DataCheck, FindsWhatIsThereAndWhatIsWrong) {
  const fs::path folder = TestFolder();
  WriteBytes(folder / "train/cat/a.bmp", Bmp(10, 4, 1));
  WriteBytes(folder / "train/cat/again.bmp", Bmp(10, 4, 1));
  WriteBytes(folder / "train/cat/b.bmp", Bmp(20, 6, 2));
  WriteBytes(folder / "train/dog/c.bmp", Bmp(30, 8, 3));
  WriteBytes(folder / "train/dog/broken.jpg", {0xFF, 0xD8, 0xFF, 0xE0, '0', '0'});
  std::vector<uint8_t> half = Bmp(30, 8, 9);
  half.resize(54 + 92 * 5);
  WriteBytes(folder / "train/dog/half.bmp", half);
  WriteBytes(folder / "validation/dog/leaked.bmp", Bmp(20, 6, 2));
  fs::create_directories(folder / "validation/cat");

  int64_t reported = 0;
  const auto check = Check(folder, [&](int64_t done, int64_t total) {
    EXPECT_EQ(total, 7);
    reported = done;
  });
  ASSERT_TRUE(check.ok()) << check.status().message();
  EXPECT_EQ(reported, 7);
  EXPECT_EQ(check->pictures(), 7);
  EXPECT_EQ(check->classes, (std::vector<std::string>{"cat", "dog"}));
  ASSERT_EQ(check->splits.size(), 2u);
  EXPECT_EQ(check->splits[0].name, "train");
  EXPECT_EQ(check->splits[0].pictures, (std::vector<int64_t>{3, 3}));
  EXPECT_EQ(check->splits[1].name, "val");
  EXPECT_EQ(check->splits[1].pictures, (std::vector<int64_t>{0, 1}));
  EXPECT_EQ(check->width.min, 10);
  EXPECT_EQ(check->width.median, 20);
  EXPECT_EQ(check->height.max, 8);
  EXPECT_EQ(NamesIn(check->unreadable), std::vector<std::string>{"train: broken.jpg"});
  EXPECT_NE(check->unreadable[0].reason.find("broken JPEG"), std::string::npos) << check->unreadable[0].reason;
  EXPECT_EQ(NamesIn(check->incomplete), std::vector<std::string>{"train: half.bmp"});

  ASSERT_EQ(check->duplicates.size(), 2u);
  const DataCheck::Duplicates &same = check->duplicates[0], &leak = check->duplicates[1];
  EXPECT_EQ(fs::path(same.places[1].name).filename(), "again.bmp");
  EXPECT_FALSE(same.across_splits || same.across_classes);
  EXPECT_EQ(fs::path(leak.places[1].name).filename(), "leaked.bmp");
  EXPECT_TRUE(leak.across_splits && leak.across_classes);
}

TEST(DataCheck, TheSameByteInAnotherShapeIsAnotherPicture) {
  const fs::path folder = TestFolder();
  WriteBytes(folder / "train/a/1.bmp", Bmp(8, 4, 5));
  WriteBytes(folder / "train/a/2.bmp", Bmp(4, 8, 5));
  const auto check = Check(folder);
  ASSERT_TRUE(check.ok()) << check.status().message();
  EXPECT_TRUE(check->duplicates.empty());
}

TEST(DataCheck, DoesNotDependOnThreads) {
  const fs::path folder = TestFolder();
  for (int i = 0; i < 40; ++i)
    WriteBytes(folder / "train/a" / fmt::format("{}.bmp", i), Bmp(8, 4, static_cast<uint8_t>(i % 10)));
  std::vector<std::vector<std::string>> firsts;
  for (int threads : {1, 3}) {
    const auto check = Check(folder, {}, threads);
    ASSERT_TRUE(check.ok());
    firsts.emplace_back();
    for (const auto& set : check->duplicates)
      for (const auto& place : set.places) firsts.back().push_back(place.name);
  }
  EXPECT_FALSE(firsts[0].empty());
  EXPECT_EQ(firsts[0], firsts[1]);
}

TEST(DataCheck, TellsWhatIsLeftOutAndWhichSplitHasNoClasses) {
  const fs::path folder = TestFolder();
  WriteBytes(folder / "train/cat/a.bmp", Bmp(8, 4, 1));
  WriteBytes(folder / "train/cat/film.gif", {'x'});
  WriteBytes(folder / "val/b.bmp", Bmp(8, 4, 2));
  fs::create_symlink("/nowhere/at/all", folder / "train/cat/broken.jpg");
  const auto check = Check(folder);
  ASSERT_TRUE(check.ok()) << check.status().message();
  ASSERT_EQ(check->splits.size(), 1u);
  ASSERT_EQ(check->splits[0].left_out.size(), 1u);
  EXPECT_EQ(check->splits[0].left_out[0].why, ".gif files, which are not read");
  EXPECT_EQ(NamesIn(check->unreadable), std::vector<std::string>{"train: broken.jpg"});
  ASSERT_EQ(check->unusable.size(), 1u);
  EXPECT_NE(check->unusable[0].find("val: no picture there"), std::string::npos) << check->unusable[0];
  EXPECT_FALSE(OpenAllSplits(**FindDataset("folder"), folder, 2).ok()) << "an error for who does not ask for such";
}

TEST(DataCheck, CountsPicturesThatAreTurnedOrOfSixteenBits) {
  const fs::path folder = TestFolder();
  fs::create_directories(folder / "train/cat");
  RunPython(R"(
import struct, sys
from PIL import Image
cat = sys.argv[1] + '/train/cat/'
exif = Image.Exif()
for orientation in (1, 3, 6):
    exif[0x0112] = orientation
    Image.new('RGB', (20, 10), (orientation, 0, 0)).save(f'{cat}{orientation}.jpg', exif=exif)
Image.frombytes('I;16', (2, 1), struct.pack('<2H', 1, 255)).save(cat + 'dark.png')
Image.frombytes('I;16', (2, 1), struct.pack('<2H', 1, 9999)).save(cat + 'light.png')
)",
            {folder.string()});
  const auto check = Check(folder);
  ASSERT_TRUE(check.ok()) << check.status().message();
  EXPECT_EQ(check->turned.pictures, 2);
  EXPECT_EQ(check->turned.example, (folder / "train/cat/3.jpg").string());
  EXPECT_EQ(check->deep.pictures, 2);
  EXPECT_EQ(NamesIn(check->vanished), std::vector<std::string>{"train: dark.png"});
}

TEST(DataCheck, AFolderWithoutSplitsIsAnErrorThatSaysWhatIsExpected) {
  const auto check = Check(TestFolder());
  ASSERT_FALSE(check.ok());
  EXPECT_NE(check.status().message().find("a folder 'train'"), std::string::npos) << check.status().message();
}

TEST(DataCheck, KnowsRegisteredDataSets) {
  if (!TestData()) GTEST_SKIP() << "RIFFLE_TEST_DATA is not set";
  const auto check = CheckData(OnThreads().pool, **FindDataset("cifar10"), TestData());
  ASSERT_TRUE(check.ok()) << check.status().message();
  EXPECT_EQ(check->pictures(), 60000);
  EXPECT_EQ(check->splits[1].name, "test");
  EXPECT_EQ(check->width.min, 32);
  EXPECT_TRUE(check->unreadable.empty());
}

}  // namespace
}  // namespace riffle
