// Speed of a stored batch norm and ReLU behind the small stem at 32 px, 256 pictures. Arguments: channels, pixels of a
// row.
#include "ops/testing/bench.h"

namespace riffle {
namespace {

void Forward(benchmark::State& state) {
  const ReluShape shape = {static_cast<int>(state.range(0)), state.range(1)};
  GuardedMap<float> x = RandomMap(shape.channels, shape.pixels), y(shape.channels, shape.pixels);
  const NormAndRelu norm(shape.channels);
  const ReluForward<float> call = {
      .y = y.rows(), .x = x.rows(), .scale = norm.scale.data(), .shift = norm.shift.data()};
  Time(state, 0, FloatBytes(2 * shape.channels * shape.pixels), [&] { cpu::ReluForward(kOneThread, shape, call); });
}

BENCHMARK(Forward)->Name("ReluForward")->Args({24, 256 * 1024});

}  // namespace
}  // namespace riffle
