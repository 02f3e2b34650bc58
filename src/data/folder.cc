// A folder of class folders, as ImageNet and everybody's own pictures come.
#include <sys/stat.h>

#include <algorithm>

#include "base/file.h"
#include "base/text.h"
#include "data/encoded_dataset.h"
#include "data/readers.h"
#include "data/split_names.h"

namespace riffle {
namespace {

namespace fs = std::filesystem;

constexpr size_t kNamesTold = 5;

class FolderDataset : public EncodedDataset {
 public:
  FolderDataset(fs::path split_folder, int channels)
      : EncodedDataset(channels), split_folder_(std::move(split_folder)) {}

  std::string NameOf(int64_t i) const override { return PathOf(i).string(); }

  Result<std::vector<uint8_t>> Encoded(int64_t i) const override {
    const fs::path path = PathOf(i);
    auto bytes = ReadFile(path, kMaxPictureFileBytes);
    std::error_code error;
    if (bytes.ok() || fs::exists(path, error) || !fs::is_symlink(path, error)) return bytes;
    return DataLoss("{}: a broken link: {} is not there", path.string(), fs::read_symlink(path, error).string());
  }

  void Add(int32_t label, std::vector<std::string> files) {
    labels_.insert(labels_.end(), files.size(), label);
    for (std::string& file : files) files_.push_back(std::move(file));
  }
  void SetClasses(std::vector<std::string> classes) { classes_ = std::move(classes); }
  void SetLeftOut(std::vector<LeftOut> left_out) { left_out_ = std::move(left_out); }

 private:
  fs::path PathOf(int64_t i) const { return split_folder_ / classes_[labels_[i]] / files_[i]; }

  fs::path split_folder_;
  std::vector<std::string> files_;  // below the class folder: ImageNet has 1.3 million
};

/// Calls `entry(directory_entry, name)` for what lies in the folder, in no order.
template <class Entry>
Status ForEachIn(const fs::path& folder, const Entry& entry) {
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error))
    entry(*it, it->path().filename().string());
  if (error) return IoError("{}: cannot be listed: {}", folder.string(), error.message());
  return {};
}

bool IsFolder(const fs::directory_entry& entry) {
  std::error_code broken_link;  // is none
  return entry.is_directory(broken_link);
}

/// The folders in `folder` that are not hidden, in byte order of their names.
Result<std::vector<std::string>> FoldersIn(const fs::path& folder) {
  std::vector<std::string> names;
  RIFFLE_TRY(ForEachIn(folder, [&](const fs::directory_entry& entry, const std::string& name) {
    if (name.front() != '.' && IsFolder(entry)) names.push_back(name);
  }));
  std::ranges::sort(names);
  return names;
}

/// Finds the pictures of one class, in its folder and all below.
class ClassFolder {
 public:
  ClassFolder(const fs::path& split_folder, const std::string& name) : split_folder_(split_folder), root_(name) {}

  Status Search() {
    RIFFLE_TRY(Search(""));
    std::ranges::sort(pictures);
    return {};
  }

  std::vector<std::string> pictures;  // paths below the class folder
  LeftOutFiles left_out;

 private:
  using Identity = std::pair<dev_t, ino_t>;

  Status Search(const fs::path& below) {
    const fs::path folder = split_folder_ / root_ / below;
    struct stat info {};
    if (::stat(folder.c_str(), &info) != 0) return IoError("{}: cannot be listed", folder.string());
    const Identity self = {info.st_dev, info.st_ino};
    if (std::ranges::find(above_, self) != above_.end()) {
      left_out.Add("links to a folder above them", root_ / below);
      return {};
    }
    above_.push_back(self);
    std::vector<fs::path> folders;  // listed when this one is closed: one at a time is open
    RIFFLE_TRY(ForEachIn(folder, [&](const fs::directory_entry& entry, const std::string& name) {
      if (!IsFolder(entry))
        AddFile(entry, below / name);
      else if (name.front() == '.')
        left_out.Add("hidden folders", root_ / below / name, true);
      else
        folders.push_back(below / name);
    }));
    std::ranges::sort(folders);
    for (const fs::path& next : folders) RIFFLE_TRY(Search(next));
    above_.pop_back();
    return {};
  }

  void AddFile(const fs::directory_entry& entry, const fs::path& path) {
    std::error_code error;
    if (!IsPictureName(path) || path.filename().native().front() == '.')
      left_out.AddByName(root_ / path);
    else if (entry.is_regular_file(error) || !entry.exists(error))  // a broken link is told of when it is read
      pictures.push_back(path.string());
    else
      left_out.Add("pipes, sockets and devices", root_ / path);
  }

  const fs::path& split_folder_;
  const fs::path root_;
  std::vector<Identity> above_;  // the folder and those that led to it
};

/// Whether pictures lie in the folder or below, as those of a class do: not in folders that are called as splits are.
bool HoldsPictures(const fs::path& folder, int levels) {
  bool found = false;
  std::vector<std::string> folders;
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end && !found; it.increment(error)) {
    const std::string name = it->path().filename().string();
    if (name.front() == '.') continue;
    if (!IsFolder(*it))
      found = IsPictureName(it->path());
    else if (!IsSplitName(name))
      folders.push_back(name);
  }
  for (size_t i = 0; !found && levels > 0 && i < folders.size(); ++i)
    found = HoldsPictures(folder / folders[i], levels - 1);
  return found;
}

/// The class folders in `folder`, as far as they can be told: folders with pictures.
std::vector<std::string> FoldersOfPictures(const fs::path& folder) {
  constexpr int kLevelsOfAClass = 3;
  Result<std::vector<std::string>> names = FoldersIn(folder);
  if (!names.ok()) return {};
  std::erase_if(*names, [&](const std::string& name) { return !HoldsPictures(folder / name, kLevelsOfAClass); });
  return *names;
}

/// Pictures that lie in the folder itself.
bool HoldsPicturesItself(const fs::path& folder) { return HoldsPictures(folder, 0); }

/// Whether this is a split and not just a folder of that name: it holds classes. One that is called as splits are holds
/// its pictures itself.
bool IsSplitFolder(const fs::path& folder) {
  if (!IsSplitName(folder.filename().string())) return false;
  return std::ranges::any_of(FoldersOfPictures(folder), [&](const std::string& name) {
    return !IsSplitName(name) || HoldsPicturesItself(folder / name);
  });
}

/// The folder in `folder` that is called so; "" if there is none. Names in the case of the table come first.
fs::path SplitIn(const fs::path& folder, const std::vector<std::string_view>& names) {
  std::error_code error;
  for (const std::string_view name : names)
    if (fs::is_directory(folder / name, error)) return folder / name;
  const Result<std::vector<std::string>> there = FoldersIn(folder);
  if (!there.ok()) return {};
  for (const std::string_view name : names)
    for (const std::string& candidate : *there)
      if (Lowercase(candidate) == Lowercase(name)) return folder / candidate;
  return {};
}

std::string Listed(const std::vector<std::string>& names) {
  std::string text;
  for (size_t i = 0; i < std::min(names.size(), kNamesTold); ++i) text += (i ? ", " : "") + OneLine(names[i]);
  return names.size() > kNamesTold ? text + ", ..." : text;
}

/// What is at `root` instead of a split, and what to do; begins with "; ".
std::string ThereInstead(const fs::path& root, const std::string& split) {
  std::error_code error;
  if (IsSplitFolder(fs::weakly_canonical(root, error)))
    return fmt::format("; this folder is a split itself: name the folder above it");
  const Result<std::vector<std::string>> all = FoldersIn(root);
  const std::vector<std::string> folders = all.ok() ? *all : std::vector<std::string>();
  const bool other_splits = std::ranges::any_of(folders, [](const std::string& name) { return IsSplitName(name); });
  if (const auto classes = FoldersOfPictures(root); !classes.empty() && !other_splits)
    return fmt::format("; class folders lie directly in it ({}): put them below {}", Listed(classes),
                       (root / split).string());
  if (HoldsPicturesItself(root))
    return fmt::format("; pictures lie directly in it: put each below {}", (root / split / "ITS_CLASS").string());
  return folders.empty() ? "; no folder is there" : fmt::format("; the folders there: {}", Listed(folders));
}

/// The place of `name` in the known classes.
Result<int32_t> LabelOf(const std::string& name, const std::vector<std::string>& known, const fs::path& folder) {
  const auto it = std::ranges::find(known, name);
  if (it != known.end()) return static_cast<int32_t>(it - known.begin());
  const auto alike = std::ranges::find_if(known, [&](const std::string& other) { return LookAlike(name, other); });
  if (alike != known.end())
    return InvalidArgument(
        "{}: class '{}' is not among those that the network is trained for; '{}' is, which looks alike in another "
        "Unicode normal form ({} here, {} there): rename the folder",
        folder.string(), name, *alike, Escaped(name), Escaped(*alike));
  const std::vector<std::string_view> views(known.begin(), known.end());
  return InvalidArgument("{}: class '{}' is not among the {} that the network is trained for; the nearest is '{}'",
                         folder.string(), name, known.size(), Nearest(name, views));
}

/// Files that lie beside the class folders.
Status AddBeside(const fs::path& split_folder, LeftOutFiles* left_out) {
  return ForEachIn(split_folder, [&](const fs::directory_entry& entry, const std::string& name) {
    if (!IsFolder(entry) && name.front() != '.')
      left_out->Add("files beside the class folders", name, !IsPictureName(name));
  });
}

std::string Instead(const std::vector<LeftOut>& left_out) {
  return left_out.empty() ? "" : "; found: " + Described(left_out);
}

}  // namespace

Result<fs::path> FindSplitFolder(const fs::path& data_dir, const std::string& split) {
  static constexpr DatasetInfo kAnyFolder{};
  const fs::path root = data_dir.empty() ? "." : data_dir;
  const std::vector<std::string_view> names = NamesOfSplit(split);
  const std::string what = fmt::format("a folder '{}' with a folder of pictures for each class", split);
  std::error_code error;
  const bool root_is_a_split =
      IsSplitFolder(fs::weakly_canonical(root, error));  // what bears a split's name is a class
  const auto fits = [&](const fs::path& folder) {
    const fs::path found = SplitIn(folder, names);
    return !found.empty() && !(root_is_a_split && HoldsPicturesItself(found));
  };
  const auto roots = NearestFolders(root, what, kAnyFolder, fits, IsSplitFolder);
  if (!roots.ok() && fs::is_directory(root, error))
    return Status(roots.status().code(), roots.status().message() + ThereInstead(root, split));
  if (!roots.ok()) return roots.status();
  std::vector<fs::path> folders;
  for (const fs::path& folder : *roots) folders.push_back(SplitIn(folder, names));
  // Of several those with class folders; a folder that only bears the name counts where there is no other.
  const auto bears_only_the_name = [](const fs::path& folder) { return FoldersOfPictures(folder).empty(); };
  if (folders.size() > 1 && !std::ranges::all_of(folders, bears_only_the_name))
    std::erase_if(folders, bears_only_the_name);
  return TheOnly(root, what, folders);
}

Result<std::vector<std::string>> ClassFolders(const fs::path& data_dir, const std::string& split) {
  RIFFLE_ASSIGN(const fs::path folder, FindSplitFolder(data_dir, split));
  return FoldersIn(folder);
}

Result<std::unique_ptr<Dataset>> OpenFolder(const fs::path& data_dir, const std::string& split, int channels,
                                            const std::vector<std::string>& known_classes) {
  RIFFLE_ASSIGN(const fs::path folder, FindSplitFolder(data_dir, split));
  RIFFLE_ASSIGN(const std::vector<std::string> names, FoldersIn(folder));
  const std::vector<std::string>& classes = known_classes.empty() ? names : known_classes;
  auto dataset = std::make_unique<FolderDataset>(folder, channels);
  LeftOutFiles left_out;
  RIFFLE_TRY(AddBeside(folder, &left_out));
  for (const std::string& name : names) {
    RIFFLE_ASSIGN(const int32_t label, LabelOf(name, classes, folder));
    ClassFolder found(folder, name);
    RIFFLE_TRY(found.Search());
    if (found.pictures.empty() && known_classes.empty())
      return NotFound("{}: no {} file in this class folder{}", (folder / name).string(), PictureEndings(),
                      Instead(found.left_out.Kinds()));
    dataset->Add(label, std::move(found.pictures));
    left_out.Add(found.left_out.Kinds());
  }
  dataset->SetClasses(classes);
  dataset->SetLeftOut(left_out.Kinds());
  if (dataset->size() == 0)
    return NotFound("{}: no picture there; a folder for each class was expected, with {} files{}", folder.string(),
                    PictureEndings(), Instead(dataset->left_out()));
  return std::unique_ptr<Dataset>(std::move(dataset));
}

}  // namespace riffle
