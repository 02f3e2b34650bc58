#include "picture/draw/draw.h"

#include <algorithm>

namespace riffle {
namespace {

// UTF-8 as one ASCII character each.
std::string Letters(std::string_view text) {
  std::string letters;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if ((byte & 0xC0) == 0x80) continue;  // the inner bytes of a longer character
    letters += byte >= ' ' && byte < 127 ? c : '?';
  }
  return letters;
}

}  // namespace

Picture Canvas(int height, int width, const Color3& color) {
  Picture canvas;
  canvas.Reshape(height, width, 3);
  DrawRectangle(canvas, 0, 0, height, width, color);
  return canvas;
}

void DrawRectangle(Picture& canvas, int top, int left, int height, int width, const Color3& color) {
  for (int y = std::max(top, 0); y < std::min(top + height, canvas.height); ++y)
    for (int x = std::max(left, 0); x < std::min(left + width, canvas.width); ++x)
      std::ranges::copy(color, canvas.Row(y) + 3 * x);
}

void Draw(Picture& canvas, int top, int left, const PictureView& picture, int zoom) {
  for (int y = 0; y < picture.height; ++y)
    for (int x = 0; x < picture.width; ++x) {
      const uint8_t* pixel = picture.Row(y) + x * picture.channels;
      const bool grey = picture.channels == 1;
      DrawRectangle(canvas, top + y * zoom, left + x * zoom, zoom, zoom,
                    {pixel[0], pixel[grey ? 0 : 1], pixel[grey ? 0 : 2]});
    }
}

void DrawText(Picture& canvas, int top, int left, std::string_view text, const Color3& color, int zoom) {
  for (const char letter : Letters(text)) {
    for (int row = 0; row < kGlyphHeight; ++row)
      for (int column = 0; column < kGlyphWidth; ++column)
        if (GlyphDot(letter, row, column))
          DrawRectangle(canvas, top + row * zoom, left + column * zoom, zoom, zoom, color);
    left += (kGlyphWidth + 1) * zoom;
  }
}

int TextWidth(std::string_view text, int zoom) {
  const int letters = static_cast<int>(Letters(text).size());
  return letters == 0 ? 0 : (letters * (kGlyphWidth + 1) - 1) * zoom;
}

}  // namespace riffle
