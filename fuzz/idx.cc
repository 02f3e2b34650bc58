// MNIST's format: two bytes with the length of the file of pictures, that file, the file of labels.
#include "data/testing/idx.h"

#include <algorithm>
#include <array>

#include "data/readers.h"
#include "fuzz/target.h"

namespace riffle {
namespace {

constexpr int kSize = 2, kClasses = 3;
constexpr std::array<std::string_view, 2> kFiles = {"train-images-idx3-ubyte", "train-labels-idx1-ubyte"};
constexpr std::array<std::string_view, kClasses> kNames = {"a", "b", "c"};
constexpr SplitInfo kSplit = {.name = "train", .pictures = 0, .files = kFiles};
constexpr DatasetInfo kInfo = {.name = "idx",
                               .layout = DatasetLayout::kIdx,
                               .num_classes = kClasses,
                               .channels = 1,
                               .native_size = kSize,
                               .class_names = kNames};

void Check(std::string_view input) {
  if (input.size() < 2) return;
  const size_t length =
      std::min<size_t>(static_cast<uint8_t>(input[0]) | static_cast<uint8_t>(input[1]) << 8, input.size() - 2);
  std::filesystem::create_directories(FuzzFolder() / "idx");
  FuzzFile("idx/train-images-idx3-ubyte", input.substr(2, length));
  FuzzFile("idx/train-labels-idx1-ubyte", input.substr(2 + length));
  const auto data = OpenIdx(kInfo, kSplit, FuzzFolder() / "idx", 3);
  if (!IsFine(data, input)) return;
  Require((*data)->size() > 0, "a set has pictures");
  for (int64_t i = 0; i < (*data)->size(); ++i) {
    Picture scratch;
    const auto view = (*data)->Read(i, scratch);
    Require(view.ok() && view->height == kSize && view->width == kSize, "a picture is read");
    Require((*data)->label(i) >= 0 && (*data)->label(i) < kClasses, "a label has a class");
  }
}

std::string Both(const std::vector<uint8_t>& pictures, const std::vector<uint8_t>& labels) {
  std::string input = {static_cast<char>(pictures.size()), static_cast<char>(pictures.size() >> 8)};
  return input.append(pictures.begin(), pictures.end()).append(labels.begin(), labels.end());
}

std::vector<std::string> Seeds() {
  const std::vector<uint8_t> pictures = IdxFile({2, kSize, kSize}, std::vector<uint8_t>(8, 7)),
                             labels = IdxFile({2}, {0, 2});
  return {Both(pictures, labels), Both(Gzip(pictures), labels), Both(Gzip(pictures), Gzip(labels))};
}

}  // namespace

FuzzTarget IdxTarget() {
  return {.name = "idx", .reads = "pictures and labels in IDX", .check = Check, .seeds = Seeds, .max_bytes = 512};
}

}  // namespace riffle
