// What evaluation does to a picture before the network sees it. Travels as JSON inside every checkpoint.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "picture/resize.h"

namespace riffle {

/// Turn upright where that is asked for. Resize so that the short side is floor(image_size / crop_pct), cut image_size
/// × image_size from the middle, subtract the mean and divide by the standard deviation. A picture that has the size
/// already is not touched by the first two.
struct Preprocessing {
  int image_size = 224;     ///< pixels
  int channels = 3;         ///< 1: grey, 3: RGB
  double crop_pct = 0.875;  ///< in (0, 1]
  Interpolation interpolation = Interpolation::kBilinear;
  std::vector<float> mean;        ///< one per channel, on the 0-255 scale
  std::vector<float> std;         ///< one per channel, on the 0-255 scale
  bool exif_orientation = false;  ///< pictures are turned as their EXIF says; otherwise as they lie in the file
  bool operator==(const Preprocessing&) const = default;

  /// floor(image_size / crop_pct)
  int ResizedShortSide() const;
};

/// InvalidArgument if the numbers make no sense; names the field.
Status Check(const Preprocessing& preprocessing);

/// One JSON object, and back. 'exif_orientation' may be missing, as in older checkpoints: false. Other unknown or
/// missing keys and wrong types are errors that name the key.
std::string ToJson(const Preprocessing& preprocessing);
Result<Preprocessing> PreprocessingFromJson(std::string_view json);

}  // namespace riffle
