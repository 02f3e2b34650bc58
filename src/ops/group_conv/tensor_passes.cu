#include <utility>

#include "ops/group_conv/tensor_pass.h"
#include "ops/group_conv/tensor_passes.h"

namespace riffle::RIFFLE_GPU {
namespace {

using Input = InputRows<Bfloat16>;
using Gradient = GradientRows<Bfloat16>;
using Output = OutputRows<Bfloat16>;
using InputGradient = GradientOutput<Bfloat16>;

// nvcc takes what a designated initialiser leaves out for what comes next, so none does here.

// Several arrays in scratch memory: their places first, then the memory.
class ScratchArrays {
 public:
  template <class T>
  int64_t Add(int64_t count) {
    const int64_t place = bytes_;
    bytes_ += Aligned(count * int64_t{sizeof(T)});
    return place;
  }
  void Allocate(const Execution& execution) { memory_ = Scratch<unsigned char>(execution, bytes_); }
  template <class T>
  T* At(int64_t place) const {
    return reinterpret_cast<T*>(memory_ + place);
  }

 private:
  int64_t bytes_ = 0;
  unsigned char* memory_ = nullptr;
};

// Calls run(size) with the size that was chosen as a type, of those that the kind of pass comes in.
template <const auto& kKind, class F>
void WithSize(PassSize size, const F& run) {
  [&]<size_t... i>(std::index_sequence<i...>) {
    ((size == kKind.sizes[i] ? run(std::integral_constant<PassSize, kKind.sizes[i]>()) : void()), ...);
  }
  (std::make_index_sequence<kKind.sizes.size()>());
}

// A pass as it was cut, of a kind that has its parts.
template <const auto& kKind, class Pass>
Pass Chosen(const CardPass& chosen) {
  static_assert(Pass::kParts == kKind.parts);
  Pass pass = {};
  pass.shape = chosen.shape;
  pass.cut = chosen.cut;
  return pass;
}

PassDots Dots(const RowDotsShape& shape) {
  return {.parts = nullptr, .values = shape.values(), .sums_at = shape.dots(), .sums = shape.sums};
}

// Forward passes.

template <const auto& kKind, class Wide, class First, class Out>
TensorPass<Wide, First, NoRows, Out, PassSize::kWithoutDots> ForwardPass(const CardPass& chosen) {
  return Chosen<kKind, TensorPass<Wide, First, NoRows, Out, PassSize::kWithoutDots>>(chosen);
}

Output OutputOf(const GroupConvShape& shape, const riffle::GroupConvForward<float, Bfloat16>& a) {
  return {a.y, a.prepared + shape.weights(), a.residual, a.relu};
}

// Runs a pass; its moments are of so many rows.
template <class Pass>
void RunForward(const Execution& execution, Pass pass, Moments<float>* moments, int64_t rows) {
  if (moments) pass.parts = {Scratch<Part>(execution, rows * pass.PartsOfRow()), pass.PartsOfRow()};
  Launch(execution, {pass.Blocks()}, pass);
  if (moments) Launch(execution, {rows}, MomentsOfRowParts{pass.shape.pixels, pass.parts, moments});
}

// Backward passes.

// The weights of dx, which scratch memory holds.
void PackForGradient(const Execution& execution, const GroupConvShape& shape, const float* weight, Bfloat16* packed) {
  PackTensorWeights(execution, shape.groups, shape.in_per_group(), shape.out_per_group(), weight, packed);
}
int64_t GradientWeights(const GroupConvShape& shape) {
  return TensorWeightsShape(shape.groups, shape.in_per_group(), shape.out_per_group()).values();
}
RowDotsShape DotsOf(const GroupConvShape& shape, const riffle::GroupConvBackward<float, Bfloat16>& a) {
  return {shape.groups, shape.out_per_group(), shape.in_per_group(), shape.pixels, a.dy_sums || a.x_moments};
}
void AddDotParts(const Execution& execution, const GroupConvShape& shape,
                 const riffle::GroupConvBackward<float, Bfloat16>& a, int64_t count, const float* parts) {
  LaunchAddParts(execution, DotsOf(shape, a), {.right = a.x_moments, .left_too = false}, count, parts, a.dweight,
                 a.dy_sums);
}

// Of a convolution that reads wide rows: dx and dweight of one pass over them.
template <const auto& kKind, class Second>
void FromWide(const Execution& execution, const CardPass& chosen, const GroupConvShape& shape,
              const riffle::GroupConvBackward<float, Bfloat16>& a, const Second& second, const Output& again,
              const Bfloat16* again_weight) {
  WithSize<kKind>(chosen.size, [&](auto size) {
    auto pass = Chosen<kKind, TensorPass<WideGradient<false>, Gradient, Second, NoRows, size()>>(chosen);
    pass.wide = {{a.dx, a.x, a.relu}, again, again_weight};
    pass.first = {a.dy};
    pass.second = second;
    pass.first_dots = Dots(DotsOf(shape, a));
    ScratchArrays arrays;
    const int64_t weights = arrays.Add<Bfloat16>(GradientWeights(shape));
    const int64_t dots = arrays.Add<float>(pass.DotParts() * pass.first_dots.values);
    arrays.Allocate(execution);
    auto* const weight = arrays.At<Bfloat16>(weights);
    pass.first_dots.parts = arrays.At<float>(dots);
    PackForGradient(execution, shape, a.weight, weight);
    pass.to_wide = weight;
    Launch(execution, {pass.Blocks()}, pass);
    AddDotParts(execution, shape, a, pass.DotParts(), pass.first_dots.parts);
  });
}

// Of a convolution whose results are wide rows: without dx dweight alone.
template <const auto& kKind, class Out>
void FromNarrow(const Execution& execution, const CardPass& chosen, const GroupConvShape& shape,
                const riffle::GroupConvBackward<float, Bfloat16>& a, const Out& out) {
  WithSize<kKind>(chosen.size, [&](auto size) {
    auto pass = Chosen<kKind, TensorPass<ReadRows<Gradient>, NoRows, Input, Out, size()>>(chosen);
    constexpr bool kOut = decltype(pass)::kOut;
    GradientSums<float>* const sums = kOut && a.dx.raw ? a.dx.sums : nullptr;
    pass.wide = {{a.dy}};
    pass.second = {a.x};
    pass.out = out;
    pass.second_dots = Dots(DotsOf(shape, a));
    ScratchArrays arrays;
    const int64_t weights = arrays.Add<Bfloat16>(kOut ? GradientWeights(shape) : 0);
    const int64_t dots = arrays.Add<float>(pass.DotParts() * pass.second_dots.values);
    const int64_t parts = arrays.Add<Part>(sums ? shape.in_channels * pass.PartsOfRow() : 0);
    arrays.Allocate(execution);
    auto* const weight = arrays.At<Bfloat16>(weights);
    pass.second_dots.parts = arrays.At<float>(dots);
    pass.parts = {arrays.At<Part>(parts), pass.PartsOfRow()};
    if (kOut) PackForGradient(execution, shape, a.weight, weight);
    pass.to_narrow = weight;
    Launch(execution, {pass.Blocks()}, pass);
    AddDotParts(execution, shape, a, pass.DotParts(), pass.second_dots.parts);
    if (sums) Launch(execution, {shape.in_channels}, SumsOfRowParts{pass.parts, sums});
  });
}

}  // namespace

void TensorChainBackward(const Execution& execution, const CardPass& chosen, const GroupConvChainShape& shape,
                         const riffle::GroupConvChainBackward<float, Bfloat16>& a) {
  WithSize<passes::kChainBackward>(chosen.size, [&](auto size) {
    auto pass =
        Chosen<passes::kChainBackward, TensorPass<WideGradient<true>, Gradient, Input, InputGradient, size()>>(chosen);
    GradientSums<float>* const sums = a.first.dx.raw ? a.first.dx.sums : nullptr;
    const float* again = a.again.prepared;
    pass.wide = {{a.second.dx, a.second.x, a.second.relu},
                 OutputOf(shape.first, a.again),
                 again ? PreparedForTensorCores(shape.first, again) : nullptr};
    pass.first = {a.second.dy};
    pass.second = {a.first.x};
    pass.out = {a.first.dx, a.first.x, a.first.relu};
    pass.first_dots = Dots(DotsOf(shape.second, a.second));
    pass.second_dots = Dots(DotsOf(shape.first, a.first));
    ScratchArrays arrays;
    const int64_t wide_weights = arrays.Add<Bfloat16>(GradientWeights(shape.second));
    const int64_t narrow_weights = arrays.Add<Bfloat16>(GradientWeights(shape.first));
    const int64_t first_dots = arrays.Add<float>(pass.DotParts() * pass.first_dots.values);
    const int64_t second_dots = arrays.Add<float>(pass.DotParts() * pass.second_dots.values);
    const int64_t parts = arrays.Add<Part>(sums ? shape.first.in_channels * pass.PartsOfRow() : 0);
    arrays.Allocate(execution);
    auto* const to_wide = arrays.At<Bfloat16>(wide_weights);
    auto* const to_narrow = arrays.At<Bfloat16>(narrow_weights);
    pass.first_dots.parts = arrays.At<float>(first_dots);
    pass.second_dots.parts = arrays.At<float>(second_dots);
    pass.parts = {arrays.At<Part>(parts), pass.PartsOfRow()};
    PackForGradient(execution, shape.second, a.second.weight, to_wide);
    PackForGradient(execution, shape.first, a.first.weight, to_narrow);
    pass.to_wide = to_wide;
    pass.to_narrow = to_narrow;
    Launch(execution, {pass.Blocks()}, pass);
    AddDotParts(execution, shape.second, a.second, pass.DotParts(), pass.first_dots.parts);
    AddDotParts(execution, shape.first, a.first, pass.DotParts(), pass.second_dots.parts);
    if (sums) Launch(execution, {shape.first.in_channels}, SumsOfRowParts{pass.parts, sums});
  });
}

void TensorForward(const Execution& execution, const CardPass& chosen, const GroupConvShape& shape,
                   const riffle::GroupConvForward<float, Bfloat16>& a) {
  const Bfloat16* weight = PreparedForTensorCores(shape, a.prepared);
  if (chosen.shape.out == 0) {
    auto pass = ForwardPass<passes::kToWide, WideOutput, Input, NoRows>(chosen);
    pass.wide = {OutputOf(shape, a)};
    pass.first = {a.x};
    pass.to_wide = weight;
    return RunForward(execution, pass, a.moments, shape.out_channels);
  }
  auto pass = ForwardPass<passes::kToNarrow, ReadRows<Input>, NoRows, Output>(chosen);
  pass.wide = {{a.x}};
  pass.out = OutputOf(shape, a);
  pass.to_narrow = weight;
  RunForward(execution, pass, a.moments, shape.out_channels);
}

void TensorChainForward(const Execution& execution, const CardPass& chosen, const GroupConvChainShape& shape,
                        const riffle::GroupConvChainForward<float, Bfloat16>& a) {
  auto pass = ForwardPass<passes::kChain, WideOutput, Input, Output>(chosen);
  pass.wide = {OutputOf(shape.first, a.first)};
  pass.first = {a.first.x};
  pass.out = OutputOf(shape.second, a.second);
  pass.to_wide = PreparedForTensorCores(shape.first, a.first.prepared);
  pass.to_narrow = PreparedForTensorCores(shape.second, a.second.prepared);
  RunForward(execution, pass, a.second.moments, shape.second.out_channels);
}

void TensorBackward(const Execution& execution, const CardPass& chosen, const GroupConvShape& shape,
                    const riffle::GroupConvBackward<float, Bfloat16>& a) {
  if (chosen.shape.first > 0)
    FromWide<passes::kFromWide>(execution, chosen, shape, a, NoRows(), Output{}, nullptr);
  else if (a.dx.dz)
    FromNarrow<passes::kFromNarrow>(execution, chosen, shape, a, InputGradient{a.dx, a.x, a.relu});
  else
    FromNarrow<passes::kWeightsOfNarrow>(execution, chosen, shape, a, NoRows());
}

void TensorBackwardAgain(const Execution& execution, const CardPass& chosen, const GroupConvChainShape& shape,
                         const riffle::GroupConvChainBackward<float, Bfloat16>& a) {
  FromWide<passes::kFromWideAgain>(execution, chosen, shape.second, a.second, Input{a.again.x},
                                   OutputOf(shape.first, a.again),
                                   PreparedForTensorCores(shape.first, a.again.prepared));
}

void TensorGram(const Execution& execution, const CardPass& chosen, const GramShape& shape,
                const riffle::Gram<float, Bfloat16>& a) {
  const RowDotsShape dots = {shape.groups, shape.per_group(), shape.per_group(), shape.pixels, true};
  WithSize<passes::kGram>(chosen.size, [&](auto size) {
    auto pass = Chosen<passes::kGram, TensorPass<SecondRows, NoRows, Input, NoRows, size()>>(chosen);
    pass.second = {a.x};
    pass.second_dots = Dots(dots);
    pass.second_dots.parts = Scratch<float>(execution, pass.DotParts() * pass.second_dots.values);
    Launch(execution, {pass.Blocks()}, pass);
    LaunchAddParts(execution, dots, {.right = a.moments, .left_too = true}, pass.DotParts(), pass.second_dots.parts,
                   a.comoments, nullptr);
  });
}

}  // namespace riffle::RIFFLE_GPU
