#include "base/arena.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <utility>

namespace riffle {
namespace {

TEST(AlignedArray, IsZeroedAndAlignedAtAnySize) {
  for (size_t count : {0, 1, 17, 100000, 5 << 20}) {  // the last one is mapped
    AlignedArray<float> array(count);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(array.data()) % kCacheLineBytes, 0u);
    EXPECT_TRUE(std::all_of(array.begin(), array.end(), [](float v) { return v == 0; }));
    std::fill(array.begin(), array.end(), 1.0f);
  }
}

TEST(AlignedArray, MovesAndLeavesAnEmptyOne) {
  static_assert(std::is_nothrow_move_constructible_v<AlignedArray<double>>, "vectors of them move");
  static_assert(std::is_nothrow_move_assignable_v<AlignedArray<double>>);
  static_assert(!std::is_copy_constructible_v<AlignedArray<double>>);
  AlignedArray<double> a(3), c(2);
  a[1] = 5;
  const double* data = a.data();
  AlignedArray<double> b = std::move(a);
  EXPECT_EQ(b.data(), data);
  EXPECT_EQ(b[1], 5);
  EXPECT_EQ(a.begin(), a.end()) << "nothing to go over";
  c = std::move(b);
  EXPECT_EQ(c.data(), data);
  EXPECT_EQ(c.size(), 3u);
  EXPECT_EQ(b.size(), 0u);
}

}  // namespace
}  // namespace riffle
