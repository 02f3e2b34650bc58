#include "backend/testing/execution.h"
#include "ops/testing/compare.h"

namespace riffle {
namespace {

struct Case {
  JensenShannonShape shape;
  double spread = 3;  ///< of the logits
};

template <class T>
struct Both {
  Both(const Case& case_, Values values)
      : c(case_),
        draw(values),
        logits(GuardedMap<T>::Array(c.shape.values(), [this] { return static_cast<float>(c.spread * draw.Real()); })),
        loss(GuardedMap<T>::Array(c.shape.samples, [this] { return std::abs(draw.Real()); })),
        dlogits(GuardedMap<T>::Array(c.shape.values(), [this] { return draw.Real(); })) {}

  void Run(const Execution& execution, const OpTable<T>& table) {
    table.jensen_shannon(
        execution, c.shape,
        {.loss = loss.data(), .dlogits = dlogits.data(), .logits = logits.data(), .alpha = 12, .weight = 0.375});
  }
  void AddTo(Results<T>* results) {
    results->Add("loss", loss, c.shape.classes);
    results->Add("dlogits", dlogits, c.shape.classes);
  }

  Case c;
  Draw draw;
  GuardedMap<T> logits, loss, dlogits;
};

/// What rounding errors are proportional to: a log-probability is off by u·(|z| + log classes), which is the relative
/// error of a probability; probabilities add up to one.
Results<double> Magnitude(const Case& c) {
  Both<double> problem(c, Values::kExact);
  const double log_p = 2 * c.spread + std::log(c.shape.classes) + 1;
  problem.loss.ForEach([&](double& l) { l += 12 * log_p * log_p; });
  problem.dlogits.ForEach([&](double& d) { d = std::abs(d) + 0.375 * 12 * log_p * log_p; });
  Results<double> results;
  problem.AddTo(&results);
  return results;
}

TEST(JensenShannonCpu, MatchesTheReference) {
  for (const JensenShannonShape shape : {JensenShannonShape{1, 3, 2}, JensenShannonShape{2, 1, 2},
                                         JensenShannonShape{3, 19, 10}, JensenShannonShape{4, 2, 1000}})
    for (const double spread : {0.01, 3.0, 40.0}) {
      const Case c = {shape, spread};
      ExpectBackendsMatchReference<Both>(c, Magnitude(c));
    }
}

}  // namespace
}  // namespace riffle
