#include "report/table.h"

#include <gtest/gtest.h>

namespace riffle {
namespace {

TEST(TableTest, AlignsNumbersRightAndTextLeftWithoutTrailingSpaces) {
  Table table({"name", "MACs", "note"});
  table.AddRow({"a", "1,024", "x"});
  table.AddRow({"longer", "-", ""});
  EXPECT_EQ(table.Text(),
            "name     MACs  note\n"
            "------  -----  ----\n"
            "a       1,024  x\n"
            "longer      -\n");
}

TEST(TableTest, CountsCharactersNotBytes) {
  Table table({"shape"});
  table.AddRow({"3×3"});
  EXPECT_EQ(table.Text(), "shape\n-----\n  3×3\n");
}

TEST(TableTest, WithoutRowsShowsTheHeadings) { EXPECT_EQ(Table({"a", "b"}).Text(), "a  b\n-  -\n"); }

TEST(TableTest, ShowsWhatATerminalWouldObey) {
  Table table({"class"});
  table.AddRow({"\x1b[2J"});
  EXPECT_EQ(table.Text(), "class\n-------\n\\x1b[2J\n");
}

TEST(NumberTextTest, GroupsThousands) {
  EXPECT_EQ(Grouped(0), "0");
  EXPECT_EQ(Grouped(999), "999");
  EXPECT_EQ(Grouped(1000), "1,000");
  EXPECT_EQ(Grouped(1864728), "1,864,728");
  EXPECT_EQ(Grouped(-100), "-100");
  EXPECT_EQ(Grouped(-1234567), "-1,234,567");
}

TEST(NumberTextTest, CountsOneAndMany) {
  EXPECT_EQ(GroupedCount(0, "shard"), "0 shards");
  EXPECT_EQ(GroupedCount(1, "shard"), "1 shard");
  EXPECT_EQ(GroupedCount(2500, "shard"), "2,500 shards");
}

}  // namespace
}  // namespace riffle
