// Speed of the first convolution at 224 px. Argument: pictures.
#include "ops/testing/bench.h"

namespace riffle {
namespace {

struct Stem {
  explicit Stem(int64_t images) : shape{.in = {images, 224, 224}}, x(RandomMap(shape.in_channels, shape.in.pixels())) {}
  double flops() const { return 2.0 * 9 * shape.in_channels * static_cast<double>(shape.out_channels * out_pixels()); }
  int64_t out_pixels() const { return shape.out().pixels(); }
  int64_t in_floats() const { return shape.in_channels * shape.in.pixels(); }
  int64_t out_floats() const { return shape.out_channels * out_pixels(); }
  StemConvShape shape;
  GuardedMap<float> x, weight = RandomMap(1, 9 * shape.in_channels * shape.out_channels);
};

void Forward(benchmark::State& state) {
  Stem stem(state.range(0));
  GuardedMap<float> y(stem.shape.out_channels, stem.out_pixels());
  std::vector<Moments<float>> moments(stem.shape.out_channels);
  const StemConvForward<float> call = {
      .y = y.rows(), .x = stem.x.rows(), .weight = stem.weight.data(), .moments = moments.data()};
  Time(state, stem.flops(), FloatBytes(stem.in_floats() + stem.out_floats()),
       [&] { cpu::StemConvForward(kOneThread, stem.shape, call); });
}

void Backward(benchmark::State& state) {
  Stem stem(state.range(0));
  RandomGradient dy(stem.shape.out_channels, stem.out_pixels());
  const StemConvBackward<float> call = {.dweight = stem.weight.data(), .dy = dy.source(), .x = stem.x.rows()};
  Time(state, stem.flops(), FloatBytes(stem.in_floats() + 2 * stem.out_floats()),
       [&] { cpu::StemConvBackward(kOneThread, stem.shape, call); });
}

BENCHMARK(Forward)->Name("StemConvForward")->Arg(1)->Arg(64);
BENCHMARK(Backward)->Name("StemConvBackward")->Arg(64);

}  // namespace
}  // namespace riffle
