// The head: a matrix, one row of features and of logits a picture, and a bias where the network has one (MMPretrain,
// pytorchcv; not Megvii, MindCV).
//   logits[n][k] = Σ_c weight[k][c] · features[n][c] + bias[k]
//   dbias[k] = Σ_n dlogits[n][k], in the order of the pictures
// Each logit is summed in an order that does not depend on the number of pictures.
#pragma once

#include "ops/common.h"

namespace riffle {

struct LinearShape {
  int64_t images = 0;
  int in_features = 0;
  int out_features = 0;
};

template <class T>
struct LinearForward {
  T* logits = nullptr;          ///< [images][out_features]
  const T* features = nullptr;  ///< [images][in_features]
  const T* weight = nullptr;    ///< [out_features][in_features]
  const T* bias = nullptr;      ///< [out_features]; null: none
};

template <class T>
struct LinearBackward {
  T* dfeatures = nullptr;  ///< [images][in_features], overwritten; null: not wanted
  T* dweight = nullptr;    ///< [out_features][in_features], overwritten
  T* dbias = nullptr;      ///< [out_features], overwritten; null: there is no bias
  const T* dlogits = nullptr;
  const T* features = nullptr;
  const T* weight = nullptr;
};

}  // namespace riffle
