// Gram matrices of the groups of a raw map's rows: all that the batch norms around a group convolution need to know of
// what it reads (product_norm.h).
//   comoments[g·K + i][j] = Σ_p (x[g·K + i][p] − mean_i)·(x[g·K + j][p] − mean_j)      K = channels / groups
// They are taken about the means, so that they keep their digits where means are large against deviations. Where
// several processes share a batch, the means are those of all of it, and the sums are over a process's own pixels.
#pragma once

#include "backend/execution.h"
#include "ops/common.h"

namespace riffle {

struct GramShape {
  int groups = 1;
  int channels = 0;    ///< of all groups together
  int64_t pixels = 0;  ///< of a row

  constexpr int per_group() const { return channels / groups; }
  constexpr int64_t comoments() const { return int64_t{channels} * per_group(); }
};

template <class T, class Map = T>
struct Gram {
  T* comoments = nullptr;  ///< [channels][per_group]: each group's is a symmetric matrix
  Rows<const Map> x;
  const Moments<T>* moments = nullptr;  ///< [channels], of which the means are read
};

}  // namespace riffle
