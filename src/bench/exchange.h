// What another implementation needs to compute the same, in one folder:
//   weights.safetensors  a checkpoint like any other
//   batch.safetensors    pictures [N, C, H, W] and labels [N]; of inference logits [N, classes], of training the losses
//                        of the first steps; metadata: lr, momentum, weight_decay, label_smoothing
// bench/peers runs other programs on it and compares.
#pragma once

#include <filesystem>

#include "base/status.h"
#include "bench/workloads.h"

namespace riffle {

/// Runs one batch and writes the folder, which is made if it is not there.
Status WriteInferenceExchange(const std::filesystem::path& folder, const Plan& plan, const OpTable<float>& ops,
                              InferenceWorkload& workload);

/// Trains three steps of a workload that has not run yet, and writes the folder with the weights from before.
Status WriteTrainingExchange(const std::filesystem::path& folder, const Plan& plan, TrainingWorkload& workload);

}  // namespace riffle
