#include "ops/testing/compare.h"

namespace riffle {
namespace {

struct GramCase {
  int groups = 1, per_group = 1;
  int64_t pixels = 1;

  GramShape shape() const { return {groups, groups * per_group, pixels}; }
};

template <class T, class Map = T>
struct GramProblem {
  GramProblem(const GramCase& c, Values values)
      : shape(c.shape()),
        draw(values),
        x(shape.channels, shape.pixels, [this] { return draw.Real(); }),
        moments(shape.channels),
        comoments(GuardedMap<T>::Array(shape.comoments(), [] { return NAN; })) {
    // Means are subtracted: with magnitudes, terms add up where they are negative.
    for (auto& m : moments) m.mean = T(values == Values::kMagnitude ? -draw.Real() : draw.Real());
  }
  void Run(const Execution& execution, const OpTable<T, Map>& table) {
    table.gram(execution, shape, {.comoments = comoments.data(), .x = x.rows(), .moments = moments.data()});
  }
  void AddTo(Results<T>* results) { results->Add("comoments", comoments, shape.pixels); }

  GramShape shape;
  Draw draw;
  GuardedMap<Map> x;
  std::vector<Moments<T>> moments;
  GuardedMap<T> comoments;
};

void Expect(const GramCase& c) {
  SCOPED_TRACE(fmt::format("{} groups of {}, {} pixels", c.groups, c.per_group, c.pixels));
  ExpectBackendsMatchReference<GramProblem>(c);
}

TEST(GramCpu, AllCountsOfPixelsAroundTheVectorWidth) {
  for (int64_t pixels = 1; pixels <= 70; ++pixels) Expect({.groups = 2, .per_group = 5, .pixels = pixels});
}

TEST(GramCpu, AllCountsOfRowsAroundTheTile) {
  for (int rows = 1; rows <= 26; ++rows) Expect({.groups = 1 + rows % 3, .per_group = rows, .pixels = 37});
}

TEST(GramCpu, RowsLongerThanBlocksAndChunks) {
  for (const int64_t pixels : {1023, 1024, 1025, 33000, 70001}) Expect({.groups = 2, .per_group = 3, .pixels = pixels});
  Expect({.groups = 1, .per_group = 90, .pixels = 2000});
}

TEST(GramCpu, InTf32OnCards) {
  for (const int rows : {3, 17, 30, 45})
    ExpectTf32MatchesReference<GramProblem>(GramCase{.groups = 2, .per_group = rows, .pixels = 1100});
}

}  // namespace
}  // namespace riffle
