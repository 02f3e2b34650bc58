// Prefetch of the pixels that come next. A product reads hundreds of rows at the same column: for the processor those
// are hundreds of streams, more than its own prefetcher follows, and for the memory a change of page at each line. So
// the rows of the next block are asked for while the current one is computed, each row's lines in sequence.
#pragma once

#include <array>
#include <cstdint>

#include "base/rows.h"

namespace riffle::cpu {

class RowPrefetch {
 public:
  /// `count` rows of which pixels [begin, begin + pixels) come next; null rows are none. At most kMostRanges calls.
  void Add(Rows<const float> rows, int64_t count, int64_t begin, int64_t pixels) {
    if (!rows || pixels <= 0) return;
    ranges_[range_count_++] = {{rows.data + begin, rows.stride}, count};
    pixels_ = pixels;
    rows_ += count;
  }

  /// Asks for rows until the share done / of is under way.
  void Advance(int64_t done, int64_t of) {
    for (const int64_t end = rows_ * done / of; asked_ < end; ++asked_, ++row_) {
      for (; row_ == ranges_[range_].count; ++range_) row_ = 0;
      const float* row = ranges_[range_].rows[row_];
      for (int64_t p = 0; p < pixels_; p += kCacheLineFloats) __builtin_prefetch(row + p, 0, kSecondLevel);
    }
  }

 private:
  static constexpr int kMostRanges = 5;
  static constexpr int kSecondLevel = 2;  // of GCC's localities: into L2, and leave L1 to the current block
  struct Range {
    Rows<const float> rows;
    int64_t count = 0;
  };
  std::array<Range, kMostRanges> ranges_;
  int64_t pixels_ = 0, rows_ = 0, asked_ = 0;
  int range_count_ = 0, range_ = 0;
  int64_t row_ = 0;
};

}  // namespace riffle::cpu
