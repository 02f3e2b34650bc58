// Products of rows (row_product.h; of maps of bfloat16, tensor_row_product.h): a pass over the maps computes the
// outputs and gathers for tiles of pixels, small kernels add up what was gathered. Prepared weights:
// [group][in_per_group][out_per_group], then the biases, then the weights as tensor cores take them.
#include <type_traits>

#include "ops/gpu.h"
#include "ops/row_dots.h"
#include "ops/row_product.h"
#include "ops/tensor_row_dots.h"
#include "ops/tensor_row_product.h"

namespace riffle::RIFFLE_GPU {
namespace {

// Values of the i-th of neighbours of n values each that lie within a tile of so many pixels.
RIFFLE_KERNEL int Inside(int i, int n, int64_t pixels) {
  const int64_t left = pixels - int64_t{i} * n;
  return static_cast<int>(left < 0 ? 0 : left < n ? left : n);
}

// Stores y; gathers sums and squared distances from the mean.
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
  template <int kCount, bool kWhole>
  RIFFLE_KERNEL Partial Store(int64_t row, int64_t p, int64_t pixels, Values<kCount> sum,
                              const Loaded<kCount>& loaded) const {
    const Values<kCount> add = Unpacked<kCount>(residual.data, loaded.residual);
    for (int i = 0; i < kCount; ++i) {
      sum.v[i] += bias[row] + add.v[i];
      if (relu) sum.v[i] = Relu(sum.v[i]);
    }
    const Values<kCount> stored = StoreValues<kCount, kWhole>(y[row], p, pixels, sum);
    const int count = kWhole ? kCount : Inside(0, kCount, pixels - p);
    Partial partial = {0, 0};
    for (int i = 0; i < kCount; ++i) partial.first += i < count ? stored.v[i] : 0;
    const float mean = partial.first / static_cast<float>(count);
    for (int i = 0; i < kCount; ++i) {
      const float distance = stored.v[i] - mean;
      partial.second += i < count ? distance * distance : 0;
    }
    return partial;
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
};

// Stores dx; gathers its sums.
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
  template <int kCount, bool kWhole>
  RIFFLE_KERNEL Partial Store(int64_t row, int64_t p, int64_t pixels, Values<kCount> sum,
                              const Loaded<kCount>& loaded) const {
    const Values<kCount> add = Unpacked<kCount>(x.data, loaded.add), mask = Unpacked<kCount>(x.data, loaded.mask);
    const Values<kCount> raw = Unpacked<kCount>(x.data, loaded.raw);
    for (int i = 0; i < kCount; ++i) sum.v[i] = relu && !(mask.v[i] > 0) ? 0 : sum.v[i] + add.v[i];
    const Values<kCount> stored = StoreValues<kCount, kWhole>(dx.dz[row], p, pixels, sum);
    Partial partial = {0, 0};
    if (!dx.raw) return partial;
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
};

// A block a row: moments from those of its tiles.
struct MomentsOfTiles {
  static constexpr int kThreads = 256;
  using Shared = BlockSums<double, kThreads>;
  int64_t pixels;
  const Partial* partials;  // [rows][tiles]
  Moments<float>* moments;

  RIFFLE_KERNEL void operator()(Shared& shared) const {
    const int64_t tiles = DivideUp(pixels, kTilePixels);
    const Partial* of_row = partials + blockIdx.x * tiles;
    double sum = 0, squares = 0;
    for (int64_t t = BlockThread(); t < tiles; t += kThreads) sum += static_cast<double>(of_row[t].first);
    const double mean = BlockSum<double, kThreads>(sum, shared) / static_cast<double>(pixels);
    for (int64_t t = BlockThread(); t < tiles; t += kThreads) {
      const int64_t left = pixels - t * kTilePixels;
      const auto count = static_cast<double>(left < kTilePixels ? left : kTilePixels);
      const double distance = static_cast<double>(of_row[t].first) / count - mean;
      squares += static_cast<double>(of_row[t].second) + distance * distance * count;
    }
    squares = BlockSum<double, kThreads>(squares, shared);
    if (BlockThread() == 0)
      moments[blockIdx.x] = {static_cast<float>(mean), static_cast<float>(squares / static_cast<double>(pixels))};
  }
};

struct SumsOfTiles {
  static constexpr int kThreads = 256;
  using Shared = BlockSums<double, kThreads>;
  int64_t tiles;
  const Partial* partials;  // [rows][tiles]
  GradientSums<float>* sums;

  RIFFLE_KERNEL void operator()(Shared& shared) const {
    const Partial* of_row = partials + blockIdx.x * tiles;
    double sum = 0, centred = 0;
    for (int64_t t = BlockThread(); t < tiles; t += kThreads) {
      sum += static_cast<double>(of_row[t].first);
      centred += static_cast<double>(of_row[t].second);
    }
    sum = BlockSum<double, kThreads>(sum, shared);
    centred = BlockSum<double, kThreads>(centred, shared);
    if (BlockThread() == 0) sums[blockIdx.x] = {static_cast<float>(sum), static_cast<float>(centred)};
  }
};

// The rows' pixels from `first` on, of a row and of all that a call reads and writes.
template <class T>
Rows<T> From(Rows<T> rows, int64_t first) {
  return rows ? Rows<T>{rows.data + first, rows.stride} : rows;
}
template <class Map>
riffle::GroupConvForward<float, Map> From(riffle::GroupConvForward<float, Map> a, int64_t first) {
  a.y = From(a.y, first);
  a.x = From(a.x, first);
  a.residual = From(a.residual, first);
  return a;
}
template <class Map>
riffle::GroupConvBackward<float, Map> From(riffle::GroupConvBackward<float, Map> a, int64_t first) {
  a.dx.dz = From(a.dx.dz, first);
  a.dx.add = From(a.dx.add, first);
  a.dx.raw = From(a.dx.raw, first);
  a.dy.dz = From(a.dy.dz, first);
  a.dy.raw = From(a.dy.raw, first);
  a.x = From(a.x, first);
  return a;
}

TilePartials From(TilePartials partials, int64_t first) {
  if (partials.of_tiles) partials.of_tiles += first / kTilePixels;
  return partials;
}

// A stretch of the pixels of a pass. It begins where a tile and a part do.
struct Stretch {
  int64_t first, pixels;
};

constexpr int64_t kScratchAlignment = 256;
constexpr int64_t Aligned(int64_t bytes) { return DivideUp(bytes, kScratchAlignment) * kScratchAlignment; }
int64_t TilesOf(int64_t pixels) { return DivideUp(pixels, kTilePixels); }

TensorWeightsShape ForwardWeights(const GroupConvShape& shape) {
  return TensorWeightsShape(shape.groups, shape.out_per_group(), shape.in_per_group());
}
TensorWeightsShape BackwardWeights(const GroupConvShape& shape) {
  return TensorWeightsShape(shape.groups, shape.in_per_group(), shape.out_per_group());
}

// Where they begin in prepared weights: aligned as a lane reads them.
constexpr int64_t kFragmentBytes = 16;
template <class T>
auto PreparedForTensorCores(const GroupConvShape& shape, T* prepared) {
  using Weights = std::conditional_t<std::is_const_v<T>, const Bfloat16, Bfloat16>;
  const auto behind = reinterpret_cast<uintptr_t>(prepared + shape.weights() + shape.out_channels);
  return reinterpret_cast<Weights*>((behind + kFragmentBytes - 1) / kFragmentBytes * kFragmentBytes);
}

// A forward pass: all stretches, then Finish.
struct ForwardPass {
  GroupConvShape shape;
  Moments<float>* moments;
  TilePartials partials = {};  // of the moments

  int64_t ScratchBytes() const {
    return moments ? Aligned(shape.out_channels * TilesOf(shape.pixels) * int64_t{sizeof(Partial)}) : 0;
  }
  void Use(unsigned char* scratch) {
    if (moments) partials = {reinterpret_cast<Partial*>(scratch), TilesOf(shape.pixels)};
  }

  // `a` is From the stretch's first pixel.
  template <class Map>
  void Run(const Execution& execution, Stretch stretch, const riffle::GroupConvForward<float, Map>& a) const {
    const RowProductShape product = {shape.groups, shape.out_per_group(), shape.in_per_group(), stretch.pixels};
    const InputRows<Map> in = {a.x};
    const OutputRows<Map> out = {a.y, a.prepared + shape.weights(), a.residual, a.relu};
    const TilePartials of_stretch = From(partials, stretch.first);
    if constexpr (std::is_same_v<Map, Bfloat16>)
      if (LaunchTensorRowProduct(execution, product, PreparedForTensorCores(shape, a.prepared), in, out, of_stretch))
        return;
    LaunchRowProduct(execution, product, a.prepared, in, out, of_stretch);
  }
  void Finish(const Execution& execution) const {
    if (moments) Launch(execution, {shape.out_channels}, MomentsOfTiles{shape.pixels, partials.of_tiles, moments});
  }
};

// A backward pass, likewise.
struct BackwardPass {
  GroupConvShape shape;
  float* dweight;
  float* dy_sums;
  DotsMeans means;             // that dweight is about, where its parts are not
  GradientSums<float>* sums;   // null: not wanted
  TilePartials partials = {};  // of the sums
  float* parts = nullptr;      // of dweight
  Bfloat16* weight = nullptr;  // as tensor cores take it

  template <class Map>
  BackwardPass(const GroupConvShape& of, const riffle::GroupConvBackward<float, Map>& a)
      : shape(of), dweight(a.dweight), dy_sums(a.dy_sums), sums(a.dx.dz && a.dx.raw ? a.dx.sums : nullptr) {
    // Products of bfloat16 are exact in float, those of distances from a mean are not.
    if constexpr (std::is_same_v<Map, Bfloat16>) means.right = a.x_moments;
  }

  RowDotsShape Dots(int64_t pixels) const {
    return {shape.groups, shape.out_per_group(), shape.in_per_group(), pixels, dy_sums || means.right};
  }
  int64_t PartialBytes() const {
    return sums ? Aligned(shape.in_channels * TilesOf(shape.pixels) * int64_t{sizeof(Partial)}) : 0;
  }
  int64_t PartBytes() const {
    const RowDotsShape dots = Dots(shape.pixels);
    return Aligned(PartsOf(dots) * dots.values() * int64_t{sizeof(float)});
  }
  int64_t ScratchBytes() const {
    return PartialBytes() + PartBytes() + Aligned(BackwardWeights(shape).values() * int64_t{sizeof(Bfloat16)});
  }
  void Use(unsigned char* scratch) {
    if (sums) partials = {reinterpret_cast<Partial*>(scratch), TilesOf(shape.pixels)};
    parts = reinterpret_cast<float*>(scratch + PartialBytes());
    weight = reinterpret_cast<Bfloat16*>(scratch + PartialBytes() + PartBytes());
  }

  template <class Map>
  void Run(const Execution& execution, Stretch stretch, const riffle::GroupConvBackward<float, Map>& a) const {
    const RowDotsShape dots = Dots(stretch.pixels);
    const GradientRows<Map> dy = {a.dy};
    float* const of_stretch = parts + stretch.first / PartPixels(dots) * dots.values();
    constexpr bool kTensor = std::is_same_v<Map, Bfloat16>;
    if constexpr (kTensor)
      LaunchTensorRowDots(execution, dots, dy, InputRows<Map>{a.x}, of_stretch);
    else
      LaunchRowDots(execution, dots, dy, CentredRows<Map>{a.x, a.x_moments}, of_stretch);

    if (!a.dx.dz) return;
    const RowProductShape product = {shape.groups, shape.in_per_group(), shape.out_per_group(), stretch.pixels};
    const GradientOutput<Map> dx = {a.dx, a.x, a.relu};
    const TilePartials sums_of_stretch = From(partials, stretch.first);
    if constexpr (kTensor) {
      if (stretch.first == 0)
        PackTensorWeights(execution, shape.groups, shape.in_per_group(), shape.out_per_group(), a.weight, weight);
      if (LaunchTensorRowProduct(execution, product, weight, dy, dx, sums_of_stretch)) return;
    }
    LaunchRowProduct(execution, product, a.weight, dy, dx, sums_of_stretch);
  }
  void Finish(const Execution& execution) const {
    LaunchAddParts(execution, Dots(shape.pixels), means, parts, dweight, dy_sums);
    if (sums) Launch(execution, {shape.in_channels}, SumsOfTiles{TilesOf(shape.pixels), partials.of_tiles, sums});
  }
};

template <class Map>
void Forward(const Execution& execution, const GroupConvShape& shape, const riffle::GroupConvForward<float, Map>& a) {
  ForwardPass pass = {shape, a.moments};
  pass.Use(Scratch<unsigned char>(execution, pass.ScratchBytes()));
  pass.Run(execution, {0, shape.pixels}, a);
  pass.Finish(execution);
}

template <class Map>
void Backward(const Execution& execution, const GroupConvShape& shape, const riffle::GroupConvBackward<float, Map>& a) {
  BackwardPass pass(shape, a);
  pass.Use(Scratch<unsigned char>(execution, pass.ScratchBytes()));
  pass.Run(execution, {0, shape.pixels}, a);
  pass.Finish(execution);
}

// Pixels of the stretches in which a chain runs: what passes between its convolutions stays in the card's cache.
template <class Map>
int64_t ChainPixels(const GroupConvChainShape& shape) {
  constexpr int64_t kBytes = 16 << 20, kMost = 16 * kMostPartPixels;
  const int64_t fit = kBytes / (shape.first.out_channels * int64_t{sizeof(Map)}) / kMostPartPixels * kMostPartPixels;
  return fit > kMost ? kMost : fit > kMostPartPixels ? fit : kMostPartPixels;
}

// Calls run(stretch) one after the other.
template <class Map, class F>
void ForEachStretch(const GroupConvChainShape& shape, const F& run) {
  const int64_t all = shape.first.pixels, step = ChainPixels<Map>(shape);
  for (int64_t first = 0; first < all; first += step) run(Stretch{first, all - first < step ? all - first : step});
}

template <class Map>
void ChainForward(const Execution& execution, const GroupConvChainShape& shape,
                  const riffle::GroupConvChainForward<float, Map>& a) {
  const ForwardPass first = {shape.first, nullptr};
  ForwardPass second = {shape.second, a.second.moments};
  second.Use(Scratch<unsigned char>(execution, second.ScratchBytes()));
  ForEachStretch<Map>(shape, [&](Stretch stretch) {
    first.Run(execution, stretch, From(a.first, stretch.first));
    second.Run(execution, stretch, From(a.second, stretch.first));
  });
  second.Finish(execution);
}

template <class Map>
void ChainBackward(const Execution& execution, const GroupConvChainShape& shape,
                   const riffle::GroupConvChainBackward<float, Map>& a) {
  const ForwardPass again = {shape.first, nullptr};
  BackwardPass second(shape.second, a.second), first(shape.first, a.first);
  const int64_t kept_stride = ChainPixels<Map>(shape);
  const int64_t kept_bytes =
      a.again.prepared ? Aligned(shape.first.out_channels * kept_stride * int64_t{sizeof(Map)}) : 0;
  unsigned char* scratch = Scratch<unsigned char>(execution, kept_bytes + second.ScratchBytes() + first.ScratchBytes());
  second.Use(scratch + kept_bytes);
  first.Use(scratch + kept_bytes + second.ScratchBytes());
  ForEachStretch<Map>(shape, [&](Stretch stretch) {
    riffle::GroupConvBackward<float, Map> a_second = From(a.second, stretch.first);
    if (a.again.prepared) {
      riffle::GroupConvForward<float, Map> a_again = From(a.again, stretch.first);
      a_again.y = {reinterpret_cast<Map*>(scratch), kept_stride};
      again.Run(execution, stretch, a_again);
      a_second.x = a_again.y;
    }
    second.Run(execution, stretch, a_second);
    first.Run(execution, stretch, From(a.first, stretch.first));
  });
  second.Finish(execution);
  first.Finish(execution);
}

}  // namespace

int64_t GroupConvPreparedValues(const GroupConvShape& shape) {
  const int64_t bytes = ForwardWeights(shape).values() * int64_t{sizeof(Bfloat16)} + kFragmentBytes;
  return shape.weights() + shape.out_channels + DivideUp(bytes, int64_t{sizeof(float)});
}

void GroupConvPrepare(const Execution& execution, const GroupConvShape& shape, float* prepared,
                      const GroupConvWeights<float>& a) {
  const int64_t in = shape.in_per_group(), out = shape.out_per_group(), weights = shape.weights();
  ForEach(execution, weights + shape.out_channels, [=] RIFFLE_LAMBDA(int64_t i) {
    if (i >= weights) {
      prepared[i] = a.bias ? a.bias[i - weights] : 0;
      return;
    }
    const int64_t group = i / (in * out), k = i / out % in, m = i % out;
    prepared[i] = a.weight[(group * out + m) * in + k];
  });
  PackTensorWeights(execution, shape.groups, shape.out_per_group(), shape.in_per_group(), prepared,
                    PreparedForTensorCores(shape, prepared));
}

void GroupConvForward(const Execution& execution, const GroupConvShape& shape,
                      const riffle::GroupConvForward<float>& a) {
  Forward(execution, shape, a);
}
void GroupConvForward(const Execution& execution, const GroupConvShape& shape,
                      const riffle::GroupConvForward<float, Bfloat16>& a) {
  Forward(execution, shape, a);
}
void GroupConvBackward(const Execution& execution, const GroupConvShape& shape,
                       const riffle::GroupConvBackward<float>& a) {
  Backward(execution, shape, a);
}
void GroupConvBackward(const Execution& execution, const GroupConvShape& shape,
                       const riffle::GroupConvBackward<float, Bfloat16>& a) {
  Backward(execution, shape, a);
}
void GroupConvChainForward(const Execution& execution, const GroupConvChainShape& shape,
                           const riffle::GroupConvChainForward<float>& a) {
  ChainForward(execution, shape, a);
}
void GroupConvChainForward(const Execution& execution, const GroupConvChainShape& shape,
                           const riffle::GroupConvChainForward<float, Bfloat16>& a) {
  ChainForward(execution, shape, a);
}
void GroupConvChainBackward(const Execution& execution, const GroupConvChainShape& shape,
                            const riffle::GroupConvChainBackward<float>& a) {
  ChainBackward(execution, shape, a);
}
void GroupConvChainBackward(const Execution& execution, const GroupConvChainShape& shape,
                            const riffle::GroupConvChainBackward<float, Bfloat16>& a) {
  ChainBackward(execution, shape, a);
}

}  // namespace riffle::RIFFLE_GPU
