// Values of a row four at a time, for kernels: one access to memory where they are aligned.
#pragma once

#include <cstdint>

#include "ops/gpu_values.h"

namespace riffle::RIFFLE_GPU {

/// Four neighbouring values of a row.
struct Four {
  float v[4] = {0, 0, 0, 0};
};

template <class Map>
struct alignas(4 * sizeof(Map)) PackedFour {
  Map v[4];
};

RIFFLE_KERNEL PackedFour<float> Packed(const Four& four) { return {four.v[0], four.v[1], four.v[2], four.v[3]}; }

/// Four values at an address that is aligned to them, in one access.
template <class Map>
RIFFLE_KERNEL PackedFour<Map> ReadPacked(const Map* address) {
#ifndef __CUDACC__
  CheckAligned(address, sizeof(PackedFour<Map>));
#endif
  return *reinterpret_cast<const PackedFour<Map>*>(address);
}
template <class Map>
RIFFLE_KERNEL void WritePacked(Map* address, const PackedFour<Map>& packed) {
#ifndef __CUDACC__
  CheckAligned(address, sizeof(packed));
#endif
  *reinterpret_cast<PackedFour<Map>*>(address) = packed;
}

/// Whether four values at this address can be read and written at once.
template <class Map>
RIFFLE_KERNEL bool IsPackedFour(const Map* address) {
  return reinterpret_cast<uintptr_t>(address) % sizeof(PackedFour<Map>) == 0;
}

/// row[p] and its three neighbours, as they are stored; zero outside of the row.
template <class Map>
RIFFLE_KERNEL PackedFour<Map> ReadFour(const Map* row, int64_t p, int64_t pixels) {
  if (p + 4 <= pixels && IsPackedFour(row + p)) return ReadPacked(row + p);
  PackedFour<Map> packed;
  for (int i = 0; i < 4; ++i) packed.v[i] = p + i < pixels ? row[p + i] : Map();
  return packed;
}

/// row[p] and its three neighbours; zero outside of the row.
template <class Map>
RIFFLE_KERNEL Four LoadFour(const Map* row, int64_t p, int64_t pixels) {
  const PackedFour<Map> packed = ReadFour(row, p, pixels);
  Four four;
  for (int i = 0; i < 4; ++i) four.v[i] = float(packed.v[i]);
  return four;
}

/// Writes what lies in the row; returns what it holds then.
template <class Map>
RIFFLE_KERNEL Four StoreFour(Map* row, int64_t p, int64_t pixels, const Four& four) {
  PackedFour<Map> packed;
  Four stored;
  for (int i = 0; i < 4; ++i) {
    packed.v[i] = Map(four.v[i]);
    stored.v[i] = float(packed.v[i]);
  }
  if (p + 4 <= pixels && IsPackedFour(row + p)) {
    WritePacked(row + p, packed);
  } else {
    for (int i = 0; i < 4; ++i)
      if (p + i < pixels) row[p + i] = packed.v[i];
  }
  return stored;
}

/// The gradients of the raw values at (row, p) and its neighbours.
template <class Map>
RIFFLE_KERNEL Four RawGradients(const GradientSource<float, Map>& dy, int64_t row, int64_t p, int64_t pixels) {
  Four four = LoadFour(dy.dz[row], p, pixels);
  if (!dy.pull_back) return four;
  const PullBack<float> k = dy.pull_back[row];
  const Four raw = LoadFour(dy.raw[row], p, pixels);
  for (int i = 0; i < 4; ++i)
    four.v[i] = p + i < pixels ? four.v[i] * k.dz_factor + raw.v[i] * k.raw_factor + k.constant : 0;
  return four;
}

}  // namespace riffle::RIFFLE_GPU
