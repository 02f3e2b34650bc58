// Which rectangle of a picture a transform takes.
#pragma once

#include <array>

#include "base/random.h"
#include "picture/picture.h"

namespace riffle {

struct CropBox {
  int top = 0;
  int left = 0;
  int height = 0;
  int width = 0;
  bool operator==(const CropBox&) const = default;
};

/// The part of a height × width picture for a random resized crop: area uniform in `scale` (shares of the picture),
/// width/height log-uniform in `ratio`, place uniform. After ten misfits the largest central part whose shape is in
/// `ratio`. Source: Szegedy et al., "Going deeper with convolutions", as torchvision and MindSpore implement it.
CropBox RandomResizedCropBox(int height, int width, std::array<double, 2> scale, std::array<double, 2> ratio,
                             RandomStream& random);

/// Where the first pixel of a padded crop lies in the source; negative: in the border.
struct PaddedCropPlace {
  int top = 0, left = 0;
};

/// Uniform among the places of a rectangle of the source's own size in the source with `padding` pixels on each side.
PaddedCropPlace DrawPaddedCrop(int padding, RandomStream& random);

/// That rectangle; what lies beyond the source is black.
void PaddedCrop(const PictureView& source, const PaddedCropPlace& place, Picture& out);

}  // namespace riffle
