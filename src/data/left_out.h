// Which files are taken for pictures by their names, and an account of those that are not.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "data/dataset.h"

namespace riffle {

/// The endings of pictures' names for a message: ".jpg, .jpeg, .jpe, .jfif, .png, .webp or .bmp".
std::string PictureEndings();

/// Whether the name ends as a picture's does, in any case.
bool IsPictureName(const std::filesystem::path& path);

/// Whether such a file often lies beside pictures, and nobody takes it for one: hidden files, texts, tables.
bool IsOftenBesidePictures(const std::filesystem::path& path);

/// Whether the name is that of an archive, which may hold pictures.
bool IsArchiveName(const std::filesystem::path& path);

/// Files that were passed over, counted by kind. Not thread-safe.
class LeftOutFiles {
 public:
  /// A file that is not taken for a picture by its name, or is hidden. `path` is what messages call it.
  void AddByName(const std::filesystem::path& path);
  /// `harmless` as in LeftOut.
  void Add(const std::string& why, const std::filesystem::path& path, bool harmless = false);
  void Add(const std::vector<LeftOut>& kinds);

  /// The largest first, those of one size in the order of their texts; harmless ones last.
  std::vector<LeftOut> Kinds() const;

 private:
  std::map<std::pair<bool, std::string>, LeftOut> kinds_;
};

/// ".gif files, which are not read (4, such as ants/a.gif); hidden files (1: ants/.x.jpg)"; at most so many kinds.
std::string Described(const std::vector<LeftOut>& kinds);

/// Those that may have been meant as pictures.
std::vector<LeftOut> WithoutHarmless(std::vector<LeftOut> kinds);

}  // namespace riffle
