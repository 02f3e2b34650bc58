#include "cli/csv_answers.h"

#include <gtest/gtest.h>

namespace riffle {
namespace {

TEST(CsvAnswers, HaveARowForEachPictureAndThreeColumnsForEachRank) {
  EXPECT_EQ(CsvHeading(1), "file,class,index,probability\n");
  EXPECT_EQ(CsvHeading(2), "file,class,index,probability,class_2,index_2,probability_2\n");
  EXPECT_EQ(CsvRow("x/1.jpg", std::vector<ClassProbability>{{"bees", 1, 0.75}, {"ants", 0, 0.25}}),
            "x/1.jpg,bees,1,0.75,ants,0,0.25\n");
}

TEST(CsvAnswers, QuoteWhatWouldBreakARow) {
  EXPECT_EQ(CsvRow("a,b\n\"c\".jpg", std::vector<ClassProbability>{{"tench, Tinca tinca", 0, 1}}),
            "\"a,b\n\"\"c\"\".jpg\",\"tench, Tinca tinca\",0,1\n");
}

}  // namespace
}  // namespace riffle
