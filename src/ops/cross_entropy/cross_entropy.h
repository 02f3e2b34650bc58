// Softmax cross-entropy against target distributions: hard labels, smoothed labels and mixed labels are all rows of
// `targets`. With w = class_weights, 1 where there are none:
//   t[n][k] = w[k] · targets[n][k]
//   loss[n] = −Σ_k t[n][k] · log softmax(logits[n])[k]
//   dlogits[n][k] = weight · (softmax(logits[n])[k] · Σ_j t[n][j] − t[n][k])
// Class weights count as PyTorch weights soft targets.
#pragma once

#include "ops/common.h"

namespace riffle {

template <class T>
struct CrossEntropy {
  T* loss = nullptr;                 ///< [images]
  T* dlogits = nullptr;              ///< [images][classes], or null
  const T* logits = nullptr;         ///< [images][classes]
  const T* targets = nullptr;        ///< [images][classes], each row a distribution
  T weight = 1;                      ///< of one picture in the loss that is minimised: 1 / images for the mean
  const T* class_weights = nullptr;  ///< [classes], or null
};

}  // namespace riffle
