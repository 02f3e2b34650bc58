// A thread a value; sums in pieces, a block a piece, whose parts are added up by a block.
#include <cmath>

#include "ops/gpu.h"

namespace riffle::RIFFLE_GPU {
namespace {

constexpr int kSumThreads = 256;
constexpr int kPieces = 16;  // of a range

/// parts[range][piece] = Σ values² of a piece.
struct SquaresOfPieces {
  static constexpr int kThreads = kSumThreads;
  using Shared = BlockSums<double, kThreads>;
  double* parts;
  riffle::SquaredNorms<float> a;

  RIFFLE_KERNEL void operator()(Shared& sums) const {
    const ArenaRange range = a.ranges[blockIdx.x];
    const float* values = a.values + range.begin;
    double sum = 0;
    for (int64_t i = int64_t{blockIdx.y} * kThreads + BlockThread(); i < range.size; i += kPieces * kThreads)
      sum += double{values[i]} * values[i];
    sum = BlockSum(sum, sums);
    if (BlockThread() == 0) parts[blockIdx.x * kPieces + blockIdx.y] = sum;
  }
};

/// *factor = max_norm / max(norm, max_norm).
struct ClipFactor {
  static constexpr int kThreads = kSumThreads;
  using Shared = BlockSums<double, kThreads>;
  float* factor;
  riffle::ClipNorm<float> a;

  RIFFLE_KERNEL void operator()(Shared& sums) const {
    double sum = 0;
    for (int64_t r = BlockThread(); r < a.square_count; r += kThreads) sum += a.squares[r];
    const double norm = sqrt(BlockSum(sum, sums));
    if (BlockThread() == 0) *factor = norm > a.max_norm ? static_cast<float>(a.max_norm / norm) : 1;
  }
};

}  // namespace

void Accumulate(const Execution& execution, int64_t count, const riffle::Accumulate<float>& a) {
  ForEach(execution, count,
          [=] RIFFLE_LAMBDA(int64_t i) { a.sum[i] = a.first ? a.values[i] : a.sum[i] + a.values[i]; });
}

void Approach(const Execution& execution, int64_t count, const riffle::Approach<float>& a) {
  ForEach(execution, count, [=] RIFFLE_LAMBDA(int64_t i) {
    a.average[i] += static_cast<float>(*a.share) * (a.values[i] - a.average[i]);
  });
}

void SquaredNorms(const Execution& execution, int64_t ranges, const riffle::SquaredNorms<float>& a) {
  auto* const parts = Scratch<double>(execution, ranges * kPieces);
  Launch(execution, {ranges, kPieces}, SquaresOfPieces{parts, a});
  ForEach(execution, ranges, [=] RIFFLE_LAMBDA(int64_t r) {
    double sum = 0;
    for (int64_t piece = 0; piece < kPieces; ++piece) sum += parts[r * kPieces + piece];
    a.squares[r] = sum;
  });
}

void ClipNorm(const Execution& execution, int64_t count, const riffle::ClipNorm<float>& a) {
  auto* const factor = Scratch<float>(execution, 1);
  Launch(execution, {1}, ClipFactor{factor, a});
  ForEach(execution, count, [=] RIFFLE_LAMBDA(int64_t i) {
    if (*factor != 1) a.values[i] *= *factor;
  });
}

void AllFinite(const Execution& execution, int64_t count, const riffle::AllFinite<float>& a) {
  ForEach(execution, 1, [=] RIFFLE_LAMBDA(int64_t) { *a.finite = 1; });
  ForEach(execution, count, [=] RIFFLE_LAMBDA(int64_t i) {
    if (!std::isfinite(a.values[i])) *a.finite = 0;  // whoever writes, writes the same
  });
}

}  // namespace riffle::RIFFLE_GPU
