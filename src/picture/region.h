// The part of a picture that its user will look at: what a reader may leave out.
#pragma once

#include <functional>

#include "picture/crop.h"
#include "picture/picture.h"

namespace riffle {

/// What is needed of a picture.
struct Need {
  CropBox box;  ///< pixels outside it are not looked at
  /// The box may come at 1/2, 1/4 or 1/8 of its size, if that leaves so many pixels; 0: in full.
  int least_height = 0, least_width = 0;

  static Need Whole(int height, int width) { return {.box = {0, 0, height, width}}; }
};

/// Asked once for each picture, when its size is known.
using ChooseNeed = std::function<Need(int height, int width)>;

/// What came of it: pixels that hold the box, and where in them it lies. The edges of a box that was scaled down may
/// fall between two pixels; those of one in full are those of `pixels`.
struct Region {
  PictureView pixels;
  double top = 0, left = 0, height = 0, width = 0;

  static Region Whole(const PictureView& view) {
    return {view, 0, 0, static_cast<double>(view.height), static_cast<double>(view.width)};
  }
};

}  // namespace riffle
