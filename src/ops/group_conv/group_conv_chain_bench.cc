// Speed of a unit's conv3 and the next unit's conv1 as one op, as training runs them at 64 pictures of 224 px.
// Arguments: channels between the two, pixels of a row.
#include "ops/testing/bench.h"

namespace riffle {
namespace {

struct Chain {
  explicit Chain(const benchmark::State& state)
      : wide(static_cast<int>(state.range(0))),
        narrow(wide / 4),
        pixels(state.range(1)),
        shape{.first = {3, narrow, wide, pixels}, .second = {3, wide, narrow, pixels}},
        x(RandomMap(narrow, pixels)),
        between(RandomMap(wide, pixels)),
        y(RandomMap(narrow, pixels)),
        residual(RandomMap(wide, pixels)),
        weight(RandomMap(1, shape.first.weights())),
        bias(RandomMap(1, wide)),
        first_prepared(1, cpu::GroupConvPreparedValues(shape.first)),
        second_prepared(1, cpu::GroupConvPreparedValues(shape.second)),
        moments(narrow) {
    cpu::GroupConvPrepare(kOneThread, shape.first, first_prepared.data(),
                          {.weight = weight.data(), .bias = bias.data()});
    cpu::GroupConvPrepare(kOneThread, shape.second, second_prepared.data(), {.weight = weight.data()});
  }
  double flops() const { return 2.0 * static_cast<double>((shape.first.weights() + shape.second.weights()) * pixels); }
  GroupConvForward<float> first() {
    return {.y = between.rows(),
            .x = x.rows(),
            .prepared = first_prepared.data(),
            .residual = residual.rows(),
            .relu = true};
  }

  const int wide, narrow;
  const int64_t pixels;
  const GroupConvChainShape shape;
  GuardedMap<float> x, between, y, residual, weight, bias, first_prepared, second_prepared;
  std::vector<Moments<float>> moments;
};

void Forward(benchmark::State& state) {
  Chain chain(state);
  const GroupConvChainForward<float> call = {.first = chain.first(),
                                             .second = {.y = chain.y.rows(),
                                                        .x = chain.between.rows(),
                                                        .prepared = chain.second_prepared.data(),
                                                        .residual = {},
                                                        .moments = chain.moments.data()}};
  Time(state, chain.flops(), FloatBytes(2 * (chain.wide + chain.narrow) * chain.pixels),
       [&] { cpu::GroupConvChainForward(kOneThread, chain.shape, call); });
}

void Backward(benchmark::State& state, bool recomputed) {
  Chain chain(state);
  RandomGradient dy(chain.narrow, chain.pixels);
  GuardedMap<float> dbetween = RandomMap(chain.wide, chain.pixels), dx(chain.narrow, chain.pixels);
  GuardedMap<float> first_dweight(1, chain.shape.first.weights()), second_dweight(1, chain.shape.second.weights());
  GuardedMap<float> dy_sums(1, chain.wide);
  GroupConvChainBackward<float> call = {.second = {.dx = {.dz = dbetween.rows(), .add = dbetween.rows(), .raw = {}},
                                                   .dweight = second_dweight.data(),
                                                   .dy = dy.source(),
                                                   .x = chain.between.rows(),
                                                   .relu = true,
                                                   .weight = chain.weight.data()},
                                        .first = {.dx = {.dz = dx.rows()},
                                                  .dweight = first_dweight.data(),
                                                  .dy_sums = dy_sums.data(),
                                                  .dy = {.dz = dbetween.rows(), .raw = {}},
                                                  .x = chain.x.rows(),
                                                  .x_moments = chain.moments.data(),
                                                  .weight = chain.weight.data()},
                                        .again = {}};
  if (recomputed) {
    call.second.x = {};
    call.again = chain.first();
    call.again.y = {};
  }
  Time(state, 2 * chain.flops(), FloatBytes((3 * chain.wide + 4 * chain.narrow) * chain.pixels),
       [&] { cpu::GroupConvChainBackward(kOneThread, chain.shape, call); });
}

// Stages 2, 3 and 4.
void Shapes(benchmark::internal::Benchmark* b) {
  for (auto [channels, area] : {std::pair<int64_t, int64_t>{240, 784}, {480, 196}, {960, 49}})
    b->Args({channels, 64 * area});
}

BENCHMARK(Forward)->Name("GroupConvChainForward")->Apply(Shapes);
BENCHMARK_CAPTURE(Backward, kept, false)->Name("GroupConvChainBackward")->Apply(Shapes);
BENCHMARK_CAPTURE(Backward, recomputed, true)->Name("GroupConvChainBackwardRecomputed")->Apply(Shapes);

}  // namespace
}  // namespace riffle
