#include "exchange/mindspore/mindspore.h"

#include <gmock/gmock.h>
#include <zlib.h>

#include <cstdlib>
#include <functional>

#include "base/random.h"
#include "exchange/testing/torch.h"
#include "mindspore/mindspore.pb.h"

namespace riffle {
namespace {

using mindspore_pb::Checkpoint;
using mindspore_pb::Value;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;

void Add(Checkpoint* checkpoint, const std::string& name, const std::vector<int64_t>& dims, const std::string& type,
         const std::string& content) {
  Value* value = checkpoint->add_value();
  value->set_tag(name);
  for (const int64_t dim : dims) value->mutable_tensor()->add_dims(dim);
  value->mutable_tensor()->set_tensor_type(type);
  value->mutable_tensor()->set_tensor_content(content);
}

Result<TensorFile> Read(const std::string& text) {
  AlignedArray<uint8_t> bytes(text.size());
  std::ranges::copy(text, bytes.begin());
  return ReadMindSpore(std::move(bytes), "w.ckpt");
}

std::string ErrorOf(const std::string& text) {
  const auto file = Read(text);
  if (file.ok()) return "no error";
  EXPECT_EQ(file.status().message().find('\n'), std::string::npos);
  return file.status().message();
}
std::string ErrorOf(const Checkpoint& checkpoint) { return ErrorOf(checkpoint.SerializeAsString()); }

// Two parameters, of which one is in pieces, and a text.
Checkpoint Small() {
  Checkpoint checkpoint;
  Add(&checkpoint, "conv.weight", {3, 2}, "Float16", "aabbc");
  Add(&checkpoint, "conv.weight", {3, 2}, "Float16", "cddeeff");
  Add(&checkpoint, "step", {}, "Int32", "1234");
  Add(&checkpoint, "note", {0}, "str", "by hand");
  return checkpoint;
}

std::string WithCrc(const std::string& content) {
  const uLong crc = crc32_z(0, reinterpret_cast<const Bytef*>(content.data()), content.size());
  std::string file = content + "crc_num" + std::string(6, '\0');
  for (int shift = 24; shift >= 0; shift -= 8) file += static_cast<char>(crc >> shift);
  return file;
}

std::string Text(std::span<const uint8_t> bytes) { return {bytes.begin(), bytes.end()}; }

TEST(MindSporeReader, JoinsPiecesAndTakesTextsAsMetadata) {
  for (const std::string& bytes : {Small().SerializeAsString(), WithCrc(Small().SerializeAsString())}) {
    const auto file = Read(bytes);
    ASSERT_TRUE(file.ok()) << file.status().message();
    EXPECT_EQ(file->path, "w.ckpt");
    EXPECT_EQ(file->format, "MindSpore checkpoint");
    ASSERT_EQ(file->tensors.size(), 2u);
    EXPECT_EQ(file->tensors[0].name, "conv.weight");
    EXPECT_EQ(file->tensors[0].dtype, DType::kF16);
    EXPECT_THAT(file->tensors[0].shape, ElementsAre(3, 2));
    EXPECT_EQ(Text(file->tensors[0].bytes), "aabbccddeeff");
    EXPECT_EQ(file->tensors[1].name, "step");
    EXPECT_TRUE(file->tensors[1].shape.empty());
    EXPECT_EQ(Text(file->tensors[1].bytes), "1234");
    EXPECT_THAT(file->metadata, ElementsAre(Pair("note", "by hand")));
  }
}

TEST(MindSporeReader, KnowsTypesByTheirNames) {
  const std::pair<const char*, const char*> types[] = {
      {"Float64", "F64"}, {"Float32", "F32"}, {"Float16", "F16"}, {"BFloat16", "BF16"}, {"Int64", "I64"},
      {"Int32", "I32"},   {"Int16", "I16"},   {"Int8", "I8"},     {"UInt64", "U64"},    {"UInt32", "U32"},
      {"UInt16", "U16"},  {"UInt8", "U8"},    {"Bool", "BOOL"}};
  for (const auto& [name, ours] : types) {
    Checkpoint checkpoint;
    const int64_t bytes = *ByteCount(*DTypeNamed(ours), {});
    Add(&checkpoint, "one", {0}, name, std::string(static_cast<size_t>(bytes), 'x'));
    Add(&checkpoint, "none", {2, 0}, name, "");
    const auto file = Read(checkpoint.SerializeAsString());
    ASSERT_TRUE(file.ok()) << file.status().message();
    EXPECT_EQ(NameOf(file->tensors[0].dtype), ours);
    EXPECT_TRUE(file->tensors[0].shape.empty());
    EXPECT_THAT(file->tensors[1].shape, ElementsAre(2, 0));
  }
}

TEST(MindSporeReader, SkipsUnknownFieldsAndTakesPackedDimensions) {
  // value { tag: "w", tensor { packed dims: [2, 300], tensor_type: "UInt8", tensor_content, an unknown field } }
  const std::string content(600, 'w');
  const std::string tensor = std::string("\x0a\x03\x02\xac\x02\x12\x05UInt8\x1a\xd8\x04", 15) + content + "\x48\x07";
  std::string value = "\x0a\x01w\x12" + std::string("\xe9\x04") + tensor + "\x1a\x02??";
  const std::string file = std::string("\x0a\xf3\x04") + value + "\x12\x01?";
  ASSERT_EQ(tensor.size(), 617u);
  const auto found = Read(file);
  ASSERT_TRUE(found.ok()) << found.status().message();
  EXPECT_THAT(found->tensors[0].shape, ElementsAre(2, 300));
  EXPECT_EQ(Text(found->tensors[0].bytes), content);
}

TEST(MindSporeReader, NamesWhatIsWrong) {
  const auto changed = [](const std::function<void(Checkpoint*)>& change) {
    Checkpoint checkpoint = Small();
    change(&checkpoint);
    return ErrorOf(checkpoint);
  };
  const auto tensor = [](Checkpoint* c, int i) { return c->mutable_value(i)->mutable_tensor(); };
  EXPECT_THAT(changed([&](Checkpoint* c) { tensor(c, 2)->set_tensor_type("Float8"); }),
              HasSubstr("w.ckpt: parameter \"step\": its type \"Float8\" is not read"));
  EXPECT_THAT(changed([&](Checkpoint* c) { tensor(c, 2)->set_tensor_content("123"); }),
              HasSubstr("parameter \"step\": damaged: Int32 [] needs 4 bytes, it has 3"));
  EXPECT_THAT(changed([&](Checkpoint* c) { tensor(c, 2)->add_dims(-1); }),
              HasSubstr("expected dimensions of 0 or more"));
  EXPECT_THAT(changed([&](Checkpoint* c) {
                tensor(c, 2)->add_dims(INT64_MAX);
                tensor(c, 2)->add_dims(2);
              }),
              HasSubstr("has more bytes than any file"));
  EXPECT_THAT(changed([&](Checkpoint* c) { tensor(c, 1)->set_dims(0, 4); }),
              HasSubstr("pieces are of two types or shapes"));
  EXPECT_THAT(changed([&](Checkpoint* c) { c->mutable_value(2)->set_tag("conv.weight"); }),
              HasSubstr("its pieces are of two types"));
  EXPECT_THAT(changed([&](Checkpoint* c) { Add(c, "step", {}, "Int32", "1234"); }),
              HasSubstr("two parameters are called \"step\""));
  EXPECT_THAT(changed([&](Checkpoint* c) { tensor(c, 2)->clear_tensor_content(); }),
              HasSubstr("parameter 3 lacks its name, type or content"));
  EXPECT_THAT(changed([&](Checkpoint* c) { c->mutable_value()->DeleteSubrange(0, 3); }),
              HasSubstr("without parameters"));
  std::string many;
  for (int i = 0; i <= 1 << 20; ++i) many += std::string_view("\x0a\x02\x0a\0", 4);
  EXPECT_THAT(ErrorOf(many), HasSubstr("more than 1048576 parameters: no checkpoint of a network"));
  EXPECT_THAT(ErrorOf("\x0a\x02\x0a..\x0b................"), HasSubstr("no protocol buffer of parameters"));
  std::string damaged = WithCrc(Small().SerializeAsString());
  damaged[30] ^= 1;
  EXPECT_THAT(ErrorOf(damaged), HasSubstr("damaged: expected the checksum "));
  EXPECT_THAT(ErrorOf("\xd8\x5e\x3a\x7f..............."),
              HasSubstr("an encrypted checkpoint of MindSpore's: decrypt it"));
  EXPECT_THAT(ErrorOf("PK\x03\x04..............."), HasSubstr("no checkpoint of MindSpore's but a zip archive"));
}

TEST(MindSporeReader, EachTruncationIsFoundOrLeavesWholeParameters) {
  const std::string whole = Small().SerializeAsString();
  for (size_t size = 0; size < whole.size(); ++size) {
    const auto file = Read(whole.substr(0, size));
    if (!file.ok()) continue;
    for (const TensorView& tensor : file->tensors)
      EXPECT_EQ(static_cast<uint64_t>(*ByteCount(tensor.dtype, tensor.shape)), tensor.bytes.size());
  }
  const std::string checked = WithCrc(whole);
  for (size_t size = whole.size() + 1; size < checked.size(); ++size)
    EXPECT_NE(ErrorOf(checked.substr(0, size)), "no error") << size;
}

TEST(MindSporeReader, NoBytesMakeItCrash) {
  const std::string whole = Small().SerializeAsString();
  int accepted = 0;
  for (uint32_t round = 0; round < 20'000; ++round) {
    RandomStream random(3, RandomPurpose::kTest, 0, round);
    std::string bytes = whole;
    for (uint32_t changes = 1 + random.Below(3); changes > 0; --changes)
      bytes[random.Below(static_cast<uint32_t>(bytes.size()))] = static_cast<char>(random.Bits());
    accepted += ErrorOf(bytes) == "no error";
  }
  EXPECT_GT(accepted, 100);  // contents may be others
}

// Files that MindSpore wrote, and the same tensors as safetensors.
TEST(MindSporeData, EveryByteIsThatOfMindCvsWeights) {
  const char* data = std::getenv("RIFFLE_TEST_DATA");
  if (data == nullptr) GTEST_SKIP() << "RIFFLE_TEST_DATA is not set";
  const std::filesystem::path folder = std::filesystem::path(data) / "mindcv" / "g3_05";
  for (const char* name : {"start", "after_1_step"}) {
    const auto file = ReadMindSpore(folder / ("shufflenet_v1_g3_05-" + std::string(name) + ".ckpt"));
    ASSERT_TRUE(file.ok()) << file.status().message();
    EXPECT_GT(file->tensors.size(), 100u);
    ExpectSameTensors(*file, folder / (std::string(name) + ".safetensors"));
  }
}

}  // namespace
}  // namespace riffle
