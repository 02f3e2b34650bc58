#include "data/augment/point.h"

#include <algorithm>
#include <numeric>

namespace riffle {
namespace {

constexpr int kMaxChannels = 3;

using Histogram = std::array<int64_t, 256>;

template <class Function>
void ApplyFunction(Picture& picture, Function function) {
  ValueTable table;
  for (int value = 0; value < 256; ++value) table[value] = static_cast<uint8_t>(function(value));
  ApplyTable(picture, table);
}

ValueTable Identity() {
  ValueTable table;
  std::iota(table.begin(), table.end(), uint8_t{0});
  return table;
}

// Gives each channel the table that `make` finds for its histogram.
template <class Make>
void ApplyByHistogram(Picture& picture, Make make) {
  const int channels = picture.channels;
  const int64_t count = static_cast<int64_t>(picture.pixels.size());
  std::array<Histogram, kMaxChannels> histograms{};
  uint8_t* values = picture.pixels.data();
  std::array<ValueTable, kMaxChannels> tables;
  if (channels == 1) {
    for (int64_t i = 0; i < count; ++i) ++histograms[0][values[i]];
  } else {
    for (int64_t i = 0; i < count; i += 3)
      for (int c = 0; c < 3; ++c) ++histograms[c][values[i + c]];
  }
  for (int c = 0; c < channels; ++c) tables[c] = make(histograms[c]);
  if (channels == 1) return ApplyTable(picture, tables[0]);
  for (int64_t i = 0; i < count; i += 3)
    for (int c = 0; c < 3; ++c) values[i + c] = tables[c][values[i + c]];
}

ValueTable Stretched(const Histogram& histogram) {
  const auto seen = [](int64_t pixels) { return pixels > 0; };
  const auto low = std::find_if(histogram.begin(), histogram.end(), seen) - histogram.begin();
  const auto high = 255 - (std::find_if(histogram.rbegin(), histogram.rend(), seen) - histogram.rbegin());
  if (high <= low) return Identity();
  ValueTable table;
  const double scale = 255.0 / static_cast<double>(high - low), offset = -static_cast<double>(low) * scale;
  for (int value = 0; value < 256; ++value)
    table[value] = static_cast<uint8_t>(std::clamp(static_cast<int>(value * scale + offset), 0, 255));
  return table;
}

// The cumulative histogram in steps of which 255 make up all pixels but those of the greatest value.
ValueTable Equalized(const Histogram& histogram) {
  const int64_t pixels = std::accumulate(histogram.begin(), histogram.end(), int64_t{0});
  const int64_t greatest = *std::find_if(histogram.rbegin(), histogram.rend(), [](int64_t n) { return n > 0; });
  const int64_t step = (pixels - greatest) / 255;
  if (step == 0) return Identity();
  ValueTable table;
  int64_t below = step / 2;
  for (int value = 0; value < 256; ++value) {
    table[value] = static_cast<uint8_t>(std::min<int64_t>(below / step, 255));
    below += histogram[value];
  }
  return table;
}

}  // namespace

void ApplyTable(Picture& picture, const ValueTable& table) {
  for (uint8_t& value : picture.pixels) value = table[value];
}

void Invert(Picture& picture) {
  for (uint8_t& value : picture.pixels) value = static_cast<uint8_t>(255 - value);
}

void Posterize(Picture& picture, int bits) {
  if (bits >= 8) return;
  const int mask = 0xFF << (8 - bits) & 0xFF;
  for (uint8_t& value : picture.pixels) value = static_cast<uint8_t>(value & mask);
}

void Solarize(Picture& picture, int threshold) {
  ApplyFunction(picture, [=](int value) { return value < threshold ? value : 255 - value; });
}

void SolarizeAdd(Picture& picture, int add, int threshold) {
  ApplyFunction(picture, [=](int value) { return value < threshold ? std::min(value + add, 255) : value; });
}

void AutoContrast(Picture& picture) { ApplyByHistogram(picture, Stretched); }

void Equalize(Picture& picture) { ApplyByHistogram(picture, Equalized); }

}  // namespace riffle
