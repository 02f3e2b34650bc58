// Moments of rows over the pixels of all processes that share a batch, by sums that these add up
// (model/shared_batch.h).
//   Sums of moments, over a process's own n pixels; 0 where it has none:
//     values = n·mean,  squares = n·(variance + mean²)
//   Moments of sums, over the n pixels of all:
//     mean = values / n,  variance = max(0, squares / n − mean²)
// The sums are of double precision, in which the squares of a mean do not drown the variance beside it.
#pragma once

#include "ops/common.h"

namespace riffle {

struct SharedMomentsShape {
  int channels = 0;
  int64_t pixels = 0;  ///< n
};

/// Of a row.
struct PowerSums {
  double values, squares;
};

template <class T>
struct SumsOfMoments {
  PowerSums* sums = nullptr;            ///< [channels]
  const Moments<T>* moments = nullptr;  ///< [channels]; not read where there are no pixels
};

template <class T>
struct MomentsOfSums {
  Moments<T>* moments = nullptr;    ///< [channels]
  const PowerSums* sums = nullptr;  ///< [channels]
};

}  // namespace riffle
