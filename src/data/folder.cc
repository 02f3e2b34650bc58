// A folder of class folders, as ImageNet and everybody's own pictures come.
#include <algorithm>
#include <array>
#include <cctype>

#include "base/file.h"
#include "base/text.h"
#include "data/encoded_dataset.h"
#include "data/readers.h"

namespace riffle {
namespace {

namespace fs = std::filesystem;

class FolderDataset : public EncodedDataset {
 public:
  FolderDataset(fs::path split_folder, int channels)
      : EncodedDataset(channels), split_folder_(std::move(split_folder)) {}

  std::string NameOf(int64_t i) const override { return PathOf(i).string(); }

  Result<std::vector<uint8_t>> Encoded(int64_t i) const override { return ReadFile(PathOf(i), kMaxPictureFileBytes); }

  void Add(int32_t label, std::vector<std::string> files) {
    labels_.insert(labels_.end(), files.size(), label);
    for (std::string& file : files) files_.push_back(std::move(file));
  }
  void SetClasses(std::vector<std::string> classes) { classes_ = std::move(classes); }

 private:
  fs::path PathOf(int64_t i) const { return split_folder_ / classes_[labels_[i]] / files_[i]; }

  fs::path split_folder_;
  std::vector<std::string> files_;  // without the folder: ImageNet has 1.3 million
};

// Names in `folder`, sorted, of folders or of picture files; hidden ones are left out.
Result<std::vector<std::string>> List(const fs::path& folder, bool folders) {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    const std::string name = it->path().filename().string();
    std::error_code broken_link;  // is neither
    const bool wanted =
        folders ? it->is_directory(broken_link) : IsPictureName(it->path()) && it->is_regular_file(broken_link);
    if (wanted && name.front() != '.') names.push_back(name);
  }
  if (error) return IoError("{}: cannot be listed: {}", folder.string(), error.message());
  std::sort(names.begin(), names.end());
  return names;
}

// What else users call the folder of that split.
std::vector<std::string> NamesOfSplit(const std::string& split) {
  if (split == "val") return {"val", "validation", "valid"};
  return {split};
}

Result<fs::path> FindSplitFolder(const fs::path& data_dir, const std::string& split) {
  static constexpr DatasetInfo kAnyFolder{};
  Status missing;
  for (const std::string& name : NamesOfSplit(split)) {
    auto root = FindFolder(data_dir, fmt::format("a folder '{}' with a folder of pictures for each class", name),
                           kAnyFolder, [&](const fs::path& folder) {
                             std::error_code error;
                             return fs::is_directory(folder / name, error);
                           });
    if (root.ok()) return *root / name;
    if (root.status().code() != ErrorCode::kNotFound) return root.status();
    if (missing.ok()) missing = root.status();
  }
  return missing;
}

// The place of `name` in the known classes.
Result<int32_t> LabelOf(const std::string& name, const std::vector<std::string>& known, const fs::path& folder) {
  const auto it = std::find(known.begin(), known.end(), name);
  if (it != known.end()) return static_cast<int32_t>(it - known.begin());
  const std::vector<std::string_view> views(known.begin(), known.end());
  return InvalidArgument("{}: class '{}' is not among the {} that the network is trained for; the nearest is '{}'",
                         folder.string(), name, known.size(), Nearest(name, views));
}

}  // namespace

Result<std::vector<std::string>> ClassFolders(const fs::path& data_dir, const std::string& split) {
  RIFFLE_ASSIGN(const fs::path folder, FindSplitFolder(data_dir.empty() ? "." : data_dir, split));
  return List(folder, true);
}

Result<std::unique_ptr<Dataset>> OpenFolder(const fs::path& data_dir, const std::string& split, int channels,
                                            const std::vector<std::string>& known_classes) {
  RIFFLE_ASSIGN(const fs::path folder, FindSplitFolder(data_dir.empty() ? "." : data_dir, split));
  RIFFLE_ASSIGN(const std::vector<std::string> names, List(folder, true));
  const std::vector<std::string>& classes = known_classes.empty() ? names : known_classes;
  auto dataset = std::make_unique<FolderDataset>(folder, channels);
  for (const std::string& name : names) {
    RIFFLE_ASSIGN(const int32_t label, LabelOf(name, classes, folder));
    RIFFLE_ASSIGN(std::vector<std::string> files, List(folder / name, false));
    if (files.empty() && known_classes.empty())
      return NotFound("{}: no .jpg, .jpeg, .png, .webp or .bmp file in this class folder", (folder / name).string());
    dataset->Add(label, std::move(files));
  }
  dataset->SetClasses(classes);
  if (dataset->size() == 0)
    return NotFound("{}: no picture there; a folder for each class was expected, with .jpg, .jpeg, .png, .webp or .bmp",
                    folder.string());
  return std::unique_ptr<Dataset>(std::move(dataset));
}

}  // namespace riffle
