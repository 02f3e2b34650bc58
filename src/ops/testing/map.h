// Maps and numbers for the tests of the ops.
#pragma once

#include <cmath>
#include <complex>
#include <cstdint>
#include <limits>
#include <new>
#include <numeric>
#include <vector>

#include "base/bfloat16.h"
#include "base/random.h"
#include "base/rows.h"

namespace riffle {

/// Which numbers a test runs on.
enum class Values {
  kSmooth,     ///< doubles: no ties, and no value at the kink of a ReLU (for derivatives)
  kExact,      ///< floats, the same in every type: errors are those of the computation alone
  kMagnitude,  ///< absolute values of kExact: what an op makes of them bounds its rounding errors
  kBfloat16,   ///< those of kExact rounded to bfloat16: maps of it hold them as they are
};

/// Random numbers for one test: the same sequence for every T and every kind of Values.
class Draw {
 public:
  explicit Draw(Values values, uint32_t seed = 1) : values_(values), stream_(2024, RandomPurpose::kTest, 0, seed) {}

  /// Within (-1, 1).
  double Real() { return Of(static_cast<float>(stream_.Uniform(-1, 1)), stream_.Uniform() * 1e-9); }
  /// A multiple of 1/64 within [-2, 2]: scale·x + shift is exact in a float, so that every ReLU and every maximum
  /// decides alike in each backend, at ties and zeros too, of which there are many.
  double Grid() { return Of(std::round(stream_.Uniform(-128, 128)) / 64, stream_.Uniform(-1, 1) / 130); }
  std::vector<int> Permutation(int64_t n) {
    std::vector<int> p(n);
    std::iota(p.begin(), p.end(), 0);
    for (int64_t i = n - 1; i > 0; --i) std::swap(p[i], p[stream_.Below(static_cast<uint32_t>(i + 1))]);
    return p;
  }

 private:
  double Of(double value, double off_grid) const {
    switch (values_) {
      case Values::kSmooth:
        return value + off_grid;
      case Values::kExact:
        return value;
      case Values::kMagnitude:
        return std::abs(value);
      case Values::kBfloat16:
        return static_cast<float>(Bfloat16(static_cast<float>(value)));
    }
    return NAN;
  }

  Values values_;
  RandomStream stream_;
};

template <class T>
bool IsNan(T x) {
  return std::isnan(std::real(x));
}
inline bool IsNan(Bfloat16 x) { return IsNan(static_cast<float>(x)); }

/// Puts what a vector holds at cache lines.
template <class T>
struct CacheLines {
  using value_type = T;
  CacheLines() = default;
  template <class U>
  CacheLines(const CacheLines<U>&) {}  // NOLINT: allocators of other types are the same
  T* allocate(size_t count) {
    return static_cast<T*>(::operator new (count * sizeof(T), std::align_val_t{kCacheLineBytes}));
  }
  void deallocate(T* values, size_t) { ::operator delete (values, std::align_val_t{kCacheLineBytes}); }
  bool operator==(const CacheLines&) const = default;
};

/// A feature map; every row begins at a cache line. Everything around its values, between the rows and before
/// and after them all, is NaN: an op that reads there is seen in its results, one that writes there by Intact().
/// Values are NaN, too, until they are set.
template <class T>
class GuardedMap {
 public:
  GuardedMap() = default;
  GuardedMap(int64_t rows, int64_t pixels)
      : rows_(rows), pixels_(pixels), stride_(RowStride(pixels)), values_((rows + 2) * stride_) {
    for (T& v : values_) v = T(std::numeric_limits<double>::quiet_NaN());
  }
  /// Values in reading order from draw().
  template <class F>
  GuardedMap(int64_t rows, int64_t pixels, F draw) : GuardedMap(rows, pixels) {
    ForEach([&](T& v) { v = T(draw()); });
  }

  /// An array of `count` values from draw(), which begins at no cache line, as parameters may.
  template <class F>
  static GuardedMap Array(int64_t count, F draw) {
    GuardedMap map(1, count);
    map.offset_ = 1;
    map.ForEach([&](T& v) { v = T(draw()); });
    return map;
  }

  int64_t row_count() const { return rows_; }
  int64_t pixels() const { return pixels_; }
  T* operator[](int64_t row) { return values_.data() + (row + 1) * stride_ + offset_; }
  const T* operator[](int64_t row) const { return values_.data() + (row + 1) * stride_ + offset_; }
  T* data() { return (*this)[0]; }
  Rows<T> rows() { return {data(), stride_}; }

  template <class F>
  void ForEach(F f) {
    for (int64_t r = 0; r < rows_; ++r) {
      for (int64_t p = 0; p < pixels_; ++p) f((*this)[r][p]);
    }
  }
  /// All values in reading order.
  std::vector<T> Flat() {
    std::vector<T> flat;
    ForEach([&](T v) { flat.push_back(v); });
    return flat;
  }
  /// Whether nothing was written around the values.
  bool Intact() const {
    for (int64_t i = 0; i < static_cast<int64_t>(values_.size()); ++i) {
      const int64_t row = (i - offset_) / stride_ - 1, pixel = (i - offset_) % stride_;
      const bool inside = row >= 0 && row < rows_ && pixel >= 0 && pixel < pixels_;
      if (!inside && !IsNan(values_[i])) return false;
    }
    return true;
  }
  /// Columns [from, from + count) of each row, in reading order.
  std::vector<T> Columns(int64_t from, int64_t count) const {
    std::vector<T> values;
    for (int64_t r = 0; r < rows_; ++r) values.insert(values.end(), (*this)[r] + from, (*this)[r] + from + count);
    return values;
  }
  /// Copies columns [from, from + pixels()) of each row of a wider map.
  void CopyColumns(const GuardedMap& wide, int64_t from) {
    for (int64_t r = 0; r < rows_; ++r) std::copy_n(wide[r] + from, pixels_, (*this)[r]);
  }

 private:
  int64_t rows_ = 0, pixels_ = 0, stride_ = 0, offset_ = 0;
  std::vector<T, CacheLines<T>> values_;
};

}  // namespace riffle
