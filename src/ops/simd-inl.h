// What the Highway kernels share: exact loads and stores of the ends of rows, activations and gradients on load, rows
// split into even and odd columns, and row sums that stay accurate. Included once for every instruction set; the
// vectors of all of them have a size that is known when compiling (no SVE).
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <limits>

#include "hwy/cache_control.h"
#include "ops/caches.h"
#include "ops/common.h"

#if defined(RIFFLE_OPS_SIMD_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef RIFFLE_OPS_SIMD_INL_H_
#undef RIFFLE_OPS_SIMD_INL_H_
#else
#define RIFFLE_OPS_SIMD_INL_H_
#endif

#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace riffle::cpu::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using D = hn::ScalableTag<float>;
using V = hn::Vec<D>;
constexpr int64_t kLanes = static_cast<int64_t>(hn::MaxLanes(D()));

/// Floats that are summed in single precision before they join a double: enough to make the change of precision free,
/// few enough for each lane's sum to keep its digits; 16 KB, so that they are still in the cache when they are summed.
constexpr int64_t kSumBlock = 4096;

/// Floats ahead of where a kernel reads or writes a row that it asks memory for: lines of pictures hide the pattern
/// from the hardware. Measured at 64 pictures, one thread: average pool backward 3.6 ms without, 2.0 with (240 channels
/// of 28×28), max-pool backward 12.0 and 7.1, depthwise backward at stride 2 6.9 and 3.3 with half of it, 3.1 with all.
constexpr int64_t kPrefetchFloats = 2048;

// ---- Ends of rows: nothing behind them may be read (another row's padding may hold NaN) or written. ----

/// The first n lanes from p, zero in the others. 0 ≤ n ≤ kLanes.
HWY_INLINE V LoadFirst(const float* HWY_RESTRICT p, int64_t n) {
#if HWY_TARGET <= HWY_AVX2
  return hn::MaskedLoad(hn::FirstN(D(), static_cast<size_t>(n)), D(), p);
#else
  HWY_ALIGN float lanes[kLanes] = {};
  std::memcpy(lanes, p, static_cast<size_t>(n) * sizeof(float));
  return hn::Load(D(), lanes);
#endif
}

/// Stores the first n lanes.
HWY_INLINE void StoreFirst(V v, float* HWY_RESTRICT p, int64_t n) {
#if HWY_TARGET <= HWY_AVX2
  hn::BlendedStore(v, hn::FirstN(D(), static_cast<size_t>(n)), D(), p);
#else
  HWY_ALIGN float lanes[kLanes];
  hn::Store(v, D(), lanes);
  std::memcpy(p, lanes, static_cast<size_t>(n) * sizeof(float));
#endif
}

/// The same where the `room` values from p on may be overwritten, because whoever calls stores what follows afterwards:
/// a whole vector where it fits, which is much faster than a masked one.
HWY_INLINE void StoreFirst(V v, float* HWY_RESTRICT p, int64_t n, int64_t room) {
  if (room >= kLanes) {
    hn::StoreU(v, D(), p);
  } else {
    StoreFirst(v, p, n);
  }
}

/// 0 ≤ n ≤ kLanes.
HWY_INLINE V KeepFirst(V v, int64_t n) { return hn::IfThenElseZero(hn::FirstN(D(), static_cast<size_t>(n)), v); }

inline void FillZero(float* p, int64_t count) { std::memset(p, 0, static_cast<size_t>(count) * sizeof(float)); }

/// The lanes' sum, always in the same order.
inline double SumLanes(V v) {
  HWY_ALIGN float lanes[kLanes];
  hn::Store(v, D(), lanes);
  double sum = 0;
  for (const float lane : lanes) sum += lane;
  return sum;
}

/// Asks for a line that is to be written.
HWY_INLINE void PrefetchToWrite(const float* p) {
  constexpr int kWrite = 1, kAllCaches = 3;
  __builtin_prefetch(p, kWrite, kAllCaches);
}

/// A value that was loaded, and stays in a register: GCC would load it again in each instruction that takes it.
HWY_INLINE V InRegister(V v) {
#if HWY_ARCH_X86 && HWY_COMPILER_GCC_ACTUAL && HWY_TARGET <= HWY_AVX2
  asm("" : "+v"(v.raw));
#endif
  return v;
}

// ---- Stores past the caches. ----

/// Stores a whole vector; kPast: without reading its line first. Then p is aligned, and hwy::FlushStream() follows
/// before another thread reads.
template <bool kPast>
HWY_INLINE void StoreWhole(V v, float* HWY_RESTRICT p) {
  if constexpr (kPast)
    hn::Stream(v, D(), p);
  else
    hn::StoreU(v, D(), p);
}

// ---- What a stored row stands for (common.h). ----

struct ActivationVector {
  V scale, shift, floor;
  // A NaN passes: x86 gives the second operand if either is one.
  HWY_INLINE V operator()(V x) const { return hn::Max(floor, hn::MulAdd(x, scale, shift)); }
};

HWY_INLINE ActivationVector ActivationOf(const Activation<float>& in, int64_t row) {
  return {hn::Set(D(), in.scale ? in.scale[row] : 1.0f), hn::Set(D(), in.scale ? in.shift[row] : 0.0f),
          hn::Set(D(), in.relu ? 0.0f : -std::numeric_limits<float>::infinity())};
}

/// to[0 … count) = in(x), and zeros up to the next whole vector.
inline void LoadActivated(const float* HWY_RESTRICT x, int64_t count, const ActivationVector& in,
                          float* HWY_RESTRICT to) {
  int64_t p = 0;
  for (; p + kLanes <= count; p += kLanes) {
    hwy::Prefetch(x + p + kPrefetchFloats);
    hn::StoreU(in(hn::LoadU(D(), x + p)), D(), to + p);
  }
  if (p < count) hn::StoreU(KeepFirst(in(LoadFirst(x + p, count - p)), count - p), D(), to + p);
}

/// to[0 … count) = x − mean, and zeros up to the next whole vector.
inline void LoadCentred(const float* HWY_RESTRICT x, int64_t count, float mean, float* HWY_RESTRICT to) {
  const V centre = hn::Set(D(), mean);
  int64_t p = 0;
  for (; p + kLanes <= count; p += kLanes) hn::StoreU(hn::Sub(hn::LoadU(D(), x + p), centre), D(), to + p);
  if (p < count) hn::StoreU(KeepFirst(hn::Sub(LoadFirst(x + p, count - p), centre), count - p), D(), to + p);
}

/// to[0 … count) = the gradient of the raw row `row`, from pixel `begin` on, and zeros up to the next whole vector.
inline void LoadGradient(const GradientSource<float>& source, int64_t row, int64_t begin, int64_t count,
                         float* HWY_RESTRICT to) {
  const float* HWY_RESTRICT dz = source.dz[row] + begin;
  int64_t p = 0;
  if (!source.pull_back) {
    for (; p + kLanes <= count; p += kLanes) hn::StoreU(hn::LoadU(D(), dz + p), D(), to + p);
    if (p < count) hn::StoreU(LoadFirst(dz + p, count - p), D(), to + p);
    return;
  }
  const float* HWY_RESTRICT raw = source.raw[row] + begin;
  const V dz_factor = hn::Set(D(), source.pull_back[row].dz_factor);
  const V raw_factor = hn::Set(D(), source.pull_back[row].raw_factor);
  const V constant = hn::Set(D(), source.pull_back[row].constant);
  for (; p + kLanes <= count; p += kLanes) {
    const V rest = hn::MulAdd(hn::LoadU(D(), raw + p), raw_factor, constant);
    hn::StoreU(hn::MulAdd(hn::LoadU(D(), dz + p), dz_factor, rest), D(), to + p);
  }
  if (p < count) {
    const V rest = hn::MulAdd(LoadFirst(raw + p, count - p), raw_factor, constant);
    hn::StoreU(KeepFirst(hn::MulAdd(LoadFirst(dz + p, count - p), dz_factor, rest), count - p), D(), to + p);
  }
}

// ---- Even and odd columns, for windows that move by two. ----

/// even[j] = x[2j], odd[j] = x[2j + 1] of the first `count` ≤ 2·kLanes values, the rest any. `readable` ≥ count: values
/// from x on that may be read.
HWY_INLINE void LoadSplit(const float* HWY_RESTRICT x, int64_t count, int64_t readable, V& even, V& odd) {
  if (readable >= 2 * kLanes) {
    hn::LoadInterleaved2(D(), x, even, odd);
  } else {
    HWY_ALIGN float end[2 * kLanes] = {};
    std::memcpy(end, x, static_cast<size_t>(count) * sizeof(float));
    hn::LoadInterleaved2(D(), end, even, odd);
  }
}

/// Splits in(x[0 … width)): even[j] = column 2j, odd[j] = column 2j + 1. Both halves need room for a vector more, of
/// which the content is any. `readable` ≥ width: values from x on that may be read.
HWY_INLINE void SplitColumns(const float* HWY_RESTRICT x, int64_t width, int64_t readable, const ActivationVector& in,
                             float* HWY_RESTRICT even, float* HWY_RESTRICT odd) {
  V a, b;
  for (int64_t p = 0; p < width; p += 2 * kLanes) {
    hwy::Prefetch(x + p + kPrefetchFloats);
    hwy::Prefetch(x + p + kPrefetchFloats + kCacheLineFloats);
    LoadSplit(x + p, std::min(width - p, 2 * kLanes), readable - p, a, b);
    hn::StoreU(in(a), D(), even + p / 2);
    hn::StoreU(in(b), D(), odd + p / 2);
  }
}

/// Sets a vector behind each half of a split line.
HWY_INLINE void FillBehind(V v, int64_t width, float* even, float* odd) {
  hn::StoreU(v, D(), even + (width + 1) / 2);
  hn::StoreU(v, D(), odd + width / 2);
}

/// p[2j] = even[j], p[2j + 1] = odd[j] for the first n ≤ 2·kLanes values; `room` as for StoreFirst.
HWY_INLINE void StoreJoined(V even, V odd, float* HWY_RESTRICT p, int64_t n, int64_t room) {
  if (room >= 2 * kLanes) {
    hn::StoreInterleaved2(even, odd, D(), p);
  } else {
    HWY_ALIGN float end[2 * kLanes];
    hn::StoreInterleaved2(even, odd, D(), end);
    std::memcpy(p, end, static_cast<size_t>(n) * sizeof(float));
  }
}

// ---- Row sums. ----

/// Mean and variance of values that arrive in pieces. Each block is summed around one of its own values, which keeps
/// the digits when the mean is large against the spread, and blocks are combined in double (Chan, Golub, LeVeque 1979).
class MomentSums {
 public:
  void Add(const float* values, int64_t count) {
    for (int64_t p = 0; p < count; p += kSumBlock) AddBlock(values + p, std::min(kSumBlock, count - p));
  }

  void Merge(double count, double mean, double squares) {
    const double delta = mean - mean_, total = count_ + count;
    mean_ += delta * count / total;
    squares_ += squares + delta * delta * count_ * count / total;
    count_ = total;
  }
  void Merge(const MomentSums& other) {
    if (other.count_ > 0) Merge(other.count_, other.mean_, other.squares_);
  }

  Moments<float> Result() const {
    return {static_cast<float>(mean_), static_cast<float>(std::max(squares_, 0.0) / count_)};
  }

 private:
  void AddBlock(const float* HWY_RESTRICT values, int64_t count) {
    const float pivot = values[count / 2];
    const V pivots = hn::Set(D(), pivot);
    V sum0 = hn::Zero(D()), sum1 = sum0, squares0 = sum0, squares1 = sum0;
    int64_t p = 0;
    for (; p + 2 * kLanes <= count; p += 2 * kLanes) {
      const V a = hn::Sub(hn::LoadU(D(), values + p), pivots);
      const V b = hn::Sub(hn::LoadU(D(), values + p + kLanes), pivots);
      sum0 = hn::Add(sum0, a);
      sum1 = hn::Add(sum1, b);
      squares0 = hn::MulAdd(a, a, squares0);
      squares1 = hn::MulAdd(b, b, squares1);
    }
    for (; p < count; p += kLanes) {
      const int64_t n = std::min(kLanes, count - p);
      const V a = KeepFirst(hn::Sub(LoadFirst(values + p, n), pivots), n);
      sum0 = hn::Add(sum0, a);
      squares0 = hn::MulAdd(a, a, squares0);
    }
    const double n = static_cast<double>(count), mean = SumLanes(hn::Add(sum0, sum1)) / n;
    Merge(n, pivot + mean, SumLanes(hn::Add(squares0, squares1)) - mean * mean * n);
  }

  double count_ = 0, mean_ = 0, squares_ = 0;  // squares_: of the distances from the mean
};

/// Σ dz and Σ dz·(raw − mean) of values that arrive in pieces.
class GradientRowSums {
 public:
  explicit GradientRowSums(float mean) : mean_(mean) {}

  void Add(const float* dz, const float* raw, int64_t count) {
    for (int64_t p = 0; p < count; p += kSumBlock) AddBlock(dz + p, raw + p, std::min(kSumBlock, count - p));
  }

  GradientSums<float> Result() const { return {static_cast<float>(dz_), static_cast<float>(centred_)}; }

 private:
  void AddBlock(const float* HWY_RESTRICT dz, const float* HWY_RESTRICT raw, int64_t count) {
    const V mean = hn::Set(D(), mean_);
    V sum0 = hn::Zero(D()), sum1 = sum0, centred0 = sum0, centred1 = sum0;
    int64_t p = 0;
    for (; p + 2 * kLanes <= count; p += 2 * kLanes) {
      const V a = hn::LoadU(D(), dz + p), b = hn::LoadU(D(), dz + p + kLanes);
      sum0 = hn::Add(sum0, a);
      sum1 = hn::Add(sum1, b);
      centred0 = hn::MulAdd(a, hn::Sub(hn::LoadU(D(), raw + p), mean), centred0);
      centred1 = hn::MulAdd(b, hn::Sub(hn::LoadU(D(), raw + p + kLanes), mean), centred1);
    }
    for (; p < count; p += kLanes) {
      const int64_t n = std::min(kLanes, count - p);
      const V a = LoadFirst(dz + p, n);
      sum0 = hn::Add(sum0, a);
      centred0 = hn::MulAdd(a, hn::Sub(LoadFirst(raw + p, n), mean), centred0);
    }
    dz_ += SumLanes(hn::Add(sum0, sum1));
    centred_ += SumLanes(hn::Add(centred0, centred1));
  }

  float mean_;
  double dz_ = 0, centred_ = 0;
};

}  // namespace riffle::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // RIFFLE_OPS_SIMD_INL_H_
