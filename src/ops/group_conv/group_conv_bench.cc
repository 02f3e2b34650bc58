// Speed of the group convolution on the shapes of shufflenet_v1_g3_x1_0 at 224 px. Arguments: groups, in, out channels,
// pixels of a row.
#include "ops/testing/bench.h"

namespace riffle {
namespace {

struct GroupConv {
  explicit GroupConv(const benchmark::State& state)
      : shape{static_cast<int>(state.range(0)), static_cast<int>(state.range(1)), static_cast<int>(state.range(2)),
              state.range(3)},
        x(RandomMap(shape.in_channels, shape.pixels)),
        weight(RandomMap(1, shape.weights())),
        prepared(1, cpu::GroupConvPreparedValues(shape)) {
    cpu::GroupConvPrepare(kOneThread, shape, prepared.data(), {.weight = weight.data()});
  }
  double flops() const { return 2.0 * static_cast<double>(shape.weights() * shape.pixels); }
  int64_t in_floats() const { return shape.in_channels * shape.pixels; }
  int64_t out_floats() const { return shape.out_channels * shape.pixels; }
  GroupConvShape shape;
  GuardedMap<float> x, weight, prepared;
};

void Inference(benchmark::State& state) {
  GroupConv conv(state);
  GuardedMap<float> y(conv.shape.out_channels, conv.shape.pixels);
  const GroupConvForward<float> call = {
      .y = y.rows(), .x = conv.x.rows(), .prepared = conv.prepared.data(), .relu = true};
  Time(state, conv.flops(), FloatBytes(conv.in_floats() + conv.out_floats() + conv.shape.weights()),
       [&] { cpu::GroupConvForward(kOneThread, conv.shape, call); });
}

void Forward(benchmark::State& state) {
  GroupConv conv(state);
  GuardedMap<float> y(conv.shape.out_channels, conv.shape.pixels);
  std::vector<Moments<float>> moments(conv.shape.out_channels);
  const GroupConvForward<float> call = {
      .y = y.rows(), .x = conv.x.rows(), .prepared = conv.prepared.data(), .moments = moments.data()};
  Time(state, conv.flops(), FloatBytes(conv.in_floats() + conv.out_floats() + conv.shape.weights()),
       [&] { cpu::GroupConvForward(kOneThread, conv.shape, call); });
}

void Backward(benchmark::State& state) {
  GroupConv conv(state);
  RandomGradient dy(conv.shape.out_channels, conv.shape.pixels);
  GuardedMap<float> dx = RandomMap(conv.shape.in_channels, conv.shape.pixels);
  GuardedMap<float> dweight(1, conv.shape.weights());
  const GroupConvBackward<float> call = {.dx = {.dz = dx.rows(), .add = dx.rows()},
                                         .dweight = dweight.data(),
                                         .dy = dy.source(),
                                         .x = conv.x.rows(),
                                         .relu = true,
                                         .weight = conv.weight.data()};
  Time(state, 2 * conv.flops(), FloatBytes(3 * conv.in_floats() + 2 * (conv.out_floats() + conv.shape.weights())),
       [&] { cpu::GroupConvBackward(kOneThread, conv.shape, call); });
}

// As it runs between two batch norms: dy is the gradient itself.
void BackwardOfProduct(benchmark::State& state) {
  GroupConv conv(state);
  GuardedMap<float> dy = RandomMap(conv.shape.out_channels, conv.shape.pixels);
  GuardedMap<float> dx(conv.shape.in_channels, conv.shape.pixels);
  GuardedMap<float> dweight(1, conv.shape.weights()), dy_sums(1, conv.shape.out_channels);
  const std::vector<Moments<float>> moments(conv.shape.in_channels, {0.5f, 2});
  const GroupConvBackward<float> call = {.dx = {.dz = dx.rows()},
                                         .dweight = dweight.data(),
                                         .dy_sums = dy_sums.data(),
                                         .dy = {.dz = dy.rows()},
                                         .x = conv.x.rows(),
                                         .x_moments = moments.data(),
                                         .weight = conv.weight.data()};
  Time(state, 2 * conv.flops(), FloatBytes(2 * conv.in_floats() + conv.out_floats() + 2 * conv.shape.weights()),
       [&] { cpu::GroupConvBackward(kOneThread, conv.shape, call); });
}

// Stages 2, 3 and 4: conv1 and conv3 of a unit with stride 1.
void Shapes(benchmark::internal::Benchmark* b, int64_t images) {
  for (auto [channels, area] : {std::pair<int64_t, int64_t>{240, 784}, {480, 196}, {960, 49}}) {
    b->Args({3, channels, channels / 4, area * images});
    b->Args({3, channels / 4, channels, area * images});
  }
}

BENCHMARK(Inference)->Name("GroupConvInference")->Apply([](auto* b) { Shapes(b, 1); });
BENCHMARK(Forward)->Name("GroupConvForward")->Apply([](auto* b) { Shapes(b, 64); });
BENCHMARK(BackwardOfProduct)
    ->Name("GroupConvProductBackward")
    ->Args({3, 60, 240, 50176})
    ->Args({3, 120, 480, 12544})
    ->Args({3, 240, 960, 3136});
BENCHMARK(Backward)->Name("GroupConvBackward")->Apply([](auto* b) { Shapes(b, 64); });

}  // namespace
}  // namespace riffle
