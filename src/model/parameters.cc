#include "model/parameters.h"

#include <algorithm>
#include <functional>
#include <numeric>

#include "base/random.h"

namespace riffle {
namespace {

bool Trainable(ParameterKind kind) {
  return kind != ParameterKind::kRunningMean && kind != ParameterKind::kRunningVariance;
}

int64_t Count(std::span<const Parameter> parameters) {
  return std::accumulate(parameters.begin(), parameters.end(), int64_t{0},
                         [](int64_t sum, const Parameter& p) { return sum + p.size; });
}

}  // namespace

int ParameterRegistry::Add(std::string name, ParameterKind kind, std::vector<int64_t> shape) {
  auto& list = Trainable(kind) ? trainable_ : statistics_;
  int64_t& arena = Trainable(kind) ? trainable_arena_ : statistics_arena_;
  const int64_t size = std::accumulate(shape.begin(), shape.end(), int64_t{1}, std::multiplies<>());
  list.push_back({std::move(name), kind, std::move(shape), arena, size});
  arena += (size + kCacheLineFloats - 1) / kCacheLineFloats * kCacheLineFloats;
  return static_cast<int>(list.size()) - 1;
}

int64_t ParameterRegistry::trainable_count() const { return Count(trainable_); }
int64_t ParameterRegistry::statistics_count() const { return Count(statistics_); }

void Initialise(const ParameterRegistry& registry, uint64_t seed, ParameterValues<float>* values) {
  for (size_t i = 0; i < registry.trainable().size(); ++i) {
    const Parameter& p = registry.trainable()[i];
    float* w = values->trainable.data() + p.offset;
    if (p.norm()) {
      std::fill_n(w, p.size, p.kind == ParameterKind::kGamma ? 1.0f : 0.0f);
      continue;
    }
    const bool first_or_last = p.kind == ParameterKind::kStemWeight || p.kind == ParameterKind::kHeadWeight;
    const double deviation = first_or_last ? 0.01 : 1.0 / static_cast<double>(p.shape[1]);
    RandomStream random(seed, RandomPurpose::kInitialisation, 0, static_cast<uint32_t>(i));
    std::generate_n(w, p.size, [&] { return static_cast<float>(deviation * random.Normal()); });
  }
  for (const Parameter& p : registry.statistics())
    std::fill_n(values->statistics.data() + p.offset, p.size, p.kind == ParameterKind::kRunningMean ? 0.0f : 1.0f);
}

}  // namespace riffle
