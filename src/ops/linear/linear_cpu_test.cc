#include "ops/testing/compare.h"

namespace riffle {
namespace {

struct Case {
  int64_t images = 1;
  int in = 1, out = 1;
  bool dfeatures = true, bias = false;

  LinearShape shape() const { return {images, in, out}; }
  std::string text() const { return fmt::format("{} pictures, {} to {}{}", images, in, out, bias ? " with bias" : ""); }
};

template <class T>
struct Both {
  Both(const Case& case_, Values values)
      : c(case_),
        draw(values),
        real([this] { return draw.Real(); }),
        weight(GuardedMap<T>::Array(c.in * c.out, real)),
        bias(GuardedMap<T>::Array(c.out, real)),
        features(GuardedMap<T>::Array(c.images * c.in, real)),
        dlogits(GuardedMap<T>::Array(c.images * c.out, real)),
        logits(GuardedMap<T>::Array(c.images * c.out, [] { return NAN; })),
        dfeatures(GuardedMap<T>::Array(c.images * c.in, [] { return NAN; })),
        dweight(GuardedMap<T>::Array(c.in * c.out, [] { return NAN; })),
        dbias(GuardedMap<T>::Array(c.out, [] { return NAN; })) {}

  void Run(const Execution& execution, const OpTable<T>& table) {
    table.linear_forward(execution, c.shape(),
                         {logits.data(), features.data(), weight.data(), c.bias ? bias.data() : nullptr});
    table.linear_backward(execution, c.shape(),
                          {.dfeatures = c.dfeatures ? dfeatures.data() : nullptr,
                           .dweight = dweight.data(),
                           .dbias = c.bias ? dbias.data() : nullptr,
                           .dlogits = dlogits.data(),
                           .features = features.data(),
                           .weight = weight.data()});
  }
  void AddTo(Results<T>* results) {
    results->Add("logits", logits, c.in);
    results->Add("dweight", dweight, c.images);
    if (c.bias) results->Add("dbias", dbias, c.images);
    if (c.dfeatures) results->Add("dfeatures", dfeatures, c.out);
  }
  void TakePicture(const Both& batch, int64_t n) { features.CopyColumns(batch.features, n * c.in); }
  std::vector<T> Picture(int64_t n) { return logits.Columns(n * c.out, c.out); }

  Case c;
  Draw draw;
  std::function<double()> real;
  GuardedMap<T> weight, bias, features, dlogits, logits, dfeatures, dweight, dbias;
};

void Expect(const Case& c) {
  SCOPED_TRACE(c.text());
  ExpectBackendsMatchReference<Both>(c);
}

TEST(LinearCpu, AllCountsAroundTheVectorWidth) {
  for (int k = 1; k <= 70; ++k) {
    Expect({.images = 3, .in = k, .out = 11, .dfeatures = k % 2 == 0});
    Expect({.images = 2, .in = 19, .out = k, .bias = k % 2 == 0});
  }
}

TEST(LinearCpu, AllCountsOfPictures) {
  for (int64_t images = 1; images <= 35; ++images) Expect({.images = images, .in = 21, .out = 10, .bias = true});
}

TEST(LinearCpu, TheHeadOfTheNetwork) { Expect({.images = 5, .in = 480, .out = 1000}); }

TEST(LinearCpu, APictureHasTheSameBitsAloneAndInABatch) {
  for (const int images : {2, 5, 9, 17}) {
    ExpectPicturesAreIndependent<Both>(Case{.in = 77, .out = 21}, images);
  }
}

}  // namespace
}  // namespace riffle
