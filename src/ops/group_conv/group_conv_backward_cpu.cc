// Backward of the group convolution. Block by block of pixels, the gradient of the raw output is computed into scratch
// once and read from there: for dx, the product of group_conv-inl.h with transposed weights; for dweight, a dot product
// along the pixels: a tile of rows of dy × rows of x stays in registers; and for its row sums. The product goes to
// scratch, too: then one pass along each row adds the other branch's gradient, masks, gathers sums and stores. So
// memory sees whole runs of each row, and the next block's rows are prefetched during the products.
//
// Work is split into (group, chunk of pixels) by shape alone; lanes and partial sums are added up in order, chunks in
// double.
#include <algorithm>
#include <optional>

#include "backend/execution.h"
#include "backend/scratch.h"
#include "ops/cpu.h"
#include "ops/row_prefetch.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/group_conv/group_conv_backward_cpu.cc"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
#include "ops/group_conv/dot-inl.h"
#include "ops/group_conv/group_conv_blocks-inl.h"
#include "ops/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace riffle::cpu {
namespace HWY_NAMESPACE {
namespace {

// dweight[m][k] += g[m][count]·x[k][count]ᵀ. The operand with fewer rows goes in the inner loop: it is read again for
// each tile of the other's rows.
HWY_NOINLINE void Dot(int64_t m, int64_t k, Rows<const float> g, Rows<const float> x, int64_t count,
                      Rows<float> dweight, RowPrefetch& next) {
  const auto tile = [&](int64_t row, int64_t column) HWY_ATTR {
    DotTileOfSize(m - row, k - column, g.From(row), x.From(column), count,
                  Rows<float>{dweight[row] + column, dweight.stride});
  };
  // The first half of the rows went with the product.
  if (m < k) {
    for (int64_t column = 0; column < k; column += kDotColumns) {
      next.Advance(k + column, 2 * k);
      for (int64_t row = 0; row < m; row += kDotRows) tile(row, column);
    }
  } else {
    for (int64_t row = 0; row < m; row += kDotRows) {
      next.Advance(m + row, 2 * m);
      for (int64_t column = 0; column < k; column += kDotColumns) tile(row, column);
    }
  }
  next.Advance(1, 1);
}

// Σ of `count` values from scratch, where zeros follow up to a whole vector.
HWY_INLINE double Sum(const float* HWY_RESTRICT values, int64_t count) {
  V sum = hn::Zero(D());
  for (int64_t p = 0; p < count; p += kLanes) sum = hn::Add(sum, hn::LoadU(D(), values + p));
  return hn::GetLane(hn::SumOfLanes(D(), sum));
}

// What becomes of a row of the product on its way to dz.
struct RowSink {
  const float* add;      // or null
  const float* relu_of;  // zero where this is not positive; or null
  const float* raw;      // for the sums; or null
  float mean;            // of raw
  // To the next row of relu_of and dz, which is in L2 and goes to L1: worth 2 to 4 % of a chain's backward.
  int64_t x_stride, dz_stride;
};

// dz = product + add, masked; lanes of Σ dz and Σ dz·(raw − mean) join sums.
HWY_INLINE void FinishRow(const float* HWY_RESTRICT product, const RowSink& sink, int64_t count, float* dz,
                          float* HWY_RESTRICT sums) {
  const V mean = hn::Set(D(), sink.mean);
  V sum = hn::Zero(D()), centred = sum;
  const auto finish = [&](int64_t p, auto load) HWY_ATTR {
    V z = load(product + p);
    if (sink.add) z = hn::Add(z, load(sink.add + p));
    if (sink.relu_of) z = hn::IfThenElseZero(hn::Gt(load(sink.relu_of + p), hn::Zero(D())), z);
    if (sink.raw) {
      sum = hn::Add(sum, z);
      centred = hn::MulAdd(z, hn::Sub(load(sink.raw + p), mean), centred);
    }
    return z;
  };
  int64_t p = 0;
  for (; p + kLanes <= count; p += kLanes) {
    if (sink.relu_of) hwy::Prefetch(sink.relu_of + p + sink.x_stride);
    hwy::Prefetch(dz + p + sink.dz_stride);
    hn::StoreU(finish(p, [](const float* at) HWY_ATTR { return hn::LoadU(D(), at); }), D(), dz + p);
  }
  if (const int64_t n = count - p; n > 0)
    StoreFirst(finish(p, [n](const float* at) HWY_ATTR { return LoadFirst(at, n); }), dz + p, n);
  if (!sink.raw) return;
  hn::StoreU(hn::Add(hn::LoadU(D(), sums), sum), D(), sums);
  hn::StoreU(hn::Add(hn::LoadU(D(), sums + kLanes), centred), D(), sums + kLanes);
}

// Everything that one task of the backward adds up, in memory of its own.
struct Partial {
  Rows<float> dweight;  // [m][k]
  double* dy_sum;       // [m] Σ dy, where it is wanted; else 0
  float* sums;          // [k][2] lanes of Σ dz and Σ dz·(raw − mean)
};

// A convolution's backward: its weights for dx, and what its tasks, one for each group and chunk of pixels, add up.
class BackwardTasks {
 public:
  BackwardTasks(const Execution& execution, const GroupConvShape& shape, const PixelSplit& split,
                const riffle::GroupConvBackward<float>& args)
      : shape_(shape),
        args_(args),
        k_(shape.in_per_group()),
        m_(shape.out_per_group()),
        chunks_(split.chunks),
        transposed_(scratch_.Floats(shape.weights() + kPackedPadding)),
        floats_(scratch_.Floats(tasks() * PartialFloats())),
        dy_sums_(scratch_.Doubles(tasks() * m_)) {
    Pack(execution, shape.groups, static_cast<int>(k_), m_, args.weight, 1, k_, transposed_);
  }

  const GroupConvShape& shape() const { return shape_; }
  const riffle::GroupConvBackward<float>& args() const { return args_; }
  int64_t tasks() const { return shape_.groups * chunks_; }
  const float* transposed(int64_t g) const { return transposed_ + g * m_ * k_; }

  Partial PartialOf(int64_t g, int64_t chunk) const {
    const int64_t task = chunk * shape_.groups + g;
    float* at = floats_ + task * PartialFloats();
    return {.dweight = {at, PartialColumns(k_)}, .dy_sum = dy_sums_ + task * m_, .sums = at + m_ * PartialColumns(k_)};
  }
  void Clear(const Partial& partial) const {
    FillZero(partial.dweight.data, PartialFloats());
    std::fill_n(partial.dy_sum, m_, 0.0);
  }

  // Adds the partial sums of all chunks up, in order.
  void Finish(const Execution& execution) const {
    execution.pool.ParallelFor(shape_.out_channels, [&](int64_t i) { FinishWeights(i); });
    if (args_.dx.raw) execution.pool.ParallelFor(shape_.in_channels, [&](int64_t i) { args_.dx.sums[i] = SumsOf(i); });
  }

 private:
  int64_t PartialFloats() const { return m_ * PartialColumns(k_) + 2 * k_ * kLanes; }

  // dweight and Σ dy of one output channel.
  void FinishWeights(int64_t channel) const {
    const int64_t g = channel / m_, row = channel % m_;
    Scratch scratch;
    double* HWY_RESTRICT dweight = scratch.Doubles(k_);
    std::fill_n(dweight, k_, 0.0);
    double dy_sum = 0;
    for (int64_t c = 0; c < chunks_; ++c) {
      const Partial partial = PartialOf(g, c);
      const float* HWY_RESTRICT part = partial.dweight[row];
      for (int64_t i = 0; i < k_; ++i) dweight[i] += double{part[i]};
      dy_sum += partial.dy_sum[row];
    }
    for (int64_t i = 0; i < k_; ++i) args_.dweight[channel * k_ + i] = static_cast<float>(dweight[i]);
    if (args_.dy_sums) args_.dy_sums[channel] = static_cast<float>(dy_sum);
  }

  // Σ dz and Σ dz·(raw − mean) of one input channel.
  GradientSums<float> SumsOf(int64_t channel) const {
    const int64_t g = channel / k_, row = channel % k_;
    double sum = 0, centred = 0;
    for (int64_t c = 0; c < chunks_; ++c) {
      const float* lanes = PartialOf(g, c).sums + 2 * kLanes * row;
      sum += SumLanes(hn::LoadU(D(), lanes));
      centred += SumLanes(hn::LoadU(D(), lanes + kLanes));
    }
    return {static_cast<float>(sum), static_cast<float>(centred)};
  }

  Scratch scratch_;
  const GroupConvShape& shape_;
  const riffle::GroupConvBackward<float>& args_;
  const int64_t k_, m_, chunks_;
  float* const transposed_;
  float* const floats_;
  double* const dy_sums_;
};

// One task: a group and a chunk of pixels.
class BackwardChunk {
 public:
  BackwardChunk(const BackwardTasks& tasks, int64_t g, int64_t chunk, int64_t block)
      : args_(tasks.args()),
        g_(g),
        k_(tasks.shape().in_per_group()),
        m_(tasks.shape().out_per_group()),
        blocks_(static_cast<int>(k_)),
        transposed_(tasks.transposed(g)),
        partial_(tasks.PartialOf(g, chunk)),
        dy_(ScratchRows(m_, block)),
        product_(ScratchRows(SlabRows(static_cast<int>(k_)), block)),
        centred_(args_.x_moments ? ScratchRows(SlabRows(static_cast<int>(k_)), block) : Rows<float>{}) {
    tasks.Clear(partial_);
  }

  int row_blocks() const { return blocks_.count; }

  /// The group's rows of x from pixel `begin` on.
  Rows<const float> input(int64_t begin) const { return {args_.x[g_ * k_] + begin, args_.x.stride}; }

  /// What pixels [begin, begin + count) of the slab from row block `block` on read.
  void AddSlab(int block, int64_t begin, int64_t count, RowPrefetch& prefetch) const {
    const int64_t first = blocks_.first(block),
                  rows = blocks_.first(std::min(block + kSlabBlocks, blocks_.count)) - first;
    // dz: lies where add does.
    for (const Rows<const float> all : {args_.x, Rows<const float>(args_.dx.dz), args_.dx.raw})
      if (all) prefetch.Add(all.From(g_ * k_ + first), rows, begin, count);
  }

  /// What pixels [begin, begin + count) of dy are computed from: of its rows the share [first, last) of all `of`.
  void AddGradient(int64_t first, int64_t last, int64_t of, int64_t begin, int64_t count, RowPrefetch& prefetch) const {
    const int64_t row = m_ * first / of, rows = m_ * last / of - row;
    prefetch.Add(args_.dy, g_ * m_ + row, rows, begin, count);
  }

  /// Pixels [begin, begin + count); x: the group's rows of the block. Meanwhile the slabs' own rows are brought near,
  /// and what `then` adds to the prefetches of row blocks [first, last).
  template <class Then>
  HWY_NOINLINE void Compute(Rows<const float> x, int64_t begin, int64_t count, const Then& then) {
    const Rows<const float> dy = RawGradients(begin, count);
    for (int64_t row = 0; args_.dy_sums && row < m_; ++row) partial_.dy_sum[row] += Sum(dy[row], count);
    for (int b = 0; b < blocks_.count; b += kSlabBlocks) {
      const int end = std::min(b + kSlabBlocks, blocks_.count);
      RowPrefetch next;
      if (end < blocks_.count) AddSlab(end, begin, count, next);
      then(b, end, next);
      Slab(b, end, x, begin, count, dy, next);
    }
  }

 private:
  Rows<float> ScratchRows(int64_t rows, int64_t block) {
    const int64_t stride = RowStride(block);
    return {scratch_.Floats(rows * stride), stride};
  }

  // The group's rows of the raw gradient: where they lie, if that is what is stored, else in scratch memory. They end
  // with a whole vector, zeros behind the last pixel.
  Rows<const float> RawGradients(int64_t begin, int64_t count) const {
    const GradientSource<float>& dy = args_.dy;
    if (!dy.pull_back && count % kLanes == 0) return {dy.dz[g_ * m_] + begin, dy.dz.stride};
    for (int64_t row = 0; row < m_; ++row) LoadGradient(dy, g_ * m_ + row, begin, count, dy_[row]);
    return dy_;
  }

  // Row blocks [block, end) of dx and their columns of dweight.
  HWY_NOINLINE void Slab(int block, int end, Rows<const float> x, int64_t begin, int64_t count, Rows<const float> dy,
                         RowPrefetch& next) {
    const GradientSink<float>& sink = args_.dx;
    const int64_t first = blocks_.first(block), rows = blocks_.first(end) - first, channel = g_ * k_ + first;
    x = x.From(first);
    if (sink.dz) {
      const Store store{product_, nullptr, {}, false, static_cast<int>(first)};
      for (int64_t p = 0; p < count; p += kPanel) {
        next.Advance(p, 2 * count);
        ProductOfBlocks(blocks_, block, end, m_, transposed_, dy, p, std::min(p + kPanel, count), store);
      }
      for (int64_t r = 0; r < rows; ++r) {
        const RowSink row_sink{.add = sink.add ? sink.add[channel + r] + begin : nullptr,
                               .relu_of = args_.relu ? x[r] : nullptr,
                               .raw = sink.raw ? sink.raw[channel + r] + begin : nullptr,
                               .mean = sink.raw ? sink.moments[channel + r].mean : 0,
                               .x_stride = x.stride,
                               .dz_stride = sink.dz.stride};
        FinishRow(product_[r], row_sink, count, sink.dz[channel + r] + begin, partial_.sums + 2 * kLanes * (first + r));
      }
    }
    if (args_.x_moments) {
      for (int64_t r = 0; r < rows; ++r) LoadCentred(x[r], count, args_.x_moments[channel + r].mean, centred_[r]);
      x = centred_;
    }
    Dot(m_, rows, dy, x, count, {partial_.dweight.data + first, partial_.dweight.stride}, next);
  }

  Scratch scratch_;
  const riffle::GroupConvBackward<float>& args_;
  const int64_t g_, k_, m_;
  const RowBlocks blocks_;
  const float* const transposed_;
  const Partial partial_;
  const Rows<float> dy_, product_, centred_;
};

}  // namespace

void Backward(const Execution& execution, const GroupConvShape& shape, const riffle::GroupConvBackward<float>& args) {
  const PixelSplit split(shape);
  const BackwardTasks tasks(execution, shape, split, args);
  execution.pool.ParallelFor(tasks.tasks(), [&](int64_t task) HWY_ATTR {
    const int64_t g = task % shape.groups, c = task / shape.groups, last = split.last(c);
    BackwardChunk chunk(tasks, g, c, split.block);
    RowPrefetch start;
    chunk.AddGradient(0, 1, 1, split.first(c), split.count(split.first(c), last), start);
    start.Advance(1, 1);
    for (int64_t begin = split.first(c); begin < last; begin += split.block) {
      const int64_t next = begin + split.block, next_count = split.count(next, last);
      chunk.Compute(chunk.input(begin), begin, split.count(begin, last), [&](int b, int end, RowPrefetch& prefetch) {
        if (end == chunk.row_blocks()) chunk.AddSlab(0, next, next_count, prefetch);
        chunk.AddGradient(b, end, chunk.row_blocks(), next, next_count, prefetch);
      });
    }
  });
  tasks.Finish(execution);
}

void BackwardChain(const Execution& execution, const GroupConvChainShape& shape,
                   const riffle::GroupConvChainBackward<float>& args) {
  const PixelSplit split(shape.first);
  const BackwardTasks second_tasks(execution, shape.second, split, args.second),
      first_tasks(execution, shape.first, split, args.first);
  const bool again = args.again.prepared != nullptr;
  execution.pool.ParallelFor(first_tasks.tasks(), [&](int64_t task) HWY_ATTR {
    const int64_t g = task % shape.first.groups, c = task / shape.first.groups, last = split.last(c);
    BackwardChunk second(second_tasks, g, c, split.block), first(first_tasks, g, c, split.block);
    std::optional<ForwardChunk> forward;
    if (again) forward.emplace(shape.first, args.again, g, split.block, true, nullptr, 0);
    RowPrefetch start;
    second.AddGradient(0, 1, 1, split.first(c), split.count(split.first(c), last), start);
    start.Advance(1, 1);
    for (int64_t begin = split.first(c); begin < last; begin += split.block) {
      const int64_t count = split.count(begin, last), next = begin + split.block, next_count = split.count(next, last);
      if (again) {
        RowPrefetch prefetch;
        second.AddSlab(0, begin, count, prefetch);
        forward->Compute(forward->input(begin), begin, count, prefetch);
      }
      second.Compute(again ? forward->rows() : second.input(begin), begin, count,
                     [&](int b, int end, RowPrefetch& prefetch) {
                       if (end == second.row_blocks()) first.AddSlab(0, begin, count, prefetch);
                       second.AddGradient(b, end, second.row_blocks(), next, next_count, prefetch);
                     });
      first.Compute(first.input(begin), begin, count, [&](int, int end, RowPrefetch& prefetch) {
        if (end < first.row_blocks()) return;
        if (again)
          forward->AddInput(next, next_count, prefetch);
        else
          second.AddSlab(0, next, next_count, prefetch);
      });
    }
  });
  second_tasks.Finish(execution);
  first_tasks.Finish(execution);
}

}  // namespace HWY_NAMESPACE
}  // namespace riffle::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace riffle::cpu {

HWY_EXPORT(Backward);
HWY_EXPORT(BackwardChain);

void GroupConvBackward(const Execution& execution, const GroupConvShape& shape,
                       const riffle::GroupConvBackward<float>& args) {
  HWY_DYNAMIC_DISPATCH(Backward)(execution, shape, args);
}

void GroupConvChainBackward(const Execution& execution, const GroupConvChainShape& shape,
                            const riffle::GroupConvChainBackward<float>& args) {
  HWY_DYNAMIC_DISPATCH(BackwardChain)(execution, shape, args);
}

}  // namespace riffle::cpu
#endif
