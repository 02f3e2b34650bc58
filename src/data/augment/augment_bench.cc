// One core's time for each operation and policy on a picture of 224 × 224.
#include <benchmark/benchmark.h>

#include "data/augment/color_jitter.h"
#include "data/augment/policy.h"

namespace riffle {
namespace {

// Smooth, as photographs are.
Picture Gradient() {
  Picture picture;
  picture.Reshape(224, 224, 3);
  for (size_t i = 0; i < picture.pixels.size(); ++i) picture.pixels[i] = static_cast<uint8_t>(i / 700 + i % 3 * 20);
  return picture;
}

void BM_Operation(benchmark::State& state, const AugmentOp* op) {
  Picture picture = Gradient(), scratch;
  for (auto _ : state) {
    RandomStream random(1, RandomPurpose::kTest, 0, 0);
    op->apply(picture, ArgumentOf(*op, 0.7, random), {}, scratch);
    benchmark::ClobberMemory();
  }
}

void BM_ColorJitter(benchmark::State& state) {
  Picture picture = Gradient();
  uint32_t index = 0;
  for (auto _ : state) {
    RandomStream random(1, RandomPurpose::kTest, 0, index++);
    Enhance(picture, DrawColorJitter(0.4, random));
    benchmark::ClobberMemory();
  }
}
BENCHMARK(BM_ColorJitter);

void BM_Policy(benchmark::State& state, std::string_view text) {
  const auto policy = ParseAugmentPolicy(text);
  const Picture original = Gradient();
  Picture picture;
  AugmentScratch scratch;
  PolicyDraw draw;
  uint32_t index = 0;
  for (auto _ : state) {
    picture = original;
    RandomStream random(1, RandomPurpose::kTest, 0, index++);
    (*policy)->Draw(random, draw);
    (*policy)->Apply(picture, draw, {}, scratch);
    benchmark::ClobberMemory();
  }
}

const bool kRegistered = [] {
  for (const AugmentOp& op : AugmentOps())
    benchmark::RegisterBenchmark(std::string(op.name).c_str(), BM_Operation, &op);
  for (std::string_view text : AugmentPolicyExamples())
    benchmark::RegisterBenchmark(std::string(text).c_str(), BM_Policy, text);
  return true;
}();

}  // namespace
}  // namespace riffle
