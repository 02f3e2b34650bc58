// The pass (depthwise_gram.h) gives what the two ops give of the same rows.
#include "ops/testing/compare.h"

namespace riffle {
namespace {

struct GramPassCase {
  int groups = 1, per_group = 1;
  int64_t height = 1, width = 1, images = 1;
  int stride = 1;
  bool permute = false, activation = false, relu = false, bias = false;

  DepthwiseGramShape shape() const { return {{groups * per_group, {images, height, width}, stride}, groups}; }
  std::string text() const {
    return fmt::format("{} groups of {}, {}x{}x{} stride {}{}{}{}{}", groups, per_group, images, height, width, stride,
                       permute ? ", permuted" : "", activation ? ", activation" : "", relu ? ", ReLU" : "",
                       bias ? ", bias" : "");
  }
};

template <class T, class Map = T>
struct GramPassProblem {
  GramPassProblem(const GramPassCase& of, Values values)
      : c(of),
        shape(c.shape()),
        draw(values),
        real([this] { return draw.Real(); }),
        grid([this] { return draw.Grid(); }),
        weight(GuardedMap<T>::Array(9 * int64_t{shape.conv.channels}, real)),
        bias(GuardedMap<T>::Array(shape.conv.channels, real)),
        scale(GuardedMap<T>::Array(shape.conv.channels, grid)),
        shift(GuardedMap<T>::Array(shape.conv.channels, grid)),
        in_row(draw.Permutation(shape.conv.channels)),
        weight_row(draw.Permutation(shape.conv.channels)),
        x(shape.conv.channels, shape.conv.in.pixels(), grid),
        y(shape.conv.channels, shape.gram().pixels),
        moments(shape.conv.channels),
        comoments(GuardedMap<T>::Array(shape.gram().comoments(), [] { return NAN; })) {}

  void Run(const Execution& execution, const OpTable<T, Map>& table) {
    DepthwiseGram<T, Map> a = {
        .conv = {.y = y.rows(), .x = x.rows(), .weight = weight.data(), .moments = moments.data()},
        .comoments = comoments.data()};
    a.conv.in.relu = c.relu;
    if (c.activation) a.conv.in = {scale.data(), shift.data(), c.relu};
    if (c.bias) a.conv.bias = bias.data();
    if (c.permute) a.conv.rows = {in_row.data(), weight_row.data()};
    if (table.depthwise_gram) return table.depthwise_gram(execution, shape, a);
    table.depthwise_conv_forward(execution, shape.conv, a.conv);
    table.gram(execution, shape.gram(), {.comoments = a.comoments, .x = y.rows(), .moments = a.conv.moments});
  }

  // As moments are, comoments are held to the rows that were stored.
  void AddTo(Results<T>* results) {
    results->Add("y", y, 9);
    results->AddMoments(y, moments);
    EXPECT_TRUE(comoments.Intact());
    const int64_t n = y.pixels(), k = c.per_group;
    std::vector<double> means(static_cast<size_t>(y.row_count()));
    for (int64_t r = 0; r < y.row_count(); ++r)
      for (int64_t p = 0; p < n; ++p) means[r] += static_cast<T>(y[r][p]) / static_cast<double>(n);
    for (int64_t r = 0; r < y.row_count(); ++r)
      for (int64_t j = 0; j < k; ++j) {
        const int64_t s = r / k * k + j;
        double sum = 0, magnitude = 0;
        for (int64_t p = 0; p < n; ++p) {
          sum += (static_cast<T>(y[r][p]) - means[r]) * (static_cast<T>(y[s][p]) - means[s]);
          magnitude += (std::abs(static_cast<T>(y[r][p])) + std::abs(means[r])) *
                       (std::abs(static_cast<T>(y[s][p])) + std::abs(means[s]));
        }
        const double actual = comoments[0][r * k + j];
        results->gathered.push_back(
            {fmt::format("comoments[{}][{}]", r, j), actual, sum, magnitude, static_cast<double>(n)});
        // Products of what is stored are exact: nothing is rounded to bfloat16 here.
        EXPECT_NEAR(actual, sum, RoundingBound(static_cast<double>(n), magnitude, sum)) << r << ", " << j;
      }
  }

  GramPassCase c;
  DepthwiseGramShape shape;
  Draw draw;
  std::function<double()> real, grid;
  GuardedMap<T> weight, bias, scale, shift;
  std::vector<int> in_row, weight_row;
  GuardedMap<Map> x, y;
  std::vector<Moments<T>> moments;
  GuardedMap<T> comoments;
};

void Expect(const GramPassCase& c) {
  SCOPED_TRACE(c.text());
  const auto magnitude = Solve<GramPassProblem>(c, Values::kMagnitude, ReferenceOps<double>());
  if (const TestCard* card = OnCard()) return ExpectCardMatchesReference<GramPassProblem>(*card, c, magnitude);
  if (!RunsKernels()) return;
  ExpectKernelsWithin(
      Bfloat16RoundingBound, [&] { return SolveOnBfloat16<GramPassProblem>(c); },
      Solve<GramPassProblem>(c, Values::kBfloat16, ReferenceOps<double>()), magnitude);
}

void ExpectOfBothStrides(GramPassCase c, int options) {
  c.permute = Bit(options, 0), c.activation = Bit(options, 1), c.relu = Bit(options, 2), c.bias = Bit(options, 3);
  for (const int stride : {1, 2}) {
    c.stride = stride;
    Expect(c);
  }
}

TEST(DepthwiseGram, OfAllSizesOfPicturesAndBatches) {
  int i = 0;
  for (const auto& [height, width] : kSizes)
    for (const int64_t images : {1, 2, 3, 5})
      ExpectOfBothStrides({.groups = 2, .per_group = 3, .height = height, .width = width, .images = images}, i++);
}

TEST(DepthwiseGram, OfAllCountsOfRowsAroundATile) {
  for (int rows = 1; rows <= 41; ++rows)
    ExpectOfBothStrides({.groups = 1 + rows % 2, .per_group = rows, .height = 3, .width = 5, .images = 3}, rows);
}

// The units of 1.0x, and the widest rows that it has registers for; and rows that it has none for.
TEST(DepthwiseGram, OfUnits) {
  int i = 0;
  for (const auto& [rows, size] : {std::pair<int, int64_t>{20, 28}, {40, 14}, {80, 7}, {64, 9}, {81, 4}})
    ExpectOfBothStrides({.per_group = rows, .height = size, .width = size, .images = 3}, i++);
}

// Pictures that do not fit as a whole, in bands of which the last is short; lines that are wider than a block.
TEST(DepthwiseGram, OfBandsOfLargePictures) {
  int i = 0;
  for (const auto& [rows, height, width] :
       {std::tuple<int, int64_t, int64_t>{20, 61, 40}, {40, 29, 31}, {80, 23, 16}, {3, 40, 301}, {2, 5, 4000}})
    ExpectOfBothStrides({.per_group = rows, .height = height, .width = width, .images = 2}, i++);
}

// So large that no line of it fits.
TEST(DepthwiseGram, OfLinesThatDoNotFit) { Expect({.per_group = 20, .height = 2, .width = 3000}); }

// Blocks go through several tiles each, of several pictures, of which the last tile has fewer.
TEST(DepthwiseGram, WhereThereAreMoreTilesThanBlocks) {
  int i = 0;
  for (const int64_t images : {9, 40, 61})
    ExpectOfBothStrides({.groups = 80, .per_group = 1, .height = 5, .width = 3, .images = images}, i++);
}

// Means are hundreds of deviations.
TEST(DepthwiseGram, MomentsKeepTheirDigitsFarFromZero) {
  const GramPassCase c = {.per_group = 2, .height = 9, .width = 9, .images = 4, .bias = true};
  GramPassProblem<float, Bfloat16> problem(c, Values::kBfloat16);
  problem.bias.ForEach([](float& bias) { bias = 300; });
  problem.Run(OnThreads(), emulated::Bfloat16Ops());
  Results<float> results;
  problem.AddTo(&results);
  for (const auto& g : results.gathered) {
    if (!g.name.starts_with("variance")) continue;
    EXPECT_NEAR(g.actual, g.expected, 1e-5 * g.expected) << g.name;
  }
}

}  // namespace
}  // namespace riffle
