// The product that forward and dx of the group convolution share (group_conv.h), and the sums along rows.
//
// A tile of R output rows × V vectors of pixels stays in registers while the reduction runs over the input rows: per
// step V loads of pixels, R broadcasts of weights, R·V fused multiply-adds. R and V follow from the registers: with 32
// of them 10 × 2 accumulators, with 16 of them 5 × 2. Output rows are split into blocks of nearly equal height, so that
// 72 rows are 8 blocks of 9 and not 7 of 10 and one of 2. Weights are packed block by block as [reduction][R]: the
// broadcasts read them in sequence. Pixels go in the outer loop: a panel of V vectors of all input rows is read once
// and stays in L1 for all row blocks.
//
// Included once for each instruction set, after hwy/foreach_target.h.
#include <algorithm>

#include "hwy/highway.h"
#include "ops/common.h"

#if defined(RIFFLE_GROUP_CONV_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef RIFFLE_GROUP_CONV_INL_H
#undef RIFFLE_GROUP_CONV_INL_H
#else
#define RIFFLE_GROUP_CONV_INL_H
#endif

HWY_BEFORE_NAMESPACE();
namespace riffle::cpu {
namespace HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;

using D = hn::ScalableTag<float>;
using Vec = hn::Vec<D>;

constexpr bool kManyRegisters = HWY_TARGET <= HWY_AVX3 || HWY_ARCH_ARM_A64;  // 32, else 16
constexpr int kMaxRows = kManyRegisters ? 10 : 5;                            // R of the product tile
constexpr int kVectors = 2;                                                  // V
// Chunks of pixels that tasks work on: enough tasks for many threads, few enough that partial sums are small.
HWY_INLINE int64_t ChunkPixels(int64_t pixels, int64_t block) {
  constexpr int64_t kMostChunks = 32;
  const int64_t blocks = (pixels + block - 1) / block;
  return (blocks + kMostChunks - 1) / kMostChunks * block;
}

// Row blocks of nearly equal height.
struct RowBlocks {
  int rows, count;
  explicit RowBlocks(int all_rows) : rows(all_rows), count((all_rows + kMaxRows - 1) / kMaxRows) {}
  int first(int block) const { return block * (rows / count) + std::min(block, rows % count); }
  int height(int block) const { return first(block + 1) - first(block); }
};

// What happens to a finished tile.
struct Store {
  Rows<float> y;               // of the first row of the product
  const float* bias;           // of the first row, or null
  Rows<const float> residual;  // or null
  bool relu;
};

// y[0..R)[p..p+V·lanes) = packed[reduction][R]ᵀ · x[reduction][p..]; with kMasked one vector of `count` pixels.
template <int R, int V, bool kMasked>
HWY_INLINE void Tile(const float* HWY_RESTRICT packed, int64_t reduction, Rows<const float> x, int64_t p, int64_t count,
                     const Store& store, int row) {
  const D d;
  const size_t lanes = hn::Lanes(d);
  const auto mask = hn::FirstN(d, static_cast<size_t>(count));
  Vec acc[R][V];
  for (int r = 0; r < R; ++r) {
    const Vec start = store.bias ? hn::Set(d, store.bias[row + r]) : hn::Zero(d);
    for (int v = 0; v < V; ++v) acc[r][v] = start;
  }
  const float* HWY_RESTRICT from = x.data + p;
  for (int64_t k = 0; k < reduction; ++k, from += x.stride, packed += R) {
    Vec pixels[V];
    for (int v = 0; v < V; ++v) pixels[v] = kMasked ? hn::MaskedLoad(mask, d, from) : hn::LoadU(d, from + v * lanes);
    for (int r = 0; r < R; ++r) {
      const Vec w = hn::Set(d, packed[r]);
      for (int v = 0; v < V; ++v) acc[r][v] = hn::MulAdd(w, pixels[v], acc[r][v]);
    }
  }
  for (int r = 0; r < R; ++r) {
    for (int v = 0; v < V; ++v) {
      const int64_t at = p + static_cast<int64_t>(v * lanes);
      Vec y = acc[r][v];
      if (store.residual) {
        const float* s = store.residual[row + r] + at;
        y = hn::Add(y, kMasked ? hn::MaskedLoad(mask, d, s) : hn::LoadU(d, s));
      }
      if (store.relu) y = hn::Max(y, hn::Zero(d));
      if (kMasked)
        hn::BlendedStore(y, mask, d, store.y[row + r] + at);
      else
        hn::StoreU(y, d, store.y[row + r] + at);
    }
  }
}

template <int V, bool kMasked, int R = kMaxRows>
HWY_INLINE void TileOfHeight(int height, const float* packed, int64_t reduction, Rows<const float> x, int64_t p,
                             int64_t count, const Store& store, int row) {
  if (height == R) return Tile<R, V, kMasked>(packed, reduction, x, p, count, store, row);
  if constexpr (R > 1) TileOfHeight<V, kMasked, R - 1>(height, packed, reduction, x, p, count, store, row);
}

// All rows of one group for pixels [begin, end).
HWY_NOINLINE void Product(int rows, int64_t reduction, const float* packed, Rows<const float> x, int64_t begin,
                          int64_t end, const Store& store) {
  const D d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  const RowBlocks blocks(rows);
  const auto each_block = [&](auto tile) HWY_ATTR {
    for (int b = 0; b < blocks.count; ++b)
      tile(blocks.height(b), packed + blocks.first(b) * reduction, blocks.first(b));
  };
  int64_t p = begin;
  for (; p + kVectors * lanes <= end; p += kVectors * lanes)
    each_block([&](int height, const float* w, int row)
                   HWY_ATTR { TileOfHeight<kVectors, false>(height, w, reduction, x, p, lanes, store, row); });
  for (; p < end; p += lanes) {
    const int64_t count = std::min(lanes, end - p);
    each_block([&](int height, const float* w, int row)
                   HWY_ATTR { TileOfHeight<1, true>(height, w, reduction, x, p, count, store, row); });
  }
}

// Packs a [rows][reduction] matrix with the given strides into row blocks.
HWY_INLINE void Pack(int rows, int64_t reduction, const float* matrix, int64_t row_stride, int64_t reduction_stride,
                     float* packed) {
  const RowBlocks blocks(rows);
  for (int b = 0; b < blocks.count; ++b)
    for (int64_t k = 0; k < reduction; ++k)
      for (int r = 0; r < blocks.height(b); ++r)
        *packed++ = matrix[(blocks.first(b) + r) * row_stride + k * reduction_stride];
}

// Σ (x − shift) and Σ (x − shift)² over `count` values. A shift near the mean keeps the difference of the two from
// cancelling.
HWY_INLINE void ShiftedSums(const float* HWY_RESTRICT x, int64_t count, float shift, double* sum, double* squares) {
  const D d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  const Vec s = hn::Set(d, shift);
  Vec sums = hn::Zero(d), square_sums = hn::Zero(d);
  int64_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    const Vec v = hn::Sub(hn::LoadU(d, x + i), s);
    sums = hn::Add(sums, v);
    square_sums = hn::MulAdd(v, v, square_sums);
  }
  if (i < count) {
    const auto mask = hn::FirstN(d, static_cast<size_t>(count - i));
    const Vec v = hn::IfThenElseZero(mask, hn::Sub(hn::MaskedLoad(mask, d, x + i), s));
    sums = hn::Add(sums, v);
    square_sums = hn::MulAdd(v, v, square_sums);
  }
  *sum += hn::GetLane(hn::SumOfLanes(d, sums));
  *squares += hn::GetLane(hn::SumOfLanes(d, square_sums));
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace riffle::cpu
HWY_AFTER_NAMESPACE();

#endif
