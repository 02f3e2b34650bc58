#include "dist/cores.h"

#include <gmock/gmock.h>

#include <numeric>

#include "dist/testing/thread_group.h"

namespace riffle {
namespace {

CoreSet Cores(int first, int count) {
  CoreSet cores(count);
  std::iota(cores.begin(), cores.end(), first);
  return cores;
}

struct CoresCase {
  std::string_view what;
  std::vector<CoreSet> processes;
  int limit;
  std::vector<int> shares;
};

TEST(CoresOf, EachCoreIsSharedAmongThoseThatMayUseIt) {
  const CoresCase cases[] = {
      {"one process", {Cores(0, 8)}, 8, {8}},
      {"nobody is bound", {Cores(0, 8), Cores(0, 8)}, 8, {4, 4}},
      {"bound to a core each", {Cores(0, 1), Cores(1, 1)}, 1, {1, 1}},
      {"bound to a socket each", {Cores(0, 4), Cores(4, 4)}, 4, {4, 4}},
      {"two on a socket each", {Cores(0, 4), Cores(0, 4), Cores(4, 4), Cores(4, 4)}, 4, {2, 2, 2, 2}},
      {"one bound, one not", {Cores(0, 4), Cores(0, 1)}, 4, {3, 1}},
      {"more processes than cores", {Cores(0, 2), Cores(0, 2), Cores(0, 2)}, 2, {1, 1, 1}},
      {"a container with time for 4 of 16 cores", {Cores(0, 16), Cores(0, 16)}, 4, {2, 2}},
      {"no affinity known", {{}, {}}, 4, {1, 1}},
  };
  for (const CoresCase& c : cases)
    for (size_t i = 0; i < c.processes.size(); ++i)
      EXPECT_EQ(CoresOf(c.processes, i, c.limit), c.shares[i]) << c.what << ", process " << i;
}

TEST(ShareCores, AmongTheProcessesOfThisHost) {
  const int cores = static_cast<int>(OwnCores().size());
  RunRanks(2, [&](Communicator& ranks) {
    const Result<CoreShare> share = ShareCores(ranks, cores);
    ASSERT_TRUE(share.ok()) << share.status().message();
    EXPECT_EQ(share->cores, std::max(1, cores / 2));
  });
}

}  // namespace
}  // namespace riffle
