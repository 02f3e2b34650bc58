// The update rules (update.h): blocks share a range, a thread takes one value after another.
#include <utility>

#include "ops/gpu.h"
#include "ops/update/rules.h"

namespace riffle::RIFFLE_GPU {
namespace {

using Constants = rules::Constants<float>;

constexpr int kUpdateThreads = 256;
constexpr int kPieces = 16;  // of a range

/// Calls f(i) for the values of this block's piece of its range, each in one thread.
template <class F>
RIFFLE_KERNEL void ForPiece(const UpdateRange& range, const F& f) {
  const int64_t end = range.begin + range.size;
  for (int64_t i = range.begin + int64_t{blockIdx.y} * kUpdateThreads + BlockThread(); i < end;
       i += kPieces * kUpdateThreads)
    f(i);
}

template <class Rule>
struct ApplyRule {
  static constexpr int kThreads = kUpdateThreads;
  struct Shared {
    Constants constants;
  };
  riffle::Update<float> a;

  template <size_t... slot>
  RIFFLE_KERNEL void Apply(const Constants& constants, int64_t i, std::index_sequence<slot...>) const {
    Rule::Apply(constants, a.gradients[i], a.parameters[i], a.slots[slot][i]...);
  }
  RIFFLE_KERNEL void operator()(Shared& shared) const {
    const UpdateRange range = a.ranges[blockIdx.x];
    if (BlockThread() == 0) shared.constants = Constants(*a.step, range);
    __syncthreads();
    ForPiece(range, [&](int64_t i) { Apply(shared.constants, i, std::make_index_sequence<Rule::kSlots>()); });
  }
};

/// The averages of each value, and norms[range][piece].
struct LambRemember {
  static constexpr int kThreads = kUpdateThreads;
  struct Shared {
    Constants constants;
    BlockSums<double, kThreads> sums;
  };
  riffle::Update<float> a;
  rules::Lamb::Norms* norms;

  RIFFLE_KERNEL void operator()(Shared& shared) const {
    const UpdateRange range = a.ranges[blockIdx.x];
    if (BlockThread() == 0) shared.constants = Constants(*a.step, range);
    __syncthreads();
    rules::Lamb::Norms own;
    ForPiece(range, [&](int64_t i) {
      rules::Lamb::Remember(shared.constants, a.gradients[i], a.parameters[i], a.slots[0][i], a.slots[1][i], own);
    });
    own.weights = BlockSum(own.weights, shared.sums);
    own.steps = BlockSum(own.steps, shared.sums);
    if (BlockThread() == 0) norms[blockIdx.x * kPieces + blockIdx.y] = own;
  }
};

struct LambApply {
  static constexpr int kThreads = kUpdateThreads;
  struct Shared {
    Constants constants;
    float rate;
  };
  riffle::Update<float> a;
  const rules::Lamb::Norms* norms;

  RIFFLE_KERNEL void operator()(Shared& shared) const {
    const UpdateRange range = a.ranges[blockIdx.x];
    if (BlockThread() == 0) {
      rules::Lamb::Norms whole;
      for (int piece = 0; piece < kPieces; ++piece) {
        whole.weights += norms[blockIdx.x * kPieces + piece].weights;
        whole.steps += norms[blockIdx.x * kPieces + piece].steps;
      }
      shared.constants = Constants(*a.step, range);
      shared.rate = rules::Lamb::Rate<float>(*a.step, range, whole);
    }
    __syncthreads();
    ForPiece(range, [&](int64_t i) {
      rules::Lamb::Apply(shared.constants, shared.rate, a.parameters[i], a.slots[0][i], a.slots[1][i]);
    });
  }
};

}  // namespace

void Update(const Execution& execution, UpdateKind kind, const riffle::Update<float>& a) {
  const Grid grid = {a.range_count, kPieces};
  if (kind == UpdateKind::kLamb) {
    auto* const norms = Scratch<rules::Lamb::Norms>(execution, a.range_count * kPieces);
    Launch(execution, grid, LambRemember{a, norms});
    Launch(execution, grid, LambApply{a, norms});
  } else {
    rules::WithRule(kind, [&](auto rule) { Launch(execution, grid, ApplyRule<decltype(rule)>{a}); });
  }
}

}  // namespace riffle::RIFFLE_GPU
