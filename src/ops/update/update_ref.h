// The reference of update.h: the rules of rules.h, value by value.
#pragma once

#include <utility>

#include "backend/execution.h"
#include "ops/update/rules.h"

namespace riffle {

template <class Rule, class T, size_t... slot>
void ReferenceApply(Rule, const rules::Constants<T>& constants, const Update<T>& a, int64_t at,
                    std::index_sequence<slot...>) {
  Rule::Apply(constants, a.gradients[at], a.parameters[at], a.slots[slot][at]...);
}

template <class T>
void ReferenceUpdate(const Execution&, UpdateKind kind, const Update<T>& a) {
  const UpdateStep& step = *a.step;
  for (int64_t r = 0; r < a.range_count; ++r) {
    const UpdateRange& range = a.ranges[r];
    const rules::Constants<T> constants(step, range);
    const int64_t end = range.begin + range.size;
    if (kind == UpdateKind::kLamb) {
      rules::Lamb::Norms norms;
      T *m = a.slots[0], *v = a.slots[1];
      for (int64_t i = range.begin; i < end; ++i)
        rules::Lamb::Remember(constants, a.gradients[i], a.parameters[i], m[i], v[i], norms);
      const T rate = rules::Lamb::Rate<T>(step, range, norms);
      for (int64_t i = range.begin; i < end; ++i) rules::Lamb::Apply(constants, rate, a.parameters[i], m[i], v[i]);
    } else {
      rules::WithRule(kind, [&](auto rule) {
        for (int64_t i = range.begin; i < end; ++i)
          ReferenceApply(rule, constants, a, i, std::make_index_sequence<rule.kSlots>());
      });
    }
  }
}

}  // namespace riffle
