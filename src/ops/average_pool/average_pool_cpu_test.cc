#include "ops/testing/compare.h"

namespace riffle {
namespace {

struct Case {
  int channels = 3;
  int64_t height = 1, width = 1, images = 1;
  PoolPadding padding = PoolPadding::kSame;
  AverageDivisor divisor = AverageDivisor::kTruePixels;

  AveragePoolShape shape() const { return {{channels, {images, height, width}, padding}, divisor}; }
  std::string text() const {
    return fmt::format("{}x{}x{} same {} nine {}", images, height, width, padding == PoolPadding::kSame,
                       divisor == AverageDivisor::kNine);
  }
};

template <class T, class Map = T>
struct Both {
  Both(const Case& case_, Values values)
      : c(case_),
        shape(c.shape()),
        draw(values),
        real([this] { return draw.Real(); }),
        x(c.channels, shape.in.pixels(), real),
        dy(c.channels, shape.out().pixels(), real),
        y(c.channels, shape.out().pixels()),
        dx(c.channels, shape.in.pixels()) {}

  void Run(const Execution& execution, const OpTable<T, Map>& table) {
    table.average_pool_forward(execution, shape, {y.rows(), x.rows()});
    table.average_pool_backward(execution, shape, {dx.rows(), dy.rows()});
  }
  void AddTo(Results<T>* results) {
    results->Add("y", y, 9);
    results->Add("dx", dx, 4);
  }
  void TakePicture(const Both& batch, int64_t n) {
    x.CopyColumns(batch.x, n * shape.in.area());
    dy.CopyColumns(batch.dy, n * shape.out().area());
  }
  std::vector<T> Picture(int64_t n) { return y.Columns(n * shape.out().area(), shape.out().area()); }

  Case c;
  AveragePoolShape shape;
  Draw draw;
  std::function<double()> real;
  GuardedMap<Map> x, dy, y, dx;
};

void ExpectAllConventions(Case c) {
  for (const PoolPadding padding : {PoolPadding::kSymmetric, PoolPadding::kSame}) {
    for (const AverageDivisor divisor : {AverageDivisor::kNine, AverageDivisor::kTruePixels}) {
      c.padding = padding;
      c.divisor = divisor;
      SCOPED_TRACE(c.text());
      ExpectBackendsMatchReference<Both>(c);
    }
  }
}

TEST(AveragePoolCpu, AllSizesOfPicturesAndBatches) {
  for (const auto& [height, width] : kSizes) {
    for (const int64_t images : {1, 2, 3, 5}) {
      ExpectAllConventions({.height = height, .width = width, .images = images});
    }
  }
}

TEST(AveragePoolCpu, AllWidthsAroundTheVectorWidth) {
  for (int width = 1; width <= 70; ++width) {
    ExpectAllConventions({.channels = 2, .height = 4, .width = width, .images = 2});
  }
}

// Kernels of graphics cards take such pictures in bands of columns.
TEST(AveragePoolCpu, WidePictures) {
  for (const int width : {512, 513, 515, 1030}) {
    for (const int64_t height : {9, 10})
      ExpectAllConventions({.channels = 2, .height = height, .width = width, .images = 2});
  }
}

TEST(AveragePoolCpu, APictureHasTheSameBitsAloneAndInABatch) {
  for (const auto& [height, width] : kSizes) {
    const Case c{.height = height, .width = width};
    SCOPED_TRACE(c.text());
    ExpectPicturesAreIndependent<Both>(c, 5);
  }
}

}  // namespace
}  // namespace riffle
