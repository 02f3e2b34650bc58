// Speed of batch norm's arithmetic, which is a few numbers a channel: the rows are normalised by those who load them.
// Argument: channels.
#include "ops/testing/bench.h"

namespace riffle {
namespace {

BatchNormShape Shape(const benchmark::State& state) { return {static_cast<int>(state.range(0)), int64_t{64} * 784}; }

void Forward(benchmark::State& state) {
  const BatchNormShape shape = Shape(state);
  const std::vector<Moments<float>> moments(shape.channels, {0.5f, 2});
  GuardedMap<float> values = RandomMap(6, shape.channels);
  const BatchNormForward<float> call = {.scale = values[0],
                                        .shift = values[1],
                                        .moments = moments.data(),
                                        .gamma = values[2],
                                        .beta = values[3],
                                        .running_mean = values[4],
                                        .running_variance = values[5]};
  Time(state, 0, FloatBytes(10 * shape.channels), [&] { cpu::BatchNormForward(kOneThread, shape, call); });
}

void Backward(benchmark::State& state) {
  const BatchNormShape shape = Shape(state);
  const std::vector<Moments<float>> moments(shape.channels, {0.5f, 2});
  const std::vector<GradientSums<float>> sums(shape.channels, {1, 1});
  std::vector<PullBack<float>> pull_back(shape.channels);
  GuardedMap<float> values = RandomMap(3, shape.channels);
  const BatchNormBackward<float> call = {.pull_back = pull_back.data(),
                                         .dgamma = values[0],
                                         .dbeta = values[1],
                                         .sums = sums.data(),
                                         .own_sums = sums.data(),
                                         .moments = moments.data(),
                                         .gamma = values[2]};
  Time(state, 0, FloatBytes(10 * shape.channels), [&] { cpu::BatchNormBackward(kOneThread, shape, call); });
}

BENCHMARK(Forward)->Name("BatchNormForward")->Arg(240)->Arg(960);
BENCHMARK(Backward)->Name("BatchNormBackward")->Arg(240)->Arg(960);

}  // namespace
}  // namespace riffle
