// A group convolution between two batch norms as small matrices (product_norm.h), in double: they multiply every pixel
// of the network. The two products of matrices among them, V·C and Q, take as long as everything else together times
// the width of a group: a tile of rows by vectors stays in registers. Tasks are rows, each with its sums in order.
#include <algorithm>
#include <array>
#include <cmath>

#include "backend/execution.h"
#include "backend/scratch.h"
#include "ops/cpu.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/product_norm/product_norm_cpu.cc"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace riffle::cpu::HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;

using Doubles = hn::ScalableTag<double>;
constexpr int64_t kDoubleLanes = static_cast<int64_t>(hn::MaxLanes(Doubles()));
constexpr int kTileRows = 4, kTileVectors = 2;

// Rows of doubles with room for whole tiles, which are zero beyond the columns.
struct Matrix {
  Matrix(Scratch& scratch, int64_t rows, int64_t columns)
      : stride((columns + kTileVectors * kDoubleLanes - 1) / (kTileVectors * kDoubleLanes) * kTileVectors *
               kDoubleLanes),
        data(scratch.Doubles(rows * stride)) {
    std::fill_n(data, rows * stride, 0.0);
  }
  double* operator[](int64_t row) const { return data + row * stride; }

  int64_t stride;
  double* data;
};

// to[0..R)[...] = from[0..R)[0..reduction) · rows first … first + reduction of `matrix`.
template <int R>
void MultiplyRows(const double* HWY_RESTRICT from, int64_t from_stride, int64_t reduction, const Matrix& matrix,
                  int64_t first, double* HWY_RESTRICT to) {
  const Doubles d;
  for (int64_t column = 0; column < matrix.stride; column += kTileVectors * kDoubleLanes) {
    hn::Vec<Doubles> acc[R][kTileVectors];
    HWY_UNROLL(8)
    for (int r = 0; r < R; ++r) {
      HWY_UNROLL(8)
      for (int v = 0; v < kTileVectors; ++v) acc[r][v] = hn::Zero(d);
    }
    const double* HWY_RESTRICT row = matrix[first] + column;
    for (int64_t i = 0; i < reduction; ++i, row += matrix.stride) {
      hn::Vec<Doubles> values[kTileVectors];
      HWY_UNROLL(8)
      for (int v = 0; v < kTileVectors; ++v) values[v] = hn::LoadU(d, row + v * kDoubleLanes);
      HWY_UNROLL(8)
      for (int r = 0; r < R; ++r) {
        const auto factor = hn::Set(d, from[r * from_stride + i]);
        HWY_UNROLL(8)
        for (int v = 0; v < kTileVectors; ++v) acc[r][v] = hn::MulAdd(factor, values[v], acc[r][v]);
      }
    }
    HWY_UNROLL(8)
    for (int r = 0; r < R; ++r) {
      HWY_UNROLL(8)
      for (int v = 0; v < kTileVectors; ++v)
        hn::StoreU(acc[r][v], d, to + r * matrix.stride + column + v * kDoubleLanes);
    }
  }
}

// Products of `rows` rows, several at a time, with the `reduction` rows of `matrix` that are those of their group, of
// which each has `per_group` rows: fill(row, from) writes a row, take(row, from, product) gets what becomes of it.
template <class Fill, class Take>
void ForEachProduct(const Execution& execution, int64_t rows, int64_t per_group, int64_t reduction,
                    const Matrix& matrix, const Fill& fill, const Take& take) {
  const int64_t tiles = (per_group + kTileRows - 1) / kTileRows, groups = rows / per_group;
  execution.pool.ParallelFor(groups * tiles, [&](int64_t task) {
    const int64_t g = task / tiles, begin = g * per_group + task % tiles * kTileRows;
    const int64_t count = std::min<int64_t>(kTileRows, (g + 1) * per_group - begin);
    Scratch scratch;
    double* from = scratch.Doubles(kTileRows * reduction);
    double* to = scratch.Doubles(kTileRows * matrix.stride);
    for (int64_t r = 0; r < count; ++r) fill(begin + r, from + r * reduction);
    if (count == kTileRows) {
      MultiplyRows<kTileRows>(from, reduction, reduction, matrix, g * reduction, to);
    } else {
      for (int64_t r = 0; r < count; ++r)
        MultiplyRows<1>(from + r * reduction, reduction, reduction, matrix, g * reduction, to + r * matrix.stride);
    }
    for (int64_t r = 0; r < count; ++r) take(begin + r, from + r * reduction, to + r * matrix.stride);
  });
}

Matrix DoublesOf(const Execution& execution, const float* values, int64_t rows, int64_t columns, Scratch& scratch) {
  const Matrix matrix(scratch, rows, columns);
  execution.pool.ParallelFor(rows, [&](int64_t row) {
    for (int64_t i = 0; i < columns; ++i) matrix[row][i] = values[row * columns + i];
  });
  return matrix;
}

void Moments(const Execution& execution, const GroupConvShape& shape, const riffle::ProductMoments<float>& args) {
  const int64_t K = shape.in_per_group(), M = shape.out_per_group();
  const double share = 1 / static_cast<double>(shape.pixels);
  Scratch scratch;
  const Matrix comoments = DoublesOf(execution, args.comoments, shape.in_channels, K, scratch);
  ForEachProduct(
      execution, shape.out_channels, M, K, comoments,
      [&](int64_t c, double* HWY_RESTRICT from) {
        const float *weight = args.weight + c * K, *in_scale = args.in_scale + c / M * K;
        for (int64_t k = 0; k < K; ++k) from[k] = double{weight[k]} * in_scale[k];
      },
      [&](int64_t c, const double* HWY_RESTRICT from, const double* HWY_RESTRICT product) {
        const int64_t first = c / M * K;
        double mean = 0, variance = 0;
        for (int64_t k = 0; k < K; ++k) {
          const int64_t row = args.in_parameter_row ? args.in_parameter_row[first + k] : first + k;
          mean += double{args.weight[c * K + k]} * args.in_beta[row];
          variance += from[k] * product[k];
          args.covariances[c * K + k] = static_cast<float>(product[k] * share);
        }
        args.moments[c] = {static_cast<float>(mean), static_cast<float>(std::max(variance * share, 0.0))};
      });
}

void PullBackOf(const Execution& execution, const GroupConvShape& shape, const riffle::ProductPullBack<float>& args) {
  const int64_t K = shape.in_per_group(), M = shape.out_per_group();
  Scratch scratch;
  const Matrix weight = DoublesOf(execution, args.conv_weight, shape.out_channels, K, scratch);
  ForEachProduct(
      execution, shape.in_channels, K, M, weight,
      [&](int64_t row, double* from) {
        for (int64_t i = 0; i < M; ++i) {
          const int64_t c = row / K * M + i;
          from[i] = weight[c][row % K] * args.pull_back[c].raw_factor;
        }
      },
      [&](int64_t row, const double*, const double* product) {
        const int64_t first = row / K * K, k = row % K;
        const double scale = args.in_scale[row];
        double bias = 0;
        for (int64_t i = 0; i < M; ++i) {
          const int64_t c = row / K * M + i;
          bias += double{args.folded_weight[c * K + k]} *
                  LessMeanGradient<float, double>(args.pull_back[c], args.moments[c]);
        }
        for (int64_t j = 0; j < K; ++j) {
          const double own = j == k ? args.in_pull_back[row].raw_factor : 0;
          const float q = args.weight[row * K + j] =
              static_cast<float>(scale * product[j] * args.in_scale[first + j] + own);
          bias -= double{q} * args.in_moments[first + j].mean;
        }
        args.bias[row] = static_cast<float>(bias);
      });
}

}  // namespace
}  // namespace riffle::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace riffle::cpu {

HWY_EXPORT(Moments);
HWY_EXPORT(PullBackOf);

void ProductMoments(const Execution& execution, const GroupConvShape& shape,
                    const riffle::ProductMoments<float>& args) {
  HWY_DYNAMIC_DISPATCH(Moments)(execution, shape, args);
}

void ProductFold(const Execution& execution, const GroupConvShape& shape, const riffle::ProductFold<float>& args) {
  const int64_t K = shape.in_per_group(), M = shape.out_per_group();
  execution.pool.ParallelFor(shape.out_channels, [&](int64_t c) {
    double bias = args.out_shift[c];
    for (int64_t k = 0; k < K; ++k) {
      const int64_t row = c / M * K + k, beta = args.in_parameter_row ? args.in_parameter_row[row] : row;
      const double weight = double{args.out_scale[c]} * args.conv_weight[c * K + k];
      const double scale = args.in_scale[row], shift = args.in_shift[row], folded = weight * scale;
      args.weight[c * K + k] = static_cast<float>(folded);
      bias += weight * shift + (folded - args.weight[c * K + k]) * MeanOf<double>(scale, shift, args.in_beta[beta]);
    }
    args.bias[c] = static_cast<float>(bias);
  });
}

void ProductSums(const Execution& execution, const GroupConvShape& shape, const riffle::ProductSums<float>& args) {
  const int64_t K = shape.in_per_group(), M = shape.out_per_group();
  execution.pool.ParallelFor(shape.out_channels, [&](int64_t c) {
    double centred = 0;
    for (int64_t k = 0; k < K; ++k)
      centred += double{args.weight[c * K + k]} * args.in_scale[c / M * K + k] * args.dots[c * K + k];
    args.sums[c] = {args.dy_sums[c], static_cast<float>(centred)};
  });
}

void ProductGradients(const Execution& execution, const GroupConvShape& shape,
                      const riffle::ProductGradients<float>& args) {
  const int64_t K = shape.in_per_group(), M = shape.out_per_group();
  const double n = static_cast<double>(shape.pixels);
  constexpr int64_t kColumns = kCacheLineFloats;
  const int64_t blocks = (K + kColumns - 1) / kColumns;
  execution.pool.ParallelFor(shape.groups * blocks, [&](int64_t task) {
    const int64_t g = task / blocks, begin = task % blocks * kColumns, end = std::min(begin + kColumns, K);
    std::array<double, kColumns> centred{};
    for (int64_t c = g * M; c < (g + 1) * M; ++c) {
      const double dz_factor = args.pull_back[c].dz_factor, raw_factor = args.pull_back[c].raw_factor * n;
      for (int64_t k = begin; k < end; ++k) {
        float& dweight = args.dweight[c * K + k];
        const double b = dz_factor * dweight + raw_factor * args.covariances[c * K + k];
        dweight = static_cast<float>(args.in_scale[g * K + k] * b);
        centred[k - begin] += args.weight[c * K + k] * b;
      }
    }
    for (int64_t k = begin; k < end; ++k) args.sums[g * K + k] = {0, static_cast<float>(centred[k - begin])};
  });
}

void ProductPullBack(const Execution& execution, const GroupConvShape& shape,
                     const riffle::ProductPullBack<float>& args) {
  HWY_DYNAMIC_DISPATCH(PullBackOf)(execution, shape, args);
}

}  // namespace riffle::cpu
#endif
