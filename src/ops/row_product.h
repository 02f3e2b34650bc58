// Products of weights with the rows of maps, for kernels:
//   out[g·rows + r][p] = Σ_d weight[g·depth + d][r]·in(g·depth + d, p)
// What `in` holds is computed where it is read (row_values.h). What becomes of a result, where it is written, with
//   Loaded<n> Load<n, kWhole>(row, p, pixels)              what it needs to read, which may be done early
//   Partial Store<n, kWhole>(row, p, pixels, Values<n>, Loaded<n>)    writes values, and returns what they come to
//   Partial Combine(const Partial*, count, n, pixels)      static: of as many neighbours of n values each, the last of
//                                                          which may lie outside of a tile of so many pixels
//   bool IsPacked<n>()                                     as of `in`
// Blocks compute tiles of pixels, in float, or where the execution allows it in TF32; where maps are bfloat16, tensor
// cores do (tensor_row_product.h).
#pragma once

#include <cstdint>
#include <type_traits>

#include "backend/cuda/tf32.h"
#include "ops/row_kernels.h"
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

/// How a block computes a tile of its rows in pieces of the depth; the rows of `in` that it reads lie in shared memory.
/// A lane has four neighbouring pixels of some rows.
inline constexpr int kProductWarps = 8, kProductDepth = 16, kLanePixels = kTilePixels / kWarp;

/// Exactly, in float: a warp has rows of its own, and all pixels.
template <int kRowsOfWarp>
struct FloatProduct {
  static constexpr int kRows = kProductWarps * kRowsOfWarp;
  static constexpr int kPitch = (kRowsOfWarp + 3) / 4 * 4;  // so that a warp's weights are read four at a time
  struct Operands {
    alignas(16) float weight[kProductDepth][kProductWarps][kPitch];
    alignas(16) float in[kProductDepth][kTilePixels];

    RIFFLE_KERNEL float& WeightOf(int d, int row) { return weight[d][row / kRowsOfWarp][row % kRowsOfWarp]; }
  };
  struct Sums {
    Values<kLanePixels> of_row[kRowsOfWarp];
  };

  RIFFLE_KERNEL static float Rounded(float value) { return value; }
  RIFFLE_KERNEL static void Add(const Operands& operands, Sums& sums) {
    for (int d = 0; d < kProductDepth; ++d) {
      const auto x = LoadPacked<kLanePixels>(&operands.in[d][Lane() * kLanePixels]);
      Values<4> w[kPitch / 4];
      for (int r = 0; r < kPitch / 4; ++r) w[r] = LoadPacked<4>(&operands.weight[d][Warp()][r * 4]);
      for (int r = 0; r < kRowsOfWarp; ++r)
        for (int i = 0; i < kLanePixels; ++i) sums.of_row[r].v[i] += w[r / 4].v[r % 4] * x.v[i];
    }
  }
  /// Calls f(row, first pixel, values) for each row of the lane.
  template <class F>
  RIFFLE_KERNEL static void ForEachRow(const Sums& sums, const F& f) {
    RIFFLE_UNROLL for (int r = 0; r < kRowsOfWarp; ++r)
        f(Warp() * kRowsOfWarp + r, Lane() * kLanePixels, sums.of_row[r]);
  }
};

/// On tensor cores, of factors that are rounded to TF32: a warp has all rows, and 16 pixels.
template <int kRowTiles>
struct Tf32Product {
  static constexpr int kRows = kRowTiles * 16, kWarpPixels = kTilePixels / kProductWarps;
  struct Operands {
    // A lane reads of four rows and eight neighbours: all in different banks.
    alignas(16) float weight[kProductDepth][kRows + 8];
    alignas(16) float in[kProductDepth][kTilePixels + 8];

    RIFFLE_KERNEL float& WeightOf(int d, int row) { return weight[d][row]; }
  };
  // Columns 2r, 2r + 1 of two matrices; column c of matrix n is pixel 2c + n, so that those are neighbours.
  struct Sums {
    float of_tile[kRowTiles][2][4];
  };

  RIFFLE_KERNEL static float Rounded(float value) { return RoundedToTf32(value); }
  RIFFLE_KERNEL static void Add(const Operands& operands, Sums& sums) {
    const int q = Lane() / 4, r = Lane() % 4;
    RIFFLE_UNROLL for (int d = r; d < kProductDepth; d += 8) {
      const auto low = LoadPacked<2>(&operands.in[d][Warp() * kWarpPixels + 2 * q]);
      const auto high = LoadPacked<2>(&operands.in[d + 4][Warp() * kWarpPixels + 2 * q]);
      RIFFLE_UNROLL for (int t = 0; t < kRowTiles; ++t) {
        const float *w = &operands.weight[d][t * 16 + q], *w_high = &operands.weight[d + 4][t * 16 + q];
        const float a[4] = {w[0], w[8], w_high[0], w_high[8]};
        RIFFLE_UNROLL for (int n = 0; n < 2; ++n) MultiplyAddTf32(sums.of_tile[t][n], a, low.v[n], high.v[n]);
      }
    }
  }
  template <class F>
  RIFFLE_KERNEL static void ForEachRow(const Sums& sums, const F& f) {
    RIFFLE_UNROLL for (int t = 0; t < kRowTiles; ++t) {
      RIFFLE_UNROLL for (int half = 0; half < 2; ++half) {
        const auto& [first, second] = sums.of_tile[t];
        const int i = half * 2;
        f(t * 16 + half * 8 + Lane() / 4, Warp() * kWarpPixels + Lane() % 4 * kLanePixels,
          Values<kLanePixels>{{first[i], second[i], first[i + 1], second[i + 1]}});
      }
    }
  }
};

template <class In, class Out, class Arithmetic>
struct RowProduct {
  static constexpr int kWarps = kProductWarps, kThreads = kWarps * kWarp, kRows = Arithmetic::kRows;
  static constexpr int kDepth = kProductDepth;  // rows of `in` at a time
  static constexpr int kBlocksAtOnce = 2;
  using Operands = typename Arithmetic::Operands;
  struct Gathered {
    Partial of_lanes[kRows][kWarp + 1];
  };
  union Shared {
    Operands operands[2];  // of now, and the next ones
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
    typename Arithmetic::Sums sums = {};
    Next next;
    Fetch<kWhole>(next, place, 0);
    for (int d0 = 0, buffer = 0; d0 < shape.depth; d0 += kDepth, buffer ^= 1) {
      Put(next, shared.operands[buffer]);
      __syncthreads();
      if (d0 + kDepth < shape.depth) Fetch<kWhole>(next, place, d0 + kDepth);
      Arithmetic::Add(shared.operands[buffer], sums);
    }
    if (parts.of_rows) __syncthreads();
    Arithmetic::ForEachRow(sums, [&](int row, int first, const Values<kLanePixels>& values) {
      if (place.row + row >= shape.rows) return;
      const int out_row = place.group * shape.rows + place.row + row;
      const int64_t p = place.pixel + first;
      const Partial partial = out.template Store<kLanePixels, kWhole>(
          out_row, p, shape.pixels, values, out.template Load<kLanePixels, kWhole>(out_row, p, shape.pixels));
      if (parts.of_rows) shared.gathered.of_lanes[row][first / kLanePixels] = partial;
    });
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
  RIFFLE_KERNEL void Put(const Next& next, Operands& operands) const {
    for (int i = 0; i < kLoads; ++i) {
      Values<kLanePixels> values = next.in[i];
      for (float& value : values.v) value = Arithmetic::Rounded(value);
      StorePacked(&operands.in[i * kWarps + Warp()][Lane() * kLanePixels], values);
    }
    for (int i = 0; i < kWeights; ++i) {
      const int index = i * kThreads + BlockThread();
      if (index < kDepth * kRows) operands.WeightOf(index / kRows, index % kRows) = Arithmetic::Rounded(next.weight[i]);
    }
  }
};

/// Launches what ChooseProduct says, but on maps of bfloat16 its tensor cores.
template <class In, class Out>
void LaunchRowProduct(const Execution& execution, const ProductKernel& kernel, const RowProductShape& shape,
                      const float* weight, const In& in, const Out& out, const PartsOfRows& parts) {
  const auto launch = [&]<class Arithmetic>(Arithmetic) {
    if (Arithmetic::kRows != kernel.rows) return;
    Launch(execution, {shape.tiles() * shape.groups * DivideUp(shape.rows, Arithmetic::kRows)},
           RowProduct<In, Out, Arithmetic>{shape, weight, in, out, parts});
  };
  if constexpr (std::is_same_v<typename In::MapValue, float>)
    if (kernel.arithmetic == Arithmetic::kTf32) return launch(Tf32Product<5>()), launch(Tf32Product<2>());
  launch(FloatProduct<10>());
  launch(FloatProduct<5>());
}

}  // namespace riffle::RIFFLE_GPU
