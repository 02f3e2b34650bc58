// Holds the backends to the reference, within the rounding errors of the computation: the cpu's on every instruction
// set of the machine, with the same bits at any number of threads; the kernels of graphics cards in emulation, on maps
// of float and of bfloat16, with the same bits in whichever order threads run.
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "backend/cuda/testing/emulation.h"
#include "backend/target.h"
#include "backend/testing/execution.h"
#include "ops/gpu_ops.h"
#include "ops/op_table.h"
#include "ops/testing/card.h"
#include "ops/testing/map.h"

namespace riffle {

/// Heights and widths of pictures: single pixels, odd, slim, and those of the network.
inline constexpr std::array<std::pair<int64_t, int64_t>, 10> kSizes = {
    {{1, 1}, {2, 2}, {1, 6}, {7, 7}, {8, 8}, {13, 5}, {5, 13}, {9, 16}, {14, 14}, {28, 28}}};

/// Switch k in the i-th of a walk over the settings of a case's switches: neighbours differ in about half of them.
inline bool Bit(int i, int k) {
  return RandomStream(static_cast<uint64_t>(i), RandomPurpose::kTest, 1, static_cast<uint32_t>(k)).Chance(0.5);
}

/// A sum of n products in float is off by more than λ·√n·u·Σ|a·b|, u = 2^-24, with a probability of 2·exp(−λ²/2) only
/// (Higham and Mary, "A new approach to probabilistic rounding error analysis", SIAM J. Sci. Comput. 41, 2019). λ = 4;
/// to n come the few roundings of scales and shifts at each term.
inline double RoundingBound(double terms, double magnitude, double /*result*/) {
  return 4 * std::sqrt(terms + 8) * 0x1p-24 * std::abs(magnitude);
}

/// Where maps are of bfloat16, a result may be rounded to it where it is stored, by 2^-8 of itself at most, and so may
/// the factors of each term. What those make of a sum shrinks beside Σ|a·b| with √n, as they are independent.
inline double Bfloat16RoundingBound(double terms, double magnitude, double result) {
  return RoundingBound(terms, magnitude, result) +
         0x1p-8 * (8 / std::sqrt(terms + 8) * std::abs(magnitude) + std::abs(result));
}

/// Where products of float are in TF32 (Execution::tf32): the factors of each term are rounded by 2^-11.
inline double Tf32RoundingBound(double terms, double magnitude, double result) {
  return RoundingBound(terms, magnitude, result) + 0x1p-10 * 8 / std::sqrt(terms + 8) * std::abs(magnitude);
}

/// What an op wrote.
template <class T>
class Results {
 public:
  /// An array whose values are sums of up to `terms` terms.
  template <class Map>
  void Add(const std::string& name, GuardedMap<Map>& map, int64_t terms) {
    EXPECT_TRUE(map.Intact()) << name << ": written around its values";
    std::vector<T> values;
    map.ForEach([&](Map v) { values.push_back(static_cast<T>(v)); });
    arrays.push_back({name, std::move(values), static_cast<double>(terms)});
  }
  /// Moments are held to the rows that were stored, not to the reference's: an error of y is none of theirs. Kernels
  /// may sum distances from any value of the row, so errors are proportional to the largest distance from the mean.
  template <class Map>
  void AddMoments(GuardedMap<Map>& y, const std::vector<Moments<T>>& moments) {
    for (int64_t r = 0; r < y.row_count(); ++r) {
      const double n = static_cast<double>(y.pixels());
      // About the first value: of equal ones the mean is exact, and the variance none.
      const double first = static_cast<T>(y[r][0]);
      double mean = first, variance = 0, farthest = 0;
      for (int64_t p = 0; p < y.pixels(); ++p) mean += (static_cast<T>(y[r][p]) - first) / n;
      for (int64_t p = 0; p < y.pixels(); ++p) {
        const double distance = static_cast<T>(y[r][p]) - mean;
        variance += distance * distance / n;
        farthest = std::max(farthest, std::abs(distance));
      }
      const double mean_magnitude = std::abs(mean) + farthest, variance_magnitude = variance + farthest * farthest;
      gathered.push_back({fmt::format("mean[{}]", r), moments[r].mean, mean, mean_magnitude, n});
      gathered.push_back({fmt::format("variance[{}]", r), moments[r].variance, variance, variance_magnitude, n});
    }
  }
  /// So are the sums of batch norm's backward.
  template <class Map>
  void AddSums(GuardedMap<Map>& dz, GuardedMap<Map>& raw, const std::vector<Moments<T>>& moments,
               const std::vector<GradientSums<T>>& sums) {
    for (int64_t r = 0; r < dz.row_count(); ++r) {
      double sum = 0, magnitude = 0, centred = 0, centred_magnitude = 0;
      const double n = static_cast<double>(dz.pixels()), mean = moments[r].mean;
      for (int64_t p = 0; p < dz.pixels(); ++p) {
        const double gradient = static_cast<T>(dz[r][p]), value = static_cast<T>(raw[r][p]);
        sum += gradient;
        magnitude += std::abs(gradient);
        centred += gradient * (value - mean);
        centred_magnitude += std::abs(gradient) * (std::abs(value) + std::abs(mean));
      }
      gathered.push_back({fmt::format("sum of dz[{}]", r), sums[r].dz, sum, magnitude, n});
      gathered.push_back({fmt::format("centred sum[{}]", r), sums[r].dz_centred, centred, centred_magnitude, n});
    }
  }

  bool SameBits(const Results& other) const {
    for (size_t i = 0; i < arrays.size(); ++i) {
      const std::vector<T>&a = arrays[i].values, &b = other.arrays[i].values;
      if (std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) != 0) return false;
    }
    for (size_t i = 0; i < gathered.size(); ++i) {
      if (std::memcmp(&gathered[i].actual, &other.gathered[i].actual, sizeof(double)) != 0) return false;
    }
    return true;
  }

  struct Array {
    std::string name;
    std::vector<T> values;
    double terms;
  };
  struct Gathered {
    std::string name;
    double actual, expected, magnitude, terms;
  };
  std::vector<Array> arrays;
  std::vector<Gathered> gathered;
};

/// Expects each value within bound(terms, magnitude, value), what `magnitude` scales: the reference on absolute values.
template <class Bound>
void ExpectWithin(Bound bound, const Results<float>& actual, const Results<double>& expected,
                  const Results<double>& magnitude) {
  for (size_t i = 0; i < expected.arrays.size(); ++i) {
    const auto& array = expected.arrays[i];
    for (size_t k = 0; k < array.values.size(); ++k) {
      ASSERT_NEAR(actual.arrays[i].values[k], array.values[k],
                  bound(array.terms, magnitude.arrays[i].values[k], array.values[k]))
          << array.name << "[" << k << "]";
    }
  }
  for (const auto& g : actual.gathered) {
    ASSERT_NEAR(g.actual, g.expected, bound(g.terms, g.magnitude, g.expected)) << g.name;
  }
}

template <class F>
void ForEachTarget(F f) {
  for (const std::string& target : AvailableTargets()) {
    SCOPED_TRACE(target);
    ASSERT_TRUE(ForceTarget(target).ok());
    f();
  }
  ASSERT_TRUE(ForceTarget("").ok());
}

/// A Problem<T>, made from a Case and Values, is one call of an op on random inputs: Run(execution, table), then
/// AddTo(results). An op on maps has a Problem<T, Map = T>, whose maps are GuardedMap<Map> and which runs an
/// OpTable<T, Map>. Two files must not share a Case where their Problems have the same name: GCC takes the functions
/// below for one and the same then, anonymous namespaces or not, and one file would test the other's op.
template <template <class...> class Problem, class T, class Case>
Results<T> Solve(const Case& c, Values values, const OpTable<T>& table, int threads = 1) {
  Problem<T> problem(c, values);
  problem.Run(OnThreads(threads), table);
  Results<T> results;
  problem.AddTo(&results);
  return results;
}

/// The same on maps of bfloat16, by the kernels of graphics cards in emulation.
template <template <class...> class Problem, class Case>
Results<float> SolveOnBfloat16(const Case& c) {
  Problem<float, Bfloat16> problem(c, Values::kBfloat16);
  problem.Run(OnThreads(), emulated::Bfloat16Ops());
  Results<float> results;
  problem.AddTo(&results);
  return results;
}

/// Whether the kernels of graphics cards run in this call. Under AddressSanitizer, which makes the emulation ten times
/// as slow, only in every eighth one: what it sees of an access depends little on the shape.
inline bool RunsKernels() {
#if defined(__SANITIZE_ADDRESS__)
  static int calls = 0;
  return calls++ % 8 == 0;
#else
  return true;
#endif
}

/// Calls f() twice: with the threads of emulated kernels in one order, and in the other. Once under AddressSanitizer,
/// which takes ten times as long and sees the same accesses in both.
template <class F>
void InBothOrders(F f) {
#if defined(__SANITIZE_ADDRESS__)
  return f();
#endif
  for (const emulated::Order order : {emulated::Order::kForward, emulated::Order::kReverse}) {
    emulated::SetOrder(order);
    f();
  }
  emulated::SetOrder(emulated::Order::kForward);
}

/// Expects that what solve() by emulated kernels gives is within bound of `expected`, and has the same bits in both
/// orders of threads.
template <class Bound, class F>
void ExpectKernelsWithin(Bound bound, F solve, const Results<double>& expected, const Results<double>& magnitude) {
  std::vector<Results<float>> results;
  InBothOrders([&] { results.push_back(solve()); });
  ExpectWithin(bound, results[0], expected, magnitude);
  EXPECT_TRUE(results.front().SameBits(results.back())) << "threads in another order";
}

/// What a Problem gives on a card.
template <template <class...> class Problem, class Map, class Case>
Results<float> SolveOnCard(const TestCard& card, const Case& c, Values values, const OpTable<float, Map>& ops) {
  Results<float> results;
  const auto run = [&](auto& problem) {
    problem.Run(card.execution, ops);
    card.execution.Synchronize();
    EXPECT_EQ(card.execution.device.Health().message(), "");
    problem.AddTo(&results);
  };
  if constexpr (std::is_same_v<Map, float>) {
    Problem<float> problem(c, values);
    run(problem);
  } else {
    Problem<float, Map> problem(c, values);
    run(problem);
  }
  return results;
}

/// The same for kernels on a card, which have the same bits each time.
template <template <class...> class Problem, class Case>
void ExpectCardMatchesReference(const TestCard& card, const Case& c, const Results<double>& magnitude) {
  const auto expect = [&]<class Map>(auto bound, Values values, const OpTable<float, Map>& ops) {
    const auto results = SolveOnCard<Problem>(card, c, values, ops);
    ExpectWithin(bound, results, Solve<Problem>(c, values, ReferenceOps<double>()), magnitude);
    EXPECT_TRUE(results.SameBits(SolveOnCard<Problem>(card, c, values, ops))) << "once more";
  };
  expect(RoundingBound, Values::kExact, card.ops);
  if constexpr (requires { typename Problem<float, Bfloat16>; })
    expect(Bfloat16RoundingBound, Values::kBfloat16, *card.ops.bfloat16);
}

/// `magnitude`: what the problem's rounding errors are proportional to.
template <template <class...> class Problem, class Case>
void ExpectBackendsMatchReference(const Case& c, const Results<double>& magnitude) {
  if (const TestCard* card = OnCard()) return ExpectCardMatchesReference<Problem>(*card, c, magnitude);
  const Results<double> expected = Solve<Problem>(c, Values::kExact, ReferenceOps<double>());
  {
    SCOPED_TRACE("reference in float");
    ExpectWithin(RoundingBound, Solve<Problem>(c, Values::kExact, ReferenceOps<float>()), expected, magnitude);
  }
  ForEachTarget([&] {
    const Results<float> actual = Solve<Problem>(c, Values::kExact, CpuOps());
    ExpectWithin(RoundingBound, actual, expected, magnitude);
    for (const int threads : {2, 3})
      EXPECT_TRUE(actual.SameBits(Solve<Problem>(c, Values::kExact, CpuOps(), threads))) << threads << " threads";
  });
  if (!RunsKernels()) return;
  {
    SCOPED_TRACE("kernels of graphics cards");
    ExpectKernelsWithin(
        RoundingBound, [&] { return Solve<Problem>(c, Values::kExact, emulated::Ops()); }, expected, magnitude);
  }
  if constexpr (requires { typename Problem<float, Bfloat16>; }) {
    SCOPED_TRACE("kernels of graphics cards on maps of bfloat16");
    ExpectKernelsWithin(
        Bfloat16RoundingBound, [&] { return SolveOnBfloat16<Problem>(c); },
        Solve<Problem>(c, Values::kBfloat16, ReferenceOps<double>()), magnitude);
  }
}

/// The same for the kernels of graphics cards on maps of float in TF32; which has an effect.
template <template <class...> class Problem, class Case>
void ExpectTf32MatchesReference(const Case& c) {
  const Results<double> magnitude = Solve<Problem>(c, Values::kMagnitude, ReferenceOps<double>());
  const auto solve = [&](bool tf32) {
    TestCard card = OnCard() ? *OnCard() : TestCard{OnThreads(), emulated::Ops()};
    card.execution.tf32 = tf32;
    return SolveOnCard<Problem>(card, c, Values::kExact, card.ops);
  };
  ExpectKernelsWithin(
      Tf32RoundingBound, [&] { return solve(true); }, Solve<Problem>(c, Values::kExact, ReferenceOps<double>()),
      magnitude);
  EXPECT_FALSE(solve(true).SameBits(solve(false)));
}

/// For problems made of sums of products: their errors are proportional to what the reference makes of the magnitudes.
template <template <class...> class Problem, class Case>
void ExpectBackendsMatchReference(const Case& c) {
  ExpectBackendsMatchReference<Problem>(c, Solve<Problem>(c, Values::kMagnitude, ReferenceOps<double>()));
}

/// The Problem of a forward op has also TakePicture(batch, n), which makes it the one-picture problem of picture n of
/// `batch`, and Picture(n), the results of one picture. Expects the same bits for a picture alone and at each place of
/// a batch: a network's answer must not depend on the company.
template <template <class...> class Problem, class Case>
void ExpectPicturesAreIndependent(Case c, int64_t images) {
  ForEachTarget([&] {
    c.images = images;
    Problem<float> batch(c, Values::kExact);
    batch.Run(OnThreads(), CpuOps());
    c.images = 1;
    for (int64_t n = 0; n < images; ++n) {
      Problem<float> alone(c, Values::kExact);
      alone.TakePicture(batch, n);
      alone.Run(OnThreads(), CpuOps());
      const std::vector<float> expected = alone.Picture(0), actual = batch.Picture(n);
      ASSERT_EQ(std::memcmp(expected.data(), actual.data(), expected.size() * sizeof(float)), 0)
          << "picture " << n << " of " << images;
    }
  });
}

}  // namespace riffle
