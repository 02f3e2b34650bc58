// The checksum of packs: that of zlib, which wrote the first of them.
#include "data/crc32.h"

#include <gtest/gtest.h>
#include <zlib.h>

#include <vector>

namespace riffle {
namespace {

TEST(Crc32, IsThatOfZlib) {
  std::vector<uint8_t> bytes(261'000);
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<uint8_t>(i * i >> 3);
  for (const size_t size : {size_t{0}, size_t{1}, size_t{67}, bytes.size()})
    EXPECT_EQ(Crc32(std::span(bytes).first(size)), crc32_z(crc32_z(0, nullptr, 0), bytes.data(), size)) << size;
}

}  // namespace
}  // namespace riffle
