#include "picture/file_kind.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "base/json.h"
#include "base/text.h"

namespace riffle {
namespace {

using namespace std::string_view_literals;

struct Kind {
  size_t offset;
  std::string_view magic;
  std::string_view text;
};

constexpr std::string_view kConvert = "{} picture, which is not read: convert it to PNG or JPEG";

// Those with a longer magic first where one is the beginning of another.
constexpr Kind kPictures[] = {
    {0, "GIF8"sv, "a GIF"},
    {0, "II*\0"sv, "a TIFF or raw"},
    {0, "MM\0*"sv, "a TIFF or raw"},
    {0, "II+\0"sv, "a BigTIFF"},
    {0, "MM\0+"sv, "a BigTIFF"},
    {4, "ftypavif"sv, "an AVIF"},
    {4, "ftypavis"sv, "an AVIF"},
    {4, "ftyphei"sv, "a HEIC"},
    {4, "ftyphev"sv, "a HEIC"},
    {4, "ftypmif1"sv, "a HEIF"},
    {4, "ftypmsf1"sv, "a HEIF"},
    {0, "\xFF\x0A"sv, "a JPEG XL"},
    {0, "\0\0\0\x0CJXL \r\n\x87\n"sv, "a JPEG XL"},
    {0, "\0\0\0\x0CjP  \r\n\x87\n"sv, "a JPEG 2000"},
    {0, "\xFF\x4F\xFF\x51"sv, "a JPEG 2000"},
    {0, "8BPS"sv, "a Photoshop"},
    {0, "\0\0\1\0"sv, "a Windows icon"},
    {0, "qoif"sv, "a QOI"},
    {0, "DDS "sv, "a DirectDraw"},
    {0, "v/1\1"sv, "an OpenEXR"},
    {0, "#?RADIANCE"sv, "a Radiance"},
    {0, "P1\n"sv, "a PBM"},
    {0, "P2\n"sv, "a PGM"},
    {0, "P3\n"sv, "a PPM"},
    {0, "P4\n"sv, "a PBM"},
    {0, "P5\n"sv, "a PGM"},
    {0, "P6\n"sv, "a PPM"},
    {0, "P7\n"sv, "a PAM"},
};

constexpr Kind kOthers[] = {
    {0, "version https://git-lfs"sv, "a Git LFS pointer: fetch the picture itself with 'git lfs pull'"},
    {0, "\x1F\x8B"sv, "a gzip file: unpack it"},
    {0, "BZh"sv, "a bzip2 file: unpack it"},
    {0,
     "\xFD"
     "7zXZ\0"sv,
     "an xz file: unpack it"},
    {0, "\x28\xB5\x2F\xFD"sv, "a Zstandard file: unpack it"},
    {0, "PK\3\4"sv, "a ZIP archive: unpack it"},
    {0, "7z\xBC\xAF\x27\x1C"sv, "a 7-Zip archive: unpack it"},
    {0, "Rar!"sv, "a RAR archive: unpack it"},
    {0, "RIFFLEPK"sv, "a pack, which 'train' and 'validate' read: name the pictures that it was made of"},
    {257, "ustar"sv, "a tar archive: unpack it"},
    {0, "%PDF"sv, "a PDF document: export its pages as PNG"},
    {0, "%!PS"sv, "a PostScript document: export it as PNG"},
    {0, "\0\5\x16\7"sv, "a file of attributes that macOS leaves beside a picture: remove it"},
    {0, "\x89PNG\n\x1A\n"sv, "a PNG that was transferred as text, which spoils it: transfer it again as binary"},
    {0, "\x89PNG\r\r\n\x1A"sv, "a PNG that was transferred as text, which spoils it: transfer it again as binary"},
    {8, "AVI "sv, "a video: extract its frames as JPEG"},
    {8, "WAVE"sv, "a sound, no picture: remove it"},
    {4, "ftyp"sv, "a video: extract its frames as JPEG"},
    {0, "\x1A\x45\xDF\xA3"sv, "a video: extract its frames as JPEG"},
    {0, "\x93NUMPY"sv, "a NumPy array: save it as PNG"},
    {0, "\x89HDF"sv, "an HDF5 file: save its pictures as PNG"},
};

constexpr size_t kStart = 512;  // of a text, which tells what it is

bool Matches(std::span<const uint8_t> file, const Kind& kind) {
  return file.size() >= kind.offset + kind.magic.size() &&
         std::equal(kind.magic.begin(), kind.magic.end(), file.begin() + static_cast<int64_t>(kind.offset),
                    [](char a, uint8_t b) { return static_cast<uint8_t>(a) == b; });
}

/// Whether it is UTF-8 without control characters. Of a longer file the last character may be cut.
bool IsText(std::span<const uint8_t> start) {
  constexpr int kMostBytesCut = 3;
  std::string text(start.begin(), start.end());
  for (int cut = 0; cut < kMostBytesCut && start.size() == kStart && !IsUtf8(text); ++cut) text.pop_back();
  return IsUtf8(text) &&
         std::ranges::all_of(text, [](char c) { return static_cast<uint8_t>(c) >= ' ' || (c >= '\t' && c <= '\r'); });
}

/// The first characters of a text, on one line.
std::string Beginning(std::span<const uint8_t> start) {
  constexpr size_t kBytes = 40;
  std::string text(start.begin(), start.begin() + static_cast<int64_t>(std::min(start.size(), kBytes)));
  while (!IsUtf8(text)) text.pop_back();
  const bool all = text.size() == start.size();
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back()))) text.pop_back();
  return fmt::format("'{}'{}", OneLine(text), all ? "" : "...");
}

/// The kind of a file of text; "" for a plain one. Mark-up may begin with blanks, comments and the like, and may be of
/// two bytes a character (UTF-16).
std::string_view KindOfMarkup(std::span<const uint8_t> start) {
  std::string text(start.begin(), start.end());
  if (text.starts_with("\xFF\xFE") || text.starts_with("\xFE\xFF")) {
    text.erase(0, 2);
    std::erase(text, '\0');
  }
  text = Lowercase(text);
  const size_t first = text.find_first_not_of(" \t\r\n\xEF\xBB\xBF");
  if (first == std::string::npos || text[first] != '<') return "";
  if (text.find("<svg") != std::string::npos) return "an SVG drawing, which is not read: export it as PNG";
  if (text.find("<html") != std::string::npos || text.find("<!doctype html") != std::string::npos ||
      text.find("<head") != std::string::npos || text.find("<body") != std::string::npos)
    return "an HTML page, perhaps of a failed download: fetch the picture again";
  if (std::string_view(text).substr(first).starts_with("<?xml") ||
      std::string_view(text).substr(first).starts_with("<error"))
    return "an XML document, perhaps of a failed download: fetch the picture again";
  return "";
}

}  // namespace

std::string KindOf(std::span<const uint8_t> file) {
  if (file.empty()) return "an empty file: fetch the picture again";
  for (const Kind& kind : kPictures)
    if (Matches(file, kind)) return fmt::format(kConvert, kind.text);
  for (const Kind& kind : kOthers)
    if (Matches(file, kind)) return std::string(kind.text);
  const std::span<const uint8_t> start = file.first(std::min(file.size(), kStart));
  if (std::ranges::all_of(start, [](uint8_t c) { return c == 0; }))
    return fmt::format("{} bytes that start with zeros alone, perhaps of a copy that was broken off: fetch it again",
                       file.size());
  if (const std::string_view markup = KindOfMarkup(start); !markup.empty()) return std::string(markup);
  if (IsText(start)) return fmt::format("a text of {} bytes: {}", file.size(), Beginning(start));
  std::string bytes;
  for (const uint8_t byte : start.first(std::min<size_t>(start.size(), 8)))
    bytes += fmt::format("{}{:02x}", bytes.empty() ? "" : " ", byte);
  return fmt::format("{} bytes that start with {}", file.size(), bytes);
}

}  // namespace riffle
