// Products of rows (row_product.h; of maps of bfloat16, tensor_row_product.h): a pass over the maps computes the
// outputs and gathers for tiles of pixels, small kernels add up what was gathered. Prepared weights:
// [group][in_per_group][out_per_group], then the biases, then the weights as tensor cores take them.
#include <type_traits>

#include "ops/gpu.h"
#include "ops/group_conv/conv_rows.h"
#include "ops/group_conv/tensor_passes.h"
#include "ops/row_dots.h"
#include "ops/row_product.h"
#include "ops/tensor_row_dots.h"
#include "ops/tensor_row_product.h"

namespace riffle::RIFFLE_GPU {
namespace {

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

PartsOfRows From(PartsOfRows parts, int64_t first) {
  if (parts.of_rows) parts.of_rows += first / kTilePixels;
  return parts;
}

// A stretch of the pixels of a pass. It begins where a tile and a part do.
struct Stretch {
  int64_t first, pixels;
};

int64_t TilesOf(int64_t pixels) { return DivideUp(pixels, kTilePixels); }

TensorWeightsShape ForwardWeights(const GroupConvShape& shape) {
  return TensorWeightsShape(shape.groups, shape.out_per_group(), shape.in_per_group());
}
TensorWeightsShape BackwardWeights(const GroupConvShape& shape) {
  return TensorWeightsShape(shape.groups, shape.in_per_group(), shape.out_per_group());
}

// A forward pass without tensor_pass.h: all stretches, then Finish.
struct ForwardPass {
  GroupConvShape shape;
  ProductKernel kernel;
  Moments<float>* moments;
  PartsOfRows partials = {};  // of the moments

  int64_t ScratchBytes() const {
    return moments ? Aligned(shape.out_channels * TilesOf(shape.pixels) * int64_t{sizeof(Part)}) : 0;
  }
  void Use(unsigned char* scratch) {
    if (moments) partials = {reinterpret_cast<Part*>(scratch), TilesOf(shape.pixels)};
  }

  // `a` is From the stretch's first pixel.
  template <class Map>
  void Run(const Execution& execution, Stretch stretch, const riffle::GroupConvForward<float, Map>& a) const {
    const RowProductShape product = {shape.groups, shape.out_per_group(), shape.in_per_group(), stretch.pixels};
    const InputRows<Map> in = {a.x};
    const OutputRows<Map> out = {a.y, a.prepared + shape.weights(), a.residual, a.relu};
    const PartsOfRows of_stretch = From(partials, stretch.first);
    if constexpr (std::is_same_v<Map, Bfloat16>)
      if (kernel.arithmetic == Arithmetic::kBfloat16)
        return LaunchTensorRowProduct(execution, product, PreparedForTensorCores(shape, a.prepared), in, out,
                                      of_stretch);
    LaunchRowProduct(execution, kernel, product, a.prepared, in, out, of_stretch);
  }
  void Finish(const Execution& execution) const {
    if (moments) Launch(execution, {shape.out_channels}, MomentsOfRowParts{shape.pixels, partials, moments});
  }
};

// A backward pass, likewise.
struct BackwardPass {
  GroupConvShape shape;
  ConvKernels kernels;
  float* dweight;
  float* dy_sums;
  DotsMeans means;             // that dweight is about, where its parts are not
  GradientSums<float>* sums;   // null: not wanted
  PartsOfRows partials = {};   // of the sums
  float* parts = nullptr;      // of dweight
  Bfloat16* weight = nullptr;  // as tensor cores take it

  template <class Map>
  BackwardPass(const GroupConvShape& of, const ConvKernels& chosen, const riffle::GroupConvBackward<float, Map>& a)
      : shape(of),
        kernels(chosen),
        dweight(a.dweight),
        dy_sums(a.dy_sums),
        sums(a.dx.dz && a.dx.raw ? a.dx.sums : nullptr) {
    // Products of bfloat16 are exact in float, those of distances from a mean are not.
    if constexpr (std::is_same_v<Map, Bfloat16>) means.right = a.x_moments;
  }

  RowDotsShape Dots(int64_t pixels) const {
    return {shape.groups, shape.out_per_group(), shape.in_per_group(), pixels, dy_sums || means.right};
  }
  int64_t PartialBytes() const {
    return sums ? Aligned(shape.in_channels * TilesOf(shape.pixels) * int64_t{sizeof(Part)}) : 0;
  }
  int64_t PartBytes() const {
    const RowDotsShape dots = Dots(shape.pixels);
    return Aligned(PartsOf(dots) * dots.values() * int64_t{sizeof(float)});
  }
  int64_t ScratchBytes() const {
    return PartialBytes() + PartBytes() + Aligned(BackwardWeights(shape).values() * int64_t{sizeof(Bfloat16)});
  }
  void Use(unsigned char* scratch) {
    if (sums) partials = {reinterpret_cast<Part*>(scratch), TilesOf(shape.pixels)};
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
      LaunchRowDots(execution, *kernels.dots, dots, dy, CentredRows<Map>{a.x, a.x_moments}, of_stretch);

    if (!a.dx.dz) return;
    const RowProductShape product = {shape.groups, shape.in_per_group(), shape.out_per_group(), stretch.pixels};
    const GradientOutput<Map> dx = {a.dx, a.x, a.relu};
    const PartsOfRows sums_of_stretch = From(partials, stretch.first);
    if constexpr (kTensor) {
      if (stretch.first == 0)
        PackTensorWeights(execution, shape.groups, shape.in_per_group(), shape.out_per_group(), a.weight, weight);
      if (kernels.product->arithmetic == Arithmetic::kBfloat16)
        return LaunchTensorRowProduct(execution, product, weight, dy, dx, sums_of_stretch);
    }
    LaunchRowProduct(execution, *kernels.product, product, a.weight, dy, dx, sums_of_stretch);
  }
  void Finish(const Execution& execution) const {
    const RowDotsShape dots = Dots(shape.pixels);
    LaunchAddParts(execution, dots, means, PartsOf(dots), parts, dweight, dy_sums);
    if (sums) Launch(execution, {shape.in_channels}, SumsOfRowParts{partials, sums});
  }
};

template <class Map>
void Forward(const Execution& execution, const GroupConvShape& shape, const ConvKernels& kernels,
             const riffle::GroupConvForward<float, Map>& a) {
  if constexpr (std::is_same_v<Map, Bfloat16>)
    if (kernels.pass) return TensorForward(execution, *kernels.pass, shape, a);
  ForwardPass pass = {shape, *kernels.product, a.moments};
  pass.Use(Scratch<unsigned char>(execution, pass.ScratchBytes()));
  pass.Run(execution, {0, shape.pixels}, a);
  pass.Finish(execution);
}
template <class Map>
void Forward(const Execution& execution, const GroupConvShape& shape, const riffle::GroupConvForward<float, Map>& a) {
  Forward(execution, shape, ChooseForward(shape, a.moments != nullptr, TargetOf<Map>(execution)), a);
}

template <class Map>
void Backward(const Execution& execution, const GroupConvShape& shape, const ConvKernels& kernels,
              const riffle::GroupConvBackward<float, Map>& a) {
  if constexpr (std::is_same_v<Map, Bfloat16>)
    if (kernels.pass) return TensorBackward(execution, *kernels.pass, shape, a);
  BackwardPass pass(shape, kernels, a);
  pass.Use(Scratch<unsigned char>(execution, pass.ScratchBytes()));
  pass.Run(execution, {0, shape.pixels}, a);
  pass.Finish(execution);
}
template <class Map>
void Backward(const Execution& execution, const GroupConvShape& shape, const riffle::GroupConvBackward<float, Map>& a) {
  Backward(execution, shape, ChooseBackward(shape, ConvGradients::Of(a), TargetOf<Map>(execution)), a);
}

// Calls run(stretch) one after the other.
template <class F>
void ForEachStretch(int64_t pixels, int64_t step, const F& run) {
  for (int64_t first = 0; first < pixels; first += step)
    run(Stretch{first, pixels - first < step ? pixels - first : step});
}

template <class Map>
void ChainForward(const Execution& execution, const GroupConvChainShape& shape,
                  const riffle::GroupConvChainForward<float, Map>& a) {
  const ChainKernels kernels = ChooseChainForward(shape, a.second.moments != nullptr, TargetOf<Map>(execution));
  if constexpr (std::is_same_v<Map, Bfloat16>)
    if (kernels.pass) return TensorChainForward(execution, *kernels.pass, shape, a);
  if (kernels.stretch_pixels == 0) {
    Forward(execution, shape.first, kernels.leading, a.first);
    return Forward(execution, shape.second, kernels.following, a.second);
  }
  const ForwardPass first = {shape.first, *kernels.leading.product, nullptr};
  ForwardPass second = {shape.second, *kernels.following.product, a.second.moments};
  second.Use(Scratch<unsigned char>(execution, second.ScratchBytes()));
  ForEachStretch(shape.first.pixels, kernels.stretch_pixels, [&](Stretch stretch) {
    first.Run(execution, stretch, From(a.first, stretch.first));
    second.Run(execution, stretch, From(a.second, stretch.first));
  });
  second.Finish(execution);
}

template <class Map>
void ChainBackward(const Execution& execution, const GroupConvChainShape& shape,
                   const riffle::GroupConvChainBackward<float, Map>& a) {
  const bool again = a.again.prepared != nullptr;
  const ChainKernels kernels = ChooseChainBackward(shape, ConvGradients::Of(a.second), ConvGradients::Of(a.first),
                                                   again, TargetOf<Map>(execution));
  if constexpr (std::is_same_v<Map, Bfloat16>) {
    if (kernels.pass) return TensorChainBackward(execution, *kernels.pass, shape, a);
    if (kernels.stretch_pixels == 0) {
      again ? TensorBackwardAgain(execution, *kernels.leading.pass, shape, a)
            : TensorBackward(execution, *kernels.leading.pass, shape.second, a.second);
      return Backward(execution, shape.first, kernels.following, a.first);
    }
  }
  BackwardPass second(shape.second, kernels.leading, a.second), first(shape.first, kernels.following, a.first);
  const int64_t kept_stride = kernels.stretch_pixels;
  const int64_t kept_bytes = again ? Aligned(shape.first.out_channels * kept_stride * int64_t{sizeof(Map)}) : 0;
  unsigned char* scratch = Scratch<unsigned char>(execution, kept_bytes + second.ScratchBytes() + first.ScratchBytes());
  second.Use(scratch + kept_bytes);
  first.Use(scratch + kept_bytes + second.ScratchBytes());
  ForEachStretch(shape.first.pixels, kernels.stretch_pixels, [&](Stretch stretch) {
    riffle::GroupConvBackward<float, Map> a_second = From(a.second, stretch.first);
    if (again) {
      riffle::GroupConvForward<float, Map> a_again = From(a.again, stretch.first);
      a_again.y = {reinterpret_cast<Map*>(scratch), kept_stride};
      ForwardPass{shape.first, *kernels.again, nullptr}.Run(execution, stretch, a_again);
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
  const int64_t in = shape.in_per_group(), out = shape.out_per_group();
  const int64_t weights = shape.weights(), floats = weights + shape.out_channels;
  const TensorWeightsShape packed_shape = ForwardWeights(shape);
  Bfloat16* const packed = PreparedForTensorCores(shape, prepared);
  ForEach(execution, floats + packed_shape.values(), [=] RIFFLE_LAMBDA(int64_t i) {
    if (i >= floats) {
      const TensorWeight w(packed_shape, i - floats);
      const bool there = w.row < out && w.depth < in;
      packed[i - floats] = Bfloat16(there ? a.weight[(w.group * out + w.row) * in + w.depth] : 0);
    } else if (i >= weights) {
      prepared[i] = a.bias ? a.bias[i - weights] : 0;
    } else {
      const int64_t group = i / (in * out), k = i / out % in, m = i % out;
      prepared[i] = a.weight[(group * out + m) * in + k];
    }
  });
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
