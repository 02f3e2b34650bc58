// Safetensors: what is read is written and read again as the same.
#include "formats/safetensors.h"

#include <algorithm>

#include "formats/safetensors_testing.h"
#include "fuzz/formats.h"
#include "fuzz/target.h"

namespace riffle {
namespace {

bool Same(const TensorView& a, const TensorView& b) {
  return a.name == b.name && a.dtype == b.dtype && a.shape == b.shape && std::ranges::equal(a.bytes, b.bytes);
}

void Check(std::string_view input) {
  const auto file = SafetensorsFile::FromBytes(BytesOf(input), "w.safetensors");
  if (!IsFine(file, input)) return;
  for (const TensorView& tensor : file->tensors()) {
    const Result<int64_t> bytes = ByteCount(tensor.dtype, tensor.shape);
    Require(bytes.ok() && *bytes == static_cast<int64_t>(tensor.bytes.size()), "a tensor has the bytes of its shape");
    (void)IsFine(AsFloats(tensor), input);
    Require(file->Find(tensor.name).ok(), "a tensor is found by its name");
  }
  const auto written = EncodeSafetensors(file->tensors(), file->metadata());
  if (!IsFine(written, input)) return;
  const auto again = SafetensorsFile::FromBytes(BytesOf(*written), "w.safetensors");
  Require(again.ok(), "what is written is read: " + again.status().message());
  Require(std::ranges::equal(again->tensors(), file->tensors(), Same), "tensors are the same");
  Require(again->metadata() == file->metadata(), "metadata is the same");
}

std::vector<std::string> Seeds() {
  const auto text = [](const std::vector<uint8_t>& bytes) { return std::string(bytes.begin(), bytes.end()); };
  std::vector<std::string> seeds = {text(SmallFile()), text(Foreign("{}", 0)),
                                    text(Foreign(R"({"__metadata__":{"format":"pt"}})", 0))};
  for (const char* dtype : {"F64", "F16", "BF16", "I16", "U64", "BOOL", "C64", "F8_E4M3", "F4"})
    seeds.push_back(
        text(Foreign(fmt::format(R"({{"w":{{"dtype":"{}","shape":[2,8],"data_offsets":[0,16]}}}})", dtype), 16)));
  return seeds;
}

std::vector<std::string> Words() {
  return {"\"dtype\"", "\"shape\"", "\"data_offsets\"", "__metadata__", "riffle.format", "riffle.crc32",
          "F32",       "F8_E5M2",   "F8_E8M0",          "F6_E2M3",      "F6_E3M2",       "18446744073709551615"};
}

}  // namespace

FuzzTarget SafetensorsTarget() {
  return {.name = "safetensors",
          .reads = "a safetensors file",
          .check = Check,
          .seeds = Seeds,
          .words = Words,
          .repair = RepairSafetensors};
}

}  // namespace riffle
