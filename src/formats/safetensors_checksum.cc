#include "formats/safetensors_checksum.h"

#include <zlib.h>

#include <algorithm>

namespace riffle {

std::string ContentChecksum(std::span<const TensorView> tensors, const Metadata& metadata) {
  std::vector<const TensorView*> by_name;
  for (const TensorView& tensor : tensors) by_name.push_back(&tensor);
  std::sort(by_name.begin(), by_name.end(), [](auto* a, auto* b) { return a->name < b->name; });

  nlohmann::json meaning = nlohmann::json::array({metadata});
  meaning[0].erase(kChecksumKey);
  for (const TensorView* tensor : by_name) meaning.push_back({tensor->name, NameOf(tensor->dtype), tensor->shape});
  const std::string text = meaning.dump();

  uLong crc = crc32_z(0, reinterpret_cast<const Bytef*>(text.data()), text.size());
  for (const TensorView* tensor : by_name)
    if (!tensor->bytes.empty()) crc = crc32_z(crc, tensor->bytes.data(), tensor->bytes.size());
  return fmt::format("{:08x}", crc);
}

}  // namespace riffle
