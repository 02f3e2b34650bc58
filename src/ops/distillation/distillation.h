// How far a student's logits are from a teacher's, at temperature T:
//   plain      T² · KL(p ‖ q),  p = softmax(teacher / T), q = softmax(student / T)  (Hinton et al., arXiv 1503.02531)
//   decoupled  T² · (alpha · TCKD + beta · NCKD)                                    (Zhao et al., arXiv 2203.08679)
//              TCKD: the divergence of (p[t], 1 − p[t]) from that of q, t the picture's class: how sure
//              NCKD: the divergence over the other classes alone, p and q normalised without t: what else it resembles
//   loss[n] = the divergence,  dlogits[n] += weight · its gradient with respect to the student's logits
// The class of a picture is the one of its greatest target, the first among equals.
#pragma once

#include "ops/common.h"

namespace riffle {

/// Which of the two, and its constants. REQUIRES: decoupled needs two classes.
struct Distillation {
  bool decoupled = false;
  double temperature = 4, alpha = 1, beta = 8;
};

template <class T>
struct DistillationLoss {
  T* loss = nullptr;           ///< [images]
  T* dlogits = nullptr;        ///< [images][classes], added to
  const T* student = nullptr;  ///< [images][classes]
  const T* teacher = nullptr;  ///< [images][classes]
  const T* targets = nullptr;  ///< [images][classes]
  double weight = 1;           ///< of one picture in the loss that is minimised
};

}  // namespace riffle
