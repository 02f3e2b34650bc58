// Products of small matrices (matrix_product.h), and a warp a row for what is summed over one.
#include "ops/gpu.h"
#include "ops/gpu_values.h"
#include "ops/matrix_product.h"

namespace riffle::RIFFLE_GPU {
namespace {

// A warp a row: f(row, lane) is a lane's share of what the row is summed up to, done(row, sum) takes the sum.
template <class F, class Done>
struct SumOfRows {
  static constexpr int kThreads = kWarp;
  struct Shared {};
  F f;
  Done done;
  RIFFLE_KERNEL void operator()(Shared&) const {
    const int64_t row = blockIdx.x;
    const auto sum = WarpSum(f(row, int64_t{Lane()}));
    if (Lane() == 0) done(row, sum);
  }
};

template <class F, class Done>
void ForEachRowSum(const Execution& execution, int64_t rows, const F& f, const Done& done) {
  Launch(execution, {rows}, SumOfRows<F, Done>{f, done});
}

// Of each output channel Σ_k weight·in_scale·matrix: a row of V with the same row of a matrix of V's shape.
template <class Done>
void ForEachScaledDot(const Execution& execution, const GroupConvShape& shape, const float* weight,
                      const float* in_scale, const float* matrix, const Done& done) {
  const int64_t in = shape.in_per_group(), out = shape.out_per_group();
  ForEachRowSum(
      execution, shape.out_channels,
      [=] RIFFLE_LAMBDA(int64_t c, int64_t lane) {
        float sum = 0;
        for (int64_t k = lane; k < in; k += kWarp)
          sum += weight[c * in + k] * in_scale[c / out * in + k] * matrix[c * in + k];
        return sum;
      },
      done);
}

}  // namespace

template <class Map>
void Fold(const Execution& execution, const GroupConvShape& shape, const riffle::ProductFold<float, Map>& a) {
  const int64_t in = shape.in_per_group(), out = shape.out_per_group();
  ForEachRowSum(
      execution, shape.out_channels,
      [=] RIFFLE_LAMBDA(int64_t c, int64_t lane) {
        float bias = 0;
        for (int64_t k = lane; k < in; k += kWarp) {
          const int64_t row = c / out * in + k, beta = a.in_parameter_row ? a.in_parameter_row[row] : row;
          const float weight = a.out_scale[c] * a.conv_weight[c * in + k], folded = weight * a.in_scale[row];
          const float written = WeightFor<Map, float>(folded);
          a.weight[c * in + k] = written;
          bias +=
              weight * a.in_shift[row] + (folded - written) * MeanOf(a.in_scale[row], a.in_shift[row], a.in_beta[beta]);
        }
        return bias;
      },
      [=] RIFFLE_LAMBDA(int64_t c, float bias) { a.bias[c] = a.out_shift[c] + bias; });
}

template <class Map>
void PullBackOf(const Execution& execution, const GroupConvShape& shape, const riffle::ProductPullBack<float, Map>& a) {
  const int64_t in = shape.in_per_group(), out = shape.out_per_group();
  MatrixProduct<Neighbours::kAcrossDepth, Neighbours::kAcrossDepth>(
      execution, {shape.groups, in, in, out},
      [=] RIFFLE_LAMBDA(int g, int64_t k, int64_t m) {
        return a.conv_weight[(g * out + m) * in + k] * a.in_scale[g * in + k] * a.pull_back[g * out + m].raw_factor;
      },
      [=] RIFFLE_LAMBDA(int g, int64_t m, int64_t j) {
        return a.conv_weight[(g * out + m) * in + j] * a.in_scale[g * in + j];
      },
      [=] RIFFLE_LAMBDA(int g, int64_t k, int64_t j, float sum) {
        const int64_t row = g * in + k;
        a.weight[row * in + j] = WeightFor<Map, float>(j == k ? a.in_pull_back[row].raw_factor + sum : sum);
      });
  ForEachRowSum(
      execution, shape.in_channels,
      [=] RIFFLE_LAMBDA(int64_t row, int64_t lane) {
        const int64_t group = row / in, k = row % in;
        float bias = 0;
        for (int64_t j = lane; j < in; j += kWarp) bias -= a.weight[row * in + j] * a.in_moments[group * in + j].mean;
        for (int64_t c = group * out + lane; c < (group + 1) * out; c += kWarp)
          bias += a.folded_weight[c * in + k] * LessMeanGradient(a.pull_back[c], a.moments[c]);
        return bias;
      },
      [=] RIFFLE_LAMBDA(int64_t row, float bias) { a.bias[row] = bias; });
}

void ProductMoments(const Execution& execution, const GroupConvShape& shape, const riffle::ProductMoments<float>& a) {
  const int64_t in = shape.in_per_group(), out = shape.out_per_group();
  const auto n = static_cast<float>(shape.pixels);
  MatrixProduct<Neighbours::kAlongDepth, Neighbours::kAcrossDepth>(
      execution, {shape.groups, out, in, in},
      [=] RIFFLE_LAMBDA(int g, int64_t m, int64_t j) {
        return a.weight[(g * out + m) * in + j] * a.in_scale[g * in + j];
      },
      [=] RIFFLE_LAMBDA(int g, int64_t j, int64_t k) { return a.comoments[(g * in + j) * in + k] / n; },
      [=] RIFFLE_LAMBDA(int g, int64_t m, int64_t k, float sum) { a.covariances[(g * out + m) * in + k] = sum; });
  ForEachRowSum(
      execution, shape.out_channels,
      [=] RIFFLE_LAMBDA(int64_t c, int64_t lane) {
        float mean = 0;
        for (int64_t k = lane; k < in; k += kWarp) {
          const int64_t row = c / out * in + k;
          mean += a.weight[c * in + k] * a.in_beta[a.in_parameter_row ? a.in_parameter_row[row] : row];
        }
        return mean;
      },
      [=] RIFFLE_LAMBDA(int64_t c, float mean) { a.moments[c].mean = mean; });
  ForEachScaledDot(execution, shape, a.weight, a.in_scale, a.covariances,
                   [=] RIFFLE_LAMBDA(int64_t c, float variance) { a.moments[c].variance = Relu(variance); });
}

void ProductSums(const Execution& execution, const GroupConvShape& shape, const riffle::ProductSums<float>& a) {
  ForEachScaledDot(execution, shape, a.weight, a.in_scale, a.dots, [=] RIFFLE_LAMBDA(int64_t c, float sum) {
    a.sums[c] = {a.dy_sums[c], sum};
  });
}

void ProductGradients(const Execution& execution, const GroupConvShape& shape,
                      const riffle::ProductGradients<float>& a) {
  const int64_t in = shape.in_per_group(), out = shape.out_per_group();
  const auto n = static_cast<float>(shape.pixels);
  ForEachRowSum(
      execution, shape.in_channels,
      [=] RIFFLE_LAMBDA(int64_t row, int64_t lane) {
        const int64_t group = row / in, k = row % in;
        float sum = 0;
        for (int64_t c = group * out + lane; c < (group + 1) * out; c += kWarp) {
          float& dweight = a.dweight[c * in + k];
          const float b =
              a.pull_back[c].dz_factor * dweight + a.pull_back[c].raw_factor * n * a.covariances[c * in + k];
          dweight = a.in_scale[row] * b;
          sum += a.weight[c * in + k] * b;
        }
        return sum;
      },
      [=] RIFFLE_LAMBDA(int64_t row, float sum) {
        a.sums[row] = {0, sum};
      });
}

void ProductFold(const Execution& execution, const GroupConvShape& shape, const riffle::ProductFold<float>& a) {
  Fold(execution, shape, a);
}
void ProductFold(const Execution& execution, const GroupConvShape& shape,
                 const riffle::ProductFold<float, Bfloat16>& a) {
  Fold(execution, shape, a);
}
void ProductPullBack(const Execution& execution, const GroupConvShape& shape, const riffle::ProductPullBack<float>& a) {
  PullBackOf(execution, shape, a);
}
void ProductPullBack(const Execution& execution, const GroupConvShape& shape,
                     const riffle::ProductPullBack<float, Bfloat16>& a) {
  PullBackOf(execution, shape, a);
}

}  // namespace riffle::RIFFLE_GPU
