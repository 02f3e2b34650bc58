// Speed of the group convolution on the shapes of shufflenet_v1_g3_x1_0 at 224 px. Arguments: groups, in, out channels,
// pixels.
#include <benchmark/benchmark.h>

#include <vector>

#include "base/threads.h"
#include "ops/cpu.h"

namespace riffle {
namespace {

struct Fixture {
  explicit Fixture(const benchmark::State& state)
      : shape{static_cast<int>(state.range(0)), static_cast<int>(state.range(1)), static_cast<int>(state.range(2)),
              state.range(3)},
        stride(RowStride(shape.pixels)),
        x(shape.in_channels * stride),
        dx(shape.in_channels * stride),
        y(shape.out_channels * stride),
        dy(shape.out_channels * stride),
        weight(shape.weights()),
        dweight(shape.weights()),
        prepared(cpu::GroupConvPreparedSize(shape)),
        moments(shape.out_channels),
        pull_back(shape.out_channels, PullBack<float>{1, 1, 0}),
        sums(shape.in_channels),
        in_moments(shape.in_channels) {
    SetThreads(1);
    std::fill(x.begin(), x.end(), 0.5f);
    std::fill(dy.begin(), dy.end(), 0.25f);
    cpu::GroupConvPrepare(shape, prepared.data(), {.weight = weight.data()});
  }
  GroupConvShape shape;
  int64_t stride;
  AlignedArray<float> x, dx, y, dy, weight, dweight, prepared;
  std::vector<Moments<float>> moments;
  std::vector<PullBack<float>> pull_back;
  std::vector<GradientSums<float>> sums;
  std::vector<Moments<float>> in_moments;
};

void Report(benchmark::State& state, const GroupConvShape& shape, double products) {
  const double flops = 2.0 * products * static_cast<double>(shape.weights() * shape.pixels);
  state.counters["GFLOP/s"] = benchmark::Counter(flops * 1e-9, benchmark::Counter::kIsIterationInvariantRate);
}

void Inference(benchmark::State& state) {
  Fixture f(state);
  for (auto _ : state)
    cpu::GroupConvForward(
        f.shape,
        {.y = {f.y.data(), f.stride}, .x = {f.x.data(), f.stride}, .prepared = f.prepared.data(), .relu = true});
  Report(state, f.shape, 1);
}

void TrainingForward(benchmark::State& state) {
  Fixture f(state);
  for (auto _ : state)
    cpu::GroupConvForward(f.shape, {.y = {f.y.data(), f.stride},
                                    .x = {f.x.data(), f.stride},
                                    .prepared = f.prepared.data(),
                                    .moments = f.moments.data()});
  Report(state, f.shape, 1);
}

void TrainingBackward(benchmark::State& state) {
  Fixture f(state);
  for (auto _ : state)
    cpu::GroupConvBackward(f.shape, {.dx = {.dz = {f.dx.data(), f.stride}, .add = {f.dx.data(), f.stride}},
                                     .dweight = f.dweight.data(),
                                     .dy = {{f.dy.data(), f.stride}, {f.y.data(), f.stride}, f.pull_back.data()},
                                     .x = {f.x.data(), f.stride},
                                     .in = {.relu = true},
                                     .weight = f.weight.data()});
  Report(state, f.shape, 2);
}

// Stages 2, 3 and 4: conv1 and conv3 of a unit with stride 1.
void Shapes(benchmark::internal::Benchmark* b, int64_t images) {
  for (auto [channels, area] : {std::pair<int64_t, int64_t>{240, 784}, {480, 196}, {960, 49}}) {
    b->Args({3, channels, channels / 4, area * images});
    b->Args({3, channels / 4, channels, area * images});
  }
}

BENCHMARK(Inference)->Apply([](auto* b) { Shapes(b, 1); });
BENCHMARK(TrainingForward)->Apply([](auto* b) { Shapes(b, 64); });
BENCHMARK(TrainingBackward)->Apply([](auto* b) { Shapes(b, 64); });

}  // namespace
}  // namespace riffle
