// Speed of the head of shufflenet_v1_g3_x1_0 with 1,000 classes. Argument: pictures.
#include "ops/testing/bench.h"

namespace riffle {
namespace {

struct Head {
  explicit Head(const benchmark::State& state) : shape{state.range(0), 960, 1000} {}
  double flops() const { return 2.0 * static_cast<double>(shape.images * weights()); }
  int64_t weights() const { return int64_t{shape.in_features} * shape.out_features; }
  int64_t features_and_logits() const { return shape.images * (shape.in_features + shape.out_features); }
  LinearShape shape;
  GuardedMap<float> features = RandomMap(1, shape.images* shape.in_features);
  GuardedMap<float> logits = RandomMap(1, shape.images* shape.out_features);
  GuardedMap<float> weight = RandomMap(1, weights());
};

void Forward(benchmark::State& state) {
  Head head(state);
  const LinearForward<float> call = {head.logits.data(), head.features.data(), head.weight.data()};
  Time(state, head.flops(), FloatBytes(head.weights() + head.features_and_logits()),
       [&] { cpu::LinearForward(kOneThread, head.shape, call); });
}

void Backward(benchmark::State& state) {
  Head head(state);
  GuardedMap<float> dfeatures(1, head.shape.images * head.shape.in_features), dweight(1, head.weights());
  const LinearBackward<float> call = {.dfeatures = dfeatures.data(),
                                      .dweight = dweight.data(),
                                      .dlogits = head.logits.data(),
                                      .features = head.features.data(),
                                      .weight = head.weight.data()};
  Time(state, 2 * head.flops(), FloatBytes(2 * (head.weights() + head.features_and_logits())),
       [&] { cpu::LinearBackward(kOneThread, head.shape, call); });
}

BENCHMARK(Forward)->Name("LinearForward")->Arg(1)->Arg(32)->Arg(64);
BENCHMARK(Backward)->Name("LinearBackward")->Arg(64);

}  // namespace
}  // namespace riffle
