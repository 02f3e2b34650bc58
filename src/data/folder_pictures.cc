#include "data/folder_pictures.h"

#include <sys/stat.h>

#include <algorithm>

#include "data/folders.h"

namespace riffle {
namespace {

namespace fs = std::filesystem;

class Finder {
 public:
  Finder(const fs::path& folder, const fs::path& name) : folder_(folder), name_(name) {}

  Result<FolderPictures> Find() {
    RIFFLE_TRY(Search(""));
    std::ranges::sort(found_.pictures);
    return std::move(found_);
  }

 private:
  using Identity = std::pair<dev_t, ino_t>;

  Status Search(const fs::path& below) {
    const fs::path folder = folder_ / below;
    struct stat info {};
    if (::stat(folder.c_str(), &info) != 0) return IoError("{}: cannot be listed", folder.string());
    const Identity self = {info.st_dev, info.st_ino};
    if (std::ranges::find(above_, self) != above_.end()) {
      found_.left_out.Add("links to a folder above them", name_ / below);
      return {};
    }
    above_.push_back(self);
    std::vector<fs::path> folders;  // listed when this one is closed: one at a time is open
    RIFFLE_TRY(ForEachIn(folder, [&](const fs::directory_entry& entry, const std::string& name) {
      if (!IsFolder(entry))
        AddFile(entry, below / name);
      else if (name.front() == '.')
        found_.left_out.Add("hidden folders", name_ / below / name, true);
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
    const bool has_its_name = IsPictureName(path) && path.filename().native().front() != '.';
    if (!has_its_name && IsBrokenLink(entry.path()) && !IsOftenBesidePictures(path))
      found_.left_out.Add("broken links", name_ / path);
    else if (!has_its_name)
      found_.left_out.AddByName(name_ / path);
    else if (entry.is_regular_file(error) || !entry.exists(error))  // a broken link is told of when it is read
      found_.pictures.push_back(path.string());
    else
      found_.left_out.Add("pipes, sockets and devices", name_ / path);
  }

  const fs::path& folder_;
  const fs::path& name_;
  FolderPictures found_;
  std::vector<Identity> above_;  // the folder and those that led to it
};

}  // namespace

Result<FolderPictures> FindPictures(const fs::path& folder, const fs::path& name) {
  return Finder(folder, name).Find();
}

}  // namespace riffle
