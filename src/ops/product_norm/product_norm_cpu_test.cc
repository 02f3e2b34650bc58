#include "ops/testing/compare.h"

namespace riffle {
namespace {

struct ProductCase {
  int groups = 1, in_per_group = 1, out_per_group = 1;
  bool permute = false;

  GroupConvShape shape() const { return {groups, groups * in_per_group, groups * out_per_group, 77}; }
};

/// All five, each on random numbers.
template <class T>
struct Product {
  Product(const ProductCase& case_, Values values)
      : c(case_),
        shape(c.shape()),
        draw(values),
        magnitude(values == Values::kMagnitude),
        comoments(InMatrix()),
        in_weight(OutMatrix()),
        dots(OutMatrix()),
        in_scale(Array(shape.in_channels)),
        in_shift(Array(shape.in_channels)),
        in_beta(Array(shape.in_channels)),
        out_scale(Array(shape.out_channels)),
        out_shift(Array(shape.out_channels)),
        dy_sums(Array(shape.out_channels)),
        parameter_row(draw.Permutation(shape.in_channels)),
        in_moments(shape.in_channels),
        out_moments(shape.out_channels),
        in_pull_back(shape.in_channels),
        pull_back(shape.out_channels),
        covariances(OutMatrix()),
        folded(OutMatrix()),
        bias(Array(shape.out_channels)),
        dweight(OutMatrix()),
        back_weight(InMatrix()),
        back_bias(Array(shape.in_channels)),
        moments(shape.out_channels),
        sums(shape.out_channels),
        in_sums(shape.in_channels) {
    for (auto& m : in_moments) m.mean = T(magnitude ? -draw.Real() : draw.Real());
    for (auto& m : out_moments) m.mean = T(draw.Real());
    for (auto* some : {&in_pull_back, &pull_back})
      for (auto& k : *some) k = {T(draw.Real()), T(draw.Real()), T(draw.Real())};
  }

  void Run(const Execution& execution, const OpTable<T>& table) {
    table.product_moments(execution, shape,
                          {.moments = moments.data(),
                           .covariances = covariances.data(),
                           .comoments = comoments.data(),
                           .weight = in_weight.data(),
                           .in_scale = in_scale.data(),
                           .in_beta = in_beta.data(),
                           .in_parameter_row = c.permute ? parameter_row.data() : nullptr});
    table.product_fold(execution, shape,
                       {.weight = folded.data(),
                        .bias = bias.data(),
                        .conv_weight = in_weight.data(),
                        .in_scale = in_scale.data(),
                        .in_shift = in_shift.data(),
                        .in_beta = in_beta.data(),
                        .in_parameter_row = c.permute ? parameter_row.data() : nullptr,
                        .out_scale = out_scale.data(),
                        .out_shift = out_shift.data()});
    table.product_sums(execution, shape,
                       {.sums = sums.data(),
                        .dy_sums = dy_sums.data(),
                        .dots = dots.data(),
                        .weight = in_weight.data(),
                        .in_scale = in_scale.data()});
    table.product_gradients(execution, shape,
                            {.dweight = dweight.data(),
                             .sums = in_sums.data(),
                             .weight = in_weight.data(),
                             .in_scale = in_scale.data(),
                             .pull_back = pull_back.data(),
                             .covariances = dots.data()});
    table.product_pull_back(execution, shape,
                            {.weight = back_weight.data(),
                             .bias = back_bias.data(),
                             .folded_weight = dots.data(),
                             .conv_weight = in_weight.data(),
                             .in_scale = in_scale.data(),
                             .in_moments = in_moments.data(),
                             .in_pull_back = in_pull_back.data(),
                             .moments = out_moments.data(),
                             .pull_back = pull_back.data()});
  }
  void AddTo(Results<T>* results) {
    const int64_t K = shape.in_per_group(), M = shape.out_per_group();
    GuardedMap<T> rows = Array(2 * shape.out_channels + 3 * shape.in_channels);
    T* to = rows.data();
    for (const auto& m : moments) *to++ = m.mean, *to++ = m.variance;
    for (const auto& s : sums) EXPECT_EQ(s.dz, dy_sums.data()[&s - sums.data()]);
    for (const auto& s : in_sums) *to++ = s.dz, *to++ = s.dz_centred, *to++ = T(0);
    results->Add("moments and sums", rows, K * K + M);
    GuardedMap<T> centred = Array(shape.out_channels);
    for (int r = 0; r < shape.out_channels; ++r) centred.data()[r] = sums[r].dz_centred;
    results->Add("centred sums", centred, K);
    results->Add("covariances", covariances, K);
    results->Add("folded weights", folded, 2);
    results->Add("bias", bias, K);
    results->Add("dweight", dweight, 4);
    results->Add("weights of da", back_weight, 3 * M);
    results->Add("bias of da", back_bias, 3 * M * K);
  }

  GuardedMap<T> Array(int64_t count) {
    return GuardedMap<T>::Array(count, [this] { return draw.Real(); });
  }
  GuardedMap<T> OutMatrix() { return Array(shape.weights()); }
  GuardedMap<T> InMatrix() { return Array(int64_t{shape.in_channels} * shape.in_per_group()); }

  ProductCase c;
  GroupConvShape shape;
  Draw draw;
  bool magnitude;
  GuardedMap<T> comoments, in_weight, dots, in_scale, in_shift, in_beta, out_scale, out_shift, dy_sums;
  std::vector<int> parameter_row;
  std::vector<Moments<T>> in_moments, out_moments;
  std::vector<PullBack<T>> in_pull_back, pull_back;
  GuardedMap<T> covariances, folded, bias, dweight, back_weight, back_bias;
  std::vector<Moments<T>> moments;
  std::vector<GradientSums<T>> sums, in_sums;
};

void Expect(const ProductCase& c) {
  SCOPED_TRACE(fmt::format("{} groups of {} to {}", c.groups, c.in_per_group, c.out_per_group));
  ExpectBackendsMatchReference<Product>(c);
}

TEST(ProductNormCpu, AllCountsOfChannelsAroundTheTile) {
  for (int k = 1; k <= 35; ++k) {
    Expect({.groups = 1 + k % 3, .in_per_group = k, .out_per_group = 36 - k, .permute = k % 2 == 0});
    Expect({.groups = 2, .in_per_group = k, .out_per_group = k, .permute = k % 2 == 1});
  }
}

TEST(ProductNormCpu, AllGroups) {
  for (const int groups : {1, 2, 3, 4, 8})
    Expect({.groups = groups, .in_per_group = 5, .out_per_group = 20, .permute = true});
}

}  // namespace
}  // namespace riffle
