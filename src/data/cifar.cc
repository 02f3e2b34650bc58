// CIFAR-10 and CIFAR-100 in the "binary version" (cs.toronto.edu/~kriz/cifar.html): records of one label byte
// (CIFAR-100: coarse, then fine label), then 1024 red, 1024 green and 1024 blue values.
#include <algorithm>

#include "base/file.h"
#include "data/class_list.h"
#include "data/readers.h"

namespace riffle {
namespace {

namespace fs = std::filesystem;

constexpr int kSize = 32, kPixels = kSize * kSize;

Result<std::vector<std::string>> ClassNamesOf(const fs::path& path, int num_classes) {
  RIFFLE_ASSIGN(std::vector<std::string> names, ReadClassList(path));
  if (static_cast<int>(names.size()) != num_classes)
    return DataLoss("{}: {} class names, one on each line, were expected, {} found", path.string(), num_classes,
                    names.size());
  return names;
}

// Planar red, green, blue to what the data set is opened for: pixels side by side, or grey.
void AppendRecord(const uint8_t* planes, int channels, Picture& scratch, std::vector<uint8_t>& pixels) {
  scratch.Reshape(kSize, kSize, 3);
  for (int i = 0; i < kPixels; ++i)
    for (int c = 0; c < 3; ++c) scratch.pixels[3 * i + c] = planes[c * kPixels + i];
  ConvertChannels(scratch, channels);
  pixels.insert(pixels.end(), scratch.pixels.begin(), scratch.pixels.end());
}

/// The files under a name that the search for the binary version passes by: what they are, what is needed.
std::string ThereInstead(const DatasetInfo& info, const std::string& first, const fs::path& data_dir) {
  if (info.downloads.empty()) return "";
  const std::string_view archive = info.downloads.front().file;
  const auto find = [&](std::string_view file) {
    return FindFolder(data_dir, std::string(file), info, [&](const fs::path& path) {
      std::error_code error;
      return fs::is_regular_file(path / file, error);
    });
  };
  if (const auto packed = find(archive); packed.ok())
    return fmt::format("; {} is there and wants to be unpacked", (*packed / archive).string());
  const std::string pickle = fs::path(first).stem().string();  // the Python version's files are called without .bin
  std::string python_archive(archive);
  if (const size_t word = archive.find("binary"); word != std::string_view::npos)
    python_archive.replace(word, std::string_view("binary").size(), "python");
  for (const std::string& file : {pickle, python_archive})
    if (const auto python = find(file); python.ok())
      return fmt::format(
          "; {} is of the Python version (pickles), which is not read: the binary version is needed, {} from {}, or "
          "--dataset_download",
          (*python / file).string(), archive, info.urls.front());
  return "";
}

}  // namespace

Result<std::unique_ptr<Dataset>> OpenCifar(const DatasetInfo& info, const SplitInfo& split, const fs::path& data_dir,
                                           int channels) {
  const std::string first(split.files.front());
  const auto found =
      FindFolder(data_dir, fmt::format("{} (the folder with {} and {})", info.name, first, info.class_names_file), info,
                 [&](const fs::path& path) {
                   std::error_code error;
                   return fs::is_regular_file(path / first, error);
                 });
  if (!found.ok()) return Status(found.status().code(), found.status().message() + ThereInstead(info, first, data_dir));
  const fs::path& folder = *found;
  RIFFLE_ASSIGN(std::vector<std::string> classes, ClassNamesOf(folder / info.class_names_file, info.num_classes));
  const int64_t records = split.pictures / static_cast<int64_t>(split.files.size());
  const int64_t record_bytes = info.label_bytes + 3 * kPixels;
  std::vector<int32_t> labels;
  std::vector<uint8_t> pixels;
  pixels.reserve(static_cast<size_t>(split.pictures) * kPixels * channels);
  Picture scratch;
  for (std::string_view name : split.files) {
    const fs::path path = folder / name;
    RIFFLE_ASSIGN(const std::vector<uint8_t> file, ReadFile(path));
    if (static_cast<int64_t>(file.size()) != records * record_bytes)
      return DataLoss("{}: {} bytes were expected ({} records of {}), {} found; fetch the file again", path.string(),
                      records * record_bytes, records, record_bytes, file.size());
    for (int64_t i = 0; i < records; ++i) {
      const uint8_t* record = file.data() + i * record_bytes;
      labels.push_back(record[info.label_bytes - 1]);
      if (labels.back() >= info.num_classes)
        return DataLoss("{}: record {} has label {}, there are {} classes; fetch the file again", path.string(), i,
                        labels.back(), info.num_classes);
      AppendRecord(record + info.label_bytes, channels, scratch, pixels);
    }
  }
  const PictureView shape{nullptr, kSize, kSize, channels, int64_t{kSize} * channels};
  return std::unique_ptr<Dataset>(std::make_unique<MemoryDataset>(
      fmt::format("{} {}", info.name, split.name), std::move(classes), std::move(labels), shape, std::move(pixels)));
}

}  // namespace riffle
