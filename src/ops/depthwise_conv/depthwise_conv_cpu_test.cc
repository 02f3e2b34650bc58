#include "ops/testing/gradients.h"

namespace riffle {
namespace {

struct Case {
  int channels = 5;
  int64_t height = 1, width = 1, images = 1;
  int stride = 1;
  bool permute = false, activation = false, relu = false, bias = false, moments = false, sums = false;
  bool pull_back = false;

  DepthwiseConvShape shape() const { return {channels, {images, height, width}, stride}; }
  std::string text() const { return fmt::format("{}x{}x{} stride {}", images, height, width, stride); }
};

/// What both directions read.
template <class T, class Map = T>
struct Inputs {
  Inputs(const Case& case_, Values values)
      : c(case_),
        shape(c.shape()),
        draw(values),
        real([this] { return draw.Real(); }),
        grid([this] { return draw.Grid(); }),
        weight(GuardedMap<T>::Array(9 * c.channels, real)),
        bias(GuardedMap<T>::Array(c.channels, real)),
        scale(GuardedMap<T>::Array(c.channels, grid)),
        shift(GuardedMap<T>::Array(c.channels, grid)),
        in_row(draw.Permutation(c.channels)),
        weight_row(draw.Permutation(c.channels)),
        x(c.channels, shape.in.pixels(), grid) {}

  Activation<T> activation() {
    if (!c.activation) return {nullptr, nullptr, c.relu};
    return {scale.data(), shift.data(), c.relu};
  }
  DepthwiseRows routing() const {
    if (!c.permute) return {};
    return {in_row.data(), weight_row.data()};
  }

  Case c;
  DepthwiseConvShape shape;
  Draw draw;
  std::function<double()> real, grid;
  GuardedMap<T> weight, bias, scale, shift;
  std::vector<int> in_row, weight_row;
  GuardedMap<Map> x;
};

template <class T, class Map = T>
struct Forward {
  Forward(const Case& c, Values values) : in(c, values), y(c.channels, in.shape.out().pixels()), moments(c.channels) {}

  void Run(const Execution& execution, const OpTable<T, Map>& table) {
    DepthwiseConvForward<T, Map> a = {
        .y = y.rows(), .x = in.x.rows(), .in = in.activation(), .weight = in.weight.data()};
    a.rows = in.routing();
    if (in.c.bias) a.bias = in.bias.data();
    if (in.c.moments) a.moments = moments.data();
    table.depthwise_conv_forward(execution, in.shape, a);
  }
  void AddTo(Results<T>* results) {
    results->Add("y", y, 9);
    if (in.c.moments) results->AddMoments(y, moments);
  }
  void TakePicture(const Forward& batch, int64_t n) { in.x.CopyColumns(batch.in.x, n * in.shape.in.area()); }
  std::vector<T> Picture(int64_t n) { return y.Columns(n * in.shape.out().area(), in.shape.out().area()); }

  Inputs<T, Map> in;
  GuardedMap<Map> y;
  std::vector<Moments<T>> moments;
};

template <class T, class Map = T>
struct Backward {
  Backward(const Case& c, Values values)
      : in(c, values),
        dx(c.channels, in.shape.in.pixels(), in.draw),
        dy(c.channels, in.shape.out().pixels(), in.draw),
        dweight(GuardedMap<T>::Array(9 * c.channels, [] { return NAN; })) {}

  void Run(const Execution& execution, const OpTable<T, Map>& table) {
    GradientSink<T, Map> sink = dx.sink(in.c.sums);
    if (in.c.sums) sink.raw = in.x.rows();
    table.depthwise_conv_backward(execution, in.shape,
                                  {sink, dweight.data(), dy.source(in.c.pull_back), in.x.rows(), in.activation(),
                                   in.weight.data(), in.routing()});
  }
  void AddTo(Results<T>* results) {
    results->Add("dweight", dweight, in.shape.out().pixels());
    results->Add("dx", dx.dz, 9);
    if (in.c.sums) results->AddSums(dx.dz, in.x, dx.moments, dx.sums);
  }

  Inputs<T, Map> in;
  TestSink<T, Map> dx;
  TestSource<T, Map> dy;
  GuardedMap<T> dweight;
};

Case WithOptions(Case c, int i) {
  c.permute = Bit(i, 0), c.activation = Bit(i, 1), c.relu = Bit(i, 2), c.bias = Bit(i, 3), c.moments = Bit(i, 4);
  c.sums = Bit(i, 5), c.pull_back = Bit(i, 6);
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

TEST(DepthwiseConvCpu, AllSizesOfPicturesAndBatches) {
  int i = 0;
  for (const auto& [height, width] : kSizes) {
    for (const int64_t images : {1, 2, 3, 5}) {
      Expect(WithOptions({.height = height, .width = width, .images = images}, i++));
    }
  }
}

TEST(DepthwiseConvCpu, AllWidthsAroundTheVectorWidth) {
  for (int64_t width = 1; width <= 70; ++width) {
    Expect(WithOptions({.channels = 2, .height = 3, .width = width, .images = 2}, static_cast<int>(width)));
  }
}

TEST(DepthwiseConvCpu, AllOptions) {
  for (int i = 0; i < 128; ++i) {
    Case c{.channels = 4, .height = 6, .width = 7, .images = 3};
    c.permute = i & 1, c.activation = i & 2, c.relu = i & 4, c.bias = i & 8, c.moments = i & 16, c.sums = i & 32;
    c.pull_back = i & 64;
    Expect(c);
  }
}

// Kernels of graphics cards take such pictures in bands of columns.
TEST(DepthwiseConvCpu, WidePictures) {
  for (const int64_t width : {256, 257, 300, 515, 1030}) {
    Case c = WithOptions({.channels = 2, .height = 9, .width = width, .images = 2}, static_cast<int>(width));
    c.moments = c.sums = true;
    Expect(c);
  }
}

TEST(DepthwiseConvCpu, APictureHasTheSameBitsAloneAndInABatch) {
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
