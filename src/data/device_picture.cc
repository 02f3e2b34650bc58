#include "data/device_picture.h"

#include <algorithm>

namespace riffle {
namespace {

// The taps of output pixel i that count: they lie in the source, and neither the first nor the last weight is zero.
struct Counting {
  int64_t first = 0;  // source pixel
  const int32_t *begin, *end;

  Counting(const ResizeAxis& axis, int64_t i, int64_t shift, int64_t pixels)
      : first(axis.first[i] + shift), begin(&axis.weights[i * axis.max_count]), end(begin + axis.count[i]) {
    end = std::min(end, begin + std::max<int64_t>(0, pixels - first));
    while (begin < end && (first < 0 || *begin == 0)) ++begin, ++first;
    while (begin < end && end[-1] == 0) --end;
  }
  int64_t count() const { return end - begin; }
};

}  // namespace

void MakeDeviceSide(const ResizeAxis& axis, int64_t shift, int64_t pixels, bool mirrored, DeviceSide& side) {
  const auto size = static_cast<int64_t>(axis.first.size());
  side.begin = pixels;
  side.end = 0;
  side.most = 0;
  for (int64_t i = 0; i < size; ++i) {
    const Counting taps(axis, i, shift, pixels);
    if (taps.count() == 0) continue;
    side.begin = std::min(side.begin, taps.first);
    side.end = std::max(side.end, taps.first + taps.count());
    side.most = std::max(side.most, static_cast<int32_t>(taps.count()));
  }
  side.begin = std::min(side.begin, side.end);
  const int64_t stride = PictureSide{.most = side.most}.stride();
  side.taps.assign(static_cast<size_t>(size * stride), 0);
  for (int64_t i = 0; i < size; ++i) {
    const Counting taps(axis, i, shift, pixels);
    int32_t* const to = &side.taps[(mirrored ? size - 1 - i : i) * stride];
    if (taps.count() == 0) continue;
    to[0] = static_cast<int32_t>(taps.first - side.begin);
    to[1] = static_cast<int32_t>(taps.count());
    std::copy(taps.begin, taps.end, to + 2);
  }
}

}  // namespace riffle
