// The product that forward and dx of the group convolution share (group_conv.h), and the sums along rows.
//
// A tile of R output rows × N vectors of pixels stays in registers while the reduction runs over the input rows: per
// step N loads of pixels, R broadcasts of weights, R·N fused multiply-adds. R and N follow from the registers: with 32
// of them 8 × 3 accumulators, with 16 of them 4 × 3; both need fewer loads per multiply-add than wider or flatter tiles
// that fit. Output rows are split into blocks of nearly equal height, so that 20 rows are blocks of 7, 7 and 6 and not
// of 8, 8 and 4. Weights are packed block by block as [reduction][R]: the broadcasts read them in sequence. Pixels go
// in the outer loop: a panel of N vectors of all input rows is read once and stays in L1 for all row blocks.
//
// The few pixels behind the last whole vector (7×7 = 3·16 + 1) would waste almost all lanes of one more vector. There
// the packed weights themselves are the vectors, lanes are output rows, and each pixel is a broadcast (ColumnTile).
// Each output is the same chain of multiply-adds in either tile: where a pixel lies does not change its bits.
//
// Included once for each instruction set, after hwy/foreach_target.h.
#include <algorithm>
#include <type_traits>

#if defined(RIFFLE_GROUP_CONV_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef RIFFLE_GROUP_CONV_INL_H
#undef RIFFLE_GROUP_CONV_INL_H
#else
#define RIFFLE_GROUP_CONV_INL_H
#endif

#include "ops/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace riffle::cpu {
namespace HWY_NAMESPACE {
namespace {
constexpr bool kManyRegisters = HWY_TARGET <= HWY_AVX3 || HWY_ARCH_ARM_A64;  // 32, else 16
constexpr int kMaxRows = kManyRegisters ? 8 : 4;                             // R of the product tile
constexpr int kVectors = 3;                                                  // N
constexpr int kMostColumns = 4;  // pixels behind the last vector that are cheaper one by one than as a masked vector
constexpr int kChains = 8;       // multiply-adds in flight that hide their latency: 4 cycles, 2 a cycle
/// Weights are asked for so many floats ahead: all of a network's come from L3 or from memory, a stage's after the
/// other.
constexpr int64_t kWeightsAhead = 1024;
/// Floats behind packed weights (and biases) that are read, though never used.
constexpr int64_t kPackedPadding = kMaxRows;
constexpr int64_t kPanel = kVectors * static_cast<int64_t>(hn::MaxLanes(D()));  // pixels of the product's tile

// In training, rows go through the caches by blocks of pixels: as long a run of each row as keeps `floats_per_pixel` in
// L2, but not so long that few tasks are left.
HWY_INLINE int64_t BlockPixels(int64_t floats_per_pixel, int64_t pixels) {
  // Somewhat more than half of L2: 1 MB of it comes with 32 registers, 512 KB is usual without.
  constexpr int64_t kFloatsInL2 = int64_t{kManyRegisters ? 144 : 72} << 10;
  constexpr int64_t kFewestBlocks = 8, kMostPixels = 1024;
  const int64_t most = std::min({kFloatsInL2 / floats_per_pixel, pixels / kFewestBlocks, kMostPixels});
  return std::max<int64_t>(2, most / kPanel) * kPanel;
}

// Chunks of pixels that tasks work on: enough tasks for many threads, few enough that partial sums are small.
HWY_INLINE int64_t ChunkPixels(int64_t pixels, int64_t block) {
  constexpr int64_t kMostChunks = 32;
  const int64_t blocks = (pixels + block - 1) / block;
  return (blocks + kMostChunks - 1) / kMostChunks * block;
}

// Row blocks of nearly equal height: the first `taller` have a row more than the others.
struct RowBlocks {
  int count, least, taller;
  explicit RowBlocks(int rows) : count((rows + kMaxRows - 1) / kMaxRows), least(rows / count), taller(rows % count) {}
  int first(int block) const { return block * least + std::min(block, taller); }
  int height(int block) const { return least + (block < taller ? 1 : 0); }
};

// Row blocks that are computed, and then passed over once more, together: a slab. Its rows stay in L2.
constexpr int kSlabBlocks = 4;
HWY_INLINE int64_t SlabRows(int rows) { return std::min(rows, kSlabBlocks * kMaxRows); }  // at most

// What happens to a finished tile.
struct Store {
  Rows<float> y;               // of row `first` of the product
  const float* bias;           // of row 0, or null
  Rows<const float> residual;  // of row 0, or null
  bool relu;
  int first = 0;
};

// y[0..R)[p..p+N·lanes) = packed[reduction][R]ᵀ · x[reduction][p..]; with kMasked one vector of `count` pixels.
// Loops over the tile are unrolled early, or GCC keeps the accumulators in memory before and after the reduction.
template <int R, int N, bool kMasked>
HWY_INLINE void Tile(const float* HWY_RESTRICT packed, int64_t reduction, Rows<const float> x, int64_t p, int64_t count,
                     const Store& store, int row) {
  const D d;
  const size_t lanes = hn::Lanes(d);
  const auto mask = hn::FirstN(d, static_cast<size_t>(count));
  const auto load = [&](const float* at) HWY_ATTR { return kMasked ? hn::MaskedLoad(mask, d, at) : hn::LoadU(d, at); };
  V acc[R][N];
  const float* HWY_RESTRICT bias = store.bias ? store.bias + row : nullptr;
  HWY_UNROLL(8)
  for (int r = 0; r < R; ++r) {
    const V start = bias ? hn::Set(d, bias[r]) : hn::Zero(d);
    HWY_UNROLL(8)
    for (int v = 0; v < N; ++v) acc[r][v] = start;
  }
  const float* HWY_RESTRICT from = x.data + p;
  for (int64_t k = 0; k < reduction; ++k, from += x.stride, packed += R) {
    V pixels[N];
    HWY_UNROLL(8)
    for (int v = 0; v < N; ++v) pixels[v] = load(from + v * lanes);
    hwy::Prefetch(packed + kWeightsAhead);
    HWY_UNROLL(8)
    for (int r = 0; r < R; ++r) {
      const V w = hn::Set(d, packed[r]);
      HWY_UNROLL(8)
      for (int v = 0; v < N; ++v) acc[r][v] = hn::MulAdd(w, pixels[v], acc[r][v]);
    }
  }
  if (store.residual) {
    const Rows<const float> add{store.residual[row] + p, store.residual.stride};
    HWY_UNROLL(8)
    for (int r = 0; r < R; ++r) {
      HWY_UNROLL(8)
      for (int v = 0; v < N; ++v) acc[r][v] = hn::Add(acc[r][v], load(add[r] + v * lanes));
    }
  }
  if (store.relu) {
    HWY_UNROLL(8)
    for (int r = 0; r < R; ++r) {
      HWY_UNROLL(8)
      for (int v = 0; v < N; ++v) acc[r][v] = hn::Max(hn::Zero(d), acc[r][v]);  // in this order a NaN passes
    }
  }
  const Rows<float> y{store.y[row - store.first] + p, store.y.stride};
  HWY_UNROLL(8)
  for (int r = 0; r < R; ++r) {
    HWY_UNROLL(8)
    for (int v = 0; v < N; ++v) {
      if constexpr (kMasked)
        hn::BlendedStore(acc[r][v], mask, d, y[r] + v * lanes);
      else
        hn::StoreU(acc[r][v], d, y[r] + v * lanes);
    }
  }
}

template <int N, bool kMasked, int R = kMaxRows>
HWY_INLINE void TileOfHeight(int height, const float* packed, int64_t reduction, Rows<const float> x, int64_t p,
                             int64_t count, const Store& store, int row) {
  if (height == R) return Tile<R, N, kMasked>(packed, reduction, x, p, count, store, row);
  if constexpr (R > 1) TileOfHeight<N, kMasked, R - 1>(height, packed, reduction, x, p, count, store, row);
}

// The lanes of a column tile: output rows of one block, or a part of them where vectors are shorter.
using RowsD = hn::CappedTag<float, kMaxRows>;
using RowsVec = hn::Vec<RowsD>;
struct Strip {
  const float* packed;  // [reduction], `step` apart
  int64_t step;
  int row, rows;
};

// y[strip's rows][p..p+T) for S strips. Lanes beyond a strip's rows compute what nobody stores.
template <int T, int S>
HWY_INLINE void ColumnTile(const Strip* strips, int64_t reduction, Rows<const float> x, int64_t p, const Store& store) {
  const RowsD d;
  RowsVec acc[S][T];
  const float* HWY_RESTRICT packed[S];
  for (int s = 0; s < S; ++s) {
    packed[s] = strips[s].packed;
    const RowsVec start = store.bias ? hn::LoadU(d, store.bias + strips[s].row) : hn::Zero(d);
    for (int t = 0; t < T; ++t) acc[s][t] = start;
  }
  const float* HWY_RESTRICT from = x.data + p;
  for (int64_t k = 0; k < reduction; ++k, from += x.stride) {
    RowsVec pixels[T];
    for (int t = 0; t < T; ++t) pixels[t] = hn::Set(d, from[t]);
    for (int s = 0; s < S; ++s) {
      const RowsVec w = hn::LoadU(d, packed[s]);
      packed[s] += strips[s].step;
      for (int t = 0; t < T; ++t) acc[s][t] = hn::MulAdd(w, pixels[t], acc[s][t]);
    }
  }
  for (int s = 0; s < S; ++s) {
    for (int t = 0; t < T; ++t) {
      HWY_ALIGN float lanes[kMaxRows] = {};
      RowsVec y = acc[s][t];
      if (store.residual) {
        for (int r = 0; r < strips[s].rows; ++r) lanes[r] = store.residual[strips[s].row + r][p + t];
        y = hn::Add(y, hn::Load(d, lanes));
      }
      if (store.relu) y = hn::Max(hn::Zero(d), y);
      hn::Store(y, d, lanes);
      for (int r = 0; r < strips[s].rows; ++r) store.y[strips[s].row - store.first + r][p + t] = lanes[r];
    }
  }
}

// All strips of row blocks [first, last) for T pixels.
template <int T>
HWY_INLINE void Columns(const RowBlocks& blocks, int first, int last, const float* packed, int64_t reduction,
                        Rows<const float> x, int64_t p, const Store& store) {
  constexpr int kStrips = kChains / T, kLanesOfRows = static_cast<int>(hn::MaxLanes(RowsD()));
  Strip strips[kStrips];
  int count = 0;
  for (int b = first; b < last; ++b) {
    const int height = blocks.height(b);
    for (int r = 0; r < height; r += kLanesOfRows) {
      strips[count++] = {packed + blocks.first(b) * reduction + r, height, blocks.first(b) + r,
                         std::min(height - r, kLanesOfRows)};
      if (count < kStrips) continue;
      ColumnTile<T, kStrips>(strips, reduction, x, p, store);
      count = 0;
    }
  }
  if (count == 0) return;
  // A tile of fewer strips would take as long, waiting for its own sums.
  for (Strip copy = strips[0]; count < kStrips; ++count) {
    copy.rows = 0;
    strips[count] = copy;
  }
  ColumnTile<T, kStrips>(strips, reduction, x, p, store);
}

HWY_NOINLINE void Columns(int64_t count, const RowBlocks& blocks, int first, int last, const float* packed,
                          int64_t reduction, Rows<const float> x, int64_t p, const Store& store) {
  switch (count) {
    case 1:
      return Columns<1>(blocks, first, last, packed, reduction, x, p, store);
    case 2:
      return Columns<2>(blocks, first, last, packed, reduction, x, p, store);
    case 3:
      return Columns<3>(blocks, first, last, packed, reduction, x, p, store);
    case 4:
      return Columns<4>(blocks, first, last, packed, reduction, x, p, store);
  }
}

// Row blocks [first_block, last_block) of one group for pixels [begin, end). Behind the packed weights kPackedPadding
// floats may be read.
HWY_NOINLINE void ProductOfBlocks(const RowBlocks& blocks, int first_block, int last_block, int64_t reduction,
                                  const float* packed, Rows<const float> x, int64_t begin, int64_t end,
                                  const Store& store) {
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(D()));
  const int64_t tail = (end - begin) % lanes, columns = tail <= kMostColumns ? tail : 0;
  const auto tiles = [&](int64_t p, int64_t count, auto tile) HWY_ATTR {
    // The single pixels follow while their weights are still in L1.
    const bool then_columns = columns > 0 && p + count + columns == end;
    for (int b = first_block, done = b; b < last_block; ++b) {
      tile(blocks.height(b), packed + blocks.first(b) * reduction, p, count, blocks.first(b));
      if (!then_columns || (b + 1 - done < kChains && b + 1 < last_block)) continue;
      Columns(columns, blocks, done, b + 1, packed, reduction, x, end - columns, store);
      done = b + 1;
    }
  };
  const auto vectors = [&]<int N>(std::integral_constant<int, N>) HWY_ATTR {
    return [&](int height, const float* w, int64_t p, int64_t count, int row)
               HWY_ATTR { TileOfHeight<N, false>(height, w, reduction, x, p, count, store, row); };
  };
  int64_t p = begin;
  // Four vectors are 2 + 2: a tile of one has too few accumulators.
  for (int64_t left; (left = (end - p) / lanes) > 0;) {
    if (left == 1)
      tiles(p, lanes, vectors(std::integral_constant<int, 1>()));
    else if (left == 2 || left == 4)
      tiles(p, 2 * lanes, vectors(std::integral_constant<int, 2>()));
    else
      tiles(p, kVectors * lanes, vectors(std::integral_constant<int, kVectors>()));
    p += std::min<int64_t>(left == 4 ? 2 : left, kVectors) * lanes;
  }
  if (tail > columns)
    tiles(p, tail, [&](int height, const float* w, int64_t at, int64_t count, int row) HWY_ATTR {
      TileOfHeight<1, true>(height, w, reduction, x, at, count, store, row);
    });
  else if (end - begin == columns && columns > 0)
    Columns(columns, blocks, first_block, last_block, packed, reduction, x, begin, store);
}

// Packs a [rows][reduction] matrix of each group, one behind the other, with the given strides into row blocks.
HWY_INLINE void Pack(const Execution& execution, int groups, int rows, int64_t reduction, const float* matrices,
                     int64_t row_stride, int64_t reduction_stride, float* packed) {
  const RowBlocks blocks(rows);
  execution.pool.ParallelFor(int64_t{groups} * blocks.count, [&](int64_t task) {
    const int64_t first = task / blocks.count * rows * reduction;
    const int b = static_cast<int>(task % blocks.count);
    const float* from = matrices + first + blocks.first(b) * row_stride;
    float* to = packed + first + blocks.first(b) * reduction;
    for (int64_t k = 0; k < reduction; ++k, from += reduction_stride)
      for (int r = 0; r < blocks.height(b); ++r) *to++ = from[r * row_stride];
  });
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace riffle::cpu
HWY_AFTER_NAMESPACE();

#endif
