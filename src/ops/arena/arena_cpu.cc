// Passes over whole arenas (arena.h), in parts: each loop is one that the compiler makes vectors of.
#include <algorithm>
#include <atomic>
#include <cmath>
#include <numeric>

#include "ops/cpu.h"

namespace riffle::cpu {
namespace {

constexpr int64_t kValuesPerTask = 1 << 14;

/// Calls task(begin, end) for parts of [0, count).
template <class F>
void ForParts(const Execution& execution, int64_t count, const F& task) {
  execution.pool.ParallelFor((count + kValuesPerTask - 1) / kValuesPerTask,
                             [&](int64_t i) { task(i * kValuesPerTask, std::min(count, (i + 1) * kValuesPerTask)); });
}

}  // namespace

void Accumulate(const Execution& execution, int64_t count, const riffle::Accumulate<float>& args) {
  ForParts(execution, count, [&](int64_t begin, int64_t end) {
    const float* values = args.values;
    float* sum = args.sum;
    if (args.first) {
      std::copy(values + begin, values + end, sum + begin);
    } else {
      for (int64_t i = begin; i < end; ++i) sum[i] += values[i];
    }
  });
}

void Approach(const Execution& execution, int64_t count, const riffle::Approach<float>& args) {
  ForParts(execution, count, [&](int64_t begin, int64_t end) {
    const float share = static_cast<float>(*args.share);
    const float* values = args.values;
    float* average = args.average;
    for (int64_t i = begin; i < end; ++i) average[i] += share * (values[i] - average[i]);
  });
}

void SquaredNorms(const Execution& execution, int64_t ranges, const riffle::SquaredNorms<float>& args) {
  execution.pool.ParallelFor(ranges, [&](int64_t r) {
    const float* values = args.values + args.ranges[r].begin;
    double sum = 0;
    for (int64_t i = 0; i < args.ranges[r].size; ++i) sum += double{values[i]} * values[i];
    args.squares[r] = sum;
  });
}

void ClipNorm(const Execution& execution, int64_t count, const riffle::ClipNorm<float>& args) {
  const double norm = std::sqrt(std::accumulate(args.squares, args.squares + args.square_count, 0.0));
  if (!(norm > args.max_norm)) return;
  const float factor = static_cast<float>(args.max_norm / norm);
  ForParts(execution, count, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) args.values[i] *= factor;
  });
}

void AllFinite(const Execution& execution, int64_t count, const riffle::AllFinite<float>& args) {
  std::atomic<bool> finite = true;
  ForParts(execution, count, [&](int64_t begin, int64_t end) {
    if (!std::all_of(args.values + begin, args.values + end, [](float v) { return std::isfinite(v); })) finite = false;
  });
  *args.finite = finite;
}

}  // namespace riffle::cpu
