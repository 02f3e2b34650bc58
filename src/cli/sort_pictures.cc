#include "cli/sort_pictures.h"

#include <algorithm>
#include <map>

#include "base/file.h"

namespace riffle {
namespace {

namespace fs = std::filesystem;

/// With its links followed, as far as it is there.
fs::path Real(const fs::path& path) {
  std::error_code error;
  fs::path real = fs::weakly_canonical(fs::absolute(path, error), error);
  if (error) return path;
  return real.has_filename() ? real : real.parent_path();
}

bool IsWithin(const fs::path& path, const fs::path& folder) {
  return std::ranges::mismatch(folder, path).in1 == folder.end();
}

bool IsSameContent(const fs::path& a, const fs::path& b) {
  std::error_code error;
  if (fs::file_size(a, error) != fs::file_size(b, error) || error) return false;
  const auto bytes = ReadFile(a), others = ReadFile(b);
  return bytes.ok() && others.ok() && *bytes == *others;
}

}  // namespace

std::string FolderNameOf(const std::string& class_name, int index) {
  constexpr size_t kMostBytes = 200;
  std::string name = class_name.substr(0, kMostBytes);
  while (name.size() < class_name.size() && !name.empty() &&
         (static_cast<unsigned char>(class_name[name.size()]) & 0xC0) == 0x80)  // not within a character of UTF-8
    name.pop_back();
  std::ranges::replace_if(
      name, [](char c) { return c == '/' || static_cast<unsigned char>(c) < ' ' || c == 127; }, '_');
  if (name.starts_with('.')) name[0] = '_';
  return name == class_name && !name.empty() ? name : fmt::format("{}-{}", name, index);
}

Result<PictureSorter> PictureSorter::Create(const fs::path& folder, std::span<const PictureInput> pictures) {
  const fs::path real = Real(folder);
  std::map<fs::path, bool> is_within;  // by the folder of pictures
  for (const PictureInput& picture : pictures) {
    if (!picture.bytes.empty() || IsStream(picture.name))
      return InvalidArgument("option sort_into (command line): {} is no file that can be copied; leave it out",
                             picture.name);
    const fs::path parent = fs::path(picture.name).parent_path();
    const auto [known, is_new] = is_within.try_emplace(parent);
    if (is_new) known->second = IsWithin(Real(parent.empty() ? "." : parent), real);
    if (known->second)
      return InvalidArgument(
          "option sort_into (command line): the picture {} lies in {} already; name another folder, or other pictures",
          picture.name, folder.string());
  }
  std::error_code error;
  fs::create_directories(folder, error);
  if (error)
    return IoError("option sort_into (command line): {}: the folder cannot be made: {}", folder.string(),
                   error.message());
  return PictureSorter(folder);
}

Status PictureSorter::Copy(const std::string& picture, const std::string& class_name, int class_index) {
  const fs::path folder = folder_ / FolderNameOf(class_name, class_index), source = picture;
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) return IoError("{}: the folder cannot be made: {}", folder.string(), error.message());
  for (int& number = numbers_.try_emplace(folder / source.filename(), 1).first->second;; ++number) {
    fs::path target = folder / source.filename();
    if (number > 1)
      target.replace_filename(fmt::format("{}-{}{}", source.stem().string(), number, source.extension().string()));
    std::error_code unknown;
    const bool is_free = !fs::exists(fs::symlink_status(target, unknown));
    if (is_free && fs::copy_file(source, target, error)) {
      ++number, ++copied_;
      return {};
    }
    if (is_free && error != std::errc::file_exists) {
      fs::remove(target, unknown);  // what there is of it
      return IoError("{}: cannot be written: {}", target.string(), error.message());
    }
    if (IsSameContent(source, target)) {
      ++number, ++there_already_;
      return {};
    }
  }
}

}  // namespace riffle
