#include "ops/testing/compare.h"

namespace riffle {
namespace {

struct Case {
  int channels = 5;
  int64_t height = 1, width = 1, images = 1;

  GlobalAveragePoolShape shape() const { return {channels, {images, height, width}}; }
};

template <class T, class Map = T>
struct Both {
  Both(const Case& case_, Values values)
      : c(case_),
        shape(c.shape()),
        draw(values),
        real([this] { return draw.Real(); }),
        x(c.channels, shape.in.pixels(), [this] { return std::max(0.0, draw.Real()); }),
        dfeatures(GuardedMap<T>::Array(c.channels * c.images, real)),
        features(GuardedMap<T>::Array(c.channels * c.images, [] { return NAN; })),
        dx(c.channels, shape.in.pixels()) {}

  void Run(const Execution& execution, const OpTable<T, Map>& table) {
    table.global_average_pool_forward(execution, shape, {features.data(), x.rows()});
    table.global_average_pool_backward(execution, shape, {dx.rows(), dfeatures.data(), x.rows()});
  }
  void AddTo(Results<T>* results) {
    results->Add("features", features, shape.in.area());
    results->Add("dx", dx, 1);
  }
  void TakePicture(const Both& batch, int64_t n) { x.CopyColumns(batch.x, n * shape.in.area()); }
  std::vector<T> Picture(int64_t n) { return features.Columns(n * c.channels, c.channels); }

  Case c;
  GlobalAveragePoolShape shape;
  Draw draw;
  std::function<double()> real;
  GuardedMap<Map> x;
  GuardedMap<T> dfeatures, features;
  GuardedMap<Map> dx;
};

TEST(GlobalAveragePoolCpu, AllSizesOfPicturesAndBatches) {
  for (const auto& [height, width] : kSizes) {
    for (const int64_t images : {1, 2, 3, 5}) {
      ExpectBackendsMatchReference<Both>(Case{.height = height, .width = width, .images = images});
    }
  }
}

TEST(GlobalAveragePoolCpu, AllAreasAroundTheVectorWidth) {
  for (int64_t area = 1; area <= 70; ++area) ExpectBackendsMatchReference<Both>(Case{.width = area, .images = 3});
}

TEST(GlobalAveragePoolCpu, AllCountsOfChannels) {
  for (int channels = 1; channels <= 35; ++channels) {
    ExpectBackendsMatchReference<Both>(Case{.channels = channels, .height = 3, .width = 3, .images = 2});
  }
}

TEST(GlobalAveragePoolCpu, APictureHasTheSameBitsAloneAndInABatch) {
  for (const auto& [height, width] : kSizes) {
    ExpectPicturesAreIndependent<Both>(Case{.height = height, .width = width}, 5);
  }
}

}  // namespace
}  // namespace riffle
