// What a step costs on paper: the operations that its arithmetic needs, and the bytes of maps and weights that it reads
// and writes if each is touched once. A roofline's two numbers, from the plan alone.
#pragma once

#include <cstdint>

#include "model/plan.h"
#include "model/step_observer.h"

namespace riffle {

struct Cost {
  double flops = 0;  ///< two for a multiply-add
  double bytes = 0;  ///< fp32
  Cost& operator+=(const Cost& other);
};

/// Of one step of plan.steps. Counted are the products: forward one, backward two (of the weights and of the input),
/// but one in the stem, whose input needs no gradient. Normalisation, ReLU, pools, the loss and the optimizer count as
/// bytes only.
Cost StepCost(const Plan& plan, size_t index, Pass pass, int64_t images);

/// Of all steps: one pass, and a training step, which is both.
Cost PassCost(const Plan& plan, Pass pass, int64_t images);
Cost TrainingCost(const Plan& plan, int64_t images);

/// Seconds that no implementation can beat that moves these bytes: the larger of the two rooflines' times.
double FloorSeconds(const Cost& cost, double peak_gflops, double bandwidth_gbps);

}  // namespace riffle
