// Where the folder of a split lies, and what to say where it does not.
#include <algorithm>
#include <set>

#include "base/text.h"
#include "data/folders.h"
#include "data/readers.h"
#include "data/split_names.h"

namespace riffle {
namespace {

namespace fs = std::filesystem;

/// What is called so in `folder`, in any case: folders, each once however many links lead to it, and links that lead
/// nowhere. In the order of `names`.
std::vector<fs::path> Called(const fs::path& folder, const std::vector<std::string_view>& names) {
  std::vector<std::string> there;
  const Status listed = ForEachIn(folder, [&](const fs::directory_entry& entry, const std::string& name) {
    if (IsFolder(entry) || IsBrokenLink(entry.path())) there.push_back(name);
  });
  if (!listed.ok()) return {};
  std::ranges::sort(there);
  std::vector<fs::path> found;
  for (const std::string_view name : names)
    for (const std::string& candidate : there) {
      std::error_code error;
      const fs::path path = folder / candidate;
      if (Lowercase(candidate) == Lowercase(name) &&
          std::ranges::none_of(found, [&](const fs::path& other) { return fs::equivalent(path, other, error); }))
        found.push_back(path);
    }
  return found;
}

/// Whether `inner` is the folder or lies below it.
bool Contains(const fs::path& folder, const fs::path& inner) {
  return std::ranges::mismatch(folder, inner).in1 == folder.end();
}

bool HoldsSplits(const fs::path& folder) {
  const Result<std::vector<std::string>> names = FoldersIn(folder);
  return names.ok() &&
         std::ranges::any_of(*names, [&](const std::string& name) { return IsSplitFolder(folder / name); });
}

/// What is at `root` instead of a split, and what to do; begins with "; ".
std::string ThereInstead(const fs::path& root, const std::string& split) {
  std::error_code error;
  if (IsSplitFolder(fs::weakly_canonical(root, error)))
    return fmt::format("; this folder is a split itself: name the folder above it");
  const Result<std::vector<std::string>> all = FoldersIn(root);
  const std::vector<std::string> folders = all.ok() ? *all : std::vector<std::string>();
  const bool other_splits = std::ranges::any_of(folders, [](const std::string& name) { return IsSplitName(name); });
  if (const auto classes = ClassFoldersIn(root); !classes.empty() && !other_splits) {
    const bool are_splits = std::ranges::all_of(
        classes, [&](const std::string& name) { return HoldsClasses(root / name) && !HoldsPictures(root / name, 0); });
    return are_splits ? fmt::format(
                            "; the folders there hold folders of pictures ({}): call one '{}', or name it as "
                            "the split (--train_split, --val_split)",
                            Listed(classes), split)
                      : fmt::format("; class folders lie directly in it ({}): put them below {}", Listed(classes),
                                    (root / split).string());
  }
  if (HoldsPictures(root, 0))
    return fmt::format("; pictures lie directly in it: put each below {}", (root / split / "ITS_CLASS").string());
  return folders.empty() ? "; no folder is there" : fmt::format("; the folders there: {}", Listed(folders));
}

}  // namespace

Result<SplitFolder> FindSplitFolder(const fs::path& data_dir, const std::string& split) {
  static constexpr DatasetInfo kAnyFolder{};
  const fs::path root = data_dir.empty() ? "." : data_dir;
  const std::vector<std::string_view> names = NamesOfSplit(split);
  const std::string what = fmt::format("a folder '{}' with a folder of pictures for each class", split);
  std::error_code error;
  const bool root_is_a_split = IsSplitFolder(fs::weakly_canonical(root, error));
  const auto candidates = [&](const fs::path& folder) {
    std::vector<fs::path> found = Called(folder, names);
    if (root_is_a_split)  // what bears a split's name is a class
      std::erase_if(found, [](const fs::path& candidate) { return HoldsPictures(candidate, 0); });
    return found;
  };
  const auto bears_the_name = [&](const fs::path& folder) { return !candidates(folder).empty(); };
  const auto is_meant = [&](const fs::path& folder) {  // it has class folders, or is where a split would be
    const std::vector<fs::path> found = candidates(folder);
    return !found.empty() &&
           (std::ranges::any_of(found, [](const fs::path& f) { return HoldsClasses(f); }) || HoldsSplits(folder));
  };
  const auto named = NearestFolders(root, what, kAnyFolder, bears_the_name, IsSplitFolder);
  if (!named.ok() && fs::is_directory(root, error))
    return Status(named.status().code(), named.status().message() + ThereInstead(root, split));
  if (!named.ok()) return named.status();
  const auto meant = NearestFolders(root, what, kAnyFolder, is_meant, IsSplitFolder);
  SplitFolder result;
  std::vector<fs::path> folders;
  for (const fs::path& folder : meant.ok() ? *meant : *named)
    for (const fs::path& candidate : candidates(folder)) folders.push_back(candidate);
  // Of several those with class folders; a folder that only bears the name counts where there is no other.
  if (std::ranges::any_of(folders, [](const fs::path& folder) { return HoldsClasses(folder); }))
    std::erase_if(folders, [](const fs::path& folder) { return !HoldsClasses(folder); });
  if (folders.size() > 1 && folders[0].parent_path() == folders[1].parent_path())
    return InvalidArgument("{} and {} are both called as the split '{}' is: put their pictures into one, or rename one",
                           folders[0].string(), folders[1].string(), split);
  RIFFLE_ASSIGN(result.folder, TheOnly(root, what, folders));
  if (IsBrokenLink(result.folder)) return BrokenLink(result.folder);
  std::set<fs::path> others;
  for (const auto* const roots : {&named, &meant})
    if (roots->ok())
      for (const fs::path& folder : **roots)
        for (const fs::path& candidate : candidates(folder)) others.insert(candidate);
  for (const fs::path& other : others)
    if (!Contains(other, result.folder)) result.passed_over.push_back(other);
  return result;
}

Result<std::vector<std::string>> ClassFolders(const fs::path& data_dir, const std::string& split) {
  RIFFLE_ASSIGN(const SplitFolder found, FindSplitFolder(data_dir, split));
  return FoldersIn(found.folder);
}

std::string BelowTheOnlyClass(const fs::path& data_dir, const std::string& split) {
  const auto found = FindSplitFolder(data_dir, split);
  if (!found.ok()) return "";
  const auto classes = FoldersIn(found->folder);
  if (!classes.ok() || classes->size() != 1) return "";
  const fs::path only = found->folder / classes->front();
  const auto below = ClassFoldersIn(only);
  if (below.empty()) return "";
  return fmt::format(
      "; folders of pictures lie one level deeper, in {} ({}): if they are the classes, put them into {}",
      only.string(), Listed(below), found->folder.string());
}

}  // namespace riffle
