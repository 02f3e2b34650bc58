// Drawing on a picture: other pictures, frames and small text; and PNG files. For sheets that people look at.
#pragma once

#include <string>
#include <string_view>

#include "base/status.h"
#include "picture/picture.h"

namespace riffle {

/// An RGB picture of one colour.
Picture Canvas(int height, int width, const Color3& color);

/// Draws `picture` (grey or RGB), each of its pixels as zoom × zoom; what lies outside of the canvas is left out.
void Draw(Picture& canvas, int top, int left, const PictureView& picture, int zoom);

/// A filled rectangle.
void DrawRectangle(Picture& canvas, int top, int left, int height, int width, const Color3& color);

/// Letters of 5 × 7 dots, each zoom × zoom pixels, one dot apart. ASCII; other characters are drawn as '?'.
inline constexpr int kGlyphWidth = 5, kGlyphHeight = 7;
void DrawText(Picture& canvas, int top, int left, std::string_view text, const Color3& color, int zoom);
/// From the left of the first letter to the right of the last, in pixels.
int TextWidth(std::string_view text, int zoom);
/// Whether the letter of this character (ASCII) has a dot there.
bool GlyphDot(char character, int row, int column);

/// A PNG file's bytes. Unavailable, with libpng's reason, if it cannot be made: of no pixels, or more than fit a PNG.
Result<std::string> EncodePng(const PictureView& picture);

}  // namespace riffle
