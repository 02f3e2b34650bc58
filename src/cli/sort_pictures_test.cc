// Copies of pictures in a folder for each class: nothing is replaced, nothing lands elsewhere.
#include "cli/sort_pictures.h"

#include <gmock/gmock.h>

#include <set>

#include "picture/testing/pictures.h"

namespace riffle {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

TEST(FolderNameOf, IsTheClassWhereThatIsAName) {
  EXPECT_EQ(FolderNameOf("tench, Tinca tinca", 0), "tench, Tinca tinca");
  EXPECT_EQ(FolderNameOf("Käfer", 0), "Käfer");
  EXPECT_EQ(FolderNameOf("a..b", 0), "a..b");
}

TEST(FolderNameOf, NeverLeadsElsewhere) {
  EXPECT_EQ(FolderNameOf("../../etc", 7), "_._.._etc-7");
  EXPECT_EQ(FolderNameOf("..", 7), "_.-7");
  EXPECT_EQ(FolderNameOf("a/b", 7), "a_b-7");
  EXPECT_EQ(FolderNameOf("/", 7), "_-7");
  EXPECT_EQ(FolderNameOf("", 7), "-7");
  EXPECT_EQ(FolderNameOf(std::string("a\0b\n", 4), 7), "a_b_-7");
  const std::string umlauts = FolderNameOf(std::string(199, 'x') + "ää", 7);
  EXPECT_EQ(umlauts, std::string(199, 'x') + "-7") << "no half character";
}

class PictureSorterTest : public ::testing::Test {
 protected:
  std::string File(const std::string& name, const std::string& text) {
    WriteText(folder_ / name, text);
    pictures_.push_back({(folder_ / name).string(), {}});
    return pictures_.back().name;
  }
  Result<PictureSorter> Sorter() const { return PictureSorter::Create(folder_ / "sorted", pictures_); }
  std::string ErrorOf() const {
    const Result<PictureSorter> sorter = Sorter();
    return sorter.ok() ? "no error" : sorter.status().message();
  }
  std::vector<std::string> Sorted() const {
    std::vector<std::string> found;
    for (const auto& entry : fs::recursive_directory_iterator(folder_ / "sorted"))
      if (!entry.is_directory())
        found.push_back(entry.path().lexically_relative(folder_ / "sorted").string() + ": " +
                        *ReadTextFile(entry.path()));
    return found;
  }

  const fs::path folder_ = TestFolder();
  std::vector<PictureInput> pictures_;
};

TEST_F(PictureSorterTest, CopiesEachAndReplacesNone) {
  const std::vector<std::string> files = {File("a/1.jpg", "A"), File("b/1.jpg", "B"), File("c/1.jpg", "A"),
                                          File("2", "C")};
  WriteText(folder_ / "sorted/bees/2", "somebody's");
  for (int run = 0; run < 2; ++run) {
    Result<PictureSorter> sorter = Sorter();
    ASSERT_TRUE(sorter.ok()) << sorter.status().message();
    for (const std::string& file : files) EXPECT_EQ(sorter->Copy(file, "bees", 1).message(), "");
    EXPECT_EQ(sorter->copied(), run == 0 ? 4 : 0);
    EXPECT_EQ(sorter->there_already(), run == 0 ? 0 : 4) << "a second run adds nothing";
    EXPECT_THAT(Sorted(), UnorderedElementsAre("bees/1.jpg: A", "bees/1-2.jpg: B", "bees/1-3.jpg: A",
                                               "bees/2: somebody's", "bees/2-2: C"));
  }
  EXPECT_EQ(*ReadTextFile(files[0]), "A") << "the pictures stay where they are";
}

TEST_F(PictureSorterTest, ABrokenLinkInTheWayIsLeftAlone) {
  const std::string file = File("a/1.jpg", "A");
  fs::create_directories(folder_ / "sorted/ants");
  fs::create_symlink(folder_ / "elsewhere", folder_ / "sorted/ants/1.jpg");
  EXPECT_EQ(Sorter()->Copy(file, "ants", 0).message(), "");
  EXPECT_FALSE(fs::exists(folder_ / "elsewhere"));
  EXPECT_EQ(*ReadTextFile(folder_ / "sorted/ants/1-2.jpg"), "A");
}

TEST_F(PictureSorterTest, PicturesThatAreSortedAlreadyAreRefused) {
  File("sorted/ants/1.jpg", "A");
  EXPECT_THAT(ErrorOf(), AllOf(HasSubstr("option sort_into"), HasSubstr("1.jpg lies in")));
}

TEST_F(PictureSorterTest, SoAreThoseThatALinkLeadsTo) {
  WriteText(folder_ / "sorted/ants/1.jpg", "A");
  fs::create_directory_symlink(folder_ / "sorted/ants", folder_ / "link");
  pictures_.push_back({(folder_ / "link/1.jpg").string(), {}});
  EXPECT_THAT(ErrorOf(), HasSubstr("lies in"));
}

TEST_F(PictureSorterTest, AFolderOfASimilarNameIsAnother) {
  File("sorted-2/1.jpg", "A");
  EXPECT_EQ(ErrorOf(), "no error");
}

TEST_F(PictureSorterTest, WhatHasNoFileIsRefused) {
  pictures_.push_back({"-", {1, 2, 3}});
  EXPECT_THAT(ErrorOf(), HasSubstr("no file that can be copied"));
  EXPECT_FALSE(fs::exists(folder_ / "sorted")) << "before anything is made";
}

TEST_F(PictureSorterTest, WhatCannotBeWrittenIsNamed) {
  const std::string file = File("1.jpg", "A");
  Result<PictureSorter> sorter = Sorter();
  WriteText(folder_ / "sorted/ants", "a file");
  EXPECT_THAT(sorter->Copy(file, "ants", 0).message(), HasSubstr("sorted/ants: the folder cannot be made"));
}

}  // namespace
}  // namespace riffle
