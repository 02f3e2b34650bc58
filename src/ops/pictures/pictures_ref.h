// The reference of pictures.h. Its values are those of bytes in single precision, whatever T is.
#pragma once

#include <algorithm>

#include "ops/common_ref.h"
#include "ops/pictures/pictures_values.h"

namespace riffle {

/// Calls f(integral constant of the channels).
template <class F>
void WithChannels(int channels, const F& f) {
  channels == 1 ? f(std::integral_constant<int, 1>()) : f(std::integral_constant<int, 3>());
}

/// Picture n.
inline void ResampleOne(const PicturesShape& shape, const ResamplePictures& a, int64_t n) {
  WithChannels(shape.channels, [&](auto channels) {
    uint8_t* out = a.resampled + n * shape.values();
    for (int y = 0; y < shape.size; ++y)
      for (int x = 0; x < shape.size; ++x, out += shape.channels) picture_values::Resample<channels>(a, n, y, x, out);
  });
}
template <class T>
void FinishOne(const PicturesShape& shape, const FinishPictures<T>& a, int64_t n) {
  WithChannels(shape.channels, [&](auto channels) {
    const PictureFinish& finish = a.finishes[n];
    const int64_t area = shape.plane().area();
    const uint8_t* bytes = a.resampled + n * shape.values();
    float mean = 0;
    if (const size_t contrast = picture_values::ContrastOf(finish); contrast < finish.colors.size()) {
      int64_t sum = 0;
      for (int64_t i = 0; i < area; ++i)
        sum += picture_values::LumaBefore<channels>(finish, contrast, bytes + i * shape.channels);
      mean = picture_values::RoundedMean(sum, area);
    }
    for (int y = 0; y < shape.size; ++y)
      for (int x = 0; x < shape.size; ++x) {
        const int64_t place = int64_t{y} * shape.size + x;
        picture_values::Finish<channels>(finish, a.options, mean, bytes + place * shape.channels, y, x,
                                         [&](int c, float value) { a.pictures[c][n * area + place] = T(value); });
      }
  });
}

/// Of channel c.
template <class T>
void ClearPadding(const PicturesShape& shape, const FinishPictures<T>& a, int c) {
  std::fill(a.pictures[c] + shape.plane().pixels(), a.pictures[c] + a.pictures.stride, T(0));
}

inline void ReferenceResamplePictures(const Execution&, const PicturesShape& shape, const ResamplePictures& a) {
  for (int64_t n = 0; n < shape.images; ++n) ResampleOne(shape, a, n);
}

template <class T>
void ReferenceFinishPictures(const Execution&, const PicturesShape& shape, const FinishPictures<T>& a) {
  for (int64_t n = 0; n < shape.images; ++n) FinishOne(shape, a, n);
  for (int c = 0; c < shape.channels; ++c) ClearPadding(shape, a, c);
}

}  // namespace riffle
