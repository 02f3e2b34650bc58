// What tests of losses of logits and targets share: their inputs and outputs.
#pragma once

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "ops/testing/compare.h"
#include "ops/testing/derivative.h"

namespace riffle {

struct LabelLossCase {
  int64_t images = 1;
  int classes = 2;
  double spread = 3;  ///< of the logits
  bool gradient = true;
  bool has_class_weights = false;

  LogitsShape shape() const { return {images, classes}; }
  std::string text() const { return fmt::format("{} pictures, {} classes, logits ±{}", images, classes, spread); }
};

/// The maps of a Problem (compare.h), which adds Run and AddTo.
template <class T>
struct LabelLossMaps {
  LabelLossMaps(const LabelLossCase& case_, Values values)
      : c(case_),
        draw(values),
        logits(
            GuardedMap<T>::Array(c.images * c.classes, [this] { return static_cast<float>(c.spread * draw.Real()); })),
        targets(GuardedMap<T>::Array(c.images * c.classes, [this] { return std::abs(draw.Real()); })),
        weights(GuardedMap<T>::Array(c.classes, [this] { return std::abs(draw.Real()); })),
        loss(GuardedMap<T>::Array(c.images, [] { return NAN; })),
        dlogits_map(GuardedMap<T>::Array(c.images * c.classes, [] { return NAN; })) {}

  T* dlogits() { return c.gradient ? dlogits_map.data() : nullptr; }
  const T* class_weights() { return c.has_class_weights ? weights.data() : nullptr; }

  void TakePicture(const LabelLossMaps& batch, int64_t n) {
    logits.CopyColumns(batch.logits, n * c.classes);
    targets.CopyColumns(batch.targets, n * c.classes);
  }
  std::vector<T> Picture(int64_t n) {
    std::vector<T> picture = dlogits_map.Columns(n * c.classes, c.classes);
    picture.push_back(loss.data()[n]);
    return picture;
  }

  LabelLossCase c;
  Draw draw;
  GuardedMap<T> logits, targets, weights, loss, dlogits_map;
};

/// A Chain (derivative.h): logits → losses → F = weight·Σ loss, with targets within `range`. `Loss`, which is made of
/// it, adds Compute(dlogits), the op; null: no gradient.
template <class T, class Loss>
struct LabelLossChain {
  LabelLossChain(const LabelLossCase& case_, std::pair<double, double> range)
      : c(case_),
        draw(Values::kSmooth),
        logits(1, c.shape().values(), [&] { return 3 * draw.Real(); }),
        targets(1, c.shape().values(),
                [&] { return range.first + (1 + draw.Real()) / 2 * (range.second - range.first); }),
        weights(1, c.classes, [&] { return 1 + draw.Real(); }),
        loss(1, c.images),
        dlogits(1, c.shape().values()) {}

  const T* class_weights() { return c.has_class_weights ? weights.data() : nullptr; }
  T Run(T* gradient) {
    static_cast<Loss*>(this)->Compute(gradient);
    T sum = 0;
    loss.ForEach([&](T l) { sum += weight * l; });
    return sum;
  }
  T Forward() { return Run(nullptr); }
  void Backward() { Run(dlogits.data()); }
  std::vector<Variable<T>> Variables() { return {{"logits", &logits, &dlogits}}; }

  LabelLossCase c;
  const T weight = T(0.375);
  Draw draw;
  GuardedMap<T> logits, targets, weights, loss, dlogits;
};

}  // namespace riffle
