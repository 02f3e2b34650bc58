// How far apart the predictions for several versions of a sample are: AugMix's consistency loss (Hendrycks et al.,
// arXiv 1912.02781). With p_s = softmax(logits[s][i]) and m = mean_s p_s, of each sample i:
//   JS = 1/splits · Σ_s Σ_k p_s[k] · (log p_s[k] − log m[k]),  in [0, log splits]
//   loss[i] += alpha · JS
//   dlogits[s][i] = weight · alpha · the gradient of JS; added to what is there for s = 0, the clean versions, whose
//   labels have had their say
#pragma once

#include "ops/common.h"

namespace riffle {

struct JensenShannonShape {
  int splits = 1;
  int64_t samples = 0;
  int classes = 0;
  constexpr int64_t values() const { return splits * samples * classes; }
};

template <class T>
struct JensenShannon {
  T* loss = nullptr;          ///< [samples], added to
  T* dlogits = nullptr;       ///< [splits][samples][classes]
  const T* logits = nullptr;  ///< [splits][samples][classes]
  double alpha = 1;
  double weight = 1;  ///< of one sample in the loss that is minimised
};

}  // namespace riffle
