// What the micro-benchmarks of the ops share: random maps, one thread, and the two rates of a roofline.
#pragma once

#include <benchmark/benchmark.h>

#include <vector>

#include "backend/testing/execution.h"
#include "ops/cpu.h"
#include "ops/testing/map.h"

namespace riffle {

/// Where the ops that are timed run.
inline const Execution kOneThread = OnThreads(1);

inline GuardedMap<float> RandomMap(int64_t rows, int64_t pixels) {
  Draw draw(Values::kExact);
  return {rows, pixels, [&] { return draw.Real(); }};
}

/// Where the rows of a gradient come from and what they stand for: dz and raw maps, with batch norm's pull-back.
struct RandomGradient {
  RandomGradient(int64_t rows, int64_t pixels)
      : dz(RandomMap(rows, pixels)), raw(RandomMap(rows, pixels)), pull_back(rows, PullBack<float>{1, 0.5f, 0.25f}) {}
  GradientSource<float> source() { return {dz.rows(), raw.rows(), pull_back.data()}; }
  GuardedMap<float> dz, raw;
  std::vector<PullBack<float>> pull_back;
};

/// Scale and shift of a row's batch norm, with the ReLU behind it.
struct NormAndRelu {
  explicit NormAndRelu(int64_t rows) : scale(rows, 1.5f), shift(rows, 0.25f) {}
  Activation<float> activation() const { return {scale.data(), shift.data(), true}; }
  std::vector<float> scale, shift;
};

/// Times op(), which runs on kOneThread. `flops` and `bytes` are those of one call, each value that it must touch
/// counted once.
template <class F>
void Time(benchmark::State& state, double flops, double bytes, F op) {
  for (auto _ : state) {
    op();
    benchmark::ClobberMemory();
  }
  const auto rate = [](double amount) {
    return benchmark::Counter(amount * 1e-9, benchmark::Counter::kIsIterationInvariantRate);
  };
  if (flops > 0) state.counters["GFLOP/s"] = rate(flops);
  state.counters["GB/s"] = rate(bytes);
}

/// Bytes of so many floats.
inline double FloatBytes(int64_t floats) { return static_cast<double>(sizeof(float)) * static_cast<double>(floats); }

}  // namespace riffle
