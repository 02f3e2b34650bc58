#include "ops/testing/compare.h"

namespace riffle {
namespace {

struct Case {
  int64_t images = 1;
  int in = 1, out = 1;
  bool dfeatures = true;

  LinearShape shape() const { return {images, in, out}; }
  std::string text() const { return fmt::format("{} pictures, {} to {}", images, in, out); }
};

template <class T>
struct Both {
  Both(const Case& case_, Values values)
      : c(case_),
        draw(values),
        real([this] { return draw.Real(); }),
        weight(GuardedMap<T>::Array(c.in * c.out, real)),
        features(GuardedMap<T>::Array(c.images * c.in, real)),
        dlogits(GuardedMap<T>::Array(c.images * c.out, real)),
        logits(GuardedMap<T>::Array(c.images * c.out, [] { return NAN; })),
        dfeatures(GuardedMap<T>::Array(c.images * c.in, [] { return NAN; })),
        dweight(GuardedMap<T>::Array(c.in * c.out, [] { return NAN; })) {}

  void Run(const Execution& execution, const OpTable<T>& table) {
    table.linear_forward(execution, c.shape(), {logits.data(), features.data(), weight.data()});
    table.linear_backward(
        execution, c.shape(),
        {c.dfeatures ? dfeatures.data() : nullptr, dweight.data(), dlogits.data(), features.data(), weight.data()});
  }
  void AddTo(Results<T>* results) {
    results->Add("logits", logits, c.in);
    results->Add("dweight", dweight, c.images);
    if (c.dfeatures) results->Add("dfeatures", dfeatures, c.out);
  }
  void TakePicture(const Both& batch, int64_t n) { features.CopyColumns(batch.features, n * c.in); }
  std::vector<T> Picture(int64_t n) { return logits.Columns(n * c.out, c.out); }

  Case c;
  Draw draw;
  std::function<double()> real;
  GuardedMap<T> weight, features, dlogits, logits, dfeatures, dweight;
};

void Expect(const Case& c) {
  SCOPED_TRACE(c.text());
  ExpectCpuMatchesReference<Both>(c);
}

TEST(LinearCpu, AllCountsAroundTheVectorWidth) {
  for (int k = 1; k <= 70; ++k) {
    Expect({.images = 3, .in = k, .out = 11, .dfeatures = k % 2 == 0});
    Expect({.images = 2, .in = 19, .out = k});
  }
}

TEST(LinearCpu, AllCountsOfPictures) {
  for (int64_t images = 1; images <= 35; ++images) Expect({.images = images, .in = 21, .out = 10});
}

TEST(LinearCpu, TheHeadOfTheNetwork) { Expect({.images = 5, .in = 480, .out = 1000}); }

TEST(LinearCpu, APictureHasTheSameBitsAloneAndInABatch) {
  for (const int images : {2, 5, 9, 17}) {
    ExpectPicturesAreIndependent<Both>(Case{.in = 77, .out = 21}, images);
  }
}

}  // namespace
}  // namespace riffle
