// How far apart the predictions for several versions of a sample are: AugMix's consistency loss (Hendrycks et al.,
// arXiv 1912.02781).
#pragma once

#include <cstdint>

#include "backend/execution.h"

namespace riffle {

/// With p_s = softmax(logits[s][i]) and m = mean_s p_s, of each sample i:
///   losses[i] += alpha · JS,  JS = 1/splits · Σ_s Σ_k p_s[k] · (log p_s[k] − log m[k]),  in [0, log splits]
///   dlogits[s][i] += weight · alpha · the gradient of JS
/// logits, dlogits: [splits][samples][classes], as Batch::splits says.
void AddJensenShannon(const Execution& execution, int splits, int64_t samples, int classes, double alpha, double weight,
                      const float* logits, float* losses, float* dlogits);

}  // namespace riffle
