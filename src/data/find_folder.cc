// Where the files of a data set lie: a bounded search below the folder that the user named.
#include <algorithm>

#include "base/text.h"
#include "data/readers.h"

namespace riffle {
namespace {

namespace fs = std::filesystem;

constexpr int kLevelsBelow = 4;
// The search must end soon even where data_dir is somebody's home.
constexpr size_t kMaxFolders = 20000;

std::vector<fs::path> SubFolders(const fs::path& folder) {
  std::vector<fs::path> found;
  std::error_code error;
  for (fs::directory_iterator it(folder, fs::directory_options::skip_permission_denied, error), end; it != end;) {
    std::error_code unreadable;  // such an entry is passed over; what is missing in the end is reported by name
    if (it->is_directory(unreadable) && it->path().filename().native().front() != '.') found.push_back(it->path());
    if (it.increment(error); error) break;
  }
  std::sort(found.begin(), found.end());
  return found;
}

// Whether the part of `path` below `root` holds the word, in any case.
bool Holds(const fs::path& path, const fs::path& root, std::string_view word) {
  const std::string below = Lowercase(path.native().substr(std::min(root.native().size(), path.native().size())));
  return !word.empty() && below.find(word) != std::string::npos;
}

struct Candidate {
  fs::path folder;
  bool preferred;
};

}  // namespace

Result<std::vector<fs::path>> NearestFolders(const fs::path& root, const std::string& what, const DatasetInfo& info,
                                             const std::function<bool(const fs::path&)>& fits,
                                             const std::function<bool(const fs::path&)>& closed) {
  std::error_code error;
  if (!fs::is_directory(root, error))
    return NotFound("{}: no such folder; let --data_dir lead to {}", root.string(), what);
  std::vector<fs::path> level = {root};
  std::vector<Candidate> nearest;  // of the first level that has any, or the first that has a preferred one
  size_t visited = 0;
  for (int depth = 0; depth <= kLevelsBelow && visited < kMaxFolders; ++depth) {
    std::vector<fs::path> next;
    std::vector<Candidate> here;
    for (const fs::path& folder : level) {
      if (++visited > kMaxFolders) break;
      const bool preferred = depth == 0 || info.folder_word.empty() || Holds(folder, root, info.folder_word);
      if (fits(folder) && !Holds(folder, root, info.foreign_folder_word)) here.push_back({folder, preferred});
    }
    const bool any_preferred = std::any_of(here.begin(), here.end(), [](const Candidate& c) { return c.preferred; });
    if (any_preferred) std::erase_if(here, [](const Candidate& c) { return !c.preferred; });
    if (any_preferred || nearest.empty()) nearest = std::move(here);
    if (any_preferred || depth == kLevelsBelow) break;
    for (const fs::path& folder : level)
      for (fs::path& below : SubFolders(folder))
        if (!closed(below)) next.push_back(std::move(below));
    level = std::move(next);
  }
  if (nearest.empty())
    return NotFound("{}: {} is neither there nor in a folder below; let --data_dir lead to it", root.string(), what);
  std::vector<fs::path> folders;
  for (Candidate& candidate : nearest) folders.push_back(std::move(candidate.folder));
  return folders;
}

Result<fs::path> TheOnly(const fs::path& root, const std::string& what, const std::vector<fs::path>& folders) {
  if (folders.size() == 1) return folders[0];
  return InvalidArgument("{}: {} is there twice, in {} and in {}; let --data_dir name one", root.string(), what,
                         folders[0].string(), folders[1].string());
}

Result<fs::path> FindFolder(const fs::path& root, const std::string& what, const DatasetInfo& info,
                            const std::function<bool(const fs::path&)>& fits) {
  RIFFLE_ASSIGN(const std::vector<fs::path> folders,
                NearestFolders(root, what, info, fits, [](const fs::path&) { return false; }));
  return TheOnly(root, what, folders);
}

}  // namespace riffle
