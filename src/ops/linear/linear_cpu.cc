// The head (linear.h): logits = features·weightᵀ, one row of features a picture.
//
// Forward: dot products along the features, a tile of 4 classes × 2 pictures in registers; a task is a block of
// classes, so that the weights (most of the network's parameters) are read from memory once. Each logit is summed by
// the same lanes in the same order in every tile, whatever the number of pictures.
//   dfeatures[n] = Σ_k dlogits[n][k]·weight[k]: a tile of 4 pictures × 2 vectors of features, a task is 2 such vectors;
//   dweight[k] = Σ_n dlogits[n][k]·features[n]: the same product with classes and pictures exchanged.
#include "backend/execution.h"
#include "ops/cpu.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/linear/linear_cpu.cc"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
#include "ops/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace riffle::cpu::HWY_NAMESPACE {
namespace {

constexpr int kTileClasses = 4;
constexpr int kTilePictures = 2;
constexpr int64_t kTaskClasses = 16;  // a cache line of logits

/// logits[n][k] for kPictures × kClasses of them; row strides are the numbers of features and of classes.
template <int kClasses, int kPictures>
HWY_INLINE void ForwardTile(const LinearShape& shape, const float* HWY_RESTRICT weight, const float* HWY_RESTRICT bias,
                            const float* HWY_RESTRICT features, float* HWY_RESTRICT logits) {
  const int64_t count = shape.in_features;
  V sum[kPictures][kClasses];
  for (int n = 0; n < kPictures; ++n) {
    for (int k = 0; k < kClasses; ++k) sum[n][k] = hn::Zero(D());
  }
  const auto add = [&](const auto& load) HWY_ATTR {
    V x[kPictures];
    for (int n = 0; n < kPictures; ++n) x[n] = load(features + n * count);
    for (int k = 0; k < kClasses; ++k) {
      const V w = load(weight + k * count);
      for (int n = 0; n < kPictures; ++n) sum[n][k] = hn::MulAdd(w, x[n], sum[n][k]);
    }
  };
  int64_t c = 0;
  for (; c + kLanes <= count; c += kLanes) add([c](const float* row) HWY_ATTR { return hn::LoadU(D(), row + c); });
  if (c < count) add([c, count](const float* row) HWY_ATTR { return LoadFirst(row + c, count - c); });
  for (int n = 0; n < kPictures; ++n) {
    for (int k = 0; k < kClasses; ++k) {
      const auto logit = static_cast<float>(SumLanes(sum[n][k]));
      logits[n * shape.out_features + k] = bias ? logit + bias[k] : logit;
    }
  }
}

template <int kClasses>
HWY_NOINLINE void ForwardClasses(const LinearShape& shape, const riffle::LinearForward<float>& args, int64_t k) {
  const float* weight = args.weight + k * shape.in_features;
  const float* bias = args.bias ? args.bias + k : nullptr;
  int64_t n = 0;
  for (; n + kTilePictures <= shape.images; n += kTilePictures) {
    ForwardTile<kClasses, kTilePictures>(shape, weight, bias, args.features + n * shape.in_features,
                                         args.logits + n * shape.out_features + k);
  }
  for (; n < shape.images; ++n) {
    ForwardTile<kClasses, 1>(shape, weight, bias, args.features + n * shape.in_features,
                             args.logits + n * shape.out_features + k);
  }
}

void Forward(const Execution& execution, const LinearShape& shape, const riffle::LinearForward<float>& args) {
  execution.pool.ParallelFor((shape.out_features + kTaskClasses - 1) / kTaskClasses, [&](int64_t task) HWY_ATTR {
    const int64_t end = std::min<int64_t>((task + 1) * kTaskClasses, shape.out_features);
    int64_t k = task * kTaskClasses;
    for (; k + kTileClasses <= end; k += kTileClasses) ForwardClasses<kTileClasses>(shape, args, k);
    for (; k < end; ++k) ForwardClasses<1>(shape, args, k);
  });
}

/// to[r][c] = Σ_i factor(r, i)·from[i][c], factor(r, i) at factors[r·row_step + i·sum_step]; rows of `to` and `from`
/// have `columns` values.
struct Product {
  float* to;
  const float* factors;
  const float* from;
  int64_t rows, sums, columns, row_step, sum_step;
};

constexpr int kTileRows = 4;
constexpr int kTileVectors = 2;

template <int kRows>
HWY_INLINE void ProductTile(const Product& p, int64_t r, int64_t c) {
  const int64_t count = std::min(kTileVectors * kLanes, p.columns - c);
  const int64_t in_first = std::min(count, kLanes), in_second = count - in_first;
  V sum[kRows][kTileVectors];
  for (auto& row : sum) row[0] = row[1] = hn::Zero(D());
  const float* factors = p.factors + r * p.row_step;
  for (int64_t i = 0; i < p.sums; ++i) {
    const float* from = p.from + i * p.columns + c;
    const bool whole = in_second == kLanes;
    const V a = whole ? hn::LoadU(D(), from) : LoadFirst(from, in_first);
    const V b = whole ? hn::LoadU(D(), from + kLanes) : LoadFirst(from + in_first, in_second);
    for (int row = 0; row < kRows; ++row) {
      const V factor = hn::Set(D(), factors[row * p.row_step + i * p.sum_step]);
      sum[row][0] = hn::MulAdd(factor, a, sum[row][0]);
      sum[row][1] = hn::MulAdd(factor, b, sum[row][1]);
    }
  }
  for (int row = 0; row < kRows; ++row) {
    float* to = p.to + (r + row) * p.columns + c;
    StoreFirst(sum[row][0], to, in_first);
    StoreFirst(sum[row][1], to + in_first, in_second);
  }
}

HWY_NOINLINE void ProductRows(const Product& p, int64_t r, int64_t end, int64_t c) {
  for (; r + kTileRows <= end; r += kTileRows) ProductTile<kTileRows>(p, r, c);
  for (; r < end; ++r) ProductTile<1>(p, r, c);
}

void Multiply(const Execution& execution, const Product& p) {
  constexpr int64_t kColumns = kTileVectors * kLanes;
  execution.pool.ParallelFor((p.columns + kColumns - 1) / kColumns,
                             [&](int64_t task) HWY_ATTR { ProductRows(p, 0, p.rows, task * kColumns); });
}

void Backward(const Execution& execution, const LinearShape& shape, const riffle::LinearBackward<float>& args) {
  const int64_t images = shape.images, classes = shape.out_features, features = shape.in_features;
  if (args.dfeatures) {
    Multiply(execution, {args.dfeatures, args.dlogits, args.weight, images, classes, features, classes, 1});
  }
  Multiply(execution, {args.dweight, args.dlogits, args.features, classes, images, features, 1, classes});
  if (!args.dbias) return;
  std::fill_n(args.dbias, classes, 0.0f);
  for (int64_t n = 0; n < images; ++n)
    for (int64_t k = 0; k < classes; ++k) args.dbias[k] += args.dlogits[n * classes + k];
}

}  // namespace
}  // namespace riffle::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace riffle::cpu {

HWY_EXPORT(Forward);
HWY_EXPORT(Backward);

void LinearForward(const Execution& execution, const LinearShape& shape, const riffle::LinearForward<float>& args) {
  HWY_DYNAMIC_DISPATCH(Forward)(execution, shape, args);
}

void LinearBackward(const Execution& execution, const LinearShape& shape, const riffle::LinearBackward<float>& args) {
  HWY_DYNAMIC_DISPATCH(Backward)(execution, shape, args);
}

}  // namespace riffle::cpu
#endif
