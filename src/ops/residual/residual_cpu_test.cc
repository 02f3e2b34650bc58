#include "ops/testing/gradients.h"

namespace riffle {
namespace {

struct Case {
  int channels = 5;
  int64_t area = 1, images = 1;
  bool shortcut = true;

  ResidualShape shape() const { return {channels, area * images}; }
};

template <class T>
struct Both {
  Both(const Case& case_, Values values)
      : c(case_),
        draw(values),
        real([this] { return draw.Real(); }),
        scale(GuardedMap<T>::Array(c.channels, real)),
        shift(GuardedMap<T>::Array(c.channels, real)),
        x(c.channels, c.shape().pixels, real),
        shortcut(c.channels, c.shape().pixels, real),
        y(c.channels, c.shape().pixels),
        gradient(c.channels, c.shape().pixels, draw) {
    gradient.dz.ForEach([this](T& v) { v = T(draw.Real()); });
  }

  void Run(const Execution& execution, const OpTable<T>& table) {
    ResidualForward<T> forward = {y.rows(), x.rows(), scale.data(), shift.data(), {}};
    if (c.shortcut) forward.shortcut = shortcut.rows();
    table.residual_forward(execution, c.shape(), forward);
    table.residual_backward(execution, c.shape(),
                            {gradient.sums.data(), gradient.dz.rows(), gradient.raw.rows(), gradient.moments.data()});
  }
  void AddTo(Results<T>* results) {
    results->Add("y", y, 2);
    results->AddSums(gradient.dz, gradient.raw, gradient.moments, gradient.sums);
  }
  void TakePicture(const Both& batch, int64_t n) {
    x.CopyColumns(batch.x, n * c.area);
    shortcut.CopyColumns(batch.shortcut, n * c.area);
  }
  std::vector<T> Picture(int64_t n) { return y.Columns(n * c.area, c.area); }

  Case c;
  Draw draw;
  std::function<double()> real;
  GuardedMap<T> scale, shift, x, shortcut, y;
  TestSink<T> gradient;
};

TEST(ResidualCpu, AllCountsOfPixelsAroundTheVectorWidthAndLongRows) {
  for (int64_t pixels = 1; pixels <= 70; ++pixels) ExpectCpuMatchesReference<Both>(Case{.area = pixels});
  for (const int64_t pixels : {511, 513, 9001}) ExpectCpuMatchesReference<Both>(Case{.area = pixels});
}

TEST(ResidualCpu, TheShortcutMayBeAbsent) {
  for (int64_t pixels = 1; pixels <= 35; ++pixels) {
    ExpectCpuMatchesReference<Both>(Case{.area = pixels, .shortcut = false});
  }
}

TEST(ResidualCpu, APictureHasTheSameBitsAloneAndInABatch) {
  for (const int64_t area : {1, 7, 49, 64, 196}) ExpectPicturesAreIndependent<Both>(Case{.area = area}, 5);
}

}  // namespace
}  // namespace riffle
