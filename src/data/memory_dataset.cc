#include "data/readers.h"

namespace riffle {

MemoryDataset::MemoryDataset(std::string title, std::vector<std::string> classes, std::vector<int32_t> labels,
                             PictureView shape, std::vector<uint8_t> pixels)
    : title_(std::move(title)), shape_(shape), pixels_(std::move(pixels)) {
  classes_ = std::move(classes);
  labels_ = std::move(labels);
}

std::string MemoryDataset::NameOf(int64_t i) const { return fmt::format("{} #{}", title_, i); }

Result<PictureView> MemoryDataset::Read(int64_t i, Picture&) const {
  PictureView view = shape_;
  view.pixels = pixels_.data() + i * shape_.height * shape_.row_bytes;
  return view;
}

}  // namespace riffle
