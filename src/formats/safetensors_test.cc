#include "formats/safetensors.h"

#include <gmock/gmock.h>

#include <bit>
#include <cmath>
#include <cstdlib>
#include <limits>

#include "base/file.h"
#include "formats/safetensors_testing.h"

namespace riffle {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(Safetensors, WritesTheBytesOfTheFormat) {
  const std::filesystem::path file = TestFolder() / "w.safetensors";
  const std::vector<float> pair = {1, -2};
  const std::vector<uint8_t> b = {7};
  const std::vector<TensorView> tensors = {ViewOf<float>("pair", {2}, pair), ViewOf<uint8_t>("b", {}, b)};
  ASSERT_EQ(WriteSafetensors(file, tensors, {{"k", "v"}}).message(), "");
  // The checksums are Python's zlib.crc32: of b's byte 07, of pair's two floats, and of
  // [{"k":"v","riffle.crc32.b":"4c667a2e","riffle.crc32.pair":"c3872656","riffle.format":"1"},["b","U8",[]],
  // ["pair","F32",[2]]] (without the line break), the byte and the floats.
  const std::string header =
      R"({"__metadata__":{"k":"v","riffle.crc32":"21b722c6","riffle.crc32.b":"4c667a2e","riffle.crc32.pair":"c3872656",)"
      R"("riffle.format":"1"},)"
      R"("pair":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"U8","shape":[],"data_offsets":[8,9]}})";
  const size_t padded = (header.size() + 7) / 8 * 8;
  std::string expected = std::string{static_cast<char>(padded % 256), static_cast<char>(padded / 256)} +
                         std::string(6, '\0') + header + std::string(padded - header.size(), ' ');
  expected += std::string("\x00\x00\x80\x3f\x00\x00\x00\xc0\x07", 9);
  EXPECT_EQ(*ReadTextFile(file), expected);
}

TEST(Safetensors, ComesBackAsItWas) {
  const std::filesystem::path file = TestFolder() / "w.safetensors";
  const std::vector<float> floats = {1, -0.0f, std::numeric_limits<float>::denorm_min(), HUGE_VALF, 5, 6};
  const std::vector<double> doubles = {0.1, -1e300};
  const std::vector<int64_t> longs = {INT64_MIN, INT64_MAX};
  const std::vector<int32_t> ints = {-1};
  const std::vector<uint8_t> bytes = {0, 255, 1};
  const std::vector<uint8_t> halves = {0, 0x3c};
  const std::vector<TensorView> tensors = {
      ViewOf<uint8_t>("z.bytes", {3}, bytes),    ViewOf<float>("a \"float\"", {2, 3}, floats),
      ViewOf<double>("double", {2, 1}, doubles), ViewOf<int64_t>("long", {2}, longs),
      ViewOf<int32_t>("int", {}, ints),          {"half", DType::kF16, {1}, halves},
      {"bfloat", DType::kBf16, {1, 1}, halves}};
  const Metadata metadata = {{"classes", "[\"Käfer\",\"ant\\n\"]"}, {"", "empty key"}, {"riffle.model", "{}"}};
  ASSERT_EQ(WriteSafetensors(file, tensors, metadata).message(), "");

  const Result<SafetensorsFile> read = SafetensorsFile::Open(file);
  ASSERT_TRUE(read.ok()) << read.status().message();
  EXPECT_EQ(read->metadata(), metadata);
  ASSERT_EQ(read->tensors().size(), tensors.size());
  for (size_t i = 0; i < tensors.size(); ++i) {
    const TensorView& found = read->tensors()[i];
    EXPECT_EQ(found.name, tensors[i].name);
    EXPECT_EQ(found.dtype, tensors[i].dtype);
    EXPECT_EQ(found.shape, tensors[i].shape);
    EXPECT_TRUE(std::equal(found.bytes.begin(), found.bytes.end(), tensors[i].bytes.begin(), tensors[i].bytes.end()));
  }
  EXPECT_EQ(*Values<double>(*read->Find("double")), doubles);
  EXPECT_EQ(*Values<int64_t>(*read->Find("long")), longs);
  EXPECT_EQ(*Values<int32_t>(*read->Find("int")), ints);
  EXPECT_EQ(*Values<uint8_t>(*read->Find("z.bytes")), bytes);
  const std::vector<float> back = *Values<float>(*read->Find("a \"float\""));
  for (size_t i = 0; i < floats.size(); ++i)
    EXPECT_EQ(std::bit_cast<uint32_t>(back[i]), std::bit_cast<uint32_t>(floats[i]));
}

TEST(Safetensors, TheSameInputGivesTheSameBytes) { EXPECT_EQ(SmallFile(), SmallFile()); }

TEST(Safetensors, MovesWithoutLosingItsTensors) {
  static_assert(std::is_move_assignable_v<SafetensorsFile> && !std::is_copy_constructible_v<SafetensorsFile>);
  Result<SafetensorsFile> file = SafetensorsFile::FromBytes(SmallFile(), "w");
  ASSERT_TRUE(file.ok()) << file.status().message();
  const SafetensorsFile moved = std::move(*file);
  EXPECT_THAT(*Values<float>(*moved.Find("w")), ElementsAre(1, -2, 0.5f, 3));
}

TEST(Safetensors, NamesAMissingTensorAndAWrongType) {
  const Result<SafetensorsFile> file = SafetensorsFile::FromBytes(SmallFile(), "w.safetensors");
  ASSERT_TRUE(file.ok());
  const Result<TensorView> missing = file->Find("stp");
  EXPECT_EQ(missing.status().code(), ErrorCode::kNotFound);
  EXPECT_EQ(missing.status().message(), "w.safetensors: no tensor \"stp\" among 3; the nearest is \"step\"");
  EXPECT_EQ(Values<float>(*file->Find("step")).status().message(), "tensor \"step\": expected F32 values, found I64");
}

TEST(Safetensors, NamesAFileThatCannotBeRead) {
  EXPECT_EQ(SafetensorsFile::Open("/nowhere/x").status().code(), ErrorCode::kNotFound);
  EXPECT_THAT(SafetensorsFile::Open("/").status().message(), HasSubstr("is a folder"));
  EXPECT_THAT(SafetensorsFile::Open("/dev/null").status().message(), HasSubstr("/dev/null: no safetensors file"));
}

TEST(SafetensorsWriter, RefusesWhatAReaderCouldNotRead) {
  const std::filesystem::path file = TestFolder() / "w.safetensors";
  const std::vector<float> x = {1, 2};
  const auto error = [&](std::vector<TensorView> tensors, const Metadata& metadata = {}) {
    const Status status = WriteSafetensors(file, tensors, metadata);
    EXPECT_FALSE(std::filesystem::exists(file));
    return status.message();
  };
  const TensorView good = ViewOf<float>("x", {2}, x);
  EXPECT_THAT(error({good, good}), HasSubstr("tensor \"x\": the name stands twice"));
  EXPECT_THAT(error({ViewOf<float>("__metadata__", {2}, x)}), HasSubstr("the format's own"));
  EXPECT_THAT(error({ViewOf<float>("x", {3}, x)}), HasSubstr("F32 [3] needs 12 bytes, 8 were given"));
  EXPECT_THAT(error({ViewOf<float>("x", {-2}, x)}), HasSubstr("expected dimensions of 0 or more, found [-2]"));
  EXPECT_THAT(error({ViewOf<float>("\xff", {2}, x)}), HasSubstr("UTF-8"));
  EXPECT_THAT(error({good}, {{"k", "\xff"}}), HasSubstr("UTF-8"));
  EXPECT_THAT(error({good}, {{"riffle.crc32", "0"}}), HasSubstr("\"riffle.crc32\" is the writer's own"));
  EXPECT_THAT(error({good}, {{"riffle.crc32.x", "0"}}), HasSubstr("\"riffle.crc32.x\" is the writer's own"));
  EXPECT_THAT(error({good}, {{"k", std::string(100'000'000, 'x')}}), HasSubstr("shorten the metadata"));
}

TEST(SafetensorsReader, ReadsForeignFiles) {
  EXPECT_EQ(ErrorOf(Foreign("{}", 0)), "no error");
  EXPECT_EQ(ErrorOf(Foreign("{\"__metadata__\":{\"format\":\"pt\"}}   ", 0)), "no error");
  EXPECT_EQ(ErrorOfTensor(R"({"dtype":"F32","shape":[3],"data_offsets":[0,12]})", 12), "no error");
  EXPECT_EQ(ErrorOfTensor(R"({"dtype":"BF16","shape":[],"data_offsets":[0,2]})", 2), "no error");
}

TEST(SafetensorsData, ReadsWhatMindCvsWeightsWereConvertedTo) {
  const char* data = std::getenv("RIFFLE_TEST_DATA");
  if (!data) GTEST_SKIP() << "RIFFLE_TEST_DATA is not set";
  const std::filesystem::path folder = std::filesystem::path(data) / "mindcv" / "g3_05";
  const Result<SafetensorsFile> file = SafetensorsFile::Open(folder / "start.safetensors");
  ASSERT_TRUE(file.ok()) << file.status().message();
  const Result<std::string> golden_text = ReadTextFile(folder / "golden.json");
  ASSERT_TRUE(golden_text.ok()) << golden_text.status().message();
  const nlohmann::json golden = *ParseJson(*golden_text);
  EXPECT_EQ(file->metadata().at("conventions"), "mindcv");
  EXPECT_GT(golden["parameters"].size(), 200u);
  for (const nlohmann::json& parameter : golden["parameters"]) {
    const Result<TensorView> tensor = file->Find(parameter[0].get<std::string>());
    ASSERT_TRUE(tensor.ok()) << tensor.status().message();
    EXPECT_EQ(tensor->shape, parameter[1].get<std::vector<int64_t>>()) << tensor->name;
    const std::vector<float> values = *Values<float>(*tensor);
    for (const float value : values) ASSERT_TRUE(std::isfinite(value)) << tensor->name;
  }
}

}  // namespace
}  // namespace riffle
