// Softmax cross-entropy against target distributions: hard labels, smoothed labels and mixed labels are all rows of
// `targets`.
//   loss[n] = −Σ_k targets[n][k] · log softmax(logits[n])[k]
//   dlogits[n][k] = weight · (softmax(logits[n])[k] · Σ_j targets[n][j] − targets[n][k])
#pragma once

#include "ops/common.h"

namespace riffle {

struct CrossEntropyShape {
  int64_t images = 0;
  int classes = 0;
};

template <class T>
struct CrossEntropy {
  T* loss = nullptr;           ///< [images]
  T* dlogits = nullptr;        ///< [images][classes], or null
  const T* logits = nullptr;   ///< [images][classes]
  const T* targets = nullptr;  ///< [images][classes], each row a distribution
  T weight = 1;                ///< of one picture in the loss that is minimised: 1 / images for the mean
};

}  // namespace riffle
