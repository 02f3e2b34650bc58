#include "data/left_out.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>

#include "base/text.h"

namespace riffle {
namespace {

namespace fs = std::filesystem;

constexpr std::array<std::string_view, 7> kPictureEndings = {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".bmp"};
// What often lies beside pictures, and nobody takes for one.
constexpr std::array<std::string_view, 14> kOtherEndings = {".txt", ".json", ".jsonl",  ".csv", ".tsv",
                                                            ".xml", ".yaml", ".yml",    ".md",  ".db",
                                                            ".ini", ".md5",  ".sha256", ".log"};
constexpr std::array<std::string_view, 11> kArchiveEndings = {".tar", ".tgz", ".gz",  ".bz2", ".xz", ".zst",
                                                              ".zip", ".7z",  ".rar", ".tbz", ".txz"};
constexpr size_t kLongestEnding = 6;  // with its dot; what is longer is no ending but a name with a dot in it
constexpr size_t kKindsTold = 6;

template <size_t kCount>
bool IsIn(const std::array<std::string_view, kCount>& endings, std::string_view ending) {
  return std::ranges::find(endings, ending) != endings.end();
}

}  // namespace

std::string PictureEndings() { return Enumerated(kPictureEndings, "or"); }

bool IsPictureName(const fs::path& path) { return IsIn(kPictureEndings, Lowercase(path.extension().string())); }

bool IsOftenBesidePictures(const fs::path& path) {
  return path.filename().native().starts_with('.') || IsIn(kOtherEndings, Lowercase(path.extension().string()));
}

bool IsArchiveName(const fs::path& path) { return IsIn(kArchiveEndings, Lowercase(path.extension().string())); }

void LeftOutFiles::AddByName(const fs::path& path) {
  const std::string name = path.filename().string(), ending = Lowercase(path.extension().string());
  const bool of_a_word = ending.size() > 1 && ending.size() <= kLongestEnding &&
                         std::ranges::any_of(ending, [](unsigned char c) { return std::isalpha(c); });
  if (name.starts_with('.'))
    Add("hidden files", path, name.starts_with("._") || !IsPictureName(path));
  else if (IsIn(kOtherEndings, ending))
    Add("files that are no pictures by their names", path, true);
  else if (ending.empty())
    Add("files without an ending", path);
  else
    Add(of_a_word ? fmt::format("{} files, which are not read", ending) : "files of other endings", path);
}

void LeftOutFiles::Add(const std::string& why, const fs::path& path, bool harmless) {
  LeftOut& kind = kinds_[{harmless, why}];
  if (kind.files++ == 0) kind = {.why = why, .files = 1, .example = path.string(), .harmless = harmless};
}

void LeftOutFiles::Add(const std::vector<LeftOut>& kinds) {
  for (const LeftOut& more : kinds) {
    LeftOut& kind = kinds_[{more.harmless, more.why}];
    const int64_t files = kind.files + more.files;
    if (kind.files == 0) kind = more;
    kind.files = files;
  }
}

std::vector<LeftOut> LeftOutFiles::Kinds() const {
  std::vector<LeftOut> kinds;
  for (const auto& [key, kind] : kinds_) kinds.push_back(kind);
  std::ranges::stable_sort(kinds, [](const LeftOut& a, const LeftOut& b) {
    return std::pair(a.harmless, -a.files) < std::pair(b.harmless, -b.files);
  });
  return kinds;
}

std::string Described(const std::vector<LeftOut>& kinds) {
  std::string text;
  for (size_t i = 0; i < std::min(kinds.size(), kKindsTold); ++i)
    text += fmt::format("{}{} ({}{}{})", i ? "; " : "", kinds[i].why, kinds[i].files,
                        kinds[i].files > 1 ? ", such as " : ": ", OneLine(kinds[i].example));
  if (kinds.size() <= kKindsTold) return text;
  int64_t files = 0;
  for (size_t i = kKindsTold; i < kinds.size(); ++i) files += kinds[i].files;
  const size_t more = kinds.size() - kKindsTold;
  return text + fmt::format("; and {} ({})", Counted(static_cast<int64_t>(more), "more kind"), Counted(files, "file"));
}

std::vector<LeftOut> WithoutHarmless(std::vector<LeftOut> kinds) {
  std::erase_if(kinds, [](const LeftOut& kind) { return kind.harmless; });
  return kinds;
}

}  // namespace riffle
