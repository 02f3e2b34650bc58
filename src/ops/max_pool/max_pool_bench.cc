// Speed of the max-pool behind the first convolution at 224 px. Argument: pictures.
#include "ops/testing/bench.h"

namespace riffle {
namespace {

PoolShape Shape(int64_t images) { return {.channels = 24, .in = {images, 112, 112}}; }

void Forward(benchmark::State& state) {
  const PoolShape shape = Shape(state.range(0));
  GuardedMap<float> x = RandomMap(shape.channels, shape.in.pixels()), y(shape.channels, shape.out().pixels());
  const NormAndRelu in(shape.channels);
  const MaxPoolForward<float> call = {.y = y.rows(), .x = x.rows(), .in = in.activation()};
  Time(state, 0, FloatBytes(shape.channels * (shape.in.pixels() + shape.out().pixels())),
       [&] { cpu::MaxPoolForward(kOneThread, shape, call); });
}

void Backward(benchmark::State& state) {
  const PoolShape shape = Shape(state.range(0));
  GuardedMap<float> x = RandomMap(shape.channels, shape.in.pixels()), dx(shape.channels, shape.in.pixels());
  GuardedMap<float> dy = RandomMap(shape.channels, shape.out().pixels());
  const NormAndRelu in(shape.channels);
  const std::vector<Moments<float>> moments(shape.channels);
  std::vector<GradientSums<float>> sums(shape.channels);
  const MaxPoolBackward<float> call = {
      .dx = {.dz = dx.rows(), .raw = x.rows(), .moments = moments.data(), .sums = sums.data()},
      .dy = dy.rows(),
      .x = x.rows(),
      .in = in.activation()};
  Time(state, 0, FloatBytes(shape.channels * (2 * shape.in.pixels() + shape.out().pixels())),
       [&] { cpu::MaxPoolBackward(kOneThread, shape, call); });
}

BENCHMARK(Forward)->Name("MaxPoolForward")->Arg(1)->Arg(64);
BENCHMARK(Backward)->Name("MaxPoolBackward")->Arg(64);

}  // namespace
}  // namespace riffle
