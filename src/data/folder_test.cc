// Pictures in folders of classes: which are read, in which order and with which labels, and what is said of the others.
#include "data/dataset.h"
#include "data/readers.h"
#include "data/testing/errors.h"
#include "picture/testing/pictures.h"

namespace riffle {
namespace {

namespace fs = std::filesystem;

void WriteClasses(const fs::path& split) {
  WriteBytes(split / "bees/b.BMP", Bmp(1, 1, 2));
  WriteBytes(split / "bees/a.Jpeg", Bmp(1, 1, 1));  // by content, not by name
  WriteBytes(split / "ants/c.png", Bmp(1, 1, 0));
  WriteText(split / "ants/notes.txt", "no picture");
  WriteText(split / "ants/.hidden.jpg", "no picture");
  WriteText(split / "beside.jpg", "no class");
  fs::create_directories(split / ".cache");
}

TEST(Folder, ClassesAndFilesAreSortedWhateverTheirEndings) {
  const fs::path folder = TestFolder();
  WriteClasses(folder / "set/train");
  const auto dataset = OpenDataset({.name = "", .data_dir = folder});
  ASSERT_TRUE(dataset.ok()) << dataset.status().message();
  EXPECT_EQ((*dataset)->classes(), (std::vector<std::string>{"ants", "bees"}));
  ASSERT_EQ((*dataset)->size(), 3);
  Picture scratch;
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ((*dataset)->label(i), i == 0 ? 0 : 1);
    const auto view = (*dataset)->Read(i, scratch);
    ASSERT_TRUE(view.ok()) << view.status().message();
    EXPECT_EQ(std::vector<uint8_t>(view->Row(0), view->Row(0) + 3), std::vector<uint8_t>(3, static_cast<uint8_t>(i)));
  }
  EXPECT_EQ((*dataset)->NameOf(2), (folder / "set/train/bees/b.BMP").string());
}

TEST(Dataset, ItsChecksumIsThatOfNamesAndLabelsWhereverItLies) {
  const fs::path folder = TestFolder(), set = folder / "set";
  WriteClasses(set / "train");
  const auto checksum = [&](const fs::path& root, std::vector<std::string> classes = {}) {
    return (*OpenDataset({.name = "", .data_dir = root, .classes = std::move(classes)}))->Checksum();
  };
  const std::string before = checksum(set);
  EXPECT_EQ(before.size(), 16u);
  EXPECT_EQ(checksum(folder), before);
  fs::rename(set, folder / "elsewhere");
  EXPECT_EQ(checksum(folder / "elsewhere"), before);
  EXPECT_NE(checksum(folder, {"bees", "ants"}), before) << "other labels";
  const fs::path train = folder / "elsewhere/train";
  fs::rename(train / "bees/b.BMP", train / "bees/c.BMP");
  EXPECT_NE(checksum(folder), before);
  fs::rename(train / "bees/c.BMP", train / "bees/b.BMP");
  EXPECT_EQ(checksum(folder), before);
  fs::rename(train / "ants", train / "tmp");
  fs::rename(train / "bees", train / "ants");
  fs::rename(train / "tmp", train / "bees");
  EXPECT_NE(checksum(folder), before) << "the pictures of two classes are swapped";
}

TEST(Folder, LabelsFollowTheClassesOfTheNetwork) {
  const fs::path folder = TestFolder();
  WriteClasses(folder / "validation");
  DatasetOptions options{.name = "imagenet", .data_dir = folder, .split = "val", .classes = {"zebras", "bees", "ants"}};
  const auto dataset = OpenDataset(options);
  ASSERT_TRUE(dataset.ok()) << dataset.status().message();
  EXPECT_EQ((*dataset)->label(0), 2);
  EXPECT_EQ((*dataset)->label(1), 1);
  EXPECT_EQ((*dataset)->classes(), options.classes);
  options.classes = {"zebras", "antz", "bees"};
  const std::string error = Error(options);
  EXPECT_TRUE(Has(error, "class 'ants'") && Has(error, "'antz'")) << error;
}

TEST(Folder, WhatIsMissingOrBrokenIsNamed) {
  const fs::path folder = TestFolder();
  const DatasetOptions options{.name = "imagenet", .data_dir = folder};
  EXPECT_TRUE(Has(Error(options), "a folder 'train' with a folder of pictures for each class"));
  fs::create_directories(folder / "train");
  EXPECT_TRUE(Has(Error(options), "no picture there"));
  fs::create_directories(folder / "train/empty");
  EXPECT_TRUE(Has(Error(options), "train/empty: no .jpg"));
  WriteText(folder / "train/empty/x.jpg", "not a picture");
  const auto dataset = OpenDataset(options);
  Picture scratch;
  const auto view = (*dataset)->Read(0, scratch);
  ASSERT_FALSE(view.ok());
  EXPECT_TRUE(Has(view.status().message(), "train/empty/x.jpg: not a JPEG")) << view.status().message();
  fs::create_directories(folder / "a/val/c");
  fs::create_directories(folder / "b/val/c");
  EXPECT_TRUE(Has(Error({.name = "imagenet", .data_dir = folder, .split = "val"}), "twice"));
}

std::vector<std::string> NamesOf(const Dataset& dataset, const fs::path& root) {
  std::vector<std::string> names;
  for (int64_t i = 0; i < dataset.size(); ++i) names.push_back(fs::path(dataset.NameOf(i)).lexically_relative(root));
  return names;
}

TEST(Folder, FoldersBelowAClassAreReadAndLinksFollowed) {
  const fs::path folder = TestFolder();
  WriteBytes(folder / "train/ants/b.bmp", Bmp(1, 1, 0));
  WriteBytes(folder / "train/ants/a/deep/x.JFIF", Bmp(1, 1, 1));
  WriteBytes(folder / "train/ants/like.jpg/y.jpe", Bmp(1, 1, 2));
  WriteBytes(folder / "elsewhere/z.bmp", Bmp(1, 1, 3));
  fs::create_directory_symlink(folder / "elsewhere", folder / "train/ants/link");
  fs::create_directory_symlink(folder / "train/ants", folder / "train/ants/a/up");  // has no end
  const auto dataset = OpenDataset({.name = "folder", .data_dir = folder});
  ASSERT_TRUE(dataset.ok()) << dataset.status().message();
  EXPECT_EQ(NamesOf(**dataset, folder / "train/ants"),
            (std::vector<std::string>{"a/deep/x.JFIF", "b.bmp", "like.jpg/y.jpe", "link/z.bmp"}));
  ASSERT_EQ((*dataset)->left_out().size(), 1u);
  EXPECT_EQ((*dataset)->left_out()[0].why, "links to a folder above them");
  EXPECT_EQ((*dataset)->left_out()[0].example, "ants/a/up");
}

TEST(Folder, WhatIsLeftOutIsCountedByKind) {
  const fs::path folder = TestFolder(), ants = folder / "train/ants";
  WriteBytes(ants / "a.bmp", Bmp(1, 1, 0));
  for (const char* name : {"b.gif", "c.GIF", "d.tiff", "e", ".f.jpg", "._a.bmp", ".DS_Store", "labels.csv", "Thumbs.db",
                           "sub/g.gif", "../beside.png", "../classes.txt", ".cache/h.jpg"})
    WriteText(ants / name, "x");
  fs::create_symlink("/nowhere/at/all", ants / "broken.txt");
  const auto dataset = OpenDataset({.name = "folder", .data_dir = folder, .num_samples = 1});
  ASSERT_TRUE(dataset.ok()) << dataset.status().message();
  EXPECT_EQ((*dataset)->size(), 1);
  EXPECT_EQ(Described(WithoutHarmless((*dataset)->left_out())),
            ".gif files, which are not read (3, such as ants/" +
                fs::path((*dataset)->left_out()[0].example).filename().string() +
                "); .tiff files, which are not read (1: ants/d.tiff); files beside the class folders (1: beside.png); "
                "files without an ending (1: ants/e); hidden files (1: ants/.f.jpg)");
  int64_t harmless = 0;
  for (const LeftOut& kind : (*dataset)->left_out())
    if (kind.harmless) harmless += kind.files;
  EXPECT_EQ(harmless, 7) << Described((*dataset)->left_out());
}

TEST(Folder, ABrokenLinkIsAPictureThatCannotBeRead) {
  const fs::path folder = TestFolder();
  fs::create_directories(folder / "train/ants");
  fs::create_symlink("/nowhere/at/all.jpg", folder / "train/ants/a.jpg");
  fs::create_symlink("b.jpg", folder / "train/ants/b.jpg");  // to itself
  const auto dataset = OpenDataset({.name = "folder", .data_dir = folder});
  ASSERT_TRUE(dataset.ok()) << dataset.status().message();
  ASSERT_EQ((*dataset)->size(), 2);
  Picture scratch;
  const auto view = (*dataset)->Read(0, scratch);
  ASSERT_FALSE(view.ok());
  EXPECT_TRUE(Has(view.status().message(), "a.jpg: a broken link: /nowhere/at/all.jpg")) << view.status().message();
  EXPECT_FALSE((*dataset)->Read(1, scratch).ok());
}

TEST(Folder, AClassWithoutPicturesSaysWhatIsThere) {
  const fs::path folder = TestFolder();
  WriteText(folder / "train/ants/a.heic", "x");
  const std::string error = Error({.name = "folder", .data_dir = folder});
  EXPECT_TRUE(Has(error, "train/ants: no .jpg") && Has(error, ".heic files, which are not read (1: a")) << error;
}

TEST(Folder, AClassMayBeCalledAsASplitIs) {
  for (const std::string other : {"ants", "train"}) {
    const fs::path folder = TestFolder() / other;
    for (const std::string split : {"train", "val"})
      for (const std::string& name : {other, std::string("test")})
        WriteBytes(folder / split / name / "a.bmp", Bmp(1, 1, 0));
    for (const std::string split : {"train", "val"}) {
      const auto dataset = OpenDataset({.name = "folder", .data_dir = folder, .split = split});
      ASSERT_TRUE(dataset.ok()) << dataset.status().message();
      EXPECT_EQ((*dataset)->classes().size(), 2u);
      EXPECT_EQ((*dataset)->NameOf(1), (folder / split / std::max<std::string>(other, "test") / "a.bmp").string());
    }
    const auto test = OpenDataset({.name = "folder", .data_dir = folder, .split = "test"});
    ASSERT_TRUE(test.ok()) << test.status().message();
    EXPECT_EQ((*test)->stand_in(), "val") << "the classes 'test' are no split";
  }
}

TEST(Folder, TheNearestSplitWins) {
  const fs::path folder = TestFolder();
  WriteBytes(folder / "old/val/ants/old.bmp", Bmp(1, 1, 0));
  WriteBytes(folder / "validation/ants/new.bmp", Bmp(1, 1, 0));
  const auto dataset = OpenDataset({.name = "folder", .data_dir = folder, .split = "val"});
  ASSERT_TRUE(dataset.ok()) << dataset.status().message();
  EXPECT_EQ((*dataset)->NameOf(0), (folder / "validation/ants/new.bmp").string());
}

TEST(Folder, SplitsAreCalledByManyNames) {
  for (const auto& [there, asked] : {std::pair{"training", "train"},
                                     {"Train", "train"},
                                     {"VAL", "val"},
                                     {"valid", "validation"},
                                     {"testing", "test"}}) {
    const fs::path folder = TestFolder() / there;
    WriteBytes(folder / there / "ants/a.bmp", Bmp(1, 1, 0));
    const auto dataset = OpenDataset({.name = "folder", .data_dir = folder, .split = asked});
    ASSERT_TRUE(dataset.ok()) << dataset.status().message();
    EXPECT_EQ((*dataset)->stand_in(), "");
  }
}

TEST(Folder, TestStandsInForValAndTheOtherWayRound) {
  for (const auto& [there, asked] : {std::pair{"test", "val"}, {"val", "test"}, {"test", "validation"}}) {
    const fs::path folder = TestFolder() / asked;
    WriteBytes(folder / there / "ants/a.bmp", Bmp(1, 1, 0));
    const auto dataset = OpenDataset({.name = "folder", .data_dir = folder, .split = asked});
    ASSERT_TRUE(dataset.ok()) << dataset.status().message();
    EXPECT_EQ((*dataset)->stand_in(), there);
    EXPECT_FALSE(OpenDataset({.name = "folder", .data_dir = folder, .split = "train"}).ok()) << "nothing stands in";
    fs::create_directories(folder / asked);
    EXPECT_TRUE(Has(Error({.name = "folder", .data_dir = folder, .split = asked}), "no picture there"))
        << "a split that is there, but empty, is not passed by";
  }
}

TEST(Folder, ErrorsSayWhatIsThereInsteadOfASplit) {
  const fs::path folder = TestFolder(), flat = folder / "flat", direct = folder / "direct", set = folder / "set";
  WriteBytes(flat / "ants/a.bmp", Bmp(1, 1, 0));
  WriteBytes(direct / "a.bmp", Bmp(1, 1, 0));
  WriteBytes(set / "train/ants/a.bmp", Bmp(1, 1, 0));
  WriteBytes(set / "train/test/a.bmp", Bmp(1, 1, 0));
  WriteBytes(set / "dev/ants/a.bmp", Bmp(1, 1, 0));
  const auto error = [](const fs::path& root, const char* split) {
    return Error({.name = "folder", .data_dir = root, .split = split});
  };
  EXPECT_TRUE(
      Has(error(flat, "train"), "class folders lie directly in it (ants): put them below " + (flat / "train").string()))
      << error(flat, "train");
  EXPECT_TRUE(Has(error(direct, "train"), "pictures lie directly in it")) << error(direct, "train");
  EXPECT_TRUE(Has(error(set, "val"), "the folders there: dev, train")) << error(set, "val");
  for (const char* split : {"train", "val", "test"})
    EXPECT_TRUE(Has(error(set / "train", split), "a split itself: name the folder above it"))
        << error(set / "train", split);
  WriteBytes(set / "val/a.bmp", Bmp(1, 1, 0));
  EXPECT_TRUE(Has(error(set, "val"), "val: no picture there") && Has(error(set, "val"), "beside the class folders"))
      << error(set, "val");
}

TEST(Folder, ClassesThatOnlyLookAlikeAreToldApart) {
  const fs::path folder = TestFolder();
  WriteBytes(folder / "val/Ka\u0308fer/a.bmp", Bmp(1, 1, 0));
  const std::string error =
      Error({.name = "folder", .data_dir = folder, .split = "val", .classes = {"Bienen", "K\u00e4fer"}});
  EXPECT_TRUE(Has(error, "Ka\\u0308fer here, K\\u00e4fer there")) << error;
  // Where the table of accents has no row for a letter, the error tells both all the same.
  const std::string greek = Error({.name = "folder", .data_dir = folder, .split = "val", .classes = {"K\u03b1fer"}});
  EXPECT_TRUE(Has(greek, "the nearest is 'K\u03b1fer' (Ka\\u0308fer here, K\\u03b1fer there)")) << greek;
}

TEST(Folder, PicturesAreTurnedWhereThatIsAskedFor) {
  const fs::path folder = TestFolder(), file = folder / "train/ants/a.jpg";
  WriteBytes(folder / "rgb.raw", SomePicture(9, 13, 3).pixels);
  fs::create_directories(file.parent_path());
  RunPython(R"(
import sys
from PIL import Image
exif = Image.Exif()
exif[0x0112] = 6
Image.frombytes('RGB', (13, 9), open(sys.argv[1] + '/rgb.raw', 'rb').read()).save(sys.argv[2], exif=exif)
)",
            {folder.string(), file.string()});
  for (const bool turned : {false, true}) {
    const auto dataset = OpenDataset({.name = "folder", .data_dir = folder, .exif_orientation = turned});
    ASSERT_TRUE(dataset.ok()) << dataset.status().message();
    Picture scratch;
    EXPECT_EQ((*dataset)->Read(0, scratch)->height, turned ? 13 : 9);
  }
}

TEST(Folder, TheSharedPhotographsAreRead) {
  if (TestData() == nullptr) GTEST_SKIP() << "RIFFLE_TEST_DATA is not set";
  const fs::path folder = fs::path(TestData()) / "hymenoptera";
  const auto train = OpenDataset({.name = "imagenet", .data_dir = folder});
  ASSERT_TRUE(train.ok()) << train.status().message();
  EXPECT_EQ((*train)->size(), 160);
  EXPECT_EQ((*train)->classes(), (std::vector<std::string>{"ants", "bees"}));
  Picture scratch;
  for (int64_t i = 0; i < 160; ++i) {
    EXPECT_TRUE((*train)->Read(i, scratch).ok()) << (*train)->NameOf(i);
    EXPECT_FALSE(scratch.incomplete) << (*train)->NameOf(i);
  }
}

}  // namespace
}  // namespace riffle
