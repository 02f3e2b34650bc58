// One block of pixels of the group convolution's forward: the product of group_conv-inl.h goes to scratch memory, from
// where one pass along each row adds the residual, gathers moments and stores whole runs of it. The forward for batches
// is made of it, and so are chains (group_conv_chain.h), where what is stored is read again from scratch.
//
// Included once for each instruction set, after hwy/foreach_target.h.
#include <algorithm>

#include "backend/scratch.h"
#include "ops/group_conv/group_conv.h"
#include "ops/row_prefetch.h"

#if defined(RIFFLE_GROUP_CONV_BLOCKS_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef RIFFLE_GROUP_CONV_BLOCKS_INL_H
#undef RIFFLE_GROUP_CONV_BLOCKS_INL_H
#else
#define RIFFLE_GROUP_CONV_BLOCKS_INL_H
#endif

#include "ops/group_conv/group_conv-inl.h"
#include "ops/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace riffle::cpu::HWY_NAMESPACE {
namespace {

// How the pixels of a batch are split. The convolutions of a chain have the same split, so their sums have the same
// bits in it as outside.
struct PixelSplit {
  // A block's rows of the wide side twice (one may be on its way from memory) and of two slabs fit into L2.
  explicit PixelSplit(const GroupConvShape& shape)
      : pixels(shape.pixels),
        block(BlockPixels(2 * std::max(shape.in_per_group(), shape.out_per_group()) + 2 * kSlabBlocks * kMaxRows,
                          shape.pixels)),
        chunk(ChunkPixels(shape.pixels, block)),
        chunks((shape.pixels + chunk - 1) / chunk) {}
  int64_t first(int64_t c) const { return c * chunk; }
  int64_t last(int64_t c) const { return std::min((c + 1) * chunk, pixels); }

  /// Of the block that begins there, in a chunk that ends at `last`; 0 behind it.
  int64_t count(int64_t begin, int64_t last) const { return std::clamp<int64_t>(last - begin, 0, block); }

  int64_t pixels, block, chunk, chunks;
};

// Sums over the chunk of one row around a pivot near its mean, so that the squares keep their digits.
struct RowSums {
  float pivot;
  double sum, squares;
};

// The mean of one row of a block.
HWY_INLINE float MeanOf(const float* HWY_RESTRICT row, int64_t count) {
  V sum = hn::Zero(D());
  int64_t p = 0;
  for (; p + kLanes <= count; p += kLanes) sum = hn::Add(sum, hn::LoadU(D(), row + p));
  if (p < count) sum = hn::Add(sum, LoadFirst(row + p, count - p));
  return hn::GetLane(hn::SumOfLanes(D(), sum)) / static_cast<float>(count);
}

// y = row of the product, kPast the caches; lanes[0 … 2 vectors) += Σ (row − pivot), Σ (row − pivot)².
template <bool kPast>
HWY_NOINLINE void StoreRow(const float* HWY_RESTRICT row, int64_t count, float pivot, float* HWY_RESTRICT y,
                           float* HWY_RESTRICT lanes) {
  const V centre = hn::Set(D(), pivot);
  V sum = hn::LoadU(D(), lanes), squares = hn::LoadU(D(), lanes + kLanes);
  int64_t p = 0;
  for (; p + kLanes <= count; p += kLanes) {
    const V v = hn::LoadU(D(), row + p), d = hn::Sub(v, centre);
    StoreWhole<kPast>(v, y + p);
    sum = hn::Add(sum, d);
    squares = hn::MulAdd(d, d, squares);
  }
  if (const int64_t n = count - p; n > 0) {
    const V v = LoadFirst(row + p, n), d = KeepFirst(hn::Sub(v, centre), n);
    StoreFirst(v, y + p, n);
    sum = hn::Add(sum, d);
    squares = hn::MulAdd(d, d, squares);
  }
  hn::StoreU(sum, D(), lanes);
  hn::StoreU(squares, D(), lanes + kLanes);
}

// y = max(0, row of the product + residual), each where it is wanted, kPast the caches; kKeep: in place of the product,
// too. residual may be y. The next row of it, so many floats on, goes from L2 to L1 meanwhile.
template <bool kPast, bool kKeep>
HWY_NOINLINE void StoreSum(float* row, int64_t count, const float* residual, bool relu, float* y,
                           int64_t next_residual) {
  const auto sum = [&](int64_t p, auto load) HWY_ATTR {
    V v = load(row + p);
    if (residual) v = hn::Add(v, load(residual + p));
    return relu ? hn::Max(hn::Zero(D()), v) : v;  // in this order a NaN passes
  };
  int64_t p = 0;
  for (; p + kLanes <= count; p += kLanes) {
    if (residual) hwy::Prefetch(residual + p + next_residual);
    const V v = sum(p, [](const float* at) HWY_ATTR { return hn::LoadU(D(), at); });
    StoreWhole<kPast>(v, y + p);
    if constexpr (kKeep) hn::StoreU(v, D(), row + p);
  }
  if (const int64_t n = count - p; n > 0) {
    const V v = sum(p, [n](const float* at) HWY_ATTR { return LoadFirst(at, n); });
    StoreFirst(v, y + p, n);
    if constexpr (kKeep) StoreFirst(v, row + p, n);
  }
}

// The forward of one group and chunk of pixels.
class ForwardChunk {
 public:
  // sums[row·sums_stride] for each row where moments are wanted. `keep`: what Compute stores stays in rows(), and
  // nothing is stored where there is no y.
  ForwardChunk(const GroupConvShape& shape, const riffle::GroupConvForward<float>& args, int64_t g, int64_t block,
               bool keep, RowSums* sums, int64_t sums_stride)
      : args_(args),
        g_(g),
        k_(shape.in_per_group()),
        m_(shape.out_per_group()),
        row_blocks_(static_cast<int>(m_)),
        packed_(args.prepared + g * m_ * k_),
        bias_(args.prepared + shape.weights() + g * m_),
        past_(OutgrowsCaches(shape.out_channels * shape.pixels)),
        keep_(keep),
        rows_{scratch_.Floats((keep ? m_ : SlabRows(shape.out_per_group())) * RowStride(block)), RowStride(block)},
        sums_(sums),
        sums_stride_(sums_stride),
        lanes_(args.moments ? scratch_.Floats(m_ * 2 * kLanes) : nullptr) {
    if (lanes_) FillZero(lanes_, m_ * 2 * kLanes);
  }

  /// The group's rows of the block that was computed last, its first pixel in front.
  Rows<float> rows() const { return rows_; }

  /// The group's rows of x from pixel `begin` on.
  Rows<const float> input(int64_t begin) const { return {args_.x[g_ * k_] + begin, args_.x.stride}; }
  /// What pixels [begin, begin + count) are computed from.
  void AddInput(int64_t begin, int64_t count, RowPrefetch& prefetch) const {
    prefetch.Add(args_.x.From(g_ * k_), k_, begin, count);
  }

  /// Pixels [begin, begin + count); x: the group's rows of the block. Meanwhile `next` is brought near, and each slab's
  /// residual.
  HWY_NOINLINE void Compute(Rows<const float> x, int64_t begin, int64_t count, RowPrefetch& next) {
    for (int b = 0; b < row_blocks_.count; b += kSlabBlocks) {
      const int end = std::min(b + kSlabBlocks, row_blocks_.count);
      const int first = row_blocks_.first(b), last = row_blocks_.first(end);
      const Store store{rows_, bias_, {}, false, keep_ ? 0 : first};
      RowPrefetch residual;
      if (args_.residual) residual.Add(args_.residual.From(g_ * m_ + first), last - first, begin, count);
      for (int64_t p = 0; p < count; p += kPanel) {
        residual.Advance(p + kPanel, count);
        next.Advance(b * count + (end - b) * (p + kPanel), row_blocks_.count * count);
        ProductOfBlocks(row_blocks_, b, end, k_, packed_, x, p, std::min(p + kPanel, count), store);
      }
      for (int row = first; row < last; ++row) Finish(row, rows_[row - store.first], begin, count);
    }
    started_ = true;
  }

  /// After the last block.
  void Finish() {
    for (int64_t row = 0; lanes_ && row < m_; ++row) {
      sums_[row * sums_stride_].sum = SumLanes(hn::LoadU(D(), lanes_ + 2 * kLanes * row));
      sums_[row * sums_stride_].squares = SumLanes(hn::LoadU(D(), lanes_ + 2 * kLanes * row + kLanes));
    }
    hwy::FlushStream();
  }

 private:
  HWY_INLINE void Finish(int64_t row, float* values, int64_t begin, int64_t count) {
    const int64_t channel = g_ * m_ + row;
    if (!args_.moments) {
      const float* residual = args_.residual ? args_.residual[channel] + begin : nullptr;
      if (!args_.y) return StoreSum<false, false>(values, count, residual, args_.relu, values, args_.residual.stride);
      const auto store = keep_ ? (past_ ? StoreSum<true, true> : StoreSum<false, true>)
                               : (past_ ? StoreSum<true, false> : StoreSum<false, false>);
      return store(values, count, residual, args_.relu, args_.y[channel] + begin, args_.residual.stride);
    }
    RowSums& sums = sums_[row * sums_stride_];
    if (!started_) sums.pivot = MeanOf(values, count);
    (past_ ? StoreRow<true> : StoreRow<false>)(values, count, sums.pivot, args_.y[channel] + begin,
                                               lanes_ + 2 * kLanes * row);
  }

  Scratch scratch_;
  const riffle::GroupConvForward<float>& args_;
  const int64_t g_, k_, m_;
  const RowBlocks row_blocks_;
  const float *packed_, *bias_;
  const bool past_, keep_;
  const Rows<float> rows_;
  RowSums* const sums_;
  const int64_t sums_stride_;
  float* const lanes_;
  bool started_ = false;
};

}  // namespace
}  // namespace riffle::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
