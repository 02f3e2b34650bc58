#include "backend/scratch.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <thread>

namespace riffle {
namespace {

TEST(Scratch, IsAlignedToCacheLines) {
  Scratch scratch;
  for (const int64_t count : {1, 15, 16, 17, 1000}) {
    EXPECT_EQ(reinterpret_cast<uintptr_t>(scratch.Floats(count)) % 64, 0u) << count;
  }
}

TEST(Scratch, PiecesOfAScopeDoNotOverlapWhenItGrows) {
  Scratch scratch;
  float* small = scratch.Floats(100);
  std::fill_n(small, 100, 1.0f);
  float* large = scratch.Floats(int64_t{3} << 20);
  std::fill_n(large, int64_t{3} << 20, 2.0f);
  double* last = scratch.Doubles(100);
  std::fill_n(last, 100, 3.0);
  EXPECT_EQ(std::count(small, small + 100, 1.0f), 100);
  EXPECT_EQ(std::count(large, large + (int64_t{3} << 20), 2.0f), int64_t{3} << 20);
}

TEST(Scratch, AnInnerScopeLeavesTheOuterOneAloneAndGivesItsMemoryBack) {
  Scratch outer;
  float* kept = outer.Floats(64);
  std::fill_n(kept, 64, 1.0f);
  float* first = nullptr;
  for (int i = 0; i < 3; ++i) {
    Scratch inner;
    float* mine = inner.Floats(64);
    std::fill_n(mine, 64, 2.0f);
    if (i == 0) first = mine;
    EXPECT_EQ(mine, first) << "the same place in each round";
  }
  EXPECT_EQ(std::count(kept, kept + 64, 1.0f), 64);
}

TEST(Scratch, EachThreadHasItsOwn) {
  Scratch scratch;
  float* mine = scratch.Floats(16);
  float* other = nullptr;
  std::thread([&] {
    Scratch theirs;
    other = theirs.Floats(16);
  }).join();
  EXPECT_NE(mine, other);
}

}  // namespace
}  // namespace riffle
