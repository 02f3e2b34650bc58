// CIFAR's binary version: the names of the classes, a NUL, two records.
#include <algorithm>
#include <array>

#include "data/readers.h"
#include "fuzz/target.h"

namespace riffle {
namespace {

constexpr std::array<std::string_view, 1> kFiles = {"batch.bin"};
constexpr SplitInfo kSplit = {.name = "train", .pictures = 2, .files = kFiles};
constexpr DatasetInfo kInfo = {.name = "cifar",
                               .layout = DatasetLayout::kCifar,
                               .num_classes = 2,
                               .native_size = 32,
                               .label_bytes = 1,
                               .class_names_file = "names.txt"};

void Check(std::string_view input) {
  const auto [names, records] = AtNul(input);
  std::filesystem::create_directories(FuzzFolder() / "cifar");
  FuzzFile("cifar/names.txt", names);
  FuzzFile("cifar/batch.bin", records);
  for (const int channels : {1, 3}) {
    const auto data = OpenCifar(kInfo, kSplit, FuzzFolder() / "cifar", channels);
    if (!IsFine(data, input)) return;
    Require((*data)->size() == 2 && (*data)->classes().size() == 2, "there are as many pictures and classes as stated");
    for (int64_t i = 0; i < 2; ++i) {
      Picture scratch;
      const auto view = (*data)->Read(i, scratch);
      Require(view.ok() && view->height == 32 && view->channels == channels, "a picture is read");
      Require((*data)->label(i) >= 0 && (*data)->label(i) < 2, "a label has a class");
    }
  }
}

std::vector<std::string> Seeds() {
  const std::string record = '\1' + std::string(3072, 'p');
  return {std::string("cat\ndog\r\n") + '\0' + record + record, std::string("cat \n\n dog") + '\0' + record + record};
}

}  // namespace

FuzzTarget CifarTarget() {
  return {
      .name = "cifar", .reads = "names, a NUL and records of CIFAR", .check = Check, .seeds = Seeds, .max_bytes = 6400};
}

}  // namespace riffle
