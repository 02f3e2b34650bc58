#include "ops/testing/gradients.h"

namespace riffle {
namespace {

struct Case {
  int groups = 1, in_per_group = 1, out_per_group = 1;
  int64_t area = 1, images = 1;
  bool bias = false, residual = false, in_place = false, relu = false, moments = false;
  bool dx = true, add = false, sums = false, pull_back = false, centred = false;

  GroupConvShape shape() const { return {groups, groups * in_per_group, groups * out_per_group, images * area}; }
  std::string text() const {
    return fmt::format("{} groups of {} to {}, {} pictures of {}", groups, in_per_group, out_per_group, images, area);
  }
};

template <class T, class Map = T>
struct Forward {
  Forward(const Case& case_, Values values)
      : c(case_),
        shape(c.shape()),
        draw(values),
        real([this] { return draw.Real(); }),
        weight(GuardedMap<T>::Array(shape.weights(), real)),
        bias(GuardedMap<T>::Array(shape.out_channels, real)),
        x(shape.in_channels, shape.pixels, real),
        residual(shape.out_channels, shape.pixels, real),
        y(shape.out_channels, shape.pixels),
        moments(shape.out_channels) {}

  void Run(const Execution& execution, const OpTable<T, Map>& table) {
    GroupConvWeights<T> weights = {.weight = weight.data()};
    if (c.bias) weights.bias = bias.data();
    GuardedMap<T> prepared(1, table.group_conv_prepared_values(shape));
    table.group_conv_prepare(execution, shape, prepared.data(), weights);
    EXPECT_TRUE(prepared.Intact());

    GroupConvForward<T, Map> a = {.y = y.rows(), .x = x.rows(), .prepared = prepared.data(), .residual = {}};
    if (c.moments) a.moments = moments.data();
    if (!c.moments) a.relu = c.relu;
    if (c.residual && !c.moments) a.residual = c.in_place ? y.rows() : residual.rows();
    if (c.residual && c.in_place) y.CopyColumns(residual, 0);
    table.group_conv_forward(execution, shape, a);
  }
  void AddTo(Results<T>* results) {
    results->Add("y", y, shape.in_per_group());
    if (c.moments) results->AddMoments(y, moments);
  }
  void TakePicture(const Forward& batch, int64_t n) {
    x.CopyColumns(batch.x, n * c.area);
    residual.CopyColumns(batch.residual, n * c.area);
  }
  std::vector<T> Picture(int64_t n) { return y.Columns(n * c.area, c.area); }

  Case c;
  GroupConvShape shape;
  Draw draw;
  std::function<double()> real;
  GuardedMap<T> weight, bias;
  GuardedMap<Map> x, residual, y;
  std::vector<Moments<T>> moments;
};

template <class T, class Map = T>
struct Backward {
  Backward(const Case& case_, Values values)
      : c(case_),
        shape(c.shape()),
        draw(values),
        real([this] { return draw.Real(); }),
        weight(GuardedMap<T>::Array(shape.weights(), real)),
        // Behind a ReLU half of it is zeros.
        x(shape.in_channels, shape.pixels, [this] { return c.relu ? std::max(0.0, draw.Grid()) : draw.Real(); }),
        x_moments(shape.in_channels),
        add(shape.in_channels, shape.pixels, real),
        dx(shape.in_channels, shape.pixels, draw),
        dy(shape.out_channels, shape.pixels, draw),
        dweight(GuardedMap<T>::Array(shape.weights(), [] { return NAN; })),
        dy_sums(GuardedMap<T>::Array(shape.out_channels, [] { return NAN; })) {
    // Means are subtracted: with magnitudes, terms add up where they are negative.
    for (auto& m : x_moments) m.mean = T(values == Values::kMagnitude ? -draw.Real() : draw.Real());
  }

  void Run(const Execution& execution, const OpTable<T, Map>& table) {
    GroupConvBackward<T, Map> a = {.dx = dx.sink(c.sums),
                                   .dweight = dweight.data(),
                                   .dy = dy.source(c.pull_back),
                                   .x = x.rows(),
                                   .relu = c.relu,
                                   .weight = weight.data()};
    if (c.centred) a.x_moments = x_moments.data(), a.dy_sums = dy_sums.data();
    if (!c.dx) a.dx = {};
    if (c.add) a.dx.add = c.in_place ? a.dx.dz : add.rows();
    if (c.add && c.in_place) dx.dz.CopyColumns(add, 0);
    table.group_conv_backward(execution, shape, a);
  }
  void AddTo(Results<T>* results) {
    results->Add("dweight", dweight, shape.pixels);
    if (c.centred) results->Add("dy_sums", dy_sums, shape.pixels);
    if (c.dx) dx.AddTo(results, shape.out_per_group(), c.sums);
  }

  Case c;
  GroupConvShape shape;
  Draw draw;
  std::function<double()> real;
  GuardedMap<T> weight;
  GuardedMap<Map> x;
  std::vector<Moments<T>> x_moments;
  GuardedMap<Map> add;
  TestSink<T, Map> dx;
  TestSource<T, Map> dy;
  GuardedMap<T> dweight, dy_sums;
};

Case WithOptions(Case c, int i) {
  c.centred = Bit(i, 0), c.bias = Bit(i, 1), c.residual = Bit(i, 2), c.in_place = Bit(i, 3), c.relu = Bit(i, 4);
  c.moments = Bit(i, 5), c.dx = Bit(i, 6) || Bit(i, 7), c.add = c.dx && Bit(i, 8), c.sums = c.dx && Bit(i, 9);
  c.pull_back = Bit(i, 10);
  return c;
}

void Expect(const Case& c) {
  SCOPED_TRACE(c.text());
  ExpectBackendsMatchReference<Forward>(c);
  ExpectBackendsMatchReference<Backward>(c);
}

TEST(GroupConvCpu, AllCountsOfPixelsAroundTheVectorWidth) {
  for (int64_t pixels = 1; pixels <= 70; ++pixels) {
    Expect(WithOptions({.groups = 2, .in_per_group = 5, .out_per_group = 7, .area = pixels}, static_cast<int>(pixels)));
  }
}

TEST(GroupConvCpu, AllCountsOfChannelsAroundTheTile) {
  for (int k = 1; k <= 23; ++k) {
    Expect(WithOptions({.in_per_group = k, .out_per_group = 24 - k, .area = 37}, k));
    Expect(WithOptions({.in_per_group = k, .out_per_group = k, .area = 33}, 100 + k));
  }
}

TEST(GroupConvCpu, AllOptionsAndGroups) {
  for (int i = 0; i < 100; ++i) {
    const int groups = std::array{1, 2, 3, 4, 8}[i % 5];
    Expect(WithOptions({.groups = groups, .in_per_group = 3 + i % 4, .out_per_group = 2 + i % 5, .area = 45}, i));
  }
}

TEST(GroupConvCpu, RowsLongerThanTheBlocksThatKernelsWorkIn) {
  int i = 0;
  for (const int64_t pixels : {255, 256, 257, 511, 513, 1030, 9001, 17000}) {
    Case c = WithOptions({.groups = 3, .in_per_group = 2, .out_per_group = 3, .area = pixels}, i++);
    c.moments = c.sums = c.dx = true;
    Expect(c);
  }
}

TEST(GroupConvCpu, MoreChannelsThanASlab) {
  for (const auto& [in, out] : {std::pair{37, 5}, {5, 41}, {67, 35}, {34, 70}}) {
    Case c = WithOptions({.groups = 2, .in_per_group = in, .out_per_group = out, .area = 461}, in);
    c.moments = c.sums = c.dx = c.add = c.pull_back = true;
    Expect(c);
  }
}

// Around the tiles of both kinds of products, and with all that is done to what they read and write.
TEST(GroupConvCpu, InTf32OnCards) {
  int i = 0;
  for (const auto& [in, out] : {std::pair{3, 5}, {16, 24}, {37, 33}, {20, 80}, {81, 17}}) {
    Case c = WithOptions({.groups = 2, .in_per_group = in, .out_per_group = out, .area = 77, .images = 2}, i++);
    c.moments = i % 2 == 0, c.sums = c.dx = c.add = c.pull_back = c.centred = true;
    SCOPED_TRACE(c.text());
    ExpectTf32MatchesReference<Forward>(c);
    ExpectTf32MatchesReference<Backward>(c);
  }
}

// Of units, of their first convolution and of the Gram step: rows of one warp of a card's block, of several, and more
// than it has warps for.
TEST(GroupConvCpu, ChannelsOfNetworks) {
  int i = 0;
  for (const auto& [in, out] :
       {std::pair{24, 60}, {20, 20}, {80, 20}, {20, 80}, {160, 40}, {40, 160}, {320, 80}, {80, 320}, {480, 120}}) {
    Expect(WithOptions({.groups = 1 + i % 2, .in_per_group = in, .out_per_group = out, .area = 99}, i));
    ++i;
  }
}

// Maps that leave the caches go another way.
TEST(GroupConvCpu, MapsLargerThanTheCaches) {
  for (int i = 0; i < 4; ++i) {
    Case c{.in_per_group = 2, .out_per_group = 37, .area = 60001, .bias = true};
    c.residual = i & 1, c.in_place = i & 2, c.relu = i != 1;
    SCOPED_TRACE(c.text());
    ExpectBackendsMatchReference<Forward>(c);
  }
}

TEST(GroupConvCpu, APictureHasTheSameBitsAloneAndInABatch) {
  int i = 0;
  for (const int64_t area : {1, 4, 49, 65, 196, 300}) {
    Case c = WithOptions({.groups = 2, .in_per_group = 11, .out_per_group = 13, .area = area}, i++);
    c.moments = false;
    SCOPED_TRACE(c.text());
    ExpectPicturesAreIndependent<Forward>(c, 5);
  }
}

}  // namespace
}  // namespace riffle
