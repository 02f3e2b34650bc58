#include "ops/testing/gradients.h"

namespace riffle {
namespace {

struct Case {
  int in_channels = 3, out_channels = 7;
  int64_t height = 1, width = 1, images = 1;
  int stride = 2;
  bool bias = false, relu = false, moments = false, pull_back = false;

  StemConvShape shape() const { return {in_channels, out_channels, {images, height, width}, stride}; }
  int weights() const { return out_channels * in_channels * 9; }
  std::string text() const {
    return fmt::format("{} to {} channels, {}x{}x{} stride {}", in_channels, out_channels, images, height, width,
                       stride);
  }
};

template <class T, class Map = T>
struct Forward {
  Forward(const Case& case_, Values values)
      : c(case_),
        shape(c.shape()),
        draw(values),
        real([this] { return draw.Real(); }),
        weight(GuardedMap<T>::Array(c.weights(), real)),
        bias(GuardedMap<T>::Array(c.out_channels, real)),
        x(c.in_channels, shape.in.pixels(), real),
        y(c.out_channels, shape.out().pixels()),
        moments(c.out_channels) {}

  void Run(const Execution& execution, const OpTable<T, Map>& table) {
    table.stem_conv_forward(execution, shape,
                            {y.rows(), x.rows(), weight.data(), c.bias ? bias.data() : nullptr, c.relu,
                             c.moments ? moments.data() : nullptr});
  }
  void AddTo(Results<T>* results) {
    results->Add("y", y, 9 * c.in_channels);
    if (c.moments) results->AddMoments(y, moments);
  }
  void TakePicture(const Forward& batch, int64_t n) { x.CopyColumns(batch.x, n * shape.in.area()); }
  std::vector<T> Picture(int64_t n) { return y.Columns(n * shape.out().area(), shape.out().area()); }

  Case c;
  StemConvShape shape;
  Draw draw;
  std::function<double()> real;
  GuardedMap<T> weight, bias, x;
  GuardedMap<Map> y;
  std::vector<Moments<T>> moments;
};

template <class T, class Map = T>
struct Backward {
  Backward(const Case& case_, Values values)
      : c(case_),
        shape(c.shape()),
        draw(values),
        x(c.in_channels, shape.in.pixels(), [this] { return draw.Real(); }),
        dy(c.out_channels, shape.out().pixels(), draw),
        dweight(GuardedMap<T>::Array(c.weights(), [] { return NAN; })) {}

  void Run(const Execution& execution, const OpTable<T, Map>& table) {
    table.stem_conv_backward(execution, shape, {dweight.data(), dy.source(c.pull_back), x.rows()});
  }
  void AddTo(Results<T>* results) { results->Add("dweight", dweight, shape.out().pixels()); }

  Case c;
  StemConvShape shape;
  Draw draw;
  GuardedMap<T> x;
  TestSource<T, Map> dy;
  GuardedMap<T> dweight;
};

Case WithOptions(Case c, int i) {
  c.bias = Bit(i, 0), c.relu = Bit(i, 1), c.moments = Bit(i, 2), c.pull_back = Bit(i, 3);
  return c;
}

void Expect(Case c) {
  for (const int stride : {1, 2}) {
    c.stride = stride;
    SCOPED_TRACE(c.text());
    ExpectBackendsMatchReference<Forward>(c);
    ExpectBackendsMatchReference<Backward>(c);
  }
}

TEST(StemConvCpu, AllSizesOfPicturesAndBatches) {
  int i = 0;
  for (const auto& [height, width] : kSizes) {
    for (const int64_t images : {1, 2, 3, 5}) {
      Case c{.height = height, .width = width, .images = images};
      c.in_channels = i % 3 == 0 ? 1 : 3;
      Expect(WithOptions(c, i++));
    }
  }
}

TEST(StemConvCpu, AllWidthsAroundTheVectorWidth) {
  for (int width = 1; width <= 70; ++width) {
    Expect(WithOptions({.in_channels = width % 2 ? 3 : 1, .height = 3, .width = width, .images = 2}, width));
  }
}

TEST(StemConvCpu, AllCountsOfOutputsAndAllOptions) {
  for (int i = 0; i < 26; ++i) {
    Case c{.in_channels = i % 5 ? 3 : 1, .out_channels = i + 1, .height = 6, .width = 9, .images = 2};
    c.bias = i & 1, c.relu = i & 2, c.moments = i & 4, c.pull_back = i & 8;
    Expect(c);
  }
}

// Kernels of graphics cards take such pictures in bands of columns.
TEST(StemConvCpu, WidePictures) {
  for (const int width : {256, 257, 300, 515, 1030}) {
    Case c = WithOptions({.out_channels = 2, .height = 9, .width = width, .images = 2}, width);
    c.moments = true;
    Expect(c);
  }
}

TEST(StemConvCpu, APictureHasTheSameBitsAloneAndInABatch) {
  int i = 0;
  for (const auto& [height, width] : kSizes) {
    for (const int stride : {1, 2}) {
      Case c = WithOptions({.height = height, .width = width, .stride = stride}, i++);
      c.moments = false;
      SCOPED_TRACE(c.text());
      ExpectPicturesAreIndependent<Forward>(c, 5);
    }
  }
}

}  // namespace
}  // namespace riffle
