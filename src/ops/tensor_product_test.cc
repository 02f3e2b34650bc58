// Tensor cores and asynchronous copies in emulation (backend/cuda/tensor.h).
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "backend/cuda/tensor.h"
#include "backend/cuda/tf32.h"
#include "backend/testing/execution.h"

namespace riffle::emulated {
namespace {

constexpr int kSide = 16;

// c[i][j] = Σ_k a[i][k]·b[k][j], of matrices of 16 by 16: b as [k][j] or, transposed, as [j][k].
struct Product {
  static constexpr int kThreads = kWarp;
  struct Shared {
    alignas(16) Bfloat16 a[kSide * kSide], b[kSide * kSide];
  };
  const float *a, *b;
  bool b_transposed;
  float* c;

  RIFFLE_KERNEL void operator()(Shared& shared) const {
    for (int i = Lane(); i < kSide * kSide; i += kWarp) {
      shared.a[i] = Bfloat16(a[i]);
      shared.b[i] = Bfloat16(b[i]);
    }
    __syncwarp();
    const int matrix = Lane() / 8, row = Lane() % 8;
    uint32_t of_a[4], of_b[4];
    LoadMatrices(of_a, shared.a + (matrix % 2 * 8 + row) * kSide + matrix / 2 * 8);
    if (b_transposed)
      LoadMatrices(of_b, shared.b + (matrix / 2 * 8 + row) * kSide + matrix % 2 * 8);
    else
      LoadTransposedMatrices(of_b, shared.b + (matrix % 2 * 8 + row) * kSide + matrix / 2 * 8);
    for (int half = 0; half < 2; ++half) {
      float sum[4] = {1, 1, 1, 1};
      MultiplyAdd(sum, of_a, of_b[half * 2], of_b[half * 2 + 1]);
      for (int i = 0; i < 4; ++i) c[(Lane() / 4 + i / 2 * 8) * kSide + half * 8 + Lane() % 4 * 2 + i % 2] = sum[i];
    }
  }
};

TEST(TensorCores, AddTheProductOfMatrices) {
  constexpr size_t n = kSide;
  std::vector<float> a(n * n), b(n * n), transposed(n * n), expected(n * n, 1);
  for (size_t i = 0; i < n; ++i)
    for (size_t j = 0; j < n; ++j) {
      a[i * n + j] = 3 * static_cast<float>(i) - 5 * static_cast<float>(j);
      b[i * n + j] = transposed[j * n + i] = static_cast<float>(i * i) - 7 * static_cast<float>(j);
    }
  for (size_t i = 0; i < n; ++i)
    for (size_t j = 0; j < n; ++j)
      for (size_t k = 0; k < n; ++k) expected[i * n + j] += a[i * n + k] * b[k * n + j];

  for (const bool b_transposed : {false, true}) {
    std::vector<float> c(kSide * kSide);
    Launch(OnThreads(), {}, Product{a.data(), b_transposed ? transposed.data() : b.data(), b_transposed, c.data()});
    EXPECT_EQ(c, expected) << (b_transposed ? "transposed" : "as it is");
  }
}

// c[i][j] = 1 + Σ_k a[i][k]·b[k][j], of matrices of 16 by 8 and 8 by 8.
struct Tf32Product {
  static constexpr int kThreads = kWarp;
  struct Shared {};
  const float *a, *b;
  float* c;

  RIFFLE_KERNEL void operator()(Shared&) const {
    const int q = Lane() / 4, r = Lane() % 4;
    const float of_a[4] = {a[q * 8 + r], a[(q + 8) * 8 + r], a[q * 8 + r + 4], a[(q + 8) * 8 + r + 4]};
    float sum[4] = {1, 1, 1, 1};
    MultiplyAddTf32(sum, of_a, b[r * 8 + q], b[(r + 4) * 8 + q]);
    for (int i = 0; i < 4; ++i) c[(q + i / 2 * 8) * 8 + r * 2 + i % 2] = sum[i];
  }
};

TEST(TensorCores, AddTheProductOfMatricesInTf32AndReadTenBitsOfThem) {
  std::vector<float> a(16 * 8), b(8 * 8), c(16 * 8), expected(16 * 8, 1);
  for (size_t i = 0; i < a.size(); ++i) a[i] = 5 - 3 * static_cast<float>(i % 11);
  for (size_t i = 0; i < b.size(); ++i) b[i] = static_cast<float>(i * i % 23) - 7;
  for (size_t i = 0; i < 16; ++i)
    for (size_t j = 0; j < 8; ++j)
      for (size_t k = 0; k < 8; ++k) expected[i * 8 + j] += a[i * 8 + k] * b[k * 8 + j];
  for (float& value : a) value *= 1 + 0x1p-20f;
  Launch(OnThreads(), {}, Tf32Product{a.data(), b.data(), c.data()});
  EXPECT_EQ(c, expected);
}

TEST(TensorCores, RoundToTf32ToTheNearestAndTiesAwayFromZero) {
  EXPECT_EQ(RoundedToTf32(1 + 0x1p-11f), 1 + 0x1p-10f);
  EXPECT_EQ(RoundedToTf32(-1 - 0x1p-11f), -1 - 0x1p-10f);
  EXPECT_EQ(RoundedToTf32(1 + 0x1p-11f - 0x1p-20f), 1);
  EXPECT_EQ(RoundedToTf32(std::numeric_limits<float>::infinity()), std::numeric_limits<float>::infinity());
  EXPECT_TRUE(std::isnan(RoundedToTf32(std::numeric_limits<float>::quiet_NaN())));
}

// Copies two groups of 16 bytes, and looks at both when all but the last of `kLeft` are there.
template <int kLeft>
struct CopyTwoGroups {
  static constexpr int kThreads = 1;
  struct Shared {
    alignas(16) float first[4], second[4];
  };
  const float* from;
  float* seen;

  RIFFLE_KERNEL void operator()(Shared& shared) const {
    AsyncCopies copies;
    copies.Copy(shared.first, from);
    copies.Commit();
    copies.Copy(shared.second, from + 4);
    copies.Commit();
    copies.template Wait<kLeft>();
    for (int i = 0; i < 4; ++i) {
      seen[i] = shared.first[i];
      seen[4 + i] = shared.second[i];
    }
  }
};

TEST(AsyncCopies, AreThereBehindTheWaitForTheirGroupAndNotBefore) {
  const std::vector<float> from = {1, 2, 3, 4, 5, 6, 7, 8};
  std::vector<float> seen(8);
  Launch(OnThreads(), {}, CopyTwoGroups<0>{from.data(), seen.data()});
  EXPECT_EQ(seen, from);
  Launch(OnThreads(), {}, CopyTwoGroups<1>{from.data(), seen.data()});
  for (size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(seen[i], from[i]);
    EXPECT_TRUE(std::isnan(seen[4 + i]));
  }
}

TEST(TensorCores, RoundPairsToTheNearest) {
  const uint32_t pair = PackPair(1 + 0x1p-8f, -3 - 0x1p-6f - 0x1p-10f);  // a tie, to even; just above one
  EXPECT_EQ(FirstOfPair(pair), 1);
  EXPECT_EQ(SecondOfPair(pair), -3 - 0x1p-6f);
}

}  // namespace
}  // namespace riffle::emulated
