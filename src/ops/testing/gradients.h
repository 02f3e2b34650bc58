// Random gradients for the tests of backward ops: where they read dy, where they store dx.
#pragma once

#include <vector>

#include "ops/common.h"
#include "ops/testing/compare.h"

namespace riffle {

template <class T, class Map = T>
struct TestSource {
  TestSource(int64_t channels, int64_t pixels, Draw& draw)
      : dz(channels, pixels, [&] { return draw.Real(); }),
        raw(channels, pixels, [&] { return draw.Real(); }),
        pull_back(channels) {
    for (auto& k : pull_back) {
      k.dz_factor = T(draw.Real());
      k.raw_factor = T(draw.Real());
      k.constant = T(draw.Real());
    }
  }

  GradientSource<T, Map> source(bool with_pull_back) {
    if (!with_pull_back) return {dz.rows(), {}, nullptr};
    return {dz.rows(), raw.rows(), pull_back.data()};
  }

  GuardedMap<Map> dz, raw;
  std::vector<PullBack<T>> pull_back;
};

template <class T, class Map = T>
struct TestSink {
  TestSink(int64_t channels, int64_t pixels, Draw& draw)
      : dz(channels, pixels), raw(channels, pixels, [&] { return draw.Real(); }), moments(channels), sums(channels) {
    for (auto& m : moments) m = {T(draw.Real()), T(1)};
  }

  GradientSink<T, Map> sink(bool with_sums) {
    if (!with_sums) return {dz.rows(), {}, {}, nullptr, nullptr};
    return {dz.rows(), {}, raw.rows(), moments.data(), sums.data()};
  }
  void AddTo(Results<T>* results, int64_t terms, bool with_sums) {
    results->Add("dx", dz, terms);
    if (with_sums) results->AddSums(dz, raw, moments, sums);
  }

  GuardedMap<Map> dz, raw;
  std::vector<Moments<T>> moments;
  std::vector<GradientSums<T>> sums;
};

}  // namespace riffle
