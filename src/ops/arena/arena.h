// What training does to whole arenas of parameters, gradients and averages (model/parameters.h lays them out), each a
// flat array of `count` values:
//   accumulate     sum = values for the first of a group, sum += values for the others
//   approach       average += share · (values − average): in this form an average that has arrived stays, to the last
//                  bit
//   squared_norms  squares[r] = Σ values², summed in double precision in an order that follows from the range's size
//   clip_norm      values ·= max_norm / max(norm, max_norm),  norm = √(Σ_r squares[r]), added up in an order that
//                  follows from their count; as MindSpore's clip_by_global_norm does. Nothing is read by the host in
//                  between
//   all_finite     *finite = 1 if each value is a finite number, else 0
#pragma once

#include <cstdint>

namespace riffle {

/// Values [begin, begin + size) of an arena.
struct ArenaRange {
  int64_t begin = 0, size = 0;
};

template <class T>
struct Accumulate {
  T* sum = nullptr;
  const T* values = nullptr;
  bool first = false;
};

template <class T>
struct Approach {
  T* average = nullptr;
  const T* values = nullptr;
  const double* share = nullptr;  ///< where ops read it: it changes from call to call
};

template <class T>
struct SquaredNorms {
  double* squares = nullptr;  ///< [count of ranges]
  const T* values = nullptr;
  const ArenaRange* ranges = nullptr;
};

template <class T>
struct ClipNorm {
  T* values = nullptr;
  const double* squares = nullptr;
  int64_t square_count = 0;
  double max_norm = 0;
};

template <class T>
struct AllFinite {
  int32_t* finite = nullptr;
  const T* values = nullptr;
};

}  // namespace riffle
