#include "formats/tensor_view.h"

#include <gmock/gmock.h>

#include <cmath>
#include <limits>

namespace riffle {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TensorView StoredAs(DType dtype, const std::vector<uint16_t>& words) {
  return {"w",
          dtype,
          {static_cast<int64_t>(words.size())},
          {reinterpret_cast<const uint8_t*>(words.data()), 2 * words.size()}};
}

TEST(DTypes, HaveTheNamesOfSafetensors) {
  for (const char* name : {"F64", "F32", "F16",  "BF16", "I64",     "I32",     "I16",     "I8",      "U64",     "U32",
                           "U16", "U8",  "BOOL", "C64",  "F8_E4M3", "F8_E5M2", "F8_E8M0", "F6_E2M3", "F6_E3M2", "F4"}) {
    ASSERT_TRUE(DTypeNamed(name)) << name;
    EXPECT_EQ(NameOf(*DTypeNamed(name)), name);
  }
  EXPECT_FALSE(DTypeNamed("F31"));
}

TEST(ByteCount, OfNumbersBelowAByteFillsTheLastOne) {
  EXPECT_EQ(*ByteCount(DType::kF4, std::vector<int64_t>{3, 2}), 3);
  EXPECT_EQ(*ByteCount(DType::kF6E2M3, std::vector<int64_t>{4}), 3);
  EXPECT_THAT(ByteCount(DType::kF4, std::vector<int64_t>{3}).status().message(),
              HasSubstr("3 values of 4 bits each do not fill their last byte"));
  EXPECT_EQ(*ByteCount(DType::kC64, std::vector<int64_t>{2}), 16);
  EXPECT_EQ(*ByteCount(DType::kBool, {}), 1);
}

TEST(AsFloats, ReadsHalves) {  // values of IEEE 754-2008, binary16
  const std::vector<uint16_t> halves = {0x0000, 0x8000, 0x0001, 0x03ff, 0x0400, 0x3555,
                                        0x3c00, 0xc000, 0x7bff, 0x7c00, 0xfc00};
  const std::vector<float> found = *AsFloats(StoredAs(DType::kF16, halves));
  EXPECT_THAT(found, ElementsAre(0, 0, 0x1p-24f, 1023 * 0x1p-24f, 0x1p-14f, 1365 * 0x1p-12f, 1, -2, 65504, INFINITY,
                                 -INFINITY));
  EXPECT_TRUE(std::signbit(found[1]));
  EXPECT_TRUE(std::isnan(AsFloats(StoredAs(DType::kF16, {0x7e00}))->front()));
}

TEST(AsFloats, ReadsBrainFloatsAndDoubles) {
  EXPECT_THAT(*AsFloats(StoredAs(DType::kBf16, {0x3f80, 0xc040, 0x0000})), ElementsAre(1, -3, 0));
  const std::vector<double> doubles = {0.1, -2};
  EXPECT_THAT(*AsFloats(ViewOf<double>("w", {2}, doubles)), ElementsAre(0.1f, -2));
  const std::vector<float> floats = {0.1f, -2};
  EXPECT_THAT(*AsFloats(ViewOf<float>("w", {2}, floats)), ElementsAre(0.1f, -2));
}

TEST(AsFloats, RefusesIntegers) {
  const std::vector<int64_t> counts = {7};
  EXPECT_EQ(AsFloats(ViewOf<int64_t>("steps", {}, counts)).status().message(),
            "tensor \"steps\": expected F32, F64, F16 or BF16 values, found I64");
}

}  // namespace
}  // namespace riffle
