// Forward of the group convolution: the product of group_conv-inl.h, and the moments of the rows that it stores.
// Work is split into (group, chunk of pixels) by shape alone; sums over a row are added up per block in float lanes,
// over blocks and chunks in double and in order: the same bits at any number of threads.
#include <algorithm>

#include "base/scratch.h"
#include "base/threads.h"
#include "ops/cpu.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/group_conv/group_conv_forward_cpu.cc"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
#include "ops/group_conv/group_conv-inl.h"

HWY_BEFORE_NAMESPACE();
namespace riffle::cpu {
namespace HWY_NAMESPACE {
namespace {

// Pixels that are handled at a time: the stored rows are still in L2 when their moments are taken.
// A multiple of a tile's width for every instruction set.
constexpr int64_t kForwardBlock = 240;

// What a task knows of one row: sums relative to its own shift.
struct RowSums {
  double shift, sum, squares;
};

// Moments from the sums of the chunks of a row, in order (Chan, Golub and LeVeque, 1979).
Moments<float> Combine(const RowSums* chunks, int64_t count, int64_t chunk_pixels, int64_t pixels) {
  double n = 0, mean = 0, m2 = 0;
  for (int64_t c = 0; c < count; ++c) {
    const double nc = static_cast<double>(std::min(chunk_pixels, pixels - c * chunk_pixels));
    const double mean_c = chunks[c].shift + chunks[c].sum / nc;
    const double delta = mean_c - mean;
    m2 += chunks[c].squares - chunks[c].sum * chunks[c].sum / nc + delta * delta * n * nc / (n + nc);
    mean += delta * nc / (n + nc);
    n += nc;
  }
  return {static_cast<float>(mean), static_cast<float>(std::max(0.0, m2 / n))};
}

}  // namespace

void Prepare(const GroupConvShape& shape, float* prepared, const GroupConvWeights<float>& weights) {
  const int64_t k = shape.in_per_group(), m = shape.out_per_group();
  float* bias = prepared + shape.weights();
  if (weights.bias)
    std::copy_n(weights.bias, shape.out_channels, bias);
  else
    std::fill_n(bias, shape.out_channels, 0.0f);
  Scratch scratch;
  float* folded = weights.in_scale ? scratch.Floats(m * k) : nullptr;
  for (int g = 0; g < shape.groups; ++g) {
    const float* w = weights.weight + g * m * k;
    if (folded) {
      for (int64_t row = 0; row < m; ++row) {
        double shifted = 0;
        for (int64_t i = 0; i < k; ++i) {
          folded[row * k + i] = w[row * k + i] * weights.in_scale[g * k + i];
          shifted += double{w[row * k + i]} * weights.in_shift[g * k + i];
        }
        bias[g * m + row] = static_cast<float>(bias[g * m + row] + shifted);
      }
      w = folded;
    }
    Pack(static_cast<int>(m), k, w, k, 1, prepared + g * m * k);
  }
}

void Forward(const GroupConvShape& shape, const riffle::GroupConvForward<float>& args) {
  const int64_t k = shape.in_per_group(), m = shape.out_per_group();
  const int64_t chunk = ChunkPixels(shape.pixels, kForwardBlock);
  const int64_t chunks = (shape.pixels + chunk - 1) / chunk;
  const float* bias = args.prepared + shape.weights();
  Scratch scratch;
  RowSums* sums = args.moments ? reinterpret_cast<RowSums*>(scratch.Doubles(3 * shape.out_channels * chunks)) : nullptr;

  ParallelFor(shape.groups * chunks, [&](int64_t task) HWY_ATTR {
    const int64_t g = task % shape.groups, c = task / shape.groups;
    const int64_t first = c * chunk, last = std::min(first + chunk, shape.pixels);
    const Store store{args.y.From(g * m), bias + g * m, args.residual ? args.residual.From(g * m) : args.residual,
                      args.relu};
    for (int64_t begin = first; begin < last; begin += kForwardBlock) {
      const int64_t end = std::min(begin + kForwardBlock, last);
      Product(static_cast<int>(m), k, args.prepared + g * m * k, args.x.From(g * k), begin, end, store);
      if (!sums) continue;
      for (int64_t row = 0; row < m; ++row) {
        const float* y = store.y[row] + begin;
        RowSums& s = sums[(g * m + row) * chunks + c];
        if (begin == first) s = {y[0], 0, 0};
        ShiftedSums(y, end - begin, static_cast<float>(s.shift), &s.sum, &s.squares);
      }
    }
  });
  if (sums)
    for (int row = 0; row < shape.out_channels; ++row)
      args.moments[row] = Combine(sums + row * chunks, chunks, chunk, shape.pixels);
}

}  // namespace HWY_NAMESPACE
}  // namespace riffle::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace riffle::cpu {

HWY_EXPORT(Prepare);
HWY_EXPORT(Forward);

// Packed weights, a bias for each row, and what may be read behind them.
int64_t GroupConvPreparedSize(const GroupConvShape& shape) {
  constexpr int64_t kMostPadding = 8;  // kPackedPadding of every instruction set
  return shape.weights() + shape.out_channels + kMostPadding;
}

void GroupConvPrepare(const GroupConvShape& shape, float* prepared, const GroupConvWeights<float>& weights) {
  HWY_DYNAMIC_DISPATCH(Prepare)(shape, prepared, weights);
}

void GroupConvForward(const GroupConvShape& shape, const riffle::GroupConvForward<float>& args) {
  HWY_DYNAMIC_DISPATCH(Forward)(shape, args);
}

}  // namespace riffle::cpu
#endif
