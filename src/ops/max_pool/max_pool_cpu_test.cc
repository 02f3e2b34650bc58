#include "ops/testing/gradients.h"

namespace riffle {
namespace {

struct Case {
  int channels = 3;
  int64_t height = 1, width = 1, images = 1;
  PoolPadding padding = PoolPadding::kSame;
  bool activation = false, relu = false, sums = false;

  PoolShape shape() const { return {channels, {images, height, width}, padding}; }
  std::string text() const {
    return fmt::format("{}x{}x{} same {} activation {} relu {}", images, height, width, padding == PoolPadding::kSame,
                       activation, relu);
  }
};

/// What both directions read: on a grid, so that there are ties.
template <class T, class Map = T>
struct Inputs {
  Inputs(const Case& case_, Values values)
      : c(case_),
        shape(c.shape()),
        draw(values),
        grid([this] { return draw.Grid(); }),
        scale(GuardedMap<T>::Array(c.channels, grid)),
        shift(GuardedMap<T>::Array(c.channels, grid)),
        x(c.channels, shape.in.pixels(), grid) {}

  Activation<T> activation() {
    if (!c.activation) return {nullptr, nullptr, c.relu};
    return {scale.data(), shift.data(), c.relu};
  }

  Case c;
  PoolShape shape;
  Draw draw;
  std::function<double()> grid;
  GuardedMap<T> scale, shift;
  GuardedMap<Map> x;
};

template <class T, class Map = T>
struct Forward {
  Forward(const Case& c, Values values) : in(c, values), y(c.channels, in.shape.out().pixels()) {}

  void Run(const Execution& execution, const OpTable<T, Map>& table) {
    table.max_pool_forward(execution, in.shape, {y.rows(), in.x.rows(), in.activation()});
  }
  void AddTo(Results<T>* results) { results->Add("y", y, 1); }
  void TakePicture(const Forward& batch, int64_t n) { in.x.CopyColumns(batch.in.x, n * in.shape.in.area()); }
  std::vector<T> Picture(int64_t n) { return y.Columns(n * in.shape.out().area(), in.shape.out().area()); }

  Inputs<T, Map> in;
  GuardedMap<Map> y;
};

template <class T, class Map = T>
struct Backward {
  Backward(const Case& c, Values values)
      : in(c, values),
        dx(c.channels, in.shape.in.pixels(), in.draw),
        dy(c.channels, in.shape.out().pixels(), [this] { return in.draw.Real(); }),
        // With magnitudes other pixels win; the bound is then what a window's gradients can add up to anywhere.
        largest(values == Values::kMagnitude) {}

  void Run(const Execution& execution, const OpTable<T, Map>& table) {
    table.max_pool_backward(execution, in.shape, {dx.sink(in.c.sums), dy.rows(), in.x.rows(), in.activation()});
    if (largest) dx.dz.ForEach([](Map& v) { v = Map(4); });
  }
  void AddTo(Results<T>* results) { dx.AddTo(results, 4, in.c.sums); }

  Inputs<T, Map> in;
  TestSink<T, Map> dx;
  GuardedMap<Map> dy;
  bool largest;
};

void ExpectBothPaddings(Case c, int i) {
  c.activation = Bit(i, 0), c.relu = Bit(i, 1), c.sums = Bit(i, 2);
  for (const PoolPadding padding : {PoolPadding::kSymmetric, PoolPadding::kSame}) {
    c.padding = padding;
    SCOPED_TRACE(c.text());
    ExpectBackendsMatchReference<Forward>(c);
    ExpectBackendsMatchReference<Backward>(c);
  }
}

TEST(MaxPoolCpu, AllSizesOfPicturesAndBatches) {
  int i = 0;
  for (const auto& [height, width] : kSizes) {
    for (const int64_t images : {1, 2, 3, 5}) {
      ExpectBothPaddings({.height = height, .width = width, .images = images}, i++);
    }
  }
}

TEST(MaxPoolCpu, AllWidthsAroundTheVectorWidth) {
  for (int width = 1; width <= 70; ++width) {
    ExpectBothPaddings({.channels = 2, .height = 4, .width = width, .images = 2}, width);
  }
}

// Kernels of graphics cards take such pictures in bands of columns.
TEST(MaxPoolCpu, WidePictures) {
  for (const int width : {512, 513, 515, 1030}) {
    for (const int64_t height : {9, 10})
      ExpectBothPaddings({.channels = 2, .height = height, .width = width, .images = 2}, width);
  }
}

TEST(MaxPoolCpu, APictureHasTheSameBitsAloneAndInABatch) {
  for (const auto& [height, width] : kSizes) {
    for (const PoolPadding padding : {PoolPadding::kSymmetric, PoolPadding::kSame}) {
      const Case c{.height = height, .width = width, .padding = padding, .activation = true, .relu = true};
      SCOPED_TRACE(c.text());
      ExpectPicturesAreIndependent<Forward>(c, 5);
    }
  }
}

}  // namespace
}  // namespace riffle
