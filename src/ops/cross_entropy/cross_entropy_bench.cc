// Speed of the loss and its gradient over 1,000 classes. Argument: pictures.
#include "ops/testing/bench.h"

namespace riffle {
namespace {

void ForwardBackward(benchmark::State& state) {
  const LogitsShape shape = {state.range(0), 1000};
  const int64_t values = shape.images * shape.classes;
  GuardedMap<float> logits = RandomMap(1, values), dlogits(1, values), loss(1, shape.images);
  const std::vector<float> targets(values, 1e-3f);
  const CrossEntropy<float> call = {.loss = loss.data(),
                                    .dlogits = dlogits.data(),
                                    .logits = logits.data(),
                                    .targets = targets.data(),
                                    .weight = 1.0f / static_cast<float>(shape.images)};
  Time(state, 0, FloatBytes(3 * values), [&] { cpu::CrossEntropyForwardBackward(kOneThread, shape, call); });
}

BENCHMARK(ForwardBackward)->Name("CrossEntropyForwardBackward")->Arg(64);

}  // namespace
}  // namespace riffle
