// Windows and OS/2 bitmaps without compression: 1, 4 and 8 bits with a palette, 16 and 32 bits with masks, 24 bits.
#include <algorithm>
#include <array>
#include <bit>

#include "picture/decode_formats.h"

namespace riffle {
namespace {

// Byte offsets in the file; the information header starts at 14 and tells its own size (12: OS/2).
constexpr uint32_t kPixelOffsetAt = 10, kHeaderSizeAt = 14, kMasksAt = 54, kOs2HeaderSize = 12;
enum Compression : uint32_t { kRgb = 0, kBitFields = 3, kAlphaBitFields = 6 };

struct Bitmap {
  std::span<const uint8_t> file;
  int64_t height = 0, width = 0;
  bool top_down = false;
  uint32_t bits = 0;         // a pixel
  uint32_t pixels_at = 0;    // first row
  uint32_t palette_at = 0;   // blue, green, red and, but for OS/2, a spare byte
  uint32_t entry_bytes = 0;  // of the palette
  std::array<uint32_t, 3> masks{};

  uint32_t Le16(uint64_t at) const { return file[at] | file[at + 1] << 8; }
  uint32_t Le32(uint64_t at) const { return Le16(at) | Le16(at + 2) << 16; }
};

Status ReadMasks(Bitmap& bmp, uint32_t compression) {
  if (compression == kRgb) {
    bmp.masks = bmp.bits == 16 ? std::array{0x7C00u, 0x3E0u, 0x1Fu} : std::array{0xFF0000u, 0xFF00u, 0xFFu};
    return {};
  }
  if (bmp.file.size() < kMasksAt + 12) return DataLoss("BMP cut off within its header");
  for (int c = 0; c < 3; ++c) {
    bmp.masks[c] = bmp.Le32(kMasksAt + 4 * c);
    if (bmp.masks[c] == 0) return DataLoss("broken BMP: a channel has no bits");
  }
  return {};
}

Result<Bitmap> ReadHeader(std::span<const uint8_t> file) {
  Bitmap bmp{.file = file};
  if (file.size() < 26) return DataLoss("BMP cut off within its header");
  const uint32_t header_size = bmp.Le32(kHeaderSizeAt);
  uint32_t compression = kRgb;
  if (header_size == kOs2HeaderSize) {
    bmp.width = bmp.Le16(18), bmp.height = bmp.Le16(20), bmp.bits = bmp.Le16(24), bmp.entry_bytes = 3;
  } else {
    if (header_size < 40 || header_size > 1024 || file.size() < 54) return DataLoss("broken or cut-off BMP header");
    const int32_t height = static_cast<int32_t>(bmp.Le32(22));
    bmp.top_down = height < 0;
    bmp.width = static_cast<int32_t>(bmp.Le32(18)), bmp.height = bmp.top_down ? -int64_t{height} : height;
    bmp.bits = bmp.Le16(28), compression = bmp.Le32(30), bmp.entry_bytes = 4;
  }
  bmp.pixels_at = bmp.Le32(kPixelOffsetAt);
  bmp.palette_at = kHeaderSizeAt + header_size;
  const bool masked = bmp.bits == 16 || bmp.bits == 32;
  if (!masked && bmp.bits != 1 && bmp.bits != 4 && bmp.bits != 8 && bmp.bits != 24)
    return DataLoss("broken BMP: {} bits a pixel", bmp.bits);
  if (compression != kRgb && !(masked && (compression == kBitFields || compression == kAlphaBitFields)))
    return Unavailable("BMP with compression {}; only plain ones are supported: convert the file", compression);
  if (masked) RIFFLE_TRY(ReadMasks(bmp, compression));
  RIFFLE_TRY(CheckPictureSize("BMP", bmp.height, bmp.width));
  return bmp;
}

// The palette as RGB; entries that the file lacks are black.
std::array<uint8_t, 256 * 3> ReadPalette(const Bitmap& bmp) {
  std::array<uint8_t, 256 * 3> rgb{};
  const uint64_t end = std::min<uint64_t>(bmp.file.size(), bmp.pixels_at);
  for (uint64_t i = 0; i < (1u << bmp.bits); ++i) {
    const uint64_t at = bmp.palette_at + i * bmp.entry_bytes;
    if (at + 3 > end) break;
    for (int c = 0; c < 3; ++c) rgb[3 * i + c] = bmp.file[at + 2 - c];
  }
  return rgb;
}

// The bits under `mask`, scaled to 0..255.
uint8_t Channel(uint32_t pixel, uint32_t mask) {
  const uint64_t most = mask >> std::countr_zero(mask);
  return static_cast<uint8_t>(((pixel & mask) >> std::countr_zero(mask)) * uint64_t{255} / most);
}

void ReadRow(const Bitmap& bmp, uint64_t at, const std::array<uint8_t, 256 * 3>& palette, uint8_t* rgb) {
  const uint8_t* row = bmp.file.data() + at;
  for (int64_t x = 0; x < bmp.width; ++x, rgb += 3) {
    if (bmp.bits <= 8) {
      const uint32_t shift = 8 - bmp.bits - static_cast<uint32_t>(x * bmp.bits % 8);
      const uint32_t entry = row[x * bmp.bits / 8] >> shift & ((1u << bmp.bits) - 1);
      std::copy_n(&palette[3 * entry], 3, rgb);
    } else if (bmp.bits == 24) {
      for (int c = 0; c < 3; ++c) rgb[c] = row[3 * x + 2 - c];
    } else {
      const uint32_t pixel = bmp.bits == 16 ? bmp.Le16(at + 2 * x) : bmp.Le32(at + 4 * x);
      for (int c = 0; c < 3; ++c) rgb[c] = Channel(pixel, bmp.masks[c]);
    }
  }
}

}  // namespace

Status DecodeBmp(std::span<const uint8_t> file, Picture& out) {
  RIFFLE_ASSIGN(const Bitmap bmp, ReadHeader(file));
  const uint64_t row_bytes = (static_cast<uint64_t>(bmp.width) * bmp.bits + 31) / 32 * 4;
  const uint64_t there = file.size() > bmp.pixels_at ? (file.size() - bmp.pixels_at) / row_bytes : 0;
  const int64_t rows = std::min<int64_t>(bmp.height, static_cast<int64_t>(there));
  if (rows == 0) return DataLoss("BMP that ends before its first pixels ({} bytes)", file.size());
  out.Reshape(static_cast<int>(bmp.height), static_cast<int>(bmp.width), 3);
  const auto palette = bmp.bits <= 8 ? ReadPalette(bmp) : std::array<uint8_t, 256 * 3>{};
  if (rows < bmp.height) std::fill(out.pixels.begin(), out.pixels.end(), kMissingPixel);
  for (int64_t y = 0; y < rows; ++y)
    ReadRow(bmp, bmp.pixels_at + y * row_bytes, palette, out.Row(bmp.top_down ? y : bmp.height - 1 - y));
  out.incomplete = rows < bmp.height;
  return {};
}

}  // namespace riffle
