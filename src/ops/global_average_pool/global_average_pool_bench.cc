// Speed of the pool in front of the head: 960 channels of 7 × 7 pixels. Argument: pictures.
#include "ops/testing/bench.h"

namespace riffle {
namespace {

GlobalAveragePoolShape Shape(const benchmark::State& state) { return {960, {state.range(0), 7, 7}}; }

void Forward(benchmark::State& state) {
  const GlobalAveragePoolShape shape = Shape(state);
  GuardedMap<float> x = RandomMap(shape.channels, shape.in.pixels()), features(1, shape.in.images * shape.channels);
  Time(state, 0, FloatBytes(shape.channels * (shape.in.pixels() + shape.in.images)),
       [&] { cpu::GlobalAveragePoolForward(kOneThread, shape, {.features = features.data(), .x = x.rows()}); });
}

void Backward(benchmark::State& state) {
  const GlobalAveragePoolShape shape = Shape(state);
  GuardedMap<float> x = RandomMap(shape.channels, shape.in.pixels()), dx(shape.channels, shape.in.pixels());
  GuardedMap<float> dfeatures = RandomMap(1, shape.in.images * shape.channels);
  Time(state, 0, FloatBytes(shape.channels * (2 * shape.in.pixels() + shape.in.images)), [&] {
    cpu::GlobalAveragePoolBackward(kOneThread, shape, {.dx = dx.rows(), .dfeatures = dfeatures.data(), .x = x.rows()});
  });
}

BENCHMARK(Forward)->Name("GlobalAveragePoolForward")->Arg(1)->Arg(64);
BENCHMARK(Backward)->Name("GlobalAveragePoolBackward")->Arg(64);

}  // namespace
}  // namespace riffle
