// Operations that look at one value at a time, each a table of 256 entries; value for value those of Pillow's ImageOps.
// All work in place, on grey and RGB, and are thread-safe.
#pragma once

#include <array>
#include <cstdint>

#include "picture/picture.h"

namespace riffle {

using ValueTable = std::array<uint8_t, 256>;

/// value → table[value], the same table for all channels.
void ApplyTable(Picture& picture, const ValueTable& table);

/// 255 - value.
void Invert(Picture& picture);
/// Keeps the highest `bits` of each value; 0: black, 8 or more: the picture as it is.
void Posterize(Picture& picture, int bits);
/// Inverts values of at least `threshold`.
void Solarize(Picture& picture, int threshold);
/// Adds to values below `threshold`, to at most 255.
void SolarizeAdd(Picture& picture, int add, int threshold = 128);
/// Stretches each channel so that its least value becomes 0 and its greatest 255.
void AutoContrast(Picture& picture);
/// Spreads the values of each channel so that all are about equally frequent.
void Equalize(Picture& picture);

}  // namespace riffle
