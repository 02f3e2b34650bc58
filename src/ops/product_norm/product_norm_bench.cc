// Speed of the matrices around conv3 of shufflenet_v1_g3_x1_0. Arguments: groups, in and out channels. Nothing in here
// depends on the number of pixels.
#include "ops/testing/bench.h"

namespace riffle {
namespace {

struct ProductNorm {
  explicit ProductNorm(const benchmark::State& state)
      : shape{static_cast<int>(state.range(0)), static_cast<int>(state.range(1)), static_cast<int>(state.range(2)),
              50176},
        weights(RandomMap(3, shape.weights())),
        square(RandomMap(2, int64_t{shape.in_channels} * shape.in_per_group())),
        rows(RandomMap(6, shape.out_channels)),
        moments(shape.out_channels, {0.5f, 2}),
        pull_back(shape.out_channels, {1, 0.5f, 0.25f}),
        sums(shape.out_channels) {}

  double flops() const { return 2.0 * static_cast<double>(shape.weights()) * shape.in_per_group(); }
  double bytes() const { return FloatBytes(2 * shape.weights()); }

  GroupConvShape shape;
  GuardedMap<float> weights, square, rows;
  std::vector<Moments<float>> moments;
  std::vector<PullBack<float>> pull_back;
  std::vector<GradientSums<float>> sums;
};

void MomentsAndFold(benchmark::State& state) {
  ProductNorm p(state);
  Time(state, p.flops(), p.bytes(), [&] {
    cpu::ProductMoments(kOneThread, p.shape,
                        {.moments = p.moments.data(),
                         .covariances = p.weights[1],
                         .comoments = p.square[0],
                         .weight = p.weights[0],
                         .in_scale = p.rows[0],
                         .in_beta = p.rows[1]});
    cpu::ProductFold(kOneThread, p.shape,
                     {.weight = p.weights[2],
                      .bias = p.rows[2],
                      .conv_weight = p.weights[0],
                      .in_scale = p.rows[0],
                      .in_shift = p.rows[1],
                      .in_beta = p.rows[1],
                      .out_scale = p.rows[3],
                      .out_shift = p.rows[4]});
  });
}

void SumsAndGradients(benchmark::State& state) {
  ProductNorm p(state);
  Time(state, 0, p.bytes(), [&] {
    cpu::ProductSums(kOneThread, p.shape,
                     {.sums = p.sums.data(),
                      .dy_sums = p.rows[2],
                      .dots = p.weights[2],
                      .weight = p.weights[0],
                      .in_scale = p.rows[0]});
    cpu::ProductGradients(kOneThread, p.shape,
                          {.dweight = p.weights[2],
                           .sums = p.sums.data(),
                           .weight = p.weights[0],
                           .in_scale = p.rows[0],
                           .pull_back = p.pull_back.data(),
                           .covariances = p.weights[1]});
  });
}

void PullBack(benchmark::State& state) {
  ProductNorm p(state);
  Time(state, p.flops(), p.bytes(), [&] {
    cpu::ProductPullBack(kOneThread, p.shape,
                         {.weight = p.square[1],
                          .bias = p.rows[5],
                          .folded_weight = p.weights[2],
                          .conv_weight = p.weights[0],
                          .in_scale = p.rows[0],
                          .in_moments = p.moments.data(),
                          .in_pull_back = p.pull_back.data(),
                          .moments = p.moments.data(),
                          .pull_back = p.pull_back.data()});
  });
}

void Shapes(benchmark::internal::Benchmark* b) {
  for (const int64_t channels : {240, 480, 960}) b->Args({3, channels / 4, channels});
}

BENCHMARK(MomentsAndFold)->Name("ProductNormForward")->Apply(Shapes);
BENCHMARK(SumsAndGradients)->Name("ProductNormBackward")->Apply(Shapes);
BENCHMARK(PullBack)->Name("ProductNormPullBack")->Apply(Shapes);

}  // namespace
}  // namespace riffle
