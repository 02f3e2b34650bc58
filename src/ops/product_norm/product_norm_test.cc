// The algebra of product_norm.h as the network runs it, against derivatives and against the batch norms and convolution
// that it stands in for, each on its own.
#include <cmath>
#include <map>
#include <string>

#include "ops/testing/product_algebra.h"

namespace riffle {
namespace {

template <class T>
struct DifferentiableAlgebra : Algebra<T> {
  using Algebra<T>::Algebra;
};

TEST(ProductNorm, BackwardIsTheDerivativeOfForward) {
  for (const ProductUnit& c : {ProductUnit{1, 3, 2, 9}, ProductUnit{2, 2, 3, 8}, ProductUnit{3, 1, 2, 5},
                               ProductUnit{4, 2, 1, 6}, ProductUnit{8, 1, 1, 7}}) {
    SCOPED_TRACE(fmt::format("{} groups, {} to {}", c.groups, c.in_per_group, c.out_per_group));
    ExpectGradients<DifferentiableAlgebra>(c);
  }
}

constexpr double kMeans[] = {0, 3, 10, 100};  // standard deviations

ProductUnit OfStage2(double mean) {
  return {.groups = 3, .in_per_group = 20, .out_per_group = 80, .pixels = 6272, .mean = mean};
}

TEST(ProductNorm, InDoubleIsTheClassicalChainWhateverTheMeans) {
  for (const double mean : kMeans) {
    SCOPED_TRACE(fmt::format("means of {} deviations", mean));
    Algebra<double> algebra(OfStage2(mean), Values::kExact, false);
    Classical classical(OfStage2(mean));
    algebra.Forward();
    algebra.Backward();
    for (int row = 0; row < algebra.shape.out_channels; ++row) {
      EXPECT_NEAR(algebra.out.moments[row].variance, classical.a.out.moments[row].variance, 1e-11);
      EXPECT_NEAR(algebra.out.moments[row].mean, classical.a.out.moments[row].mean, 1e-11);
    }
    EXPECT_LE(Distance(algebra.y, classical.a.y), 1e-11);
    const auto found = algebra.Variables(), expected = classical.a.Variables();
    for (size_t i = 0; i < found.size(); ++i) {
      if (found[i].name == "shortcut" || found[i].name == "input beta") continue;
      EXPECT_LE(Distance(*found[i].gradient, *expected[i].gradient), 1e-10) << found[i].name;
    }
  }
}

// In floats, by each instruction set: running variances to 1e-5, and the rest to what a value so far from zero still
// holds of its deviation.
TEST(ProductNorm, InFloatIsNearTheClassicalChainWhateverTheMeans) {
  for (const double mean : kMeans) {
    const ProductUnit c = OfStage2(mean);
    Classical classical(c);
    ForEachTarget([&] {
      SCOPED_TRACE(fmt::format("means of {} deviations", mean));
      Algebra<float> algebra(c, Values::kExact, false);
      algebra.ForwardBy(CpuOps());
      algebra.BackwardBy(CpuOps());
      for (int row = 0; row < algebra.shape.out_channels; ++row) {
        const double running = classical.a.out.running[1][row];
        EXPECT_NEAR(algebra.out.running[1][row], running, 1e-5 * running);
        EXPECT_NEAR(algebra.out.running[0][row], classical.a.out.running[0][row], 1e-5);
      }
      const double tolerance = 5e-6 + 1e-6 * mean;
      EXPECT_LE(Distance(algebra.y, classical.a.y), tolerance);
      const auto found = algebra.Variables();
      const auto expected = classical.a.Variables();
      for (size_t i = 0; i < found.size(); ++i) {
        if (found[i].name == "shortcut" || found[i].name == "input beta") continue;
        EXPECT_LE(Distance(*found[i].gradient, *expected[i].gradient), tolerance) << found[i].name;
      }
    });
  }
}

/// Root mean squares, as shares of the values': of distances, and of the distances of the rows' means.
struct Distances {
  double of_values = 0, of_means = 0;
};
Distances DistancesOf(GuardedMap<Bfloat16>& found, GuardedMap<double>& expected) {
  double values = 0, distances = 0, means = 0;
  const auto pixels = static_cast<double>(expected.pixels());
  for (int64_t r = 0; r < expected.row_count(); ++r) {
    double sum = 0;
    for (int64_t p = 0; p < expected.pixels(); ++p) {
      const double distance = float(found[r][p]) - expected[r][p];
      sum += distance;
      distances += distance * distance;
      values += expected[r][p] * expected[r][p];
    }
    means += sum * sum / pixels;
  }
  return {std::sqrt(distances / values), std::sqrt(means / values)};
}

// The kernels of cards, whose products have factors of bfloat16: what rounding moves is as much wherever means are, and
// no row is moved as a whole.
TEST(ProductNorm, OnBfloat16ErrorsDoNotGrowWithTheMeans) {
  std::map<std::string, double> at_zero;
  for (const double mean : {0, 3, 10}) {
    const ProductUnit c = {
        .groups = 3, .in_per_group = 20, .out_per_group = 80, .pixels = 1001, .mean = mean, .gradient_mean = 1};
    Classical classical(c, Values::kBfloat16);
    Algebra<float, Bfloat16> algebra(c, Values::kBfloat16, false);
    algebra.ForwardBy(emulated::Bfloat16Ops());
    algebra.BackwardBy(emulated::Bfloat16Ops());
    const auto expect = [&](const std::string& map, GuardedMap<Bfloat16>& found, GuardedMap<double>& expected) {
      SCOPED_TRACE(fmt::format("{}, means of {} deviations", map, mean));
      const Distances distances = DistancesOf(found, expected);
      if (mean == 0) at_zero[map] = distances.of_values;
      EXPECT_LE(distances.of_values, 1.1 * at_zero[map]);
      EXPECT_LE(distances.of_means, 2e-4);
    };
    expect("y", algebra.y, classical.a.y);
    expect("da", algebra.in.raw_gradient, classical.a.in.raw_gradient);
    EXPECT_LE(at_zero["y"], 2.5e-3);
    EXPECT_LE(at_zero["da"], 4e-3);
  }
}

TEST(ProductNorm, TheShiftBeforeALinearConvolutionHasNoGradient) {
  Algebra<double> algebra(OfStage2(3), Values::kExact);
  algebra.Forward();
  algebra.Backward();
  algebra.in.dbeta.ForEach([](double d) { EXPECT_EQ(d, 0); });
}

}  // namespace
}  // namespace riffle
