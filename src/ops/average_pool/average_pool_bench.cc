// Speed of the average pool on the shortcuts of shufflenet_v1_g3_x1_0 at 224 px. Arguments: channels, height and width,
// pictures.
#include "ops/testing/bench.h"

namespace riffle {
namespace {

AveragePoolShape Shape(const benchmark::State& state) {
  AveragePoolShape shape;
  shape.channels = static_cast<int>(state.range(0));
  shape.in = {state.range(2), state.range(1), state.range(1)};
  return shape;
}

double Bytes(const AveragePoolShape& shape) {
  return FloatBytes(shape.channels * (shape.in.pixels() + shape.out().pixels()));
}

void Forward(benchmark::State& state) {
  const AveragePoolShape shape = Shape(state);
  GuardedMap<float> x = RandomMap(shape.channels, shape.in.pixels()), y(shape.channels, shape.out().pixels());
  const AveragePoolForward<float> call = {.y = y.rows(), .x = x.rows()};
  Time(state, 0, Bytes(shape), [&] { cpu::AveragePoolForward(kOneThread, shape, call); });
}

void Backward(benchmark::State& state) {
  const AveragePoolShape shape = Shape(state);
  GuardedMap<float> dx(shape.channels, shape.in.pixels()), dy = RandomMap(shape.channels, shape.out().pixels());
  const AveragePoolBackward<float> call = {.dx = dx.rows(), .dy = dy.rows()};
  Time(state, 0, Bytes(shape), [&] { cpu::AveragePoolBackward(kOneThread, shape, call); });
}

// The first units of stages 2, 3 and 4.
void Shapes(benchmark::internal::Benchmark* b, int64_t images) {
  for (auto [channels, size] : {std::pair<int64_t, int64_t>{24, 56}, {240, 28}, {480, 14}})
    b->Args({channels, size, images});
}

BENCHMARK(Forward)->Name("AveragePoolForward")->Apply([](auto* b) { Shapes(b, 1), Shapes(b, 64); });
BENCHMARK(Backward)->Name("AveragePoolBackward")->Apply([](auto* b) { Shapes(b, 64); });

}  // namespace
}  // namespace riffle
