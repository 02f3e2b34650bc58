// CRC-32 on every instruction set against zlib's.
#include "data/crc32.h"

#include <gtest/gtest.h>
#include <zlib.h>

#include <vector>

#include "base/random.h"
#include "ops/testing/compare.h"

namespace riffle {
namespace {

std::vector<uint8_t> SomeBytes(size_t size) {
  std::vector<uint8_t> bytes(size);
  RandomStream random(1, RandomPurpose::kShuffle, 0, 0);
  for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random.Below(256));
  return bytes;
}

TEST(Crc32, IsThatOfZlibForEveryLengthAndPlace) {
  const std::vector<uint8_t> bytes = SomeBytes(1200);
  ForEachTarget([&] {
    for (size_t size = 0; size <= 1100; ++size) {
      const std::span part(bytes.data() + size % 67, size);
      ASSERT_EQ(Crc32(part), crc32_z(crc32_z(0, nullptr, 0), part.data(), size)) << size << " bytes";
    }
  });
}

}  // namespace
}  // namespace riffle
