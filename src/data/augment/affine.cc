#include "data/augment/affine.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <utility>

namespace riffle {
namespace {

struct Point {
  double x, y;
};

Point SourceOf(const AffineMap& map, int x, int y) {
  const double cx = x + 0.5, cy = y + 0.5;
  return {map.xx * cx + map.xy * cy + map.x0, map.yx * cx + map.yy * cy + map.y0};
}

bool Inside(const Picture& picture, Point p) {
  return p.x >= 0 && p.x < picture.width && p.y >= 0 && p.y < picture.height;
}

// Pillow's 16.16 fixed point, in which nearest pixels are found; a translation it reckons in floating point.
void Nearest(const Picture& from, const AffineMap& map, Picture& to) {
  const auto fixed = [](double v) { return static_cast<int32_t>(std::floor(v * 65536 + 0.5)); };
  const bool translates = map.xy == 0 && map.yx == 0;
  const int32_t xx = fixed(map.xx), xy = fixed(map.xy), yx = fixed(map.yx), yy = fixed(map.yy);
  const int32_t x0 = fixed(map.x0 + map.xx * 0.5 + map.xy * 0.5), y0 = fixed(map.y0 + map.yx * 0.5 + map.yy * 0.5);
  const int channels = from.channels;
  for (int y = 0; y < to.height; ++y)
    for (int x = 0; x < to.width; ++x) {
      const Point exact = SourceOf(map, x, y);
      const int sx = translates ? static_cast<int>(std::floor(exact.x)) : (x0 + xx * x + xy * y) >> 16;
      const int sy = translates ? static_cast<int>(std::floor(exact.y)) : (y0 + yx * x + yy * y) >> 16;
      if (sx < 0 || sx >= from.width || sy < 0 || sy >= from.height) continue;
      std::copy_n(from.View().Row(sy) + sx * channels, channels, to.Row(y) + x * channels);
    }
}

// The pixels that a filter of `kTaps` by `kTaps` takes, repeated beyond the border, and where among them the point is.
template <int kTaps>
struct Neighbourhood {
  const uint8_t* rows[kTaps];
  int64_t columns[kTaps];
  double dx, dy;

  // REQUIRES: p lies in the picture.
  Neighbourhood(const PictureView& from, Point p) {
    const double x = p.x - 0.5, y = p.y - 0.5;  // at least -0.5: one more, cut off towards zero, is the next integer
    const int left = static_cast<int>(x + 1) - 1, top = static_cast<int>(y + 1) - 1;
    dx = x - left, dy = y - top;
    const int first_column = left - (kTaps / 2 - 1), first_row = top - (kTaps / 2 - 1);
    if (first_column >= 0 && first_row >= 0 && first_column + kTaps <= from.width && first_row + kTaps <= from.height) {
      for (int i = 0; i < kTaps; ++i) {
        rows[i] = from.Row(first_row + i);
        columns[i] = int64_t{first_column + i} * from.channels;
      }
    } else {
      for (int i = 0; i < kTaps; ++i) {
        rows[i] = from.Row(std::clamp(first_row + i, 0, from.height - 1));
        columns[i] = int64_t{std::clamp(first_column + i, 0, from.width - 1)} * from.channels;
      }
    }
  }
};

double Linear(double a, double b, double d) { return a + (b - a) * d; }

uint8_t Interpolated(const Neighbourhood<2>& n, int c) {
  const auto across = [&](const uint8_t* row) { return Linear(row[n.columns[0] + c], row[n.columns[1] + c], n.dx); };
  if (n.dy == 0) return static_cast<uint8_t>(across(n.rows[0]));  // horizontal shear and translation
  return static_cast<uint8_t>(Linear(across(n.rows[0]), across(n.rows[1]), n.dy));
}

double Cubic(double v1, double v2, double v3, double v4, double d) {
  return v2 + d * (-v1 + v3 + d * (2 * (v1 - v2) + v3 - v4 + d * (-v1 + v2 - v3 + v4)));
}

uint8_t Interpolated(const Neighbourhood<4>& n, int c) {
  const auto across = [&](const uint8_t* row) {
    return Cubic(row[n.columns[0] + c], row[n.columns[1] + c], row[n.columns[2] + c], row[n.columns[3] + c], n.dx);
  };
  if (n.dy == 0) return static_cast<uint8_t>(std::clamp(across(n.rows[1]), 0.0, 255.0));
  const double value = Cubic(across(n.rows[0]), across(n.rows[1]), across(n.rows[2]), across(n.rows[3]), n.dy);
  return static_cast<uint8_t>(std::clamp(value, 0.0, 255.0));
}

template <int kTaps, int kChannels>
void Interpolate(const Picture& from, const AffineMap& map, Picture& to) {
  const PictureView view = from.View();
  for (int y = 0; y < to.height; ++y) {
    uint8_t* out = to.Row(y);
    for (int x = 0; x < to.width; ++x, out += kChannels) {
      const Point p = SourceOf(map, x, y);
      if (!Inside(from, p)) continue;
      const Neighbourhood<kTaps> neighbourhood(view, p);
      for (int c = 0; c < kChannels; ++c) out[c] = Interpolated(neighbourhood, c);
    }
  }
}

void Fill(Picture& picture, const Color3& color) {
  if (picture.channels == 1) {
    std::ranges::fill(picture.pixels, color[0]);
  } else {
    for (size_t i = 0; i < picture.pixels.size(); i += 3) std::ranges::copy(color, picture.pixels.begin() + i);
  }
}

}  // namespace

AffineMap Rotation(double degrees, int height, int width) {
  const double angle = -degrees * std::numbers::pi / 180, cx = width / 2.0, cy = height / 2.0;
  const auto rounded = [](double v) { return std::nearbyint(v * 1e15) / 1e15; };  // so that right angles are exact
  const double cosine = rounded(std::cos(angle)), sine = rounded(std::sin(angle));
  return {.xx = cosine,
          .xy = sine,
          .x0 = cosine * -cx + sine * -cy + cx,
          .yx = -sine,
          .yy = cosine,
          .y0 = -sine * -cx + cosine * -cy + cy};
}

void ApplyAffine(Picture& picture, const AffineMap& map, Interpolation interpolation, const Color3& fill,
                 Picture& scratch) {
  scratch.Reshape(picture.height, picture.width, picture.channels);
  Fill(scratch, fill);
  switch (interpolation) {
    case Interpolation::kNearest:
    case Interpolation::kBox:
      Nearest(picture, map, scratch);
      break;
    case Interpolation::kBilinear:
    case Interpolation::kHamming:
      picture.channels == 1 ? Interpolate<2, 1>(picture, map, scratch) : Interpolate<2, 3>(picture, map, scratch);
      break;
    case Interpolation::kBicubic:
    case Interpolation::kLanczos:
      picture.channels == 1 ? Interpolate<4, 1>(picture, map, scratch) : Interpolate<4, 3>(picture, map, scratch);
      break;
  }
  std::swap(picture.pixels, scratch.pixels);
}

}  // namespace riffle
