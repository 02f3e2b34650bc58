#include "backend/testing/execution.h"
#include "ops/testing/compare.h"

namespace riffle {
namespace {

struct Case {
  int64_t images = 1;
  int classes = 2;
  double spread = 3;  ///< of the logits
  bool gradient = true;
  bool has_class_weights = false;

  LogitsShape shape() const { return {images, classes}; }
  std::string text() const { return fmt::format("{} pictures, {} classes, logits ±{}", images, classes, spread); }
};

template <class T>
struct Both {
  Both(const Case& case_, Values values)
      : c(case_),
        draw(values),
        logits(
            GuardedMap<T>::Array(c.images * c.classes, [this] { return static_cast<float>(c.spread * draw.Real()); })),
        targets(GuardedMap<T>::Array(c.images * c.classes, [this] { return std::abs(draw.Real()); })),
        class_weights(GuardedMap<T>::Array(c.classes, [this] { return std::abs(draw.Real()); })),
        loss(GuardedMap<T>::Array(c.images, [] { return NAN; })),
        dlogits(GuardedMap<T>::Array(c.images * c.classes, [] { return NAN; })) {}

  void Run(const Execution& execution, const OpTable<T>& table) {
    table.binary_cross_entropy(execution, c.shape(),
                               {.loss = loss.data(),
                                .dlogits = c.gradient ? dlogits.data() : nullptr,
                                .logits = logits.data(),
                                .targets = targets.data(),
                                .weight = T(0.375),
                                .class_weights = c.has_class_weights ? class_weights.data() : nullptr,
                                .scale = 0.5});
  }
  void AddTo(Results<T>* results) {
    results->Add("loss", loss, c.classes);
    if (c.gradient) results->Add("dlogits", dlogits, 1);
  }
  void TakePicture(const Both& batch, int64_t n) {
    logits.CopyColumns(batch.logits, n * c.classes);
    targets.CopyColumns(batch.targets, n * c.classes);
  }
  std::vector<T> Picture(int64_t n) {
    std::vector<T> picture = dlogits.Columns(n * c.classes, c.classes);
    picture.push_back(loss.data()[n]);
    return picture;
  }

  Case c;
  Draw draw;
  GuardedMap<T> logits, targets, class_weights, loss, dlogits;
};

/// What rounding errors are proportional to: softplus(z) and target·z are both at most log 2 + |z|, a gradient is at
/// most the sum of a sigmoid and a target.
Results<double> Magnitude(const Case& c) {
  Both<double> problem(c, Values::kExact);
  problem.loss.ForEach([&](double& l) { l = c.classes * (1 + 2 * c.spread); });
  problem.dlogits.ForEach([](double& d) { d = 0.375; });
  Results<double> results;
  problem.AddTo(&results);
  return results;
}

void Expect(const Case& c) {
  SCOPED_TRACE(c.text());
  ExpectBackendsMatchReference<Both>(c, Magnitude(c));
}

TEST(BinaryCrossEntropyCpu, AllCountsOfClasses) {
  for (const int classes : {1, 2, 10, 100, 1000})
    for (const bool has_class_weights : {false, true})
      Expect({.images = 3, .classes = classes, .has_class_weights = has_class_weights});
}

TEST(BinaryCrossEntropyCpu, SmallAndLargeLogits) {
  for (const double spread : {0.01, 1.0, 10.0, 40.0}) Expect({.images = 7, .classes = 10, .spread = spread});
}

TEST(BinaryCrossEntropyCpu, TheGradientMayBeLeftOut) { Expect({.images = 5, .classes = 10, .gradient = false}); }

TEST(BinaryCrossEntropyCpu, HugeLogitsStayFinite) {
  const float logits[4] = {2000, 2000, -2000, -2000}, targets[4] = {1, 0, 1, 0};
  float loss, dlogits[4];
  CpuOps().binary_cross_entropy(OnThreads(), {1, 4},
                                {.loss = &loss, .dlogits = dlogits, .logits = logits, .targets = targets});
  EXPECT_EQ(loss, 4000);
  EXPECT_EQ((std::vector<float>(dlogits, dlogits + 4)), (std::vector<float>{0, 1, -1, 0}));
}

TEST(BinaryCrossEntropyCpu, APictureHasTheSameBitsAloneAndInABatch) {
  for (const int classes : {2, 10, 37}) ExpectPicturesAreIndependent<Both>(Case{.classes = classes}, 9);
}

}  // namespace
}  // namespace riffle
