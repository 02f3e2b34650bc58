// Neighbouring values of rows, for kernels that read and write several at once; and what products (row_product.h,
// row_dots.h) read: a struct with
//   Values<n> Load<n, kWhole>(row, p, pixels)   of the row from p on; zero outside of it
//   bool IsPacked<n>()                          whether n values can be read at once at any multiple of n
// where kWhole promises that, and that all n lie in the row, and `MapValue`, what memory holds. Some have also
//   const Map* AsStored(row)                    where the row lies if it holds what is stored; null if not
// and those that can be made of what was read early
//   Rows<const Map> Reads(i)                    for i < kMaps, what to read; null: nothing
//   Values<n> Of(row, p, pixels, packed)        from the maps' packed values there
#pragma once

#include <bit>
#include <cstdint>

#include "backend/cuda/tensor.h"
#include "ops/gpu_values.h"

namespace riffle::RIFFLE_GPU {

/// Neighbouring values of a row.
template <int kCount>
struct Values {
  float v[kCount];
};

/// Values as they lie in memory.
template <int kCount, class Map>
using PackedValues = Words<kCount* static_cast<int>(sizeof(Map)) / 4>;

template <int kCount>
RIFFLE_KERNEL Values<kCount> Unpacked(const float*, const PackedValues<kCount, float>& words) {
  Values<kCount> values;
  for (int i = 0; i < kCount; ++i) values.v[i] = std::bit_cast<float>(words.v[i]);
  return values;
}
template <int kCount>
RIFFLE_KERNEL Values<kCount> Unpacked(const Bfloat16*, const PackedValues<kCount, Bfloat16>& words) {
  Values<kCount> values;
  for (int i = 0; i < kCount; ++i)
    values.v[i] = i % 2 == 0 ? FirstOfPair(words.v[i / 2]) : SecondOfPair(words.v[i / 2]);
  return values;
}

/// So many values that lie together, aligned to their size.
template <int kCount, class Map>
RIFFLE_KERNEL Values<kCount> LoadPacked(const Map* memory) {
  return Unpacked<kCount>(memory, LoadWords<PackedValues<kCount, Map>::kWords>(memory));
}
template <int kCount>
RIFFLE_KERNEL Words<kCount> Packed(const float*, const Values<kCount>& values) {
  Words<kCount> words;
  for (int i = 0; i < kCount; ++i) words.v[i] = std::bit_cast<uint32_t>(values.v[i]);
  return words;
}
template <int kCount>
RIFFLE_KERNEL Words<kCount / 2> Packed(const Bfloat16*, const Values<kCount>& values) {
  Words<kCount / 2> words;
  for (int i = 0; i < kCount / 2; ++i) words.v[i] = PackPair(values.v[2 * i], values.v[2 * i + 1]);
  return words;
}

/// To shared memory.
template <int kCount, class Map>
RIFFLE_KERNEL void StorePacked(Map* memory, const Values<kCount>& values) {
  StoreWords(memory, Packed(memory, values));
}

/// Whether so many values at this address can be read and written at once.
template <int kCount, class Map>
RIFFLE_KERNEL bool IsPacked(const Map* address) {
  return reinterpret_cast<uintptr_t>(address) % (kCount * sizeof(Map)) == 0;
}
/// The same at all multiples of kCount in all rows. Rows that are not there are no hindrance.
template <int kCount, class Map>
RIFFLE_KERNEL bool IsPacked(const Rows<Map>& rows) {
  return IsPacked<kCount>(rows.data) && rows.stride % kCount == 0;
}

/// Of the row from p on; zero outside of it.
template <int kCount, bool kWhole, class Map>
RIFFLE_KERNEL PackedValues<kCount, Map> LoadPackedValues(const Map* row, int64_t p, int64_t pixels) {
  if constexpr (!kWhole)
    if (p + kCount > pixels || !IsPacked<kCount>(row + p)) {
      Values<kCount> values;
      for (int i = 0; i < kCount; ++i) values.v[i] = p + i < pixels ? float(row[p + i]) : 0;
      return Packed(row, values);
    }
  return LoadWords<PackedValues<kCount, Map>::kWords>(row + p);
}
template <int kCount, bool kWhole, class Map>
RIFFLE_KERNEL Values<kCount> LoadValues(const Map* row, int64_t p, int64_t pixels) {
  return Unpacked<kCount>(row, LoadPackedValues<kCount, kWhole>(row, p, pixels));
}

/// Writes what lies in the row.
template <int kCount, bool kWhole, class Map>
RIFFLE_KERNEL void StorePackedValues(Map* row, int64_t p, int64_t pixels, const PackedValues<kCount, Map>& packed) {
  if constexpr (!kWhole)
    if (p + kCount > pixels || !IsPacked<kCount>(row + p)) {
      const Values<kCount> values = Unpacked<kCount>(row, packed);
      for (int i = 0; i < kCount; ++i)
        if (p + i < pixels) row[p + i] = Map(values.v[i]);
      return;
    }
  StoreWordsToMap(row + p, packed);
}
/// Likewise; returns what it holds then.
template <int kCount, bool kWhole, class Map>
RIFFLE_KERNEL Values<kCount> StoreValues(Map* row, int64_t p, int64_t pixels, const Values<kCount>& values) {
  const auto packed = Packed(row, values);
  StorePackedValues<kCount, kWhole>(row, p, pixels, packed);
  return Unpacked<kCount>(row, packed);
}

/// Rows as they are.
template <class Map>
struct InputRows {
  using MapValue = Map;
  static constexpr int kMaps = 1;
  Rows<const Map> x;
  RIFFLE_KERNEL const Map* AsStored(int64_t row) const { return x[row]; }
  RIFFLE_KERNEL Rows<const Map> Reads(int) const { return x; }
  template <int kCount>
  RIFFLE_KERNEL Values<kCount> Of(int64_t, int64_t, int64_t, const PackedValues<kCount, Map> (&packed)[kMaps]) const {
    return Unpacked<kCount>(x.data, packed[0]);
  }
  template <int kCount>
  RIFFLE_KERNEL bool IsPacked() const {
    return RIFFLE_GPU::IsPacked<kCount>(x);
  }
  template <int kCount, bool kWhole>
  RIFFLE_KERNEL Values<kCount> Load(int64_t row, int64_t p, int64_t pixels) const {
    return LoadValues<kCount, kWhole>(x[row], p, pixels);
  }
};

/// Rows less their means.
template <class Map>
struct CentredRows {
  using MapValue = Map;
  Rows<const Map> x;
  const Moments<float>* moments;  // null: means are zero
  template <int kCount>
  RIFFLE_KERNEL bool IsPacked() const {
    return RIFFLE_GPU::IsPacked<kCount>(x);
  }
  template <int kCount, bool kWhole>
  RIFFLE_KERNEL Values<kCount> Load(int64_t row, int64_t p, int64_t pixels) const {
    Values<kCount> values = LoadValues<kCount, kWhole>(x[row], p, pixels);
    const float mean = moments ? moments[row].mean : 0;
    for (int i = 0; i < kCount; ++i) values.v[i] = kWhole || p + i < pixels ? values.v[i] - mean : 0;
    return values;
  }
};

/// The gradients of raw values.
template <class Map>
struct GradientRows {
  using MapValue = Map;
  static constexpr int kMaps = 2;
  GradientSource<float, Map> dy;
  RIFFLE_KERNEL const Map* AsStored(int64_t row) const { return dy.pull_back ? nullptr : dy.dz[row]; }
  RIFFLE_KERNEL Rows<const Map> Reads(int i) const {
    return i == 0 ? dy.dz : dy.pull_back ? dy.raw : Rows<const Map>{};
  }
  template <int kCount>
  RIFFLE_KERNEL bool IsPacked() const {
    return RIFFLE_GPU::IsPacked<kCount>(dy.dz) && (!dy.pull_back || RIFFLE_GPU::IsPacked<kCount>(dy.raw));
  }
  template <int kCount, bool kWhole>
  RIFFLE_KERNEL Values<kCount> Load(int64_t row, int64_t p, int64_t pixels) const {
    PackedValues<kCount, Map> packed[kMaps] = {LoadPackedValues<kCount, kWhole>(dy.dz[row], p, pixels)};
    if (dy.pull_back) packed[1] = LoadPackedValues<kCount, kWhole>(dy.raw[row], p, pixels);
    return Of<kCount>(row, p, kWhole ? p + kCount : pixels, packed);
  }
  template <int kCount>
  RIFFLE_KERNEL Values<kCount> Of(int64_t row, int64_t p, int64_t pixels,
                                  const PackedValues<kCount, Map> (&packed)[kMaps]) const {
    Values<kCount> values = Unpacked<kCount>(dy.dz.data, packed[0]);
    if (!dy.pull_back) return values;
    const PullBack<float> k = dy.pull_back[row];
    const Values<kCount> raw = Unpacked<kCount>(dy.dz.data, packed[1]);
    for (int i = 0; i < kCount; ++i)
      values.v[i] = p + i < pixels ? values.v[i] * k.dz_factor + raw.v[i] * k.raw_factor + k.constant : 0;
    return values;
  }
};

}  // namespace riffle::RIFFLE_GPU
