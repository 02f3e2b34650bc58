// Brightness, contrast, colour and sharpness, value for value as Pillow's ImageEnhance: each mixes the picture with a
// poorer one, out = poor + factor · (value - poor), in single precision, cut off at 0 and 255 and rounded down. Factor
// 1 leaves the picture as it is, 0 gives the poor one, more than 1 goes the other way. Grey and RGB; thread-safe.
#pragma once

#include <span>

#include "picture/picture.h"

namespace riffle {

enum class Enhancement { kBrightness, kContrast, kColor };
struct EnhanceStep {
  Enhancement what;
  float factor;
};
/// The functions below one after the other, in one pass over the picture, or two where contrast is among them. At most
/// three steps.
void Enhance(Picture& picture, std::span<const EnhanceStep> steps);

/// Poor: black.
void Brightness(Picture& picture, float factor);
/// Poor: the mean of the luma everywhere, rounded.
void Contrast(Picture& picture, float factor);
/// Poor: the luma of each pixel. A grey picture stays as it is.
void Color(Picture& picture, float factor);
/// Poor: each pixel's mean with its eight neighbours, itself counted five times; the border stays as it is. `scratch`
/// is memory that is used again.
void Sharpness(Picture& picture, float factor, Picture& scratch);

/// out = out + share · (other - out) for pictures of one shape, rounded as above: Pillow's Image.blend. 0 <= share
/// <= 1.
void BlendInto(Picture& out, const Picture& other, float share);

}  // namespace riffle
