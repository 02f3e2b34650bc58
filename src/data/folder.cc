// A folder of class folders, as ImageNet and everybody's own pictures come.
#include <algorithm>

#include "base/file.h"
#include "base/text.h"
#include "data/encoded_dataset.h"
#include "data/folder_pictures.h"
#include "data/folders.h"
#include "data/imagenet_classes.h"
#include "data/readers.h"

namespace riffle {
namespace {

namespace fs = std::filesystem;

class FolderDataset : public EncodedDataset {
 public:
  FolderDataset(fs::path split_folder, int channels)
      : EncodedDataset(channels), split_folder_(std::move(split_folder)) {}

  std::string NameOf(int64_t i) const override { return PathOf(i).string(); }

  Result<std::vector<uint8_t>> Encoded(int64_t i) const override {
    const fs::path path = PathOf(i);
    auto bytes = ReadFile(path, kMaxPictureFileBytes);
    if (!bytes.ok() && IsBrokenLink(path)) return BrokenLink(path);
    return bytes;
  }

  /// REQUIRES: SetClasses came before, and the class has no pictures yet.
  void Add(int32_t label, const std::string& folder, std::vector<std::string> files) {
    class_folders_[label] = folder;
    labels_.insert(labels_.end(), files.size(), label);
    for (std::string& file : files) files_.push_back(std::move(file));
  }
  void SetClasses(std::vector<std::string> classes) {
    classes_ = std::move(classes);
    class_folders_.resize(classes_.size());
  }
  /// The folder of a class; "" until it was added.
  const std::string& FolderOf(int32_t label) const { return class_folders_[label]; }
  void SetLeftOut(std::vector<LeftOut> left_out) { left_out_ = std::move(left_out); }

 private:
  fs::path PathOf(int64_t i) const { return split_folder_ / class_folders_[labels_[i]] / files_[i]; }

  fs::path split_folder_;
  std::vector<std::string> class_folders_;  // by label: a class may be called otherwise than its folder
  std::vector<std::string> files_;          // below the class folder: ImageNet has 1.3 million
};

/// The place of `name`, which may be a WordNet id, in the known classes.
Result<int32_t> LabelOf(const std::string& name, const std::vector<std::string>& known, const fs::path& folder) {
  for (const std::string_view called : {std::string_view(name), ImageNetNameOf(name)}) {
    const auto it = std::ranges::find(known, called);
    if (it != known.end()) return static_cast<int32_t>(it - known.begin());
  }
  const auto alike = std::ranges::find_if(known, [&](const std::string& other) { return LookAlike(name, other); });
  if (alike != known.end())
    return InvalidArgument(
        "{}: class '{}' is not among those that the network is trained for; '{}' is, which looks alike in another "
        "Unicode normal form or with other spaces ({} here, {} there): rename the folder",
        folder.string(), name, *alike, Escaped(name), Escaped(*alike));
  const std::vector<std::string_view> views(known.begin(), known.end());
  const std::string nearest(Nearest(name, views));
  const bool may_look_alike = Escaped(name) != name || Escaped(nearest) != nearest;
  return InvalidArgument("{}: class '{}' is not among the {} that the network is trained for; the nearest is '{}'{}",
                         folder.string(), name, known.size(), nearest,
                         may_look_alike ? fmt::format(" ({} here, {} there)", Escaped(name), Escaped(nearest)) : "");
}

/// What lies beside the class folders and may have been meant as a class.
Status AddBeside(const fs::path& split_folder, LeftOutFiles* left_out) {
  return ForEachIn(split_folder, [&](const fs::directory_entry& entry, const std::string& name) {
    if (IsFolder(entry)) {
      if (name.front() == '.') left_out->Add("hidden folders", name, true);
    } else if (IsOftenBesidePictures(name)) {
      left_out->Add("files beside the class folders", name, true);
    } else if (IsBrokenLink(entry.path())) {
      left_out->Add("broken links beside the class folders, perhaps of classes", name);
    } else if (IsArchiveName(name)) {
      left_out->Add("archives beside the class folders, which are not unpacked", name);
    } else {
      left_out->Add("files beside the class folders", name);
    }
  });
}

std::string Instead(const std::vector<LeftOut>& left_out) {
  return left_out.empty() ? "" : "; found: " + Described(left_out);
}

}  // namespace

Result<std::unique_ptr<Dataset>> OpenFolder(const fs::path& data_dir, const std::string& split, int channels,
                                            const std::vector<std::string>& known_classes) {
  RIFFLE_ASSIGN(const SplitFolder found_split, FindSplitFolder(data_dir, split));
  const fs::path& folder = found_split.folder;
  RIFFLE_ASSIGN(const std::vector<std::string> names, FoldersIn(folder));
  const std::vector<std::string>& classes = known_classes.empty() ? names : known_classes;
  auto dataset = std::make_unique<FolderDataset>(folder, channels);
  dataset->SetClasses(classes);
  LeftOutFiles left_out;
  for (const fs::path& other : found_split.passed_over)
    left_out.Add("folders that are called as it is and have no class folders", other);
  RIFFLE_TRY(AddBeside(folder, &left_out));
  for (const std::string& name : names) {
    RIFFLE_ASSIGN(const int32_t label, LabelOf(name, classes, folder));
    if (!dataset->FolderOf(label).empty())
      return InvalidArgument("{}: '{}' and '{}' are folders of one class: put their pictures into one", folder.string(),
                             dataset->FolderOf(label), name);
    RIFFLE_ASSIGN(FolderPictures found, FindPictures(folder / name, name));
    if (found.pictures.empty() && known_classes.empty())
      return NotFound("{}: no {} file in this class folder{}", (folder / name).string(), PictureEndings(),
                      Instead(found.left_out.Kinds()));
    dataset->Add(label, name, std::move(found.pictures));
    left_out.Add(found.left_out.Kinds());
  }
  dataset->SetLeftOut(left_out.Kinds());
  dataset->SetPlace(folder.parent_path());
  if (dataset->size() == 0)
    return NotFound("{}: no picture there; a folder for each class was expected, with {} files{}", folder.string(),
                    PictureEndings(), Instead(dataset->left_out()));
  return std::unique_ptr<Dataset>(std::move(dataset));
}

}  // namespace riffle
