// RowProduct (row_product.h) of maps of bfloat16, by tensor cores: what `in` holds and the weights are rounded to
// bfloat16, sums are float. A block reads the rows of a group, for a tile of pixels, once into shared memory. Each of
// its warps then computes 32 rows for a share of 32 pixels at a time.
#pragma once

#include <cstdint>

#include "ops/row_product.h"

namespace riffle::RIFFLE_GPU {

/// Weights as fragments of tensor cores: [groups][row tiles][depth tiles][lane][8], with zeros around.
struct TensorWeightsShape {
  int groups, row_tiles, depth_tiles;

  /// Row tiles are computed in pairs.
  constexpr explicit TensorWeightsShape(int of_groups, int rows, int depth)
      : groups(of_groups),
        row_tiles(static_cast<int>(DivideUp(rows, 2 * kTensorSide)) * 2),
        depth_tiles(static_cast<int>(DivideUp(depth, kTensorSide))) {}
  constexpr int64_t values() const { return int64_t{groups} * row_tiles * depth_tiles * kTensorSide * kTensorSide; }
};

/// Which weight the i-th of those is; it may be one of the zeros.
struct TensorWeight {
  int64_t group;
  int row, depth;

  RIFFLE_KERNEL TensorWeight(const TensorWeightsShape& shape, int64_t i) {
    const int value = static_cast<int>(i % 8), lane = static_cast<int>(i / 8 % kWarp);
    const int64_t tile = i / 8 / kWarp;
    group = tile / shape.depth_tiles / shape.row_tiles;
    row = static_cast<int>(tile / shape.depth_tiles % shape.row_tiles) * kTensorSide + lane / 4 + value / 2 % 2 * 8;
    depth = static_cast<int>(tile % shape.depth_tiles) * kTensorSide + lane % 4 * 2 + value % 2 + value / 4 * 8;
  }
};

/// Packs [groups][depth][rows].
inline void PackTensorWeights(const Execution& execution, int groups, int rows, int depth, const float* weight,
                              Bfloat16* packed) {
  const TensorWeightsShape shape(groups, rows, depth);
  ForEach(execution, shape.values(), [=] RIFFLE_LAMBDA(int64_t i) {
    const TensorWeight w(shape, i);
    packed[i] = Bfloat16(w.row < rows && w.depth < depth ? weight[(w.group * depth + w.depth) * rows + w.row] : 0);
  });
}

template <class In, class Out>
struct TensorRowProduct {
  static constexpr int kThreads = 256, kWarps = kThreads / kWarp, kBlocksAtOnce = 2;
  static constexpr int kNeighbours = TensorProductMemory::kNeighbours, kPitch = TensorProductMemory::kPitch;
  static constexpr int kSharePixels = 4 * kNeighbours;  // of a warp
  static constexpr int kShares = kTilePixels / kSharePixels;
  static constexpr int kPartials = TensorProductMemory::kPartials;
  static_assert(sizeof(Partial) == TensorProductMemory::kPartialBytes);
  using Shared = unsigned char;

  RowProductShape shape;
  const Bfloat16* weight;  // packed
  In in;
  Out out;
  PartsOfRows parts;  // tiles

  int64_t SharedBytes() const { return TensorProductMemory::Bytes(shape, parts.of_rows != nullptr); }

  RIFFLE_KERNEL void operator()(Shared& shared) const {
    const auto groups = static_cast<unsigned>(shape.groups);
    const int group = static_cast<int>(blockIdx.x % groups);
    const int64_t pixel = int64_t{blockIdx.x / groups} * kTilePixels;
    const bool inside = pixel + kTilePixels <= shape.pixels;
    if (inside && in.template IsPacked<kNeighbours>() && out.template IsPacked<kNeighbours>())
      Compute<true>(&shared, group, pixel);
    else
      Compute<false>(&shared, group, pixel);
  }

 private:
  template <bool kWhole>
  RIFFLE_KERNEL void Compute(unsigned char* shared, int group, int64_t pixel) const {
    auto* const operands = reinterpret_cast<Bfloat16*>(shared);
    auto* const gathered =
        reinterpret_cast<Partial*>(shared + TensorProductMemory::OperandBytes(shape));  // [rows][kPartials + 1]
    Put<kWhole>(operands, group, pixel);
    __syncthreads();
    const int items = static_cast<int>(DivideUp(shape.rows, 2 * kTensorSide)) * kShares;
    for (int item = Warp(); item < items; item += kWarps) {
      const int row_pair = item / kShares, share = item % kShares;
      // A lane has four rows of the pair.
      const int first_row = row_pair * 2 * kTensorSide + Lane() / 4, place = share * 4 + Lane() % 4;
      const int64_t p = pixel + place * kNeighbours;
      typename Out::template Loaded<kNeighbours> loaded[4];
      RIFFLE_UNROLL for (int i = 0; i < 4; ++i) {
        loaded[i] = {};
        if (first_row + i * 8 < shape.rows)
          loaded[i] = out.template Load<kNeighbours, kWhole>(group * shape.rows + first_row + i * 8, p, shape.pixels);
      }
      float sum[2][4][4] = {};
      Multiply(operands + share * kSharePixels, group, row_pair, sum);
      RIFFLE_UNROLL for (int i = 0; i < 4; ++i) {
        const int row = first_row + i * 8;
        Values<kNeighbours> values;
        for (int n = 0; n < 4; ++n)
          for (int e = 0; e < 2; ++e) values.v[n * 2 + e] = sum[i / 2][n][i % 2 * 2 + e];
        if (row >= shape.rows) continue;
        const Partial partial =
            out.template Store<kNeighbours, kWhole>(group * shape.rows + row, p, shape.pixels, values, loaded[i]);
        if (parts.of_rows) gathered[row * (kPartials + 1) + place] = partial;
      }
    }
    if (!parts.of_rows) return;
    __syncthreads();
    const int64_t left = shape.pixels - pixel;
    for (int row = BlockThread(); row < shape.rows; row += kThreads)
      parts.of_rows[(group * shape.rows + row) * parts.count + pixel / kTilePixels] = {
          Out::Combine(gathered + row * (kPartials + 1), kPartials, kNeighbours, left),
          static_cast<float>(left < kTilePixels ? left : kTilePixels)};
  }

  // A lane of C holds two columns of each of four matrices. That those are neighbours, pixels are stored in another
  // order: of a share's pixels 8·q + 2·n + e lies at 8·n + 2·q + e (q, n < 4; e < 2).
  template <bool kWhole>
  RIFFLE_KERNEL void Put(Bfloat16* operands, int group, int64_t pixel) const {
    constexpr int kLoads = 4;  // under way at once
    constexpr int kEights = kTilePixels / kNeighbours;
    const int count = static_cast<int>(DivideUp(shape.depth, kTensorSide)) * kTensorSide * kEights;
    for (int first = BlockThread(); first < count; first += kThreads * kLoads) {
      Values<kNeighbours> values[kLoads];
      RIFFLE_UNROLL for (int i = 0; i < kLoads; ++i) {
        const int d = (first + i * kThreads) / kEights, eight = (first + i * kThreads) % kEights;
        values[i] = {};
        if (d < shape.depth)
          values[i] =
              in.template Load<kNeighbours, kWhole>(group * shape.depth + d, pixel + eight * kNeighbours, shape.pixels);
      }
      RIFFLE_UNROLL for (int i = 0; i < kLoads; ++i) {
        const int index = first + i * kThreads, eight = index % kEights;
        if (index >= count) break;
        Bfloat16* const share = operands + index / kEights * kPitch + eight / 4 * kSharePixels;
        for (int n = 0; n < 4; ++n)
          StoreWords<1>(share + n * 8 + eight % 4 * 2, {{PackPair(values[i].v[2 * n], values[i].v[2 * n + 1])}});
      }
    }
  }

  // sum[row tile of the pair][eight pixels]
  RIFFLE_KERNEL void Multiply(const Bfloat16* share, int group, int row_pair, float (&sum)[2][4][4]) const {
    const TensorWeightsShape weights(shape.groups, shape.rows, shape.depth);
    constexpr int kFragment = kTensorSide * kTensorSide, kLaneValues = kFragment / kWarp;
    const int64_t pair_values = 2 * int64_t{weights.depth_tiles} * kFragment;
    const Bfloat16* a =
        weight + (group * int64_t{weights.row_tiles / 2} + row_pair) * pair_values + Lane() * kLaneValues;
    const Bfloat16* x = share + Lane() % 16 * kPitch + Lane() / 16 * 8;
    for (int d = 0; d < weights.depth_tiles; ++d) {
      const Words<4> a0 = LoadWords<4>(a + d * kFragment);
      const Words<4> a1 = LoadWords<4>(a + (weights.depth_tiles + d) * kFragment);
      uint32_t b[2][4];
      LoadTransposedMatrices(b[0], x + d * kTensorSide * kPitch);
      LoadTransposedMatrices(b[1], x + d * kTensorSide * kPitch + 16);
      RIFFLE_UNROLL for (int n = 0; n < 4; ++n) {
        MultiplyAdd(sum[0][n], a0.v, b[n / 2][n % 2 * 2], b[n / 2][n % 2 * 2 + 1]);
        MultiplyAdd(sum[1][n], a1.v, b[n / 2][n % 2 * 2], b[n / 2][n % 2 * 2 + 1]);
      }
    }
  }
};

/// Launches it, with packed weights. REQUIRES: a block's shared memory holds the rows (ChooseProduct).
template <class In, class Out>
void LaunchTensorRowProduct(const Execution& execution, const RowProductShape& shape, const Bfloat16* weight,
                            const In& in, const Out& out, const PartsOfRows& parts) {
  Launch(execution, {shape.tiles() * shape.groups}, TensorRowProduct<In, Out>{shape, weight, in, out, parts});
}

}  // namespace riffle::RIFFLE_GPU
