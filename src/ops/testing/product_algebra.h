// The second half of a unit twice: by the algebra of product_norm.h, as the network runs it, and op by op.
#pragma once

#include <algorithm>
#include <type_traits>

#include "backend/testing/execution.h"
#include "ops/product_norm/product_norm.h"
#include "ops/testing/compare.h"
#include "ops/testing/derivative.h"

namespace riffle {

struct ProductUnit {
  int groups;
  int in_per_group, out_per_group;
  int64_t pixels;
  double mean = 0;           ///< of a, in its standard deviations
  double gradient_mean = 0;  ///< of the gradient of y

  GroupConvShape shape() const { return {groups, groups * in_per_group, groups * out_per_group, pixels}; }
};

/// Second half of a unit: raw map → batch norm → group convolution → batch norm, shortcut, ReLU; F = Σ factor·y. The
/// convolution's output, its gradient and that of its input are never computed. `factor` is the gradient of y, of the
/// positive values alone where `masks`.
template <class T, class Map = T>
struct Algebra {
  explicit Algebra(const ProductUnit& c, Values values = Values::kSmooth, bool masked = true)
      : shape(c.shape()),
        masks(masked),
        draw(values),
        in(shape.in_channels, c.pixels, draw),
        out(shape.out_channels, 1, draw),
        weight(1, shape.weights(), [&] { return draw.Real(); }),
        shortcut(shape.out_channels, c.pixels, [&] { return draw.Real(); }),
        factor(shape.out_channels, c.pixels, [&] { return draw.Real(); }),
        y(shape.out_channels, c.pixels),
        g(shape.out_channels, c.pixels),
        comoments(1, int64_t{shape.in_channels} * shape.in_per_group()),
        covariances(1, shape.weights()),
        folded(1, shape.weights()),
        bias(1, shape.out_channels),
        dweight(1, shape.weights()),
        dy_sums(1, shape.out_channels),
        back_weight(1, int64_t{shape.in_channels} * shape.in_per_group()),
        back_bias(1, shape.in_channels) {
    // The rows' values are spread over 2 and more, so that their deviations are about 1.
    Shift(in.raw, c.mean, values);
    Shift(factor, c.gradient_mean, values);
  }

  static void Shift(GuardedMap<Map>& map, double by, Values values) {
    map.ForEach([&](Map& value) {
      if constexpr (std::is_same_v<Map, T>) {
        const auto shifted = static_cast<float>(RealPart(value) + by);
        value = T(values == Values::kBfloat16 ? float(Bfloat16(shifted)) : shifted) + (value - RealPart(value));
      } else {
        value = Map(float(value) + static_cast<float>(by));
      }
    });
  }

  BatchNormShape norm_shape(const Normalised<T, Map>& norm) const {
    return {static_cast<int>(norm.raw.row_count()), shape.pixels, 1e-3, 0.9};
  }
  void NormForward(const OpTable<T, Map>& ops, Normalised<T, Map>& norm) {
    ops.batch_norm_forward(OnThreads(), norm_shape(norm),
                           {norm.scale.data(), norm.shift.data(), norm.moments.data(), norm.gamma.data(),
                            norm.beta.data(), norm.running[0], norm.running[1], norm.parameter_row.data()});
  }
  void NormBackward(const OpTable<T, Map>& ops, Normalised<T, Map>& norm) {
    ops.batch_norm_backward(OnThreads(), norm_shape(norm),
                            {norm.pull_back.data(), norm.dgamma.data(), norm.dbeta.data(), norm.sums.data(),
                             norm.sums.data(), norm.moments.data(), norm.gamma.data(), norm.parameter_row.data()});
  }
  void Convolve(const OpTable<T, Map>& ops, const GroupConvShape& of, const GroupConvWeights<T>& weights,
                GroupConvForward<T, Map> call) {
    std::vector<T> prepared(ops.group_conv_prepared_values(of));
    ops.group_conv_prepare(OnThreads(), of, prepared.data(), weights);
    call.prepared = prepared.data();
    ops.group_conv_forward(OnThreads(), of, call);
  }

  // Of floats as the kernels gather them, to the last digit.
  void GatherMoments() {
    using Wide = std::conditional_t<std::is_same_v<T, float>, double, T>;
    for (int64_t r = 0; r < in.raw.row_count(); ++r) {
      std::vector<Wide> row;
      for (int64_t p = 0; p < shape.pixels; ++p) row.push_back(static_cast<Wide>(T(in.raw[r][p])));
      const Moments<Wide> moments = RowMoments(row.data(), shape.pixels);
      in.moments[r] = {static_cast<T>(moments.mean), static_cast<T>(moments.variance)};
    }
  }

  void ForwardBy(const OpTable<T, Map>& ops) {
    GatherMoments();
    ops.gram(OnThreads(), {shape.groups, shape.in_channels, shape.pixels},
             {.comoments = comoments.data(), .x = in.raw.rows(), .moments = in.moments.data()});
    NormForward(ops, in);
    ops.product_moments(OnThreads(), shape,
                        {.moments = out.moments.data(),
                         .covariances = covariances.data(),
                         .comoments = comoments.data(),
                         .weight = weight.data(),
                         .in_scale = in.scale.data(),
                         .in_beta = in.beta.data(),
                         .in_parameter_row = in.parameter_row.data()});
    NormForward(ops, out);
    ops.product_fold(OnThreads(), shape,
                     {.weight = folded.data(),
                      .bias = bias.data(),
                      .conv_weight = weight.data(),
                      .in_scale = in.scale.data(),
                      .in_shift = in.shift.data(),
                      .in_beta = in.beta.data(),
                      .in_parameter_row = in.parameter_row.data(),
                      .out_scale = out.scale.data(),
                      .out_shift = out.shift.data()});
    Convolve(ops, shape, {folded.data(), bias.data()},
             {.y = y.rows(), .x = in.raw.rows(), .residual = shortcut.rows(), .relu = masks});
  }
  T Forward() {
    ForwardBy(ReferenceOps<T>());
    T sum = 0;
    for (int64_t r = 0; r < y.row_count(); ++r)
      for (int64_t p = 0; p < y.pixels(); ++p) sum += factor[r][p] * y[r][p];
    return sum;
  }
  void Backward() { BackwardBy(ReferenceOps<T>()); }
  void BackwardBy(const OpTable<T, Map>& ops) {
    for (int64_t r = 0; r < y.row_count(); ++r)
      for (int64_t p = 0; p < y.pixels(); ++p) g[r][p] = !masks || Positive(T(y[r][p])) ? factor[r][p] : Map(0.0f);
    const Rows<Map> da = in.raw_gradient.rows();
    ops.group_conv_backward(OnThreads(), shape,
                            {.dx = {.dz = da},
                             .dweight = dweight.data(),
                             .dy_sums = dy_sums.data(),
                             .dy = {.dz = g.rows(), .raw = {}},
                             .x = in.raw.rows(),
                             .x_moments = in.moments.data(),
                             .weight = folded.data()});
    ops.product_sums(OnThreads(), shape,
                     {.sums = out.sums.data(),
                      .dy_sums = dy_sums.data(),
                      .dots = dweight.data(),
                      .weight = weight.data(),
                      .in_scale = in.scale.data()});
    NormBackward(ops, out);
    ops.product_gradients(OnThreads(), shape,
                          {.dweight = dweight.data(),
                           .sums = in.sums.data(),
                           .weight = weight.data(),
                           .in_scale = in.scale.data(),
                           .pull_back = out.pull_back.data(),
                           .covariances = covariances.data()});
    NormBackward(ops, in);
    ops.product_pull_back(OnThreads(), shape,
                          {.weight = back_weight.data(),
                           .bias = back_bias.data(),
                           .folded_weight = folded.data(),
                           .conv_weight = weight.data(),
                           .in_scale = in.scale.data(),
                           .in_moments = in.moments.data(),
                           .in_pull_back = in.pull_back.data(),
                           .moments = out.moments.data(),
                           .pull_back = out.pull_back.data()});
    Convolve(ops, {shape.groups, shape.in_channels, shape.in_channels, shape.pixels},
             {back_weight.data(), back_bias.data()}, {.y = da, .x = in.raw.rows(), .residual = da});
  }
  std::vector<Variable<T>> Variables() {
    std::vector<Variable<T>> variables = {{"weight", &weight, &dweight}, {"shortcut", &shortcut, &g}};
    in.AppendVariables("input", true, &variables);
    out.AppendVariables("output", false, &variables);
    return variables;
  }

  GroupConvShape shape;
  bool masks;
  Draw draw;
  Normalised<T, Map> in, out;  // out: what belongs to each row; its map is not stored
  GuardedMap<T> weight;
  GuardedMap<Map> shortcut, factor, y, g;
  GuardedMap<T> comoments, covariances, folded, bias, dweight, dy_sums, back_weight, back_bias;
};

/// The same in double, op by op: every map is stored, and so are their gradients.
struct Classical {
  explicit Classical(const ProductUnit& c, Values values = Values::kExact)
      : a(c, values, false), z(a.shape.in_channels, a.shape.pixels), p(a.shape.out_channels, a.shape.pixels) {
    const OpTable<double>& ops = ReferenceOps<double>();
    a.GatherMoments();
    a.NormForward(ops, a.in);
    ForEach(z, [&](int64_t r, int64_t i) { return a.in.scale[0][r] * a.in.raw[r][i] + a.in.shift[0][r]; });
    a.Convolve(ops, a.shape, {.weight = a.weight.data()},
               {.y = p.rows(), .x = z.rows(), .residual = {}, .moments = a.out.moments.data()});
    a.NormForward(ops, a.out);
    ForEach(a.y,
            [&](int64_t r, int64_t i) { return a.out.scale[0][r] * p[r][i] + a.out.shift[0][r] + a.shortcut[r][i]; });

    for (int64_t r = 0; r < p.row_count(); ++r)
      a.out.sums[r] = RowSums<double>(a.factor[r], p[r], a.out.moments[r], a.shape.pixels);
    a.NormBackward(ops, a.out);
    ops.group_conv_backward(OnThreads(), a.shape,
                            {.dx = a.in.sink(),
                             .dweight = a.dweight.data(),
                             .dy = {.dz = a.factor.rows(), .raw = p.rows(), .pull_back = a.out.pull_back.data()},
                             .x = z.rows(),
                             .weight = a.weight.data()});
    a.NormBackward(ops, a.in);
    ForEach(a.in.raw_gradient, [&](int64_t r, int64_t i) { return RawGradient(a.in.source(), r, i); });
  }

  template <class F>
  static void ForEach(GuardedMap<double>& map, const F& value) {
    for (int64_t r = 0; r < map.row_count(); ++r)
      for (int64_t i = 0; i < map.pixels(); ++i) map[r][i] = value(r, i);
  }

  Algebra<double> a;
  GuardedMap<double> z, p;
};

/// The largest distance, as a share of the largest value.
template <class T>
double Distance(GuardedMap<T>& found, GuardedMap<double>& expected) {
  double distance = 0, largest = 0;
  for (int64_t r = 0; r < expected.row_count(); ++r)
    for (int64_t i = 0; i < expected.pixels(); ++i) {
      distance = std::max(distance, std::abs(double{found[r][i]} - expected[r][i]));
      largest = std::max(largest, std::abs(expected[r][i]));
    }
  return distance / largest;
}

}  // namespace riffle
