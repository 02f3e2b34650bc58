// Speed of the Gram matrices on the raw depthwise maps of shufflenet_v1_g3_x1_0 at 224 px, batch 64. Arguments: groups,
// channels, pixels of a row. Operations are those of the half of each matrix that is computed.
#include "ops/testing/bench.h"

namespace riffle {
namespace {

void Forward(benchmark::State& state) {
  const GramShape shape = {static_cast<int>(state.range(0)), static_cast<int>(state.range(1)), state.range(2)};
  GuardedMap<float> x = RandomMap(shape.channels, shape.pixels), comoments(1, shape.comoments());
  const std::vector<Moments<float>> moments(shape.channels, {0.5f, 2});
  const Gram<float> call = {.comoments = comoments.data(), .x = x.rows(), .moments = moments.data()};
  const int64_t products = int64_t{shape.channels} * (shape.per_group() + 1) / 2 * shape.pixels;
  Time(state, 2.0 * static_cast<double>(products), FloatBytes(shape.channels * shape.pixels),
       [&] { cpu::Gram(kOneThread, shape, call); });
}

BENCHMARK(Forward)->Name("Gram")->Args({3, 60, 50176})->Args({3, 120, 12544})->Args({3, 240, 3136});

}  // namespace
}  // namespace riffle
