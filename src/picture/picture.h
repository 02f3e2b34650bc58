// A decoded picture: 8 bits a value, row by row, the channels of a pixel side by side (HWC), grey or RGB.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace riffle {

using Color3 = std::array<uint8_t, 3>;  ///< red, green, blue

/// Somebody else's pixels, or a rectangle of them. Owns nothing.
struct PictureView {
  const uint8_t* pixels = nullptr;
  int height = 0;
  int width = 0;
  int channels = 0;       ///< 1: grey, 3: RGB
  int64_t row_bytes = 0;  ///< from one row to the next; more than width · channels in a crop

  const uint8_t* Row(int64_t y) const { return pixels + y * row_bytes; }
  /// The rectangle whose first pixel is (top, left). REQUIRES: it lies inside this view.
  PictureView Crop(int top, int left, int crop_height, int crop_width) const {
    return {Row(top) + static_cast<int64_t>(left) * channels, crop_height, crop_width, channels, row_bytes};
  }
};

/// Its bytes, row after row without gaps.
inline int64_t BytesOf(const PictureView& picture) {
  return int64_t{picture.height} * picture.width * picture.channels;
}
void CopyRows(uint8_t* to, const PictureView& from);

struct Picture {
  int height = 0;
  int width = 0;
  int channels = 0;  ///< 1: grey, 3: RGB
  // Of the file that it was decoded from:
  bool incomplete = false;   ///< it was cut off or damaged: what is missing is a guess of the decoder, or grey
  int bits = 8;              ///< of a value there; of 16 the high 8 are kept
  int levels = 256;          ///< of 16 bits a value: the largest of the high 8 bits, plus 1
  int exif_orientation = 1;  ///< what its EXIF says, 1 (upright) to 8, whether it was followed or not
  std::vector<uint8_t> pixels;

  /// Gives the picture another shape, of no file. The pixels are undefined afterwards; memory is only ever taken, so
  /// that a picture used again and again stops allocating.
  void Reshape(int new_height, int new_width, int new_channels) {
    height = new_height, width = new_width, channels = new_channels;
    incomplete = false, bits = 8, levels = 256, exif_orientation = 1;
    pixels.resize(static_cast<size_t>(height) * width * channels);
  }
  /// Whether it is black or nearly so because its values use a small part of 16 bits: those of a 10- or 12-bit camera.
  bool vanished() const { return levels <= 16; }
  int64_t RowBytes() const { return static_cast<int64_t>(width) * channels; }
  uint8_t* Row(int64_t y) { return pixels.data() + y * RowBytes(); }
  PictureView View() const { return {pixels.data(), height, width, channels, RowBytes()}; }
};

/// What is wrong with a picture that was decoded all the same, for a line that names it; "" if nothing is.
std::string FlawOf(const Picture& picture);

/// Gives `to` the shape and the pixels of `from`, which are not its own.
void CopyTo(Picture& to, const PictureView& from);

/// Grey to RGB by repetition, RGB to grey by ITU-R 601 luma as Pillow's convert("L") rounds it.
/// REQUIRES: `channels` is 1 or 3.
void ConvertChannels(Picture& picture, int channels);

}  // namespace riffle
