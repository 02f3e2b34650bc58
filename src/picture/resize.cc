#include "picture/resize.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

#include "base/text.h"
#include "picture/resize_passes.h"

namespace riffle {
namespace {

constexpr std::array<InterpolationName, 11> kNames = {{
    {"nearest", Interpolation::kNearest},
    {"box", Interpolation::kBox},
    {"bilinear", Interpolation::kBilinear},
    {"hamming", Interpolation::kHamming},
    {"bicubic", Interpolation::kBicubic},
    {"lanczos", Interpolation::kLanczos},
    {"linear", Interpolation::kBilinear},
    {"cubic", Interpolation::kBicubic},
    {"pilcubic", Interpolation::kBicubic},
    {"area", Interpolation::kBox},
    {"antialias", Interpolation::kLanczos},
}};

double Sinc(double x) {
  if (x == 0) return 1;
  x *= std::numbers::pi;
  return std::sin(x) / x;
}

double Box(double x) { return x > -0.5 && x <= 0.5 ? 1 : 0; }

double Bilinear(double x) { return std::max(0.0, 1 - std::abs(x)); }

double Hamming(double x) {
  x = std::abs(x);
  if (x == 0) return 1;
  if (x >= 1) return 0;
  // Pillow's constants are single precision.
  return Sinc(x) * (double{0.54f} + double{0.46f} * std::cos(x * std::numbers::pi));
}

double Bicubic(double x) {  // Keys' cubic convolution with a = -1/2
  constexpr double a = -0.5;
  x = std::abs(x);
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  if (x < 2) return (((x - 5) * x + 8) * x - 4) * a;
  return 0;
}

double Lanczos(double x) { return x >= -3 && x < 3 ? Sinc(x) * Sinc(x / 3) : 0; }

struct Filter {
  double (*weight)(double x);
  double support;  // the weight is 0 beyond
};

Filter FilterOf(Interpolation interpolation) {
  switch (interpolation) {
    case Interpolation::kBox:
      return {Box, 0.5};
    case Interpolation::kHamming:
      return {Hamming, 1};
    case Interpolation::kBicubic:
      return {Bicubic, 2};
    case Interpolation::kLanczos:
      return {Lanczos, 3};
    default:
      return {Bilinear, 1};
  }
}

// The filter of each output pixel in [begin, begin + size) when `from` becomes `to` pixels. A filter for shrinking is
// as many times wider as the picture becomes smaller.
void MakeAxis(const ResizedSide& from, int64_t to, int64_t begin, int size, const Filter& filter, ResizeAxis& axis) {
  const double scale = from.length / static_cast<double>(to);
  const double stretch = std::max(scale, 1.0), support = filter.support * stretch;
  axis.max_count = static_cast<int64_t>(std::ceil(support)) * 2 + 1;
  axis.first.resize(size);
  axis.count.resize(size);
  axis.weights.assign(static_cast<size_t>(size * axis.max_count), 0);
  std::vector<double> exact(axis.max_count);
  for (int i = 0; i < size; ++i) {
    const double center = from.offset + (static_cast<double>(begin + i) + 0.5) * scale;
    const int64_t first = std::max<int64_t>(0, static_cast<int64_t>(std::floor(center - support + 0.5)));
    const int64_t end = std::min(from.pixels, static_cast<int64_t>(std::floor(center + support + 0.5)));
    double sum = 0;
    for (int64_t k = 0; k < end - first; ++k) {
      exact[k] = filter.weight((static_cast<double>(k + first) - center + 0.5) * (1 / stretch));
      sum += exact[k];
    }
    axis.first[i] = first;
    axis.count[i] = static_cast<int32_t>(end - first);
    for (int64_t k = 0; k < end - first; ++k) {
      const double scaled = (sum != 0 ? exact[k] / sum : exact[k]) * (1 << kResizeWeightBits);
      axis.weights[i * axis.max_count + k] = static_cast<int32_t>(scaled < 0 ? scaled - 0.5 : scaled + 0.5);
    }
  }
}

uint8_t RoundToByte(int32_t sum) { return static_cast<uint8_t>(std::clamp(sum >> kResizeWeightBits, 0, 255)); }

void NarrowGreyRow(const uint8_t* source, const ResizeAxis& axis, uint8_t* out) {
  for (size_t x = 0; x < axis.first.size(); ++x) {
    const uint8_t* p = source + axis.first[x];
    const int32_t* weights = &axis.weights[x * axis.max_count];
    int32_t sum = 1 << (kResizeWeightBits - 1);
    for (int k = 0; k < axis.count[x]; ++k) sum += p[k] * weights[k];
    out[x] = RoundToByte(sum);
  }
}

void NarrowRgb(const PictureView& source, ResizeScratch& scratch, uint8_t* out) {
  const ResizeAxis& axis = scratch.columns;
  const int64_t taps = (axis.max_count + kTapsPerGroup - 1) / kTapsPerGroup * kTapsPerGroup;
  const int64_t size = static_cast<int64_t>(axis.first.size());
  scratch.repeated.assign(static_cast<size_t>(size * taps * 4), 0);
  for (int64_t x = 0; x < size; ++x)
    for (int64_t k = 0; k < axis.count[x]; ++k)
      std::fill_n(&scratch.repeated[4 * (x * taps + k)], 4, axis.weights[x * axis.max_count + k]);
  scratch.wide_row.resize(4 * static_cast<size_t>(source.width + kTapsPerGroup));
  NarrowRgbRows(source,
                {.size = static_cast<int>(size),
                 .first = axis.first.data(),
                 .count = axis.count.data(),
                 .weights = scratch.repeated.data(),
                 .taps = taps},
                scratch.wide_row.data(), out);
}

// Nearest neighbours. Pillow adds the step up instead of multiplying; where a centre falls between two pixels its
// rounding decides, so the same sum is built here.
void MakeNearest(const ResizedSide& from, int64_t to, int64_t begin, int size, std::vector<int64_t>& first) {
  const double scale = from.length / static_cast<double>(to);
  double center = from.offset + scale * 0.5;
  for (int64_t i = 0; i < begin; ++i) center += scale;
  first.resize(size);
  for (int i = 0; i < size; ++i, center += scale) first[i] = std::min(from.pixels - 1, static_cast<int64_t>(center));
}

void ResizeNearest(const PictureView& source, const ResizedSide& rows, const ResizedSide& columns, int64_t height,
                   int64_t width, const Window& window, ResizeScratch& scratch, Picture& out) {
  MakeNearest(rows, height, window.top, window.height, scratch.rows.first);
  MakeNearest(columns, width, window.left, window.width, scratch.columns.first);
  for (int y = 0; y < window.height; ++y)
    for (int x = 0; x < window.width; ++x)
      std::copy_n(source.Row(scratch.rows.first[y]) + scratch.columns.first[x] * source.channels, source.channels,
                  out.Row(y) + static_cast<int64_t>(x) * source.channels);
}

// The source rows [first, first + rows) at the window's width: a view of the source where the width stays.
PictureView Narrow(const PictureView& source, const ResizedSide& columns, int64_t first, int rows, int64_t width,
                   const Window& window, const Filter& filter, ResizeScratch& scratch) {
  const PictureView needed{source.Row(first), rows, source.width, source.channels, source.row_bytes};
  if (width == source.width && columns.IsWhole())
    return needed.Crop(0, static_cast<int>(window.left), rows, window.width);
  MakeAxis(columns, width, window.left, window.width, filter, scratch.columns);
  const int64_t row_bytes = static_cast<int64_t>(window.width) * source.channels;
  scratch.narrowed.resize(static_cast<size_t>(rows * row_bytes + 1));
  if (source.channels == 3)
    NarrowRgb(needed, scratch, scratch.narrowed.data());
  else
    for (int y = 0; y < rows; ++y)
      NarrowGreyRow(needed.Row(y), scratch.columns, scratch.narrowed.data() + y * row_bytes);
  return {scratch.narrowed.data(), rows, window.width, source.channels, row_bytes};
}

}  // namespace

void MakeResizeAxis(const ResizedSide& from, int64_t to, int64_t begin, int size, Interpolation interpolation,
                    ResizeAxis& axis) {
  if (interpolation != Interpolation::kNearest) return MakeAxis(from, to, begin, size, FilterOf(interpolation), axis);
  MakeNearest(from, to, begin, size, axis.first);
  axis.count.assign(size, 1);
  axis.weights.assign(size, 1 << kResizeWeightBits);
  axis.max_count = 1;
}

std::span<const InterpolationName> InterpolationNames() { return kNames; }

std::string_view NameOf(Interpolation interpolation) {
  return std::find_if(kNames.begin(), kNames.end(), [&](const auto& n) { return n.interpolation == interpolation; })
      ->name;
}

Result<Interpolation> ParseInterpolation(std::string_view name) {
  std::vector<std::string_view> names;
  for (const InterpolationName& known : kNames) {
    if (known.name == name) return known.interpolation;
    names.push_back(known.name);
  }
  return InvalidArgument("interpolation '{}' is unknown; did you mean '{}'?", name, Nearest(name, names));
}

void Resize(const PictureView& source, const SourceBox& box, int64_t height, int64_t width, const Window& window,
            Interpolation interpolation, ResizeScratch& scratch, Picture& out) {
  const ResizedSide down{source.height, box.top, box.height}, across{source.width, box.left, box.width};
  out.Reshape(window.height, window.width, source.channels);
  if (interpolation == Interpolation::kNearest)
    return ResizeNearest(source, down, across, height, width, window, scratch, out);
  const Filter filter = FilterOf(interpolation);
  ResizeAxis& axis = scratch.rows;
  MakeAxis(down, height, window.top, window.height, filter, axis);
  const int64_t first = axis.first.front(), end = axis.first.back() + axis.count.back();
  const PictureView rows = Narrow(source, across, first, static_cast<int>(end - first), width, window, filter, scratch);
  for (int y = 0; y < window.height; ++y) {
    if (height == source.height && down.IsWhole())  // the height stays: there is nothing to filter
      std::copy_n(rows.Row(window.top + y - first), out.RowBytes(), out.Row(y));
    else
      BlendRows(rows.Row(axis.first[y] - first), rows.row_bytes, &axis.weights[y * axis.max_count], axis.count[y],
                out.RowBytes(), out.Row(y));
  }
}

void Resize(const PictureView& source, int64_t height, int64_t width, const Window& window, Interpolation interpolation,
            ResizeScratch& scratch, Picture& out) {
  Resize(source, SourceBox::Whole(source), height, width, window, interpolation, scratch, out);
}

}  // namespace riffle
