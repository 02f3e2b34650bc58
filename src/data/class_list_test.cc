#include "data/class_list.h"

#include <gmock/gmock.h>

#include <fstream>

#include "base/testing/test_folder.h"

namespace riffle {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

Result<std::vector<std::string>> Read(const std::string& text) {
  const std::filesystem::path file = TestFolder() / "classes.txt";
  std::ofstream(file, std::ios::binary) << text;
  return ReadClassList(file);
}

TEST(ClassList, AreLinesWithoutWhatIsAroundThem) {
  EXPECT_THAT(*Read("ants\n  wild bees\t\nGr\u00fcnspecht\n\n"), ElementsAre("ants", "wild bees", "Gr\u00fcnspecht"));
  EXPECT_THAT(*Read("\xEF\xBB\xBF"
                    "ants\r\nbees\r\n"),
              ElementsAre("ants", "bees"))
      << "as Windows writes them";
}

TEST(ClassList, ErrorsNameTheLine) {
  const struct {
    std::string text;
    const char* told;
  } cases[] = {
      {"", "classes.txt: expected a class's name in each line, found no names"},
      {"\n \n", "found no names"},
      {"ants\n\nbees\n", "line 2: expected a class's name, found an empty line"},
      {"ants\nbees\nants\n", "line 3: \"ants\" is the name of line 1, too"},
      {"ants\nb\xe4ren\n", "line 2: expected a class's name in UTF-8, found \"b"},
      {"ants\nb\x1b[31m\n", "line 2: expected a class's name in UTF-8, found \"b\\u001b[31m\""},
      {std::string("\x89PNG\r\n\x1a\n\0", 9), "line 1: "},
  };
  for (const auto& c : cases) EXPECT_THAT(Read(c.text).status().message(), HasSubstr(c.told));
  EXPECT_EQ(ReadClassList(TestFolder() / "none").status().code(), ErrorCode::kNotFound);
}

}  // namespace
}  // namespace riffle
