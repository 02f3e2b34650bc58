#include "ops/testing/compare.h"

namespace riffle {
namespace {

struct Case {
  int channels = 1;
  int64_t pixels = 1;
  bool training = true, permute = false;

  BatchNormShape shape() const { return {channels, pixels, 1e-5, 0.9}; }
  std::string text() const {
    return fmt::format("{} channels, {} pixels, training {}, permuted {}", channels, pixels, training, permute);
  }
};

template <class T>
struct Both {
  Both(const Case& case_, Values values)
      : c(case_),
        draw(values),
        real([this] { return draw.Real(); }),
        gamma(GuardedMap<T>::Array(c.channels, real)),
        beta(GuardedMap<T>::Array(c.channels, real)),
        running_mean(GuardedMap<T>::Array(c.channels, real)),
        running_variance(
            GuardedMap<T>::Array(c.channels, [this] { return static_cast<float>(0.5 + std::abs(draw.Real())); })),
        parameter_row(draw.Permutation(c.channels)),
        moments(c.channels),
        sums(c.channels),
        own_sums(c.channels),
        pull_back(c.channels),
        scale(GuardedMap<T>::Array(c.channels, [] { return NAN; })),
        shift(GuardedMap<T>::Array(c.channels, [] { return NAN; })),
        dgamma(GuardedMap<T>::Array(c.channels, [] { return NAN; })),
        dbeta(GuardedMap<T>::Array(c.channels, [] { return NAN; })) {
    for (auto& m : moments) m.mean = T(draw.Real()), m.variance = T(static_cast<float>(0.5 + std::abs(draw.Real())));
    for (auto* some : {&sums, &own_sums})
      for (auto& s : *some) s.dz = T(draw.Real()), s.dz_centred = T(draw.Real());
    // The formulas subtract what means stand in: with magnitudes, terms add up where means are negative.
    if (values == Values::kMagnitude) {
      for (auto& m : moments) m.mean = -m.mean;
      running_mean.ForEach([](T& v) { v = -v; });
    }
  }

  void Run(const Execution& execution, const OpTable<T>& table) {
    const int* rows = c.permute ? parameter_row.data() : nullptr;
    table.batch_norm_forward(execution, c.shape(),
                             {scale.data(), shift.data(), c.training ? moments.data() : nullptr, gamma.data(),
                              beta.data(), running_mean.data(), running_variance.data(), rows});
    table.batch_norm_backward(execution, c.shape(),
                              {pull_back.data(), dgamma.data(), dbeta.data(), sums.data(), own_sums.data(),
                               moments.data(), gamma.data(), rows});
  }
  void AddTo(Results<T>* results) {
    for (GuardedMap<T>* map : {&scale, &shift, &running_mean, &running_variance, &dgamma, &dbeta}) {
      results->Add(fmt::format("array {}", results->arrays.size()), *map, 4);
    }
    GuardedMap<T> factors = GuardedMap<T>::Array(3 * c.channels, [] { return 0.0; });
    for (int r = 0; r < c.channels; ++r) {
      factors.data()[3 * r] = pull_back[r].dz_factor;
      factors.data()[3 * r + 1] = pull_back[r].raw_factor;
      factors.data()[3 * r + 2] = pull_back[r].constant;
    }
    results->Add("pull_back", factors, 8);
  }

  Case c;
  Draw draw;
  std::function<double()> real;
  GuardedMap<T> gamma, beta, running_mean, running_variance;
  std::vector<int> parameter_row;
  std::vector<Moments<T>> moments;
  std::vector<GradientSums<T>> sums, own_sums;
  std::vector<PullBack<T>> pull_back;
  GuardedMap<T> scale, shift, dgamma, dbeta;
};

TEST(BatchNormCpu, AllCountsOfChannelsInTrainingAndEvaluation) {
  for (int channels = 1; channels <= 35; ++channels) {
    for (const bool training : {true, false}) {
      for (const bool permute : {true, false}) {
        const Case c{.channels = channels, .pixels = 1 + 7 * (channels - 1), .training = training, .permute = permute};
        SCOPED_TRACE(c.text());
        ExpectBackendsMatchReference<Both>(c);
      }
    }
  }
}

}  // namespace
}  // namespace riffle
