// Lists of classes as editors and other systems save them.
#include "data/class_list.h"

#include <gmock/gmock.h>

#include "base/file.h"
#include "base/testing/test_folder.h"

namespace riffle {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(ClassList, NamesAreTheSameWhoeverSavedThem) {
  const auto names = ElementsAre("cat", "great tit", "K\u00e4fer");
  EXPECT_THAT(ClassesListed("cat\ngreat tit\nK\u00e4fer\n"), names);
  EXPECT_THAT(ClassesListed("cat\r\ngreat tit\r\nK\u00e4fer\r\n"), names) << "as Windows ends lines";
  EXPECT_THAT(ClassesListed("\xef\xbb\xbf"
                            "cat\r\ngreat tit\r\nK\u00e4fer"),
              names)
      << "as its editor begins files";
  EXPECT_THAT(ClassesListed("  cat \r\n\n great tit\t\r \r\n \nK\u00e4fer"), names);
  EXPECT_THAT(ClassesListed(" \r\n\n"), IsEmpty());
}

TEST(ClassList, IsReadFromAFile) {
  const std::filesystem::path file = TestFolder() / "classes.txt";
  ASSERT_TRUE(WriteFileAtomically(file, "ant\r\nbee\r\n").ok());
  const auto names = ReadClassList(file);
  ASSERT_TRUE(names.ok()) << names.status().message();
  EXPECT_THAT(*names, ElementsAre("ant", "bee"));
  EXPECT_EQ(ReadClassList(file.parent_path() / "none").status().code(), ErrorCode::kNotFound);
}

}  // namespace
}  // namespace riffle
