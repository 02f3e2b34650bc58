#include "data/folders.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "data/left_out.h"
#include "data/split_names.h"

namespace riffle {
namespace {

namespace fs = std::filesystem;

constexpr size_t kNamesTold = 5;
constexpr int kLevelsOfAClass = 3;  // of folders below a class folder: sources, dates
// Of splits below classes below splits. Links can make them endless.
constexpr int kLevelsOfSplits = 2;

bool HoldsClasses(const fs::path& folder, int levels);

/// A folder with pictures, unless it holds splits: then it is a data set.
bool IsClassFolder(const fs::path& folder, int levels) {
  if (!HoldsPictures(folder, kLevelsOfAClass)) return false;
  const Result<std::vector<std::string>> below = FoldersIn(folder);
  return !below.ok() || std::ranges::none_of(*below, [&](const std::string& name) {
    return levels > 0 && IsSplitName(name) && HoldsClasses(folder / name, levels - 1);
  });
}

/// A class that is called as splits are: its pictures lie in itself, and none in folders below.
bool IsClassFolderOfThatName(const fs::path& folder) {
  if (!HoldsPictures(folder, 0)) return false;
  const Result<std::vector<std::string>> below = FoldersIn(folder);
  return !below.ok() || std::ranges::none_of(*below, [&](const std::string& name) {
    return !IsSplitName(name) && HoldsPictures(folder / name, kLevelsOfAClass);
  });
}

bool IsClass(const fs::path& folder, const std::string& name, int levels) {
  return IsSplitName(name) ? IsClassFolderOfThatName(folder / name) : IsClassFolder(folder / name, levels);
}

bool HoldsClasses(const fs::path& folder, int levels) {
  const Result<std::vector<std::string>> names = FoldersIn(folder);
  return names.ok() &&
         std::ranges::any_of(*names, [&](const std::string& name) { return IsClass(folder, name, levels); });
}

}  // namespace

bool IsFolder(const fs::directory_entry& entry) {
  std::error_code broken_link;  // is none
  return entry.is_directory(broken_link);
}

bool IsBrokenLink(const fs::path& path) {
  std::error_code error;
  return fs::is_symlink(path, error) && !fs::exists(path, error);
}

Status BrokenLink(const fs::path& path) {
  std::error_code error;
  return DataLoss("{}: a broken link: {} is not there", path.string(), fs::read_symlink(path, error).string());
}

Result<std::vector<std::string>> FoldersIn(const fs::path& folder) {
  std::vector<std::string> names;
  RIFFLE_TRY(ForEachIn(folder, [&](const fs::directory_entry& entry, const std::string& name) {
    if (name.front() != '.' && IsFolder(entry)) names.push_back(name);
  }));
  std::ranges::sort(names);
  return names;
}

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

std::vector<std::string> ClassFoldersIn(const fs::path& folder) {
  Result<std::vector<std::string>> names = FoldersIn(folder);
  if (!names.ok()) return {};
  std::erase_if(*names, [&](const std::string& name) { return !IsClass(folder, name, kLevelsOfSplits); });
  return *names;
}

bool HoldsClasses(const fs::path& folder) { return HoldsClasses(folder, kLevelsOfSplits); }

bool IsSplitFolder(const fs::path& folder) { return IsSplitName(folder.filename().string()) && HoldsClasses(folder); }

std::string Listed(const std::vector<std::string>& names) {
  std::string text;
  for (size_t i = 0; i < std::min(names.size(), kNamesTold); ++i) text += (i ? ", " : "") + OneLine(names[i]);
  return names.size() > kNamesTold ? text + ", ..." : text;
}

}  // namespace riffle
