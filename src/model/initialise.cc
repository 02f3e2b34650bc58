#include "model/initialise.h"

#include <algorithm>

#include "base/random.h"

namespace riffle {

void Initialise(const Plan& plan, const Initialisation& initialisation, ParameterValues<float>* values) {
  const std::span<const Parameter> trainable = plan.registry.trainable();
  const auto fill = [](const Parameter& p, AlignedArray<float>& arena, float value) {
    std::fill_n(arena.data() + p.offset, p.size, value);
  };
  for (size_t i = 0; i < trainable.size(); ++i) {
    const Parameter& p = trainable[i];
    if (p.norm()) {
      fill(p, values->trainable, p.kind == ParameterKind::kGamma ? 1.0f : 0.0f);
      continue;
    }
    if (p.bias()) {
      fill(p, values->trainable, 0.0f);
      continue;
    }
    const bool first_or_last = p.kind == ParameterKind::kStemWeight || p.kind == ParameterKind::kHeadWeight;
    const double deviation = first_or_last ? 0.01 : 1.0 / static_cast<double>(p.shape[1]);
    RandomStream random(initialisation.seed, RandomPurpose::kInitialisation, 0, static_cast<uint32_t>(i));
    std::generate_n(values->trainable.data() + p.offset, p.size,
                    [&] { return static_cast<float>(deviation * random.Normal()); });
  }
  for (const Parameter& p : plan.registry.statistics())
    fill(p, values->statistics, p.kind == ParameterKind::kRunningMean ? 0.0f : 1.0f);
  if (!initialisation.zero_init_residual) return;
  for (const Step& step : plan.steps)
    if (step.shortcut >= 0) fill(trainable[plan.norms[step.norm].gamma], values->trainable, 0.0f);
}

}  // namespace riffle
