#include "cli/picture_arguments.h"

#include <algorithm>
#include <filesystem>
#include <string_view>

#include "base/file.h"
#include "base/text.h"
#include "data/folder_pictures.h"
#include "data/left_out.h"
#include "picture/decode.h"

namespace riffle {
namespace {

namespace fs = std::filesystem;
using namespace std::string_view_literals;

constexpr std::string_view kStandardInput = "-";

/// Whether it begins as pictures of any kind do and lists of names do not. JPEG and WebP have marks; the headers of all
/// others, of those that are not read as well, have two zeros in sequence, which a list has nowhere.
bool BeginsAsPicture(std::string_view bytes) {
  constexpr size_t kHeader = 512, kWebpAt = 8;
  const std::string_view header = bytes.substr(0, kHeader);
  return header.starts_with("\xFF\xD8\xFF") || (header.starts_with("RIFF") && header.find("WEBP") == kWebpAt) ||
         header.find("\0\0"sv) != std::string_view::npos;
}

class Collector {
 public:
  void Add(const std::string& argument) {
    if (argument == kStandardInput)
      AddStandardInput();
    else
      AddPath(argument);
  }

  PictureArguments Done() && {
    found_.left_out = left_out_.Kinds();
    return std::move(found_);
  }

 private:
  void AddPath(const std::string& path) {
    std::error_code not_there;  // is no folder: told when it is read
    if (!fs::is_directory(path, not_there)) {
      found_.pictures.push_back({path, {}});
      return;
    }
    Result<FolderPictures> folder = FindPictures(path, path);
    if (!folder.ok()) {
      found_.errors.push_back(folder.status());
      return;
    }
    const std::vector<LeftOut> kinds = folder->left_out.Kinds();
    if (folder->pictures.empty())
      found_.errors.push_back(NotFound("{}: no {} file in this folder{}", path, PictureEndings(),
                                       kinds.empty() ? "" : "; found: " + Described(kinds)));
    for (const std::string& picture : folder->pictures)
      found_.pictures.push_back({(fs::path(path) / picture).string(), {}});
    left_out_.Add(kinds);
  }

  void AddStandardInput() {
    if (std::exchange(standard_input_read_, true)) {
      found_.errors.push_back(
          InvalidArgument("'-' (command line): the standard input can be read once; it is given twice"));
      return;
    }
    Result<std::vector<uint8_t>> bytes = ReadFile("/dev/stdin", kMaxPictureFileBytes);
    if (!bytes.ok()) {
      found_.errors.push_back(bytes.status());
      return;
    }
    const std::optional<std::vector<std::string>> names = NamesListed(*bytes);
    if (!names)
      found_.pictures.push_back({std::string(kStandardInput), std::move(*bytes)});
    else if (names->empty())
      found_.errors.push_back(
          InvalidArgument("-: expected a picture or the names of pictures on the standard input, found {}",
                          bytes->empty() ? "nothing" : "blank lines"));
    else
      for (const std::string& name : *names) AddPath(name);
  }

  PictureArguments found_;
  LeftOutFiles left_out_;
  bool standard_input_read_ = false;
};

}  // namespace

std::optional<std::vector<std::string>> NamesListed(std::span<const uint8_t> bytes) {
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (BeginsAsPicture(text)) return std::nullopt;
  const bool has_nul = text.find('\0') != std::string_view::npos;
  std::vector<std::string> names;
  for (std::string_view name : Split(text, has_nul ? '\0' : '\n')) {
    if (!has_nul && name.ends_with('\r')) name.remove_suffix(1);
    if (!name.empty()) names.emplace_back(name);
  }
  return names;
}

PictureArguments PicturesOf(std::span<const std::string> arguments) {
  Collector collector;
  for (const std::string& argument : arguments) collector.Add(argument);
  return std::move(collector).Done();
}

}  // namespace riffle
