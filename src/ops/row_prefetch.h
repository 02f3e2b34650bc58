// Prefetch of the pixels that come next. A product reads hundreds of rows at the same column: for the processor those
// are hundreds of streams, more than its own prefetcher follows, and for the memory a change of page at each line. So
// the rows of the next block are asked for while the current one is computed, each row's lines in sequence.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

#include "base/rows.h"
#include "ops/common.h"

namespace riffle::cpu {

class RowPrefetch {
 public:
  /// Pixels [begin, begin + pixels) of `count` rows come next; null rows are none. At most kMostRanges calls.
  void Add(Rows<const float> rows, int64_t count, int64_t begin, int64_t pixels) {
    if (!rows || count <= 0 || pixels <= 0) return;
    ranges_[range_count_++] = {{rows.data + begin, rows.stride}, count, pixels};
    steps_ += count * ((pixels + kStep - 1) / kStep);
  }

  /// What `count` raw gradients from row `first` on are computed from.
  void Add(const GradientSource<float>& source, int64_t first, int64_t count, int64_t begin, int64_t pixels) {
    Add(source.dz.From(first), count, begin, pixels);
    if (source.pull_back) Add(source.raw.From(first), count, begin, pixels);
  }

  /// Asks for lines until the share done / of is under way; all of them where `done` is more.
  void Advance(int64_t done, int64_t of) {
    for (const int64_t end = steps_ * std::min(done, of) / of; asked_ < end; ++asked_) {
      if (pixel_ >= ranges_[range_].pixels) {
        pixel_ = 0;
        if (++row_ == ranges_[range_].count) {
          row_ = 0;
          ++range_;
        }
      }
      const float* from = ranges_[range_].rows[row_] + pixel_;
      for (int64_t p = 0; p < kStep; p += kCacheLineFloats) __builtin_prefetch(from + p, 0, kSecondLevel);
      pixel_ += kStep;
    }
  }

 private:
  static constexpr int kMostRanges = 5;
  static constexpr int kSecondLevel = 2;  // of GCC's localities: into L2, and leave L1 to the current block
  static constexpr int64_t kStep = 4 * kCacheLineFloats;
  struct Range {
    Rows<const float> rows;
    int64_t count = 0, pixels = 0;
  };
  std::array<Range, kMostRanges> ranges_;
  int64_t steps_ = 0, asked_ = 0;
  int range_count_ = 0, range_ = 0;  // the range, row and pixel that are next
  int64_t row_ = 0, pixel_ = 0;
};

}  // namespace riffle::cpu
