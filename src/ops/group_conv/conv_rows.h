// What becomes of the results of group convolutions, for kernels (row_product.h says how): forward, rows with bias,
// residual, ReLU and moments; backward, gradients of the input with what is added to them, their mask and sums.
#pragma once

#include "ops/group_conv/group_conv.h"
#include "ops/row_product.h"

namespace riffle::RIFFLE_GPU {

/// Values of the i-th of neighbours of n values each that lie within so many pixels.
RIFFLE_KERNEL int Inside(int i, int n, int64_t pixels) {
  const int64_t left = pixels - int64_t{i} * n;
  return static_cast<int>(left < 0 ? 0 : left < n ? left : n);
}

/// Stores y; gathers sums and squared distances from the mean.
template <class Map>
struct OutputRows {
  Rows<Map> y;
  const float* bias;
  Rows<const Map> residual;
  bool relu;

  template <int kCount>
  RIFFLE_KERNEL bool IsPacked() const {
    return RIFFLE_GPU::IsPacked<kCount>(y) && RIFFLE_GPU::IsPacked<kCount>(residual);
  }
  template <int kCount>
  struct Loaded {
    PackedValues<kCount, Map> residual;
  };
  template <int kCount, bool kWhole>
  RIFFLE_KERNEL Loaded<kCount> Load(int64_t row, int64_t p, int64_t pixels) const {
    Loaded<kCount> loaded = {};
    if (residual) loaded.residual = LoadPackedValues<kCount, kWhole>(residual[row], p, pixels);
    return loaded;
  }
  /// What becomes of a product.
  template <int kCount>
  RIFFLE_KERNEL Values<kCount> Of(int64_t row, Values<kCount> sum, const Loaded<kCount>& loaded) const {
    const Values<kCount> add = Unpacked<kCount>(residual.data, loaded.residual);
    for (int i = 0; i < kCount; ++i) {
      sum.v[i] += bias[row] + add.v[i];
      if (relu) sum.v[i] = Relu(sum.v[i]);
    }
    return sum;
  }
  /// What the first `count` of stored values come to.
  template <int kCount>
  RIFFLE_KERNEL static Partial PartialOf(const Values<kCount>& stored, int count) {
    Partial partial = {0, 0};
    for (int i = 0; i < kCount; ++i) partial.first += i < count ? stored.v[i] : 0;
    const float mean = partial.first / static_cast<float>(count);
    for (int i = 0; i < kCount; ++i) {
      const float distance = stored.v[i] - mean;
      partial.second += i < count ? distance * distance : 0;
    }
    return partial;
  }
  template <int kCount, bool kWhole>
  RIFFLE_KERNEL Partial Store(int64_t row, int64_t p, int64_t pixels, const Values<kCount>& sum,
                              const Loaded<kCount>& loaded) const {
    const Values<kCount> stored = StoreValues<kCount, kWhole>(y[row], p, pixels, Of<kCount>(row, sum, loaded));
    return PartialOf<kCount>(stored, kWhole ? kCount : Inside(0, kCount, pixels - p));
  }
  RIFFLE_KERNEL static Partial Combine(const Partial* neighbours, int count, int n, int64_t pixels) {
    Partial all = {0, 0};
    for (int i = 0; i < count; ++i) all.first += neighbours[i].first;
    const int inside = Inside(0, count * n, pixels);
    const float mean = all.first / static_cast<float>(inside);
    for (int i = 0; i < count && i * n < inside; ++i) {
      const auto values = static_cast<float>(Inside(i, n, pixels));
      const float distance = neighbours[i].first / values - mean;
      all.second += neighbours[i].second + distance * distance * values;
    }
    return all;
  }
  /// What two parts come to together.
  RIFFLE_KERNEL static Part Merge(const Part& a, const Part& b) {
    if (a.pixels == 0) return b;
    if (b.pixels == 0) return a;
    const float pixels = a.pixels + b.pixels, distance = a.of.first / a.pixels - b.of.first / b.pixels;
    return {{a.of.first + b.of.first, a.of.second + b.of.second + distance * distance * (a.pixels * b.pixels / pixels)},
            pixels};
  }
};

/// Stores dx; gathers its sums.
template <class Map>
struct GradientOutput {
  GradientSink<float, Map> dx;
  Rows<const Map> x;
  bool relu;

  template <int kCount>
  RIFFLE_KERNEL bool IsPacked() const {
    return RIFFLE_GPU::IsPacked<kCount>(dx.dz) && RIFFLE_GPU::IsPacked<kCount>(dx.add) &&
           RIFFLE_GPU::IsPacked<kCount>(dx.raw) && (!relu || RIFFLE_GPU::IsPacked<kCount>(x));
  }
  template <int kCount>
  struct Loaded {
    PackedValues<kCount, Map> add, mask, raw;
  };
  template <int kCount, bool kWhole>
  RIFFLE_KERNEL Loaded<kCount> Load(int64_t row, int64_t p, int64_t pixels) const {
    Loaded<kCount> loaded = {};
    if (dx.add) loaded.add = LoadPackedValues<kCount, kWhole>(dx.add[row], p, pixels);
    if (relu) loaded.mask = LoadPackedValues<kCount, kWhole>(x[row], p, pixels);
    if (dx.raw) loaded.raw = LoadPackedValues<kCount, kWhole>(dx.raw[row], p, pixels);
    return loaded;
  }
  /// What becomes of a product.
  template <int kCount>
  RIFFLE_KERNEL Values<kCount> Of(int64_t, Values<kCount> sum, const Loaded<kCount>& loaded) const {
    const Values<kCount> add = Unpacked<kCount>(x.data, loaded.add), mask = Unpacked<kCount>(x.data, loaded.mask);
    for (int i = 0; i < kCount; ++i) sum.v[i] = relu && !(mask.v[i] > 0) ? 0 : sum.v[i] + add.v[i];
    return sum;
  }
  template <int kCount, bool kWhole>
  RIFFLE_KERNEL Partial Store(int64_t row, int64_t p, int64_t pixels, const Values<kCount>& sum,
                              const Loaded<kCount>& loaded) const {
    const Values<kCount> stored = StoreValues<kCount, kWhole>(dx.dz[row], p, pixels, Of<kCount>(row, sum, loaded));
    Partial partial = {0, 0};
    if (!dx.raw) return partial;
    const Values<kCount> raw = Unpacked<kCount>(x.data, loaded.raw);
    const float mean = dx.moments[row].mean;
    for (int i = 0; i < kCount; ++i) {
      if (!kWhole && p + i >= pixels) break;
      partial.first += stored.v[i];
      partial.second += stored.v[i] * (raw.v[i] - mean);
    }
    return partial;
  }
  RIFFLE_KERNEL static Partial Combine(const Partial* neighbours, int count, int, int64_t) {
    Partial all = {0, 0};
    for (int i = 0; i < count; ++i) {
      all.first += neighbours[i].first;
      all.second += neighbours[i].second;
    }
    return all;
  }
  /// What two parts come to together.
  RIFFLE_KERNEL static Part Merge(const Part& a, const Part& b) {
    return {{a.of.first + b.of.first, a.of.second + b.of.second}, a.pixels + b.pixels};
  }
};

/// Moments of rows from those of their parts: a block a row.
struct MomentsOfRowParts {
  static constexpr int kThreads = 256;
  using Shared = BlockSums<double, kThreads>;
  int64_t pixels;
  PartsOfRows parts;
  Moments<float>* moments;

  RIFFLE_KERNEL void operator()(Shared& shared) const {
    const Part* of_row = parts.of_rows + blockIdx.x * parts.count;
    double sum = 0, squares = 0;
    for (int64_t i = BlockThread(); i < parts.count; i += kThreads) sum += static_cast<double>(of_row[i].of.first);
    const double mean = BlockSum<double, kThreads>(sum, shared) / static_cast<double>(pixels);
    for (int64_t i = BlockThread(); i < parts.count; i += kThreads) {
      const auto of_part = static_cast<double>(of_row[i].pixels);
      if (of_part == 0) continue;
      const double distance = static_cast<double>(of_row[i].of.first) / of_part - mean;
      squares += static_cast<double>(of_row[i].of.second) + distance * distance * of_part;
    }
    squares = BlockSum<double, kThreads>(squares, shared);
    if (BlockThread() == 0)
      moments[blockIdx.x] = {static_cast<float>(mean), static_cast<float>(squares / static_cast<double>(pixels))};
  }
};

/// Sums of gradients, likewise.
struct SumsOfRowParts {
  static constexpr int kThreads = 256;
  using Shared = BlockSums<double, kThreads>;
  PartsOfRows parts;
  GradientSums<float>* sums;

  RIFFLE_KERNEL void operator()(Shared& shared) const {
    const Part* of_row = parts.of_rows + blockIdx.x * parts.count;
    double sum = 0, centred = 0;
    for (int64_t i = BlockThread(); i < parts.count; i += kThreads) {
      sum += static_cast<double>(of_row[i].of.first);
      centred += static_cast<double>(of_row[i].of.second);
    }
    sum = BlockSum<double, kThreads>(sum, shared);
    centred = BlockSum<double, kThreads>(centred, shared);
    if (BlockThread() == 0) sums[blockIdx.x] = {static_cast<float>(sum), static_cast<float>(centred)};
  }
};

// Memory of several arrays in one, and prepared weights.

inline constexpr int64_t kScratchAlignment = 256;
constexpr int64_t Aligned(int64_t bytes) { return DivideUp(bytes, kScratchAlignment) * kScratchAlignment; }

/// Where the weights as tensor cores take them begin in prepared ones: aligned as a lane reads them.
inline constexpr int64_t kFragmentBytes = 16;
template <class T>
auto PreparedForTensorCores(const GroupConvShape& shape, T* prepared) {
  using Weights = std::conditional_t<std::is_const_v<T>, const Bfloat16, Bfloat16>;
  T* const behind = prepared + shape.weights() + shape.out_channels;
  const auto over = static_cast<int64_t>(reinterpret_cast<uintptr_t>(behind)) % kFragmentBytes;
  return reinterpret_cast<Weights*>(behind + (kFragmentBytes - over) % kFragmentBytes / int64_t{sizeof(T)});
}

}  // namespace riffle::RIFFLE_GPU
