// Files that are truncated, damaged or made to harm.
#include <gmock/gmock.h>

#include <numeric>

#include "base/random.h"
#include "formats/safetensors.h"
#include "formats/safetensors_checksum.h"
#include "formats/safetensors_testing.h"

namespace riffle {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(SafetensorsReader, NamesATruncatedFile) {
  EXPECT_THAT(ErrorOf({}), HasSubstr("w.safetensors: no safetensors file but an empty file: copy it again"));
  EXPECT_THAT(ErrorOf({1}), HasSubstr("w.safetensors: no safetensors file: expected 8 bytes"));
  EXPECT_THAT(ErrorOf({1, 0, 0, 0, 0, 0, 0, 0}), HasSubstr("promises a header of 1 bytes, 0 follow. Was the copy"));
  EXPECT_THAT(
      ErrorOfTensor(R"({"dtype":"F32","shape":[3],"data_offsets":[0,12]})", 11),
      HasSubstr("truncated: the header promises 12 bytes of tensors, the file has 11. Was the copy interrupted?"));
}

TEST(SafetensorsReader, NamesWhatOtherProgramsWrite) {
  const std::string tar = std::string(257, 'a') + "ustar";
  const struct {
    std::string bytes, told;
  } cases[] = {
      {"PK\x03\x04 archive/data.pkl",
       "no safetensors file but a zip archive, as PyTorch's and Keras' checkpoints are: 'riffle import' converts it"},
      {"\x80\x02\x8a\x0al\xfc\x9c\x46\xf9 \x6a\xa8P\x19.", "a Python pickle, as PyTorch's old checkpoints are"},
      {"\x80\x04\x95 numpy", "a Python pickle, but not of torch.save's"},
      {"\x89HDF\r\n\x1a\n model", "HDF5, as Keras'"},
      {std::string("\x1c\0\0\0TFL3 model", 14), "TensorFlow Lite"},
      {"\x0a\x3a\x0a\x0c"
       "conv1.weight",
       "a checkpoint of MindSpore's"},
      {"\x0a\xb6\x21\x0a\x0c"
       "conv1.weight",
       "a checkpoint of MindSpore's"},
      {"\xd8\x5e\x3a\x7f tag", "an encrypted checkpoint of MindSpore's: decrypt it with MindSpore"},
      {"\x08\x07\x12\x07pytorch\x1a", "a network in ONNX"},
      {"version https://git-lfs.github.com/spec/v1\noid sha256:",
       "a Git LFS pointer: fetch the file that it stands for"},
      {"<!DOCTYPE html><html>", "a web page: fetch the file itself"},
      {"\x1f\x8b\x08 gzip header", "compressed with gzip: unpack it"},
      {"BZh91AY&SY", "compressed with bzip2: unpack it"},
      {std::string("\xfd\x37zXZ\0\0\4", 8), "compressed with xz: unpack it"},
      {std::string("7z\xbc\xaf\x27\x1c\0\4", 8), "a 7-Zip archive: unpack it"},
      {std::string("Rar!\x1a\7\0", 7), "a RAR archive: unpack it"},
      {std::string(100, '\0'), "zeros, as of a copy that was broken off: copy it again"},
      {tar, "a tar archive: unpack it"},
      {"\xff\xd8\xff\xe0 jpeg", "a picture"},
      {"model: shufflenet_v1_g3_x1_0\n", "a text"},
  };
  for (const auto& c : cases) {
    const std::string error = ErrorOf({c.bytes.begin(), c.bytes.end()});
    EXPECT_THAT(error, HasSubstr(c.told));
    EXPECT_THAT(error, testing::Not(HasSubstr("header")));
  }
}

TEST(SafetensorsReader, RefusesAHeaderLengthBeyondTheLimit) {
  std::vector<uint8_t> bytes = Foreign("{}", 0);
  bytes[4] = 1;
  EXPECT_THAT(ErrorOf(bytes), HasSubstr("a header length of 4294967298 bytes, at most 100000000 are allowed"));
  bytes.assign(16, 0xff);
  EXPECT_THAT(ErrorOf(bytes), HasSubstr("a header length of 18446744073709551615 bytes"));
}

TEST(SafetensorsReader, RefusesADamagedHeader) {
  EXPECT_THAT(ErrorOf(Foreign("", 0)), HasSubstr("the header is damaged: invalid JSON"));
  EXPECT_THAT(ErrorOf(Foreign("{\"w\":", 0)),
              HasSubstr("the header is damaged: invalid JSON: it breaks off after 5 bytes"));
  EXPECT_THAT(ErrorOf(Foreign("[]", 0)), HasSubstr("expected a JSON object"));
  EXPECT_THAT(ErrorOf(Foreign("{\"\xc3\":1}", 0)), HasSubstr("invalid JSON"));
  EXPECT_THAT(ErrorOf(Foreign("{}x", 0)), HasSubstr("invalid JSON"));
  EXPECT_THAT(ErrorOf(Foreign(std::string(100'000, '['), 0)), HasSubstr("nested deeper"));
  EXPECT_THAT(ErrorOf(Foreign(R"({"w":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},)"
                              R"("w":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}})",
                              0)),
              HasSubstr("the key \"w\" stands there twice"));
  EXPECT_THAT(ErrorOf(Foreign("{\"__metadata__\":[]}", 0)), HasSubstr("\"__metadata__\": expected an object"));
  EXPECT_THAT(ErrorOf(Foreign("{\"__metadata__\":{\"k\":1}}", 0)), HasSubstr("expected a string as \"k\""));
}

TEST(SafetensorsReader, RefusesADamagedTensorAndNamesIt) {
  const std::string all_three = "tensor \"w\": expected an object of \"dtype\", \"shape\" and \"data_offsets\"";
  EXPECT_THAT(ErrorOfTensor("1", 0), HasSubstr("w.safetensors: " + all_three));
  EXPECT_THAT(ErrorOfTensor(R"({"dtype":"U8","shape":[0]})", 0), HasSubstr(all_three));
  EXPECT_THAT(ErrorOfTensor(R"({"dtype":"U8","shape":[0],"offsets":[0,0]})", 0), HasSubstr(all_three));
  EXPECT_THAT(ErrorOfTensor(R"({"dtype":"U8","shape":[0],"data_offsets":[0,0],"x":0})", 0), HasSubstr(all_three));
  EXPECT_THAT(ErrorOfTensor(R"({"dtype":"F31","shape":[0],"data_offsets":[0,0]})", 0), HasSubstr("found \"F31\""));
  EXPECT_THAT(ErrorOfTensor(R"({"dtype":8,"shape":[0],"data_offsets":[0,0]})", 0),
              HasSubstr("\"dtype\": expected a string"));
  EXPECT_THAT(ErrorOfTensor(R"({"dtype":"U8","shape":0,"data_offsets":[0,0]})", 0),
              HasSubstr("\"shape\": expected an array"));
  for (const std::string dimension :
       {"-1", "1.0", "\"1\"", "9223372036854775808", "18446744073709551616", "true", "null"})
    EXPECT_THAT(ErrorOfTensor(R"({"dtype":"U8","shape":[)" + dimension + R"(],"data_offsets":[0,1]})", 1),
                HasSubstr("\"shape\": expected whole numbers of 0 or more"));
  EXPECT_THAT(ErrorOfTensor(R"({"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0]})", 0),
              HasSubstr("tensor \"w\": the shape [4294967296, 4294967296] has more bytes than any file"));
  for (const std::string offsets : {"0", "[0]", "[0,1,1]", "[-1,0]", "[0,1.0]", "[0,\"1\"]"})
    EXPECT_THAT(ErrorOfTensor(R"({"dtype":"U8","shape":[1],"data_offsets":)" + offsets + "}", 1),
                HasSubstr("\"data_offsets\": expected two whole numbers"));
  for (const std::string offsets : {"[0,8]", "[0,16]", "[12,0]", "[18446744073709551615,11]"})
    EXPECT_THAT(ErrorOfTensor(R"({"dtype":"F32","shape":[3],"data_offsets":)" + offsets + "}", 12),
                HasSubstr("tensor \"w\": F32 [3] needs 12 bytes, its data_offsets are ["));
}

TEST(SafetensorsReader, RefusesDataWithHolesOverlapsOrMore) {
  const auto two = [](int begin, int end, size_t data_bytes) {
    return ErrorOf(Foreign(fmt::format(R"({{"a":{{"dtype":"U8","shape":[4],"data_offsets":[0,4]}},)"
                                       R"("b":{{"dtype":"U8","shape":[4],"data_offsets":[{},{}]}}}})",
                                       begin, end),
                           data_bytes));
  };
  EXPECT_EQ(two(4, 8, 8), "no error");
  EXPECT_THAT(two(5, 9, 9), HasSubstr("tensor \"b\": expected its bytes to begin at 4, found 5: a hole"));
  EXPECT_THAT(two(3, 7, 8), HasSubstr("tensor \"b\": expected its bytes to begin at 4, found 3: a second tensor"));
  EXPECT_THAT(two(0, 4, 4), HasSubstr("tensor \"b\": expected its bytes to begin at 4, found 0"));
  EXPECT_THAT(two(4, 8, 9), HasSubstr("found 1 more bytes"));
  EXPECT_THAT(ErrorOf(Foreign("{}", 5)), HasSubstr("found 5 more bytes"));
}

TEST(SafetensorsReader, KeepsAHostileNameOnOneShortLine) {
  const std::string name = "\\n\\u001b[31m" + std::string(5000, 'x');
  EXPECT_THAT(ErrorOf(Foreign("{\"" + name + "\":1}", 0)), HasSubstr(R"(tensor "\n\u001b[31mxxx)"));
}

TEST(SafetensorsIntegrity, EachFlippedBitIsFound) {
  const std::vector<uint8_t> whole = SmallFile();
  ASSERT_EQ(ErrorOf(whole), "no error");
  for (size_t bit = 0; bit < 8 * whole.size(); ++bit) {
    std::vector<uint8_t> damaged = whole;
    damaged[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
    EXPECT_NE(ErrorOf(damaged), "no error") << "bit " << bit % 8 << " of byte " << bit / 8;
  }
}

TEST(SafetensorsIntegrity, EachTruncationIsFound) {
  const std::vector<uint8_t> whole = SmallFile();
  for (size_t size = 0; size < whole.size(); ++size)
    EXPECT_NE(ErrorOf({whole.begin(), whole.begin() + static_cast<ptrdiff_t>(size)}), "no error") << size << " bytes";
}

// Where the numbers of SmallFile() begin: four floats of "w", then the eight bytes of "step".
size_t BeginOfData(const std::vector<uint8_t>& file) { return file.size() - 4 * sizeof(float) - sizeof(int64_t); }

TEST(SafetensorsIntegrity, ADamagedTensorIsNamed) {
  const std::vector<uint8_t> whole = SmallFile();
  for (size_t at = BeginOfData(whole); at < whole.size(); ++at) {
    std::vector<uint8_t> damaged = whole;
    damaged[at] ^= 0x10;
    const char* tensor = at < BeginOfData(whole) + 4 * sizeof(float) ? "\"w\"" : "\"step\"";
    EXPECT_THAT(ErrorOf(damaged),
                HasSubstr(fmt::format("w.safetensors: damaged: tensor {}: expected the checksum \"", tensor)));
  }
}

TEST(SafetensorsIntegrity, OfSeveralDamagedTensorsOneIsNamedAndTheOthersAreCounted) {
  std::vector<uint8_t> bytes = SmallFile();
  bytes[BeginOfData(bytes)] ^= 1;
  bytes.back() ^= 1;
  EXPECT_THAT(ErrorOf(bytes), HasSubstr("damaged: tensor \"w\" and 1 more: expected the checksum"));
}

TEST(SafetensorsIntegrity, DamagedMetadataAreNotSaidToBeATensor) {
  std::string text;
  for (const uint8_t byte : SmallFile()) text += static_cast<char>(byte);
  const size_t epoch = text.find("\"epoch\":\"3\"");
  ASSERT_NE(epoch, std::string::npos);
  text[epoch + std::string_view("\"epoch\":\"").size()] = '2';
  EXPECT_THAT(ErrorOf(Bytes(text)), HasSubstr("w.safetensors: damaged: expected the checksum \""));
}

TEST(SafetensorsIntegrity, AnotherProgramMayRearrangeAFileAndOlderOnesHaveNoChecksumsOfTensors) {
  // The tensors of WritesTheBytesOfTheFormat and the checksum of all, in another order and with other spaces.
  std::vector<uint8_t> bytes = Foreign(
      R"({ "b":{"shape":[],"dtype":"U8","data_offsets":[0,1]}, "pair":{"dtype":"F32","shape":[2],"data_offsets":[1,9]},)"
      R"("__metadata__":{"riffle.format":"1","riffle.crc32":"4fefb74e","k":"v"}})",
      0);
  for (const int byte : {7, 0, 0, 0x80, 0x3f, 0, 0, 0, 0xc0}) bytes.push_back(static_cast<uint8_t>(byte));
  const Result<SafetensorsFile> file = SafetensorsFile::FromBytes(bytes, "w");
  ASSERT_TRUE(file.ok()) << file.status().message();
  EXPECT_THAT(*Values<float>(*file->Find("pair")), ElementsAre(1, -2));  // not aligned
}

TEST(SafetensorsIntegrity, AFileOfANewerFormatIsCalledSo) {
  const std::string checksum = ContentChecksum({}, {{"riffle.format", "2"}});
  const Result<SafetensorsFile> file = SafetensorsFile::FromBytes(
      Foreign(R"({"__metadata__":{"riffle.format":"2","riffle.crc32":")" + checksum + "\"}}", 0), "w");
  ASSERT_FALSE(file.ok());
  EXPECT_EQ(file.status().code(), ErrorCode::kUnavailable);
  EXPECT_EQ(file.status().message(), "w: written by a newer Riffle: expected format 1, found \"2\"");
}

TEST(SafetensorsIntegrity, NoBytesMakeTheReaderCrash) {
  const std::vector<uint8_t> foreign =
      Foreign(R"({"__metadata__":{"a":"b"},"v":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},)"
              R"("w":{"dtype":"I64","shape":[1,2],"data_offsets":[8,24]}})",
              24);
  int accepted = 0;
  for (uint32_t round = 0; round < 20'000; ++round) {
    RandomStream random(1, RandomPurpose::kTest, 0, round);
    std::vector<uint8_t> bytes = foreign;
    for (uint32_t changes = 1 + random.Below(4); changes > 0; --changes) {
      const uint32_t at = random.Below(static_cast<uint32_t>(bytes.size()));
      // Often a byte from elsewhere in the file: digits for digits, brackets for brackets.
      bytes[at] = random.Chance(0.7) ? bytes[random.Below(static_cast<uint32_t>(bytes.size()))]
                                     : static_cast<uint8_t>(random.Bits());
    }
    if (random.Chance(0.2)) bytes.resize(random.Below(static_cast<uint32_t>(bytes.size() + 8)));
    const Result<SafetensorsFile> file = SafetensorsFile::FromBytes(bytes, "w");
    if (!file.ok()) continue;
    ++accepted;
    uint64_t sum = 0;
    for (const TensorView& tensor : file->tensors()) {
      EXPECT_EQ(static_cast<uint64_t>(*ByteCount(tensor.dtype, tensor.shape)), tensor.bytes.size());
      sum = std::accumulate(tensor.bytes.begin(), tensor.bytes.end(), sum);  // each byte can be read
    }
    EXPECT_LT(sum, 24u * 256);
  }
  EXPECT_GT(accepted, 100);  // changed data or names are another valid file: a reader that refuses all proves nothing
}

}  // namespace
}  // namespace riffle
