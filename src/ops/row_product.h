// Products of weights with the rows of maps, for kernels:
//   out[g·rows + r][p] = Σ_d weight[g·depth + d][r]·in(g·depth + d, p)
// What `in` holds is computed where it is read (row_values.h). What becomes of a result, where it is written, with
//   Loaded<n> Load<n, kWhole>(row, p, pixels)              what it needs to read, which may be done early
//   Partial Store<n, kWhole>(row, p, pixels, Values<n>, Loaded<n>)    writes values, and returns what they come to
//   Partial Combine(const Partial*, count, n, pixels)      static: of as many neighbours of n values each, the last of
//                                                          which may lie outside of a tile of so many pixels
//   bool IsPacked<n>()                                     as of `in`
// Blocks compute tiles of pixels, in float; where maps are bfloat16, tensor cores do (tensor_row_product.h).
#pragma once

#include <cstdint>

#include "ops/row_values.h"

namespace riffle::RIFFLE_GPU {

/// What pixels of a row come to, of two kinds.
struct Partial {
  float first, second;
};

/// The same of so many pixels.
struct Part {
  Partial of;
  float pixels;
};

/// Where those of parts of rows go: [groups·rows][count]; null: not wanted.
struct PartsOfRows {
  Part* of_rows = nullptr;
  int64_t count = 0;  ///< of a row
};

inline constexpr int kTilePixels = 128;

struct RowProductShape {
  int groups = 1;
  int rows = 1;   ///< of a group
  int depth = 1;  ///< of a group
  int64_t pixels = 0;

  constexpr int64_t tiles() const { return DivideUp(pixels, kTilePixels); }
};

template <class In, class Out, int kRowsOfWarp>
struct RowProduct {
  static constexpr int kThreads = 256, kWarps = kThreads / kWarp, kRows = kWarps * kRowsOfWarp;
  static constexpr int kDepth = 16;                         // rows of `in` at a time
  static constexpr int kLanePixels = kTilePixels / kWarp;   // neighbours
  static constexpr int kPitch = (kRowsOfWarp + 3) / 4 * 4;  // so that a warp's weights are read four at a time
  static constexpr int kBlocksAtOnce = 2;
  struct Operands {
    alignas(16) float weight[2][kDepth][kWarps][kPitch];
    alignas(16) float in[2][kDepth][kTilePixels];
  };
  struct Gathered {
    Partial of_lanes[kRows][kWarp + 1];
  };
  union Shared {
    Operands operands;
    Gathered gathered;
  };

  RowProductShape shape;
  const float* weight;
  In in;
  Out out;
  PartsOfRows parts;  // tiles

  RIFFLE_KERNEL void operator()(Shared& shared) const {
    // Tiles of the same pixels run at the same time, so that all but the first find them in the cache.
    const auto row_tiles = static_cast<unsigned>(DivideUp(shape.rows, kRows));
    const auto groups = static_cast<unsigned>(shape.groups);
    const Place place = {static_cast<int>(blockIdx.x / row_tiles % groups),
                         static_cast<int>(blockIdx.x % row_tiles) * kRows,
                         int64_t{blockIdx.x / row_tiles / groups} * kTilePixels};
    const bool inside = place.pixel + kTilePixels <= shape.pixels;
    if (inside && in.template IsPacked<kLanePixels>() && out.template IsPacked<kLanePixels>())
      Compute<true>(shared, place);
    else
      Compute<false>(shared, place);
  }

 private:
  // Where a block's tile begins.
  struct Place {
    int group, row;
    int64_t pixel;
  };

  template <bool kWhole>
  RIFFLE_KERNEL void Compute(Shared& shared, const Place& place) const {
    Values<kLanePixels> sum[kRowsOfWarp] = {};
    Next next;
    Fetch<kWhole>(next, place, 0);
    for (int d0 = 0, buffer = 0; d0 < shape.depth; d0 += kDepth, buffer ^= 1) {
      Put(next, shared.operands, buffer);
      __syncthreads();
      if (d0 + kDepth < shape.depth) Fetch<kWhole>(next, place, d0 + kDepth);
      for (int d = 0; d < kDepth; ++d) {
        const auto x = LoadPacked<kLanePixels>(&shared.operands.in[buffer][d][Lane() * kLanePixels]);
        Values<4> w[kPitch / 4];
        for (int r = 0; r < kPitch / 4; ++r) w[r] = LoadPacked<4>(&shared.operands.weight[buffer][d][Warp()][r * 4]);
        for (int r = 0; r < kRowsOfWarp; ++r)
          for (int i = 0; i < kLanePixels; ++i) sum[r].v[i] += w[r / 4].v[r % 4] * x.v[i];
      }
    }
    if (parts.of_rows) __syncthreads();
    RIFFLE_UNROLL for (int r = 0; r < kRowsOfWarp; ++r) {
      const int row = place.row + Warp() * kRowsOfWarp + r;
      if (row >= shape.rows) continue;
      const int out_row = place.group * shape.rows + row;
      const int64_t p = place.pixel + Lane() * kLanePixels;
      const Partial partial = out.template Store<kLanePixels, kWhole>(
          out_row, p, shape.pixels, sum[r], out.template Load<kLanePixels, kWhole>(out_row, p, shape.pixels));
      if (parts.of_rows) shared.gathered.of_lanes[Warp() * kRowsOfWarp + r][Lane()] = partial;
    }
    if (!parts.of_rows) return;
    __syncthreads();
    const int64_t left = shape.pixels - place.pixel;
    for (int r = BlockThread(); r < kRows && place.row + r < shape.rows; r += kThreads)
      parts.of_rows[(place.group * shape.rows + place.row + r) * parts.count + place.pixel / kTilePixels] = {
          Out::Combine(shared.gathered.of_lanes[r], kWarp, kLanePixels, left),
          static_cast<float>(left < kTilePixels ? left : kTilePixels)};
  }

  // What a thread carries from memory to shared memory.
  static constexpr int kLoads = kDepth / kWarps;
  static constexpr int kWeights = (kDepth * kRows + kThreads - 1) / kThreads;
  struct Next {
    Values<kLanePixels> in[kLoads];
    float weight[kWeights];
  };

  template <bool kWhole>
  RIFFLE_KERNEL void Fetch(Next& next, const Place& place, int d0) const {
    for (int i = 0; i < kLoads; ++i) {
      const int d = d0 + i * kWarps + Warp();
      next.in[i] = {};
      if (d < shape.depth)
        next.in[i] = in.template Load<kLanePixels, kWhole>(place.group * shape.depth + d,
                                                           place.pixel + Lane() * kLanePixels, shape.pixels);
    }
    for (int i = 0; i < kWeights; ++i) {
      const int index = i * kThreads + BlockThread(), d = d0 + index / kRows, row = place.row + index % kRows;
      const bool inside = d < shape.depth && row < shape.rows && index < kDepth * kRows;
      next.weight[i] = inside ? weight[(place.group * int64_t{shape.depth} + d) * shape.rows + row] : 0;
    }
  }
  RIFFLE_KERNEL void Put(const Next& next, Operands& operands, int buffer) const {
    for (int i = 0; i < kLoads; ++i)
      StorePacked(&operands.in[buffer][i * kWarps + Warp()][Lane() * kLanePixels], next.in[i]);
    for (int i = 0; i < kWeights; ++i) {
      const int index = i * kThreads + BlockThread(), row = index % kRows;
      if (index < kDepth * kRows)
        operands.weight[buffer][index / kRows][row / kRowsOfWarp][row % kRowsOfWarp] = next.weight[i];
    }
  }
};

/// Launches it with the tile that suits its rows.
template <class In, class Out>
void LaunchRowProduct(const Execution& execution, const RowProductShape& shape, const float* weight, const In& in,
                      const Out& out, const PartsOfRows& parts) {
  const auto launch = [&](auto kernel) {
    const int64_t row_tiles = DivideUp(shape.rows, decltype(kernel)::kRows);
    Launch(execution, {shape.tiles() * shape.groups * row_tiles}, kernel);
  };
  using Large = RowProduct<In, Out, 10>;
  using Small = RowProduct<In, Out, 5>;
  if (DivideUp(shape.rows, Large::kRows) * Large::kRows <= DivideUp(shape.rows, Small::kRows) * Small::kRows)
    launch(Large{shape, weight, in, out, parts});
  else
    launch(Small{shape, weight, in, out, parts});
}

}  // namespace riffle::RIFFLE_GPU
