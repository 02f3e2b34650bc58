#include "model/parameters.h"

#include <functional>
#include <numeric>

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

}  // namespace riffle
