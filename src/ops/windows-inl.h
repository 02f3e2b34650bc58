// Strips of 3×3 windows that read a picture where it lies. A strip is a vector of neighbouring windows of one line;
// going down the picture line by line, each input line is read once per strip and adds to every line of windows it
// belongs to. Lines need not be whole vectors: the last strip of a line begins a vector before its end and overlaps the
// one before it, which computes the same bits twice. Only lines shorter than a vector leave lanes empty.
#include <algorithm>
#include <cstdint>

#if defined(RIFFLE_OPS_WINDOWS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef RIFFLE_OPS_WINDOWS_INL_H_
#undef RIFFLE_OPS_WINDOWS_INL_H_
#else
#define RIFFLE_OPS_WINDOWS_INL_H_
#endif

#include "ops/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace riffle::cpu::HWY_NAMESPACE {

/// A vector of columns of a line, of which those outside of the picture are never read.
struct ColumnVector {
  ColumnVector(int64_t first_column, int64_t width)
      : column(first_column),
        begin(std::clamp<int64_t>(-first_column, 0, kLanes)),
        end(std::clamp<int64_t>(width - first_column, begin, kLanes)),
        inside(hn::AndNot(hn::FirstN(D(), static_cast<size_t>(begin)), hn::FirstN(D(), static_cast<size_t>(end)))) {}
  bool whole() const { return begin == 0 && end == kLanes; }

  int64_t column;
  int64_t begin, end;  // lanes [begin, end) lie in the picture
  hn::Mask<D> inside;
};

/// The columns from a line; zero outside of the picture. kWhole: nothing lies outside.
template <bool kWhole>
HWY_INLINE V LoadColumns(const float* HWY_RESTRICT line, const ColumnVector& columns) {
  const float* from = line + columns.column;
  if constexpr (kWhole) return hn::LoadU(D(), from);
#if HWY_TARGET <= HWY_AVX2
  return hn::MaskedLoad(columns.inside, D(), from);
#else
  HWY_ALIGN float lanes[kLanes] = {};
  std::memcpy(lanes + columns.begin, from + columns.begin,
              static_cast<size_t>(columns.end - columns.begin) * sizeof(float));
  return hn::Load(D(), lanes);
#endif
}

/// What the windows of a strip read of one input line: their first, second and third columns.
struct WindowColumns {
  V first, second, third;
};

/// Windows c, c + 1, … of a line, of which window j covers columns j·kStride − before … j·kStride − before + 2.
template <int kStride>
struct WindowStrip;

template <>
struct WindowStrip<1> {
  WindowStrip(int64_t c, int64_t before, int64_t width)
      : first(c - before, width), second(c - before + 1, width), third(c - before + 2, width) {}
  bool whole() const { return first.whole() && second.whole() && third.whole(); }

  template <bool kWhole>
  HWY_INLINE WindowColumns Load(const float* HWY_RESTRICT line) const {
    return {LoadColumns<kWhole>(line, first), LoadColumns<kWhole>(line, second), LoadColumns<kWhole>(line, third)};
  }

  ColumnVector first, second, third;
};

template <>
struct WindowStrip<2> {
  WindowStrip(int64_t c, int64_t before, int64_t width)
      : lower(2 * c - before, width),
        upper(2 * c - before + kLanes, width),
        third_lower(2 * c - before + 2, width),
        third_upper(2 * c - before + 2 + kLanes, width) {}
  bool whole() const { return lower.whole() && upper.whole() && third_lower.whole() && third_upper.whole(); }

  template <bool kWhole>
  HWY_INLINE WindowColumns Load(const float* HWY_RESTRICT line) const {
    return Split(LoadColumns<kWhole>(line, lower), LoadColumns<kWhole>(line, upper),
                 LoadColumns<kWhole>(line, third_lower), LoadColumns<kWhole>(line, third_upper));
  }
  static HWY_INLINE WindowColumns Split(V lower, V upper, V third_lower, V third_upper) {
#if HWY_TARGET == HWY_SCALAR
    static_cast<void>(third_upper);
    return {lower, upper, third_lower};  // of one lane; there is no Concat
#else
    return {hn::ConcatEven(D(), upper, lower), hn::ConcatOdd(D(), upper, lower),
            hn::ConcatEven(D(), third_upper, third_lower)};
#endif
  }

  ColumnVector lower, upper, third_lower, third_upper;
};

/// Calls strip(c) for the first windows c of strips that cover a line of `width` windows.
template <class Strip>
HWY_INLINE void ForStrips(int64_t width, const Strip& strip) {
  for (int64_t c = 0; c < width; c += kLanes) strip(std::max<int64_t>(0, std::min(c, width - kLanes)));
}

}  // namespace riffle::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // RIFFLE_OPS_WINDOWS_INL_H_
