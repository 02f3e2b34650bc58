// The update rules (update.h) over plain arrays: loops that the compiler makes vectors of, since nothing in them
// depends on its neighbours. Compiled with -fno-math-errno: without it a vector of square roots would look for negative
// numbers one by one.
#include <utility>

#include "ops/cpu.h"
#include "ops/update/rules.h"

namespace riffle::cpu {
namespace {

using Constants = rules::Constants<float>;

template <class Rule, class... Slots>
void ApplyToAll(const Constants constants, int64_t size, const float* __restrict g, float* __restrict p,
                Slots* __restrict... slots) {
  for (int64_t i = 0; i < size; ++i) Rule::Apply(constants, g[i], p[i], slots[i]...);
}

template <class Rule, size_t... slot>
void ApplyToRange(Rule, const Constants& constants, const UpdateRange& range, const riffle::Update<float>& args,
                  std::index_sequence<slot...>) {
  ApplyToAll<Rule>(constants, range.size, args.gradients + range.begin, args.parameters + range.begin,
                   args.slots[slot] + range.begin...);
}

void LambToRange(const UpdateStep& step, const UpdateRange& range, const riffle::Update<float>& args) {
  const Constants constants(step, range);
  const float* __restrict g = args.gradients + range.begin;
  float* __restrict p = args.parameters + range.begin;
  float* __restrict m = args.slots[0] + range.begin;
  float* __restrict v = args.slots[1] + range.begin;
  rules::Lamb::Norms norms;
  for (int64_t i = 0; i < range.size; ++i) rules::Lamb::Remember(constants, g[i], p[i], m[i], v[i], norms);
  const float rate = rules::Lamb::Rate<float>(step, range, norms);
  for (int64_t i = 0; i < range.size; ++i) rules::Lamb::Apply(constants, rate, p[i], m[i], v[i]);
}

}  // namespace

void Update(const Execution& execution, UpdateKind kind, const riffle::Update<float>& args) {
  const UpdateStep& step = *args.step;
  execution.pool.ParallelFor(args.range_count, [&](int64_t r) {
    const UpdateRange& range = args.ranges[r];
    if (kind == UpdateKind::kLamb) return LambToRange(step, range, args);
    const Constants constants(step, range);
    rules::WithRule(
        kind, [&](auto rule) { ApplyToRange(rule, constants, range, args, std::make_index_sequence<rule.kSlots>()); });
  });
}

}  // namespace riffle::cpu
