#include "backend/testing/execution.h"
#include "ops/testing/compare.h"

namespace riffle {
namespace {

struct Case {
  LogitsShape shape;
  Distillation distillation;
  double spread = 3;  ///< of the logits
};

template <class T>
struct Both {
  Both(const Case& case_, Values values)
      : c(case_),
        draw(values),
        student(Logits()),
        teacher(Logits()),
        targets(Array()),
        loss(1, c.shape.images),
        dlogits(Array()) {}
  GuardedMap<T> Logits() {
    return GuardedMap<T>::Array(c.shape.values(), [this] { return static_cast<float>(c.spread * draw.Real()); });
  }
  GuardedMap<T> Array() {
    return GuardedMap<T>::Array(c.shape.values(), [this] { return draw.Real(); });
  }

  void Run(const Execution& execution, const OpTable<T>& table) {
    table.distillation(execution, c.shape, c.distillation,
                       {.loss = loss.data(),
                        .dlogits = dlogits.data(),
                        .student = student.data(),
                        .teacher = teacher.data(),
                        .targets = targets.data(),
                        .weight = 0.375});
  }
  void AddTo(Results<T>* results) {
    results->Add("loss", loss, c.shape.classes);
    results->Add("dlogits", dlogits, c.shape.classes);
  }

  Case c;
  Draw draw;
  GuardedMap<T> student, teacher, targets, loss, dlogits;
};

/// What rounding errors are proportional to: a log-probability is off by u·(|z| / T + log classes), which is the
/// relative error of a probability; probabilities add up to one.
Results<double> Magnitude(const Case& c) {
  Both<double> problem(c, Values::kExact);
  const Distillation& d = c.distillation;
  const double log_p = 2 * c.spread / d.temperature + std::log(c.shape.classes) + 1;
  const double factor = (d.decoupled ? d.alpha + d.beta : 1) * d.temperature * log_p;
  problem.loss.ForEach([&](double& l) { l = d.temperature * factor * log_p; });
  problem.dlogits.ForEach([&](double& g) { g = std::abs(g) + 0.375 * 2 * factor; });
  Results<double> results;
  problem.AddTo(&results);
  return results;
}

TEST(DistillationCpu, MatchesTheReference) {
  for (const LogitsShape shape : {LogitsShape{1, 2}, LogitsShape{19, 10}, LogitsShape{3, 1000}})
    for (const bool decoupled : {false, true})
      for (const double temperature : {1.0, 4.0})
        for (const double spread : {0.01, 3.0, 20.0}) {
          const Case c = {shape, {.decoupled = decoupled, .temperature = temperature}, spread};
          SCOPED_TRACE(fmt::format("{} classes, decoupled {}, T = {}, logits ±{}", shape.classes, decoupled,
                                   temperature, spread));
          ExpectBackendsMatchReference<Both>(c, Magnitude(c));
        }
}

}  // namespace
}  // namespace riffle
