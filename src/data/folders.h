// What lies in a folder, for readers of folders of pictures.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/status.h"

namespace riffle {

/// Calls `entry(directory_entry, name)` for what lies in the folder, in no order.
template <class Entry>
Status ForEachIn(const std::filesystem::path& folder, const Entry& entry) {
  std::error_code error;
  for (std::filesystem::directory_iterator it(folder, error), end; !error && it != end; it.increment(error))
    entry(*it, it->path().filename().string());
  if (error) return IoError("{}: cannot be listed: {}", folder.string(), error.message());
  return {};
}

/// Whether it is a folder, or a link to one.
bool IsFolder(const std::filesystem::directory_entry& entry);

/// Whether it is a link that leads nowhere.
bool IsBrokenLink(const std::filesystem::path& path);

/// "PATH: a broken link: TARGET is not there". REQUIRES: it is such a link.
Status BrokenLink(const std::filesystem::path& path);

/// The folders in `folder` that are not hidden, in byte order of their names.
Result<std::vector<std::string>> FoldersIn(const std::filesystem::path& folder);

/// Whether pictures lie in the folder, or in folders up to `levels` below: not in those that are called as splits are.
bool HoldsPictures(const std::filesystem::path& folder, int levels);

/// The class folders in `folder`, as far as they can be told: folders with pictures, which are not data sets of splits.
std::vector<std::string> ClassFoldersIn(const std::filesystem::path& folder);

/// Whether there is one.
bool HoldsClasses(const std::filesystem::path& folder);

/// Whether this is a split and not just a folder of that name: it holds class folders.
bool IsSplitFolder(const std::filesystem::path& folder);

/// "ants, bees, ...": the first few names, for a message.
std::string Listed(const std::vector<std::string>& names);

}  // namespace riffle
