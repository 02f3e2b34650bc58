// Speed of the depthwise convolution on the shapes of shufflenet_v1_g3_x1_0 at 224 px. Arguments: channels, height and
// width, stride, pictures.
#include "ops/testing/bench.h"

namespace riffle {
namespace {

struct Depthwise {
  explicit Depthwise(const benchmark::State& state)
      : shape{.channels = static_cast<int>(state.range(0)),
              .in = {state.range(3), state.range(1), state.range(1)},
              .stride = static_cast<int>(state.range(2))},
        x(RandomMap(shape.channels, shape.in.pixels())),
        in(shape.channels),
        weight(RandomMap(1, 9 * shape.channels)),
        in_row(Draw(Values::kExact).Permutation(shape.channels)) {}
  double flops() const { return 2.0 * 9 * shape.channels * static_cast<double>(shape.out().pixels()); }
  DepthwiseRows rows() const { return {.in_row = in_row.data()}; }
  DepthwiseConvShape shape;
  GuardedMap<float> x;
  NormAndRelu in;
  GuardedMap<float> weight;
  std::vector<int> in_row;
};

void Forward(benchmark::State& state) {
  Depthwise d(state);
  GuardedMap<float> y(d.shape.channels, d.shape.out().pixels());
  std::vector<Moments<float>> moments(d.shape.channels);
  const DepthwiseConvForward<float> call = {.y = y.rows(),
                                            .x = d.x.rows(),
                                            .in = d.in.activation(),
                                            .weight = d.weight.data(),
                                            .rows = d.rows(),
                                            .moments = moments.data()};
  Time(state, d.flops(), FloatBytes(d.shape.channels * (d.shape.in.pixels() + d.shape.out().pixels())),
       [&] { cpu::DepthwiseConvForward(kOneThread, d.shape, call); });
}

void Backward(benchmark::State& state) {
  Depthwise d(state);
  RandomGradient dy(d.shape.channels, d.shape.out().pixels());
  GuardedMap<float> dx(d.shape.channels, d.shape.in.pixels()), dweight(1, 9 * d.shape.channels);
  const std::vector<Moments<float>> moments(d.shape.channels);
  std::vector<GradientSums<float>> sums(d.shape.channels);
  const DepthwiseConvBackward<float> call = {
      .dx = {.dz = dx.rows(), .raw = d.x.rows(), .moments = moments.data(), .sums = sums.data()},
      .dweight = dweight.data(),
      .dy = {dy.dz.rows(), {}, nullptr},
      .x = d.x.rows(),
      .in = d.in.activation(),
      .weight = d.weight.data(),
      .rows = d.rows()};
  Time(state, 2 * d.flops(), FloatBytes(2 * d.shape.channels * (d.shape.in.pixels() + d.shape.out().pixels())),
       [&] { cpu::DepthwiseConvBackward(kOneThread, d.shape, call); });
}

// Stages 2, 3 and 4: the first unit, which halves the picture, and those after it.
void Shapes(benchmark::internal::Benchmark* b, int64_t images) {
  for (auto [channels, size] : {std::pair<int64_t, int64_t>{60, 28}, {120, 14}, {240, 7}}) {
    b->Args({channels, 2 * size, 2, images});
    b->Args({channels, size, 1, images});
  }
}

BENCHMARK(Forward)->Name("DepthwiseConvForward")->Apply([](auto* b) { Shapes(b, 1), Shapes(b, 64); });
BENCHMARK(Backward)->Name("DepthwiseConvBackward")->Apply([](auto* b) { Shapes(b, 1), Shapes(b, 4), Shapes(b, 64); });

}  // namespace
}  // namespace riffle
