// Dot products along the pixels of two sets of rows: a tile of rows by rows stays in registers. The gradient of weights
// and Gram matrices are made of them.
//
// Included once for each instruction set, after hwy/foreach_target.h.
#include <algorithm>

#include "base/rows.h"

#if defined(RIFFLE_DOT_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef RIFFLE_DOT_INL_H
#undef RIFFLE_DOT_INL_H
#else
#define RIFFLE_DOT_INL_H
#endif

#include "ops/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace riffle::cpu::HWY_NAMESPACE {
namespace {

constexpr int kDotRows = HWY_TARGET <= HWY_AVX3 || HWY_ARCH_ARM_A64 ? 4 : 3;  // of one operand, with 32 registers or 16
constexpr int kDotColumns = 4;  // rows of the other: their sums over lanes fill one block of 128 bits

// Rows of partial sums have room for whole tiles wherever they begin.
constexpr int64_t PartialColumns(int64_t columns) { return columns + kDotColumns; }

// to[0..4) += the lanes' sums of four vectors.
#if HWY_TARGET == HWY_SCALAR
HWY_INLINE void AddLaneSums(V a, V b, V c, V d, float* HWY_RESTRICT to) {
  const V sums[4] = {a, b, c, d};
  for (int i = 0; i < 4; ++i) to[i] += hn::GetLane(sums[i]);
}
#else
constexpr hn::FixedTag<float, 4> kBlock;  // 128 bits

template <class DV>
HWY_INLINE hn::Vec<decltype(kBlock)> SumBlocks(DV d, hn::Vec<DV> v) {
  if constexpr (hn::MaxLanes(d) == 4) {
    return v;
  } else {
    const hn::Half<DV> half;
    return SumBlocks(half, hn::Add(hn::LowerHalf(half, v), hn::UpperHalf(half, v)));
  }
}

// Transposing while adding takes a fifth of the shuffles of four separate sums.
HWY_INLINE void AddLaneSums(V a, V b, V c, V d, float* HWY_RESTRICT to) {
  const V ac = hn::Add(hn::InterleaveLower(D(), a, c), hn::InterleaveUpper(D(), a, c));
  const V bd = hn::Add(hn::InterleaveLower(D(), b, d), hn::InterleaveUpper(D(), b, d));
  const V abcd = hn::Add(hn::InterleaveLower(D(), ac, bd), hn::InterleaveUpper(D(), ac, bd));
  hn::StoreU(hn::Add(hn::LoadU(kBlock, to), SumBlocks(D(), abcd)), kBlock, to);
}
#endif

// dots[r][c] += Σ_p g[r][p]·x[c][p] for R rows of g and C rows of x; kDotColumns values of each row of dots are
// written. A function of its own, unrolled early, its operands held in registers: inlined beside the tiles of other
// sizes, GCC keeps the sums in memory before and after the loop (a tenth of dweight's time).
template <int R, int C>
HWY_NOINLINE void DotTile(Rows<const float> g, Rows<const float> x, int64_t count, Rows<float> dots) {
  V acc[R][kDotColumns];
  HWY_UNROLL(4)
  for (int r = 0; r < R; ++r) {
    HWY_UNROLL(4)
    for (int c = 0; c < kDotColumns; ++c) acc[r][c] = hn::Zero(D());
  }
  const auto add = [&](int64_t p, auto load) HWY_ATTR {
    V rows[R];
    HWY_UNROLL(4)
    for (int r = 0; r < R; ++r) rows[r] = InRegister(load(g[r] + p));
    HWY_UNROLL(4)
    for (int c = 0; c < C; ++c) {
      const V column = InRegister(load(x[c] + p));
      HWY_UNROLL(4)
      for (int r = 0; r < R; ++r) acc[r][c] = hn::MulAdd(rows[r], column, acc[r][c]);
    }
  };
  int64_t p = 0;
  for (; p + kLanes <= count; p += kLanes) add(p, [](const float* at) HWY_ATTR { return hn::LoadU(D(), at); });
  if (p < count) add(p, [&](const float* at) HWY_ATTR { return LoadFirst(at, count - p); });
  HWY_UNROLL(4)
  for (int r = 0; r < R; ++r) AddLaneSums(acc[r][0], acc[r][1], acc[r][2], acc[r][3], dots[r]);
}

template <int R = kDotRows, int C = kDotColumns>
HWY_INLINE void DotTileOfSize(int64_t rows, int64_t columns, Rows<const float> g, Rows<const float> x, int64_t count,
                              Rows<float> dots) {
  if constexpr (R > 1)
    if (rows < R) return DotTileOfSize<R - 1, C>(rows, columns, g, x, count, dots);
  if constexpr (C > 1)
    if (columns < C) return DotTileOfSize<R, C - 1>(rows, columns, g, x, count, dots);
  DotTile<R, C>(g, x, count, dots);
}

}  // namespace
}  // namespace riffle::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
