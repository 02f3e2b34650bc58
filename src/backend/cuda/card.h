// What is known of graphics cards where there is none: the numbers by which work is cut.
#pragma once

#include <cstdint>

namespace riffle {

inline constexpr int kWarp = 32;  ///< threads

constexpr int64_t DivideUp(int64_t a, int64_t b) { return (a + b - 1) / b; }

/// The card that blocks are counted for, whichever it is: results then have the same bits on cards of one kind. Bytes
/// are those of shared memory.
struct LargeCard {
  static constexpr int64_t kProcessors = 132;
  static constexpr int64_t kSharedOfProcessor = 228 * 1024;
  static constexpr int64_t kSharedOfBlock = 227 * 1024;
  static constexpr int64_t kSharedOfSystem = 1024;  ///< in each block
};

}  // namespace riffle
