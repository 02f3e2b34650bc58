// Rotation, shear and translation as Pillow's Image.transform computes them.
#pragma once

#include <array>
#include <cstdint>

#include "picture/picture.h"
#include "picture/resize.h"

namespace riffle {

/// Where a pixel comes from: that with its centre at (x, y) of the result is at (xx·x + xy·y + x0, yx·x + yy·y + y0) of
/// the source.
struct AffineMap {
  double xx = 1, xy = 0, x0 = 0;
  double yx = 0, yy = 1, y0 = 0;
};

/// Counter-clockwise about the middle of a height × width picture.
AffineMap Rotation(double degrees, int height, int width);
inline AffineMap ShearX(double factor) { return {.xy = factor}; }
inline AffineMap ShearY(double factor) { return {.yx = factor}; }
/// What lies `pixels` to the right (TranslationY: below) moves here.
inline AffineMap TranslationX(double pixels) { return {.x0 = pixels}; }
inline AffineMap TranslationY(double pixels) { return {.y0 = pixels}; }

/// Moves the picture within its frame. What comes from outside gets `fill` (its first value where the picture is grey).
/// Filters are nearest, bilinear and bicubic; box counts as nearest, hamming as bilinear, lanczos as bicubic. `scratch`
/// is memory that is used again. Thread-safe. Agrees with Pillow value for value, but for rare differences by 1.
void ApplyAffine(Picture& picture, const AffineMap& map, Interpolation interpolation, const Color3& fill,
                 Picture& scratch);

}  // namespace riffle
