// What a pack says of itself, and what is no pack.
#include "data/pack_file.h"

#include <gtest/gtest.h>

#include <functional>

#include "data/testing/errors.h"

namespace riffle {
namespace {

// Two pictures, one of which could not be read when they were packed.
PackHead SomeHead() {
  PackHead head{.classes = {"ant", "bee"}, .recipe = "by hand", .pictures = {{}, {}}, .names = "a.jpgb.png"};
  head.pictures[0] = {.bytes = 6, .height = 1, .width = 2, .label = 1, .name_end = 5, .channels = 3};
  head.pictures[1] = {.label = 0, .name_end = 10};
  head.pictures[0].offset = AlignedInPack(PackHeadText(head, 0).size());
  return head;
}

std::vector<uint8_t> FileOf(const PackHead& head) {
  const uint64_t size = AlignedInPack(PackHeadText(head, 0).size()) + kPackAlignment;
  const std::string text = PackHeadText(head, size);
  std::vector<uint8_t> file(text.begin(), text.end());
  file.resize(size);
  return file;
}

std::string Error(const std::vector<uint8_t>& file) {
  const auto head = ReadPackHead(file);
  EXPECT_FALSE(head.ok());
  EXPECT_TRUE(head.ok() || head.status().code() == ErrorCode::kDataLoss);
  return head.status().message();
}

TEST(PackFile, TellsWhatItHolds) {
  const auto head = ReadPackHead(FileOf(SomeHead()));
  ASSERT_TRUE(head.ok()) << head.status().message();
  EXPECT_EQ(head->encoding, PackEncoding::kRaw);
  EXPECT_EQ(head->classes, (std::vector<std::string>{"ant", "bee"}));
  EXPECT_EQ(head->recipe, "by hand");
  EXPECT_EQ(head->NameOf(0), "a.jpg");
  EXPECT_EQ(head->NameOf(1), "b.png");
  EXPECT_EQ(head->pictures[0].width, 2u);
  EXPECT_EQ(head->pictures[0].label, 1);
  EXPECT_TRUE(head->pictures[0].readable());
  EXPECT_FALSE(head->pictures[1].readable());
}

TEST(PackFile, OneFlippedBitOfTheHeadIsFound) {
  const std::vector<uint8_t> whole = FileOf(SomeHead());
  const size_t head_bytes = PackHeadText(SomeHead(), 0).size();
  for (size_t byte = 0; byte < head_bytes; ++byte) {
    std::vector<uint8_t> file = whole;
    file[byte] ^= 1 << byte % 8;
    EXPECT_FALSE(ReadPackHead(file).ok()) << "byte " << byte;
  }
}

TEST(PackFile, WhatIsNoWholePackSaysWhatItIs) {
  const std::vector<uint8_t> whole = FileOf(SomeHead());
  EXPECT_TRUE(Has(Error({}), "no pack of pictures"));
  EXPECT_TRUE(Has(Error(std::vector<uint8_t>(1000)), "never finished"));
  EXPECT_TRUE(Has(Error({whole.begin(), whole.begin() + 20}), "cut off"));
  EXPECT_TRUE(Has(Error({whole.begin(), whole.end() - 1}), "cut off: "));
  std::vector<uint8_t> longer = whole;
  longer.push_back(0);
  EXPECT_TRUE(Has(Error(longer), "something was added"));
  std::vector<uint8_t> newer = whole;
  newer[8] = 2;
  EXPECT_TRUE(Has(Error(newer), "a pack of version 2, and 1 is read here"));
}

// With a right checksum: written by somebody who wants to do harm, or by a program with a fault.
TEST(PackFile, NumbersThatContradictOneAnotherAreErrors) {
  const std::vector<std::pair<const char*, std::function<void(PackHead&)>>> lies = {
      {"a label without a class", [](PackHead& h) { h.pictures[0].label = 2; }},
      {"a label below 0", [](PackHead& h) { h.pictures[1].label = -1; }},
      {"a picture in the head", [](PackHead& h) { h.pictures[0].offset = 0; }},
      {"a picture behind the end", [](PackHead& h) { h.pictures[0].offset += 64; }},
      {"a picture far behind the end", [](PackHead& h) { h.pictures[0].offset = UINT64_MAX - 63; }},
      {"a picture at an odd place", [](PackHead& h) { h.pictures[0].offset += 1; }},
      {"more bytes than pixels", [](PackHead& h) { h.pictures[0].bytes = 7; }},
      {"pixels of two channels", [](PackHead& h) { h.pictures[0].channels = 2, h.pictures[0].bytes = 4; }},
      {"a product that overflows", [](PackHead& h) { h.pictures[0].height = h.pictures[0].width = 1u << 31; }},
      {"a width of none", [](PackHead& h) { h.pictures[0].width = 0; }},
      {"a name behind the names", [](PackHead& h) { h.pictures[1].name_end = 11; }},
      {"a name that ends before it begins", [](PackHead& h) { h.pictures[0].name_end = 11; }},
      {"an orientation of 9", [](PackHead& h) { h.pictures[0].orientation = 9; }},
      {"7 bits a value", [](PackHead& h) { h.pictures[0].bits = 7; }},
      {"no levels", [](PackHead& h) { h.pictures[0].levels = 0; }},
      {"a mark of 2", [](PackHead& h) { h.pictures[0].incomplete = 2; }},
      {"no classes", [](PackHead& h) { h.classes = {}; }},
      {"a class twice",
       [](PackHead& h) {
         h.classes = {"ant", "ant"};
       }},
      {"an unknown encoding", [](PackHead& h) { h.encoding = static_cast<PackEncoding>(2); }},
  };
  for (const auto& [what, lie] : lies) {
    PackHead head = SomeHead();
    lie(head);
    EXPECT_FALSE(ReadPackHead(FileOf(head)).ok()) << what;
  }
}

}  // namespace
}  // namespace riffle
