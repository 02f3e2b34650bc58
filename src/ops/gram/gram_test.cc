#include "ops/gram/gram.h"

#include "backend/testing/execution.h"
#include "ops/testing/derivative.h"

namespace riffle {
namespace {

TEST(Gram, HoldsTheProductsOfEachGroupsRowsAboutTheirMeans) {
  double x[4][2] = {{1, 3}, {10, 40}, {5, 5}, {-1, 1}};
  const Moments<double> moments[4] = {{2, 1}, {25, 225}, {5, 0}, {0, 1}};
  double comoments[4][2];
  ReferenceOps<double>().gram(OnThreads(), {.groups = 2, .channels = 4, .pixels = 2},
                              {.comoments = comoments[0], .x = {x[0], 2}, .moments = moments});
  const double expected[4][2] = {{2, 30}, {30, 450}, {0, 0}, {0, 2}};
  for (int i = 0; i < 4; ++i)
    for (int j = 0; j < 2; ++j) EXPECT_EQ(comoments[i][j], expected[i][j]) << i << ", " << j;
}

// A process's pictures about the means of all: what two processes add up to is what one would have gathered.
TEST(Gram, OfSharesOfABatchAddsUp) {
  double x[2][4] = {{1, 3, 4, 8}, {2, -2, 6, 2}};
  const Moments<double> moments[2] = {{4, 0}, {2, 0}};
  const auto gram = [&](int first, int64_t pixels) {
    std::vector<double> comoments(4);
    ReferenceOps<double>().gram(OnThreads(), {.channels = 2, .pixels = pixels},
                                {.comoments = comoments.data(), .x = {x[0] + first, 4}, .moments = moments});
    return comoments;
  };
  const std::vector<double> all = gram(0, 4), some = gram(0, 1), others = gram(1, 3);
  for (int i = 0; i < 4; ++i) EXPECT_EQ(some[i] + others[i], all[i]);
}

}  // namespace
}  // namespace riffle
