#include <algorithm>

#include "ops/group_conv/tensor_pass.h"
#include "ops/group_conv/tensor_passes.h"

namespace riffle::RIFFLE_GPU {
namespace {

using Input = InputRows<Bfloat16>;
using Gradient = GradientRows<Bfloat16>;
using Output = OutputRows<Bfloat16>;
using InputGradient = GradientOutput<Bfloat16>;

// Without dots, whose rows need none of a warp's registers.
using ForwardSize = PassSize<16, 320, 2>;
// Of narrow rows whose dots are computed. A chain has those of two convolutions, so that only the first two suit it.
using SmallSize = PassSize<32, 256, 2>;
using MiddleSize = PassSize<40, 320, 2>;
using LargeSize = PassSize<80, 640, 1>;
using LargestSize = PassSize<160, 320, 1>;

// nvcc takes what a designated initialiser leaves out for what comes next, so none does here.

int TilesOf(int rows) { return static_cast<int>(DivideUp(rows, kTensorSide)); }

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

// Cuts a pass. Warps take their wide rows one row tile after the other, or, where they keep dots of them, one each;
// such a pass without `out` can be cut into chunks of wide rows. False: it does not fit.
template <class Wide, class First, class Second, class Out, class Size>
bool Cut(const Execution& execution, TensorPass<Wide, First, Second, Out, Size>& pass) {
  using Pass = TensorPass<Wide, First, Second, Out, Size>;
  constexpr int kMostWarps = Size::kThreads / kWarp, kFewWarps = 4;
  const PassShape& shape = pass.shape;
  const int tiles = TilesOf(shape.wide), rounds = static_cast<int>(DivideUp(tiles, kMostWarps));
  PassCut& cut = pass.cut;
  cut.warps = static_cast<int>(DivideUp(tiles, rounds));
  if constexpr (Pass::kFirstDots || Pass::kSecondDots) {
    const int dotted = std::max(Pass::kFirstDots ? shape.first : 0, Pass::kSecondDots ? shape.second : 0);
    if (dotted > Size::kNarrowRows || (rounds > 1 && Pass::kOut)) return false;
    cut.chunks = rounds;
  } else {
    cut.row_tiles = rounds;
  }
  cut.teams = cut.warps < kFewWarps ? kFewWarps / cut.warps : 1;
  pass.LayOut();
  if (pass.SharedBytes() > MostSharedBytes(execution)) return false;

  // As many blocks as run at once, so that each goes through a share of the tiles; but not one for each tile.
  constexpr int64_t kProcessors = 132, kSharedOfProcessor = 228 * 1024, kSharedOfSystem = 1024;  // of a large card
  const int64_t of_threads = int64_t{Size::kThreads} * Size::kBlocksAtOnce / pass.Threads();
  const int64_t of_shared = kSharedOfProcessor / (pass.SharedBytes() + kSharedOfSystem);
  const int64_t blocks = kProcessors * std::clamp<int64_t>(of_threads, 1, std::max<int64_t>(of_shared, 1));
  const int64_t most = DivideUp(DivideUp(shape.pixels, pass.tile_pixels), 2);
  cut.slots = static_cast<int>(std::clamp<int64_t>(blocks / (int64_t{shape.groups} * cut.chunks), 1, most));
  return true;
}

PassDots Dots(const RowDotsShape& shape) {
  return {.parts = nullptr, .values = shape.values(), .sums_at = shape.dots(), .sums = shape.sums};
}

// Forward passes.

template <class Wide, class First, class Out>
using ForwardPass = TensorPass<Wide, First, NoRows, Out, ForwardSize>;

Output OutputOf(const GroupConvShape& shape, const riffle::GroupConvForward<float, Bfloat16>& a) {
  return {a.y, a.prepared + shape.weights(), a.residual, a.relu};
}

// Runs a pass; its moments are of so many rows.
template <class Pass>
bool RunForward(const Execution& execution, Pass pass, Moments<float>* moments, int64_t rows) {
  pass.gathers = moments != nullptr;
  if (!Cut(execution, pass)) return false;
  if (moments) pass.parts = {Scratch<Part>(execution, rows * pass.PartsOfRow()), pass.PartsOfRow()};
  Launch(execution, {pass.Blocks()}, pass);
  if (moments) Launch(execution, {rows}, MomentsOfRowParts{pass.shape.pixels, pass.parts, moments});
  return true;
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
bool SuitsWideInput(const GroupConvShape& shape, const riffle::GroupConvBackward<float, Bfloat16>& a) {
  return shape.in_channels > shape.out_channels && a.dx.dz && !a.dx.raw && !a.dy_sums && !a.x_moments;
}
template <class Size, class Second, bool kSecondDots>
using WideInputPass = TensorPass<WideGradient<kSecondDots>, Gradient, Second, NoRows, Size>;

template <class Size, class Second>
bool WideInputBackward(const Execution& execution, const GroupConvShape& shape,
                       const riffle::GroupConvBackward<float, Bfloat16>& a, const Second& second, int second_rows,
                       const Output& again, const Bfloat16* again_weight) {
  WideInputPass<Size, Second, false> pass = {};
  pass.shape = {.groups = shape.groups,
                .wide = shape.in_per_group(),
                .first = shape.out_per_group(),
                .second = second_rows,
                .out = 0,
                .pixels = shape.pixels};
  pass.wide = {{a.dx, a.x, a.relu}, again, again_weight};
  pass.first = {a.dy};
  pass.second = second;
  pass.first_dots = Dots(DotsOf(shape, a));
  if (!Cut(execution, pass)) return false;
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
  return true;
}
template <class Second>
bool WideInputBackward(const Execution& execution, const GroupConvShape& shape,
                       const riffle::GroupConvBackward<float, Bfloat16>& a, const Second& second, int second_rows,
                       const Output& again, const Bfloat16* again_weight) {
  if (!SuitsWideInput(shape, a)) return false;
  const auto run = [&]<class Size>(Size) {
    return WideInputBackward<Size>(execution, shape, a, second, second_rows, again, again_weight);
  };
  return run(SmallSize()) || run(MiddleSize()) || run(LargeSize()) || run(LargestSize());
}

// Of a convolution whose results are wide rows: without dx dweight alone.
template <class Size, class Out>
bool WideOutputBackward(const Execution& execution, const GroupConvShape& shape,
                        const riffle::GroupConvBackward<float, Bfloat16>& a, const Out& out) {
  TensorPass<ReadRows<Gradient>, NoRows, Input, Out, Size> pass = {};
  constexpr bool kOut = decltype(pass)::kOut;
  GradientSums<float>* const sums = kOut && a.dx.raw ? a.dx.sums : nullptr;
  pass.shape = {.groups = shape.groups,
                .wide = shape.out_per_group(),
                .first = 0,
                .second = shape.in_per_group(),
                .out = kOut ? shape.in_per_group() : 0,
                .pixels = shape.pixels};
  pass.wide = {{a.dy}};
  pass.second = {a.x};
  pass.out = out;
  pass.second_dots = Dots(DotsOf(shape, a));
  pass.gathers = sums != nullptr;
  if (!Cut(execution, pass)) return false;
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
  return true;
}
bool WideOutputBackward(const Execution& execution, const GroupConvShape& shape,
                        const riffle::GroupConvBackward<float, Bfloat16>& a) {
  const auto run = [&]<class Size>(Size) {
    return a.dx.dz ? WideOutputBackward<Size>(execution, shape, a, InputGradient{a.dx, a.x, a.relu})
                   : WideOutputBackward<Size>(execution, shape, a, NoRows());
  };
  return run(SmallSize()) || run(MiddleSize()) || run(LargeSize());
}

// Both convolutions of a chain.
template <class Size>
bool ChainBackward(const Execution& execution, const GroupConvChainShape& shape,
                   const riffle::GroupConvChainBackward<float, Bfloat16>& a) {
  TensorPass<WideGradient<true>, Gradient, Input, InputGradient, Size> pass = {};
  GradientSums<float>* const sums = a.first.dx.raw ? a.first.dx.sums : nullptr;
  pass.shape = {.groups = shape.first.groups,
                .wide = shape.first.out_per_group(),
                .first = shape.second.out_per_group(),
                .second = shape.first.in_per_group(),
                .out = shape.first.in_per_group(),
                .pixels = shape.first.pixels};
  const float* again = a.again.prepared;
  pass.wide = {{a.second.dx, a.second.x, a.second.relu},
               OutputOf(shape.first, a.again),
               again ? PreparedForTensorCores(shape.first, again) : nullptr};
  pass.first = {a.second.dy};
  pass.second = {a.first.x};
  pass.out = {a.first.dx, a.first.x, a.first.relu};
  pass.first_dots = Dots(DotsOf(shape.second, a.second));
  pass.second_dots = Dots(DotsOf(shape.first, a.first));
  pass.gathers = sums != nullptr;
  if (!Cut(execution, pass)) return false;
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
  return true;
}

// A group's rows with one another.
template <class Size>
bool Gram(const Execution& execution, const GramShape& shape, const riffle::Gram<float, Bfloat16>& a) {
  TensorPass<SecondRows, NoRows, Input, NoRows, Size> pass = {};
  const RowDotsShape dots = {shape.groups, shape.per_group(), shape.per_group(), shape.pixels, true};
  pass.shape = {.groups = shape.groups,
                .wide = shape.per_group(),
                .first = 0,
                .second = shape.per_group(),
                .out = 0,
                .pixels = shape.pixels};
  pass.second = {a.x};
  pass.second_dots = Dots(dots);
  if (!Cut(execution, pass)) return false;
  pass.second_dots.parts = Scratch<float>(execution, pass.DotParts() * pass.second_dots.values);
  Launch(execution, {pass.Blocks()}, pass);
  LaunchAddParts(execution, dots, {.right = a.moments, .left_too = true}, pass.DotParts(), pass.second_dots.parts,
                 a.comoments, nullptr);
  return true;
}

}  // namespace

bool TensorForward(const Execution& execution, const GroupConvShape& shape,
                   const riffle::GroupConvForward<float, Bfloat16>& a) {
  const Bfloat16* weight = PreparedForTensorCores(shape, a.prepared);
  if (shape.out_channels >= shape.in_channels) {
    ForwardPass<WideOutput, Input, NoRows> pass = {};
    pass.shape = {.groups = shape.groups,
                  .wide = shape.out_per_group(),
                  .first = shape.in_per_group(),
                  .second = 0,
                  .out = 0,
                  .pixels = shape.pixels};
    pass.wide = {OutputOf(shape, a)};
    pass.first = {a.x};
    pass.to_wide = weight;
    return RunForward(execution, pass, a.moments, shape.out_channels);
  }
  ForwardPass<ReadRows<Input>, NoRows, Output> pass = {};
  pass.shape = {.groups = shape.groups,
                .wide = shape.in_per_group(),
                .first = 0,
                .second = 0,
                .out = shape.out_per_group(),
                .pixels = shape.pixels};
  pass.wide = {{a.x}};
  pass.out = OutputOf(shape, a);
  pass.to_narrow = weight;
  return RunForward(execution, pass, a.moments, shape.out_channels);
}

bool TensorChainForward(const Execution& execution, const GroupConvChainShape& shape,
                        const riffle::GroupConvChainForward<float, Bfloat16>& a) {
  ForwardPass<WideOutput, Input, Output> pass = {};
  pass.shape = {.groups = shape.first.groups,
                .wide = shape.first.out_per_group(),
                .first = shape.first.in_per_group(),
                .second = 0,
                .out = shape.second.out_per_group(),
                .pixels = shape.first.pixels};
  pass.wide = {OutputOf(shape.first, a.first)};
  pass.first = {a.first.x};
  pass.out = OutputOf(shape.second, a.second);
  pass.to_wide = PreparedForTensorCores(shape.first, a.first.prepared);
  pass.to_narrow = PreparedForTensorCores(shape.second, a.second.prepared);
  if (RunForward(execution, pass, a.second.moments, shape.second.out_channels)) return true;
  if (!TensorForward(execution, shape.first, a.first)) return false;
  GroupConvForward(execution, shape.second, a.second);
  return true;
}

bool TensorBackward(const Execution& execution, const GroupConvShape& shape,
                    const riffle::GroupConvBackward<float, Bfloat16>& a) {
  if (shape.out_channels >= shape.in_channels) return WideOutputBackward(execution, shape, a);
  return WideInputBackward(execution, shape, a, NoRows(), 0, Output{}, nullptr);
}

bool TensorChainBackward(const Execution& execution, const GroupConvChainShape& shape,
                         const riffle::GroupConvChainBackward<float, Bfloat16>& a) {
  if (!SuitsWideInput(shape.second, a.second) || !a.first.dx.dz) return false;
  if (ChainBackward<SmallSize>(execution, shape, a) || ChainBackward<MiddleSize>(execution, shape, a)) return true;
  // One after the other. The first one's dy is in the card's cache, if that is large enough.
  if (a.again.prepared) {
    const Bfloat16* weight = PreparedForTensorCores(shape.first, a.again.prepared);
    if (!WideInputBackward(execution, shape.second, a.second, Input{a.again.x}, shape.first.in_per_group(),
                           OutputOf(shape.first, a.again), weight))
      return false;
  } else if (!TensorBackward(execution, shape.second, a.second)) {
    return false;
  }
  GroupConvBackward(execution, shape.first, a.first);
  return true;
}

bool TensorGram(const Execution& execution, const GramShape& shape, const riffle::Gram<float, Bfloat16>& a) {
  return Gram<SmallSize>(execution, shape, a) || Gram<MiddleSize>(execution, shape, a) ||
         Gram<LargeSize>(execution, shape, a) || Gram<LargestSize>(execution, shape, a);
}

}  // namespace riffle::RIFFLE_GPU
