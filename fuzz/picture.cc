// Picture files: JPEG, PNG, WebP and BMP. The whole of a picture is the same however it is asked for. Seeds that need
// an encoder of another program lie in corpus/picture, made by make_pictures.py.
#include <webp/encode.h>

#include <algorithm>

#include "fuzz/formats.h"
#include "fuzz/target.h"
#include "picture/decode.h"
#include "picture/draw/draw.h"
#include "picture/exif.h"
#include "picture/file_kind.h"
#include "picture/testing/pictures.h"

namespace riffle {
namespace {

/// Takes high bits away from the bytes of a size, where there are such bytes.
void Mask(std::string& file, size_t at, std::initializer_list<uint8_t> masks) {
  for (const uint8_t mask : masks)
    if (at < file.size()) file[at] = static_cast<char>(file[at] & mask), ++at;
}

/// Sides of less than 512 pixels, of a few thousand where a format makes it hard: what takes seconds finds no more.
void CutSizes(std::string& file) {
  if (file.starts_with("\x89PNG")) Mask(file, 16, {0, 0, 1, 0xFF, 0, 0, 1, 0xFF});
  if (file.starts_with("BM")) {
    for (const size_t side : {18, 22})
      if (file.size() > side + 3 && file[side + 3] != '\xFF')
        Mask(file, side, {0xFF, 1, 0, 0});  // not of a negative one
    for (const size_t side : {18, 22})
      if (file.size() > side + 3 && file[side + 3] == '\xFF' && static_cast<uint8_t>(file[side + 2]) != 0xFF)
        file[side + 2] = '\xFF';
  }
  if (file.starts_with("\xFF\xD8"))
    for (size_t at = 2; at + 9 < file.size(); ++at)
      if (file[at] == '\xFF' && (file[at + 1] & 0xF0) == 0xC0) Mask(file, at + 5, {1, 0xFF, 1, 0xFF});
  if (file.starts_with("RIFF")) {
    for (size_t at = file.find("VP8X"); at < file.size(); at = file.find("VP8X", at + 1))
      Mask(file, at + 12, {0xFF, 1, 0, 0xFF, 1, 0});
    for (size_t at = file.find("VP8 "); at < file.size(); at = file.find("VP8 ", at + 1))
      Mask(file, at + 14, {0xFF, 1, 0xFF, 1});
    for (size_t at = file.find("VP8L"); at < file.size(); at = file.find("VP8L", at + 1))
      Mask(file, at + 9, {0xFF, 0x41, 0x7F, 0xF0});
  }
}

void Repair(std::string& file) {
  CutSizes(file);
  RepairPng(file);
}

void RequireWhole(const Picture& picture, int channels) {
  Require(picture.height > 0 && picture.width > 0 && picture.channels == channels, "a picture has pixels");
  Require(picture.pixels.size() == size_t{1} * picture.height * picture.width * channels, "as many as its sides say");
}

void Check(std::string_view input) {
  std::string cut(input);
  CutSizes(cut);
  if (cut != input) return;
  const int orientation = ExifOrientation(BytesOf(input));
  Require(orientation >= 1 && orientation <= 8, "an orientation is one of eight");
  (void)KindOf(BytesOf(input));
  for (const int channels : {1, 3}) {
    Picture whole, turned, scratch;
    if (!IsFine(Decode(BytesOf(input), channels, whole), input)) return;
    RequireWhole(whole, channels);
    (void)FlawOf(whole);
    Require(Decode(BytesOf(input), channels, turned, Exif::kFollowed).ok(), "a picture is decoded once more");
    RequireWhole(turned, channels);
    const auto region = DecodeRegion(BytesOf(input), channels, Need::Whole, scratch);
    Require(region.ok() && region->pixels.height == whole.height && region->pixels.width == whole.width,
            "and as a region");
    for (int y = 0; y < whole.height; ++y)
      Require(std::equal(whole.Row(y), whole.Row(y) + whole.RowBytes(), region->pixels.Row(y)), "to the same pixels");
    const auto part = DecodeRegion(
        BytesOf(input), channels,
        [](int height, int width) {
          return Need{
              .box = {height / 3, width / 4, (height + 1) / 2, (width + 1) / 2}, .least_height = 4, .least_width = 4};
        },
        scratch);
    Require(part.ok() && part->top >= 0 && part->left >= 0 && part->top + part->height <= part->pixels.height + 1e-6 &&
                part->left + part->width <= part->pixels.width + 1e-6,
            "a part lies in what was decoded for it");
  }
}

std::string Webp(const Picture& picture, bool lossless) {
  uint8_t* bytes = nullptr;
  const int stride = static_cast<int>(picture.RowBytes());
  const size_t size = lossless
                          ? WebPEncodeLosslessRGB(picture.pixels.data(), picture.width, picture.height, stride, &bytes)
                          : WebPEncodeRGB(picture.pixels.data(), picture.width, picture.height, stride, 60, &bytes);
  std::string file(reinterpret_cast<const char*>(bytes), size);
  WebPFree(bytes);
  return file;
}

std::vector<std::string> Seeds() {
  const Picture grey = SomePicture(5, 7, 1), rgb = SomePicture(9, 6, 3);
  const std::vector<uint8_t> bmp = Bmp(5, 4, 100);
  return {*EncodePng(grey.View()), *EncodePng(rgb.View()), Webp(rgb, true), Webp(rgb, false),
          std::string(bmp.begin(), bmp.end())};
}

std::vector<std::string> Words() {
  return {"IHDR",     "PLTE",     "tRNS",     "IDAT",     "IEND",     "eXIf",     "acTL",     "gAMA", "Exif\0",
          "II*\0",    "MM\0*",    "VP8X",     "VP8L",     "VP8 ",     "ALPH",     "ANIM",     "EXIF", "\xff\xc0",
          "\xff\xc2", "\xff\xc4", "\xff\xda", "\xff\xdb", "\xff\xdd", "\xff\xe1", "\xff\xee", "Adobe"};
}

}  // namespace

FuzzTarget PictureTarget() {
  return {.name = "picture",
          .reads = "a picture file",
          .check = Check,
          .seeds = Seeds,
          .words = Words,
          .repair = Repair,
          .max_bytes = 2048};
}

}  // namespace riffle
