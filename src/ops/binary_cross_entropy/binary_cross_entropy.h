// Binary cross-entropy of each class with its sigmoid: every class a question of its own. With w = class_weights, 1
// where there are none:
//   loss[n] = scale · Σ_k w[k] · (softplus(z[n][k]) − targets[n][k] · z[n][k]),  z the logits
//   dlogits[n][k] = weight · scale · w[k] · (sigmoid(z[n][k]) − targets[n][k])
#pragma once

#include "ops/common.h"

namespace riffle {

template <class T>
struct BinaryCrossEntropy {
  T* loss = nullptr;                 ///< [images]
  T* dlogits = nullptr;              ///< [images][classes], or null
  const T* logits = nullptr;         ///< [images][classes]
  const T* targets = nullptr;        ///< [images][classes], each within [0, 1]
  T weight = 1;                      ///< of one picture in the loss that is minimised: 1 / images for the mean
  const T* class_weights = nullptr;  ///< [classes], or null
  double scale = 1;                  ///< 1 / classes for the mean over the classes
};

}  // namespace riffle
