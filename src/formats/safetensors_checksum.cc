#include "formats/safetensors_checksum.h"

#include <zlib.h>

#include <algorithm>

namespace riffle {

std::string TensorChecksumKey(std::string_view name) { return fmt::format("{}.{}", kChecksumKey, name); }

bool IsWritersKey(std::string_view key) {
  return key == kFormatKey || key == kChecksumKey || key.starts_with(TensorChecksumKey(""));
}

uint32_t TensorChecksum(const TensorView& tensor) {
  constexpr uLong kOfNothing = 0;
  return tensor.bytes.empty() ? kOfNothing
                              : static_cast<uint32_t>(crc32_z(kOfNothing, tensor.bytes.data(), tensor.bytes.size()));
}

std::string ChecksumText(uint32_t checksum) { return fmt::format("{:08x}", checksum); }

std::vector<SummedTensor> Summed(std::span<const TensorView> tensors) {
  std::vector<SummedTensor> summed;
  for (const TensorView& tensor : tensors) summed.push_back({&tensor, TensorChecksum(tensor)});
  return summed;
}

std::string ContentChecksum(std::vector<SummedTensor> tensors, const Metadata& metadata) {
  std::ranges::sort(tensors, {}, [](const SummedTensor& t) -> const std::string& { return t.tensor->name; });

  nlohmann::json meaning = nlohmann::json::array({metadata});
  meaning[0].erase(kChecksumKey);
  for (const auto& [tensor, checksum] : tensors)
    meaning.push_back({tensor->name, NameOf(tensor->dtype), tensor->shape});
  const std::string text = meaning.dump();

  uLong crc = crc32_z(0, reinterpret_cast<const Bytef*>(text.data()), text.size());
  for (const auto& [tensor, checksum] : tensors)
    crc = crc32_combine(crc, checksum, static_cast<z_off_t>(tensor->bytes.size()));
  return ChecksumText(static_cast<uint32_t>(crc));
}

}  // namespace riffle
