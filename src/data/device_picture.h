// A picture as a device's ops make it (ops/pictures/pictures.h): which bytes they need, by which taps they resize them,
// and what follows.
#pragma once

#include <cstdint>
#include <vector>

#include "ops/pictures/pictures.h"
#include "picture/picture.h"
#include "picture/resize.h"

namespace riffle {

/// More weights than this, of pictures that are made much smaller, are left to the CPU.
inline constexpr int kMostTaps = 32;

/// One side of a picture. Its memory is used again.
struct DeviceSide {
  int64_t begin = 0, end = 0;  ///< of the source, what is needed; taps count from there
  int32_t most = 0;            ///< weights of an output pixel
  std::vector<int32_t> taps;   ///< as PictureSide has them
};

/// The side that `axis` makes of a source of `pixels`, of which the first is pixel -shift of what the axis was made
/// for; beyond them all is black. `mirrored`: its last output pixel comes first.
void MakeDeviceSide(const ResizeAxis& axis, int64_t shift, int64_t pixels, bool mirrored, DeviceSide& side);

/// A version of a picture. Its memory is used again.
struct DevicePicture {
  PictureView source;  ///< what is needed of the picture
  DeviceSide rows, columns;
  PictureFinish finish;

  int64_t source_bytes() const { return int64_t{source.height} * source.width * source.channels; }
};

}  // namespace riffle
