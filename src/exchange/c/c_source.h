// A network and its weights as one C99 file: no dependencies, no allocation, nothing global that is written. For
// microcontrollers, and for programs that want no library.
#pragma once

#include <string>
#include <vector>

#include "exchange/exportable.h"

namespace riffle {

struct COptions {
  std::string prefix;             ///< of all names: "flowers" gives flowers_run; "": the model's name
  bool separate_weights = false;  ///< they are a file of their own, and flowers_run takes a pointer to them
};

struct CNetwork {
  std::string prefix;  ///< that was asked for, or made from the model's name
  std::string source;
  std::vector<float> weights;  ///< all of them, in the order in which `source` reads them, where they are separate
  int64_t weight_floats = 0;   ///< how many there are, in either place
  int64_t arena_floats = 0;    ///< what a run needs besides weights, input and logits
};

/// The folded plan (model/fold.h) as C: constants for the sizes, the classes' names, mean and std, and the functions
///   void NAME_normalise(const uint8_t *pixels /* [H][W][C] */, float *input /* [C][H][W] */);
///   void NAME_run([const float *weights,] const float *input, float *logits, float *arena);
/// Where NAME_DECLARATIONS is defined the file only declares them, where NAME_MAIN is it has a main to try it by. One
/// picture at a time; maps lie in the arena without gaps, [channels][H][W].
/// Errors: InvalidArgument for a prefix that is no identifier, for folded weights that are not finite, and for a
/// network beyond what an int counts.
Result<CNetwork> CSource(const Exportable& exportable, const COptions& options);

}  // namespace riffle
