// Speed of the end of a unit on the shapes of shufflenet_v1_g3_x1_0 at 224 px. Arguments: channels, pixels of a row.
#include "ops/testing/bench.h"

namespace riffle {
namespace {

ResidualShape Shape(const benchmark::State& state) { return {static_cast<int>(state.range(0)), state.range(1)}; }

void Forward(benchmark::State& state) {
  const ResidualShape shape = Shape(state);
  GuardedMap<float> x = RandomMap(shape.channels, shape.pixels), shortcut = RandomMap(shape.channels, shape.pixels);
  GuardedMap<float> y(shape.channels, shape.pixels);
  const NormAndRelu norm(shape.channels);
  const ResidualForward<float> call = {.y = y.rows(),
                                       .x = x.rows(),
                                       .scale = norm.scale.data(),
                                       .shift = norm.shift.data(),
                                       .shortcut = shortcut.rows()};
  Time(state, 0, FloatBytes(3 * shape.channels * shape.pixels), [&] { cpu::ResidualForward(kOneThread, shape, call); });
}

void Backward(benchmark::State& state) {
  const ResidualShape shape = Shape(state);
  RandomGradient dy(shape.channels, shape.pixels);
  const std::vector<Moments<float>> moments(shape.channels);
  std::vector<GradientSums<float>> sums(shape.channels);
  const ResidualBackward<float> call = {
      .sums = sums.data(), .dz = dy.dz.rows(), .raw = dy.raw.rows(), .moments = moments.data()};
  Time(state, 0, FloatBytes(2 * shape.channels * shape.pixels),
       [&] { cpu::ResidualBackward(kOneThread, shape, call); });
}

// Stages 2, 3 and 4 with 64 pictures.
void Shapes(benchmark::internal::Benchmark* b) {
  b->Args({240, 64 * 784})->Args({480, 64 * 196})->Args({960, 64 * 49});
}

BENCHMARK(Forward)->Name("ResidualForward")->Apply(Shapes);
BENCHMARK(Backward)->Name("ResidualBackward")->Apply(Shapes);

}  // namespace
}  // namespace riffle
