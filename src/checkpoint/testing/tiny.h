// For tests: the smallest network that learns, and what a checkpoint of it says.
#pragma once

#include "checkpoint/checkpoint.h"
#include "model/zoo.h"

namespace riffle {

/// A quarter of the width, two classes, pictures of 8 × 8 pixels.
inline ModelDescription TinyModel() {
  ModelDescription model = *FindModel("shufflenet_v1_g3_x0_25");
  model.num_classes = 2;
  model.image_size = 8;
  model.stem = Stem::kSmall;
  model.bn_momentum = 0.5;  // a dozen steps are a run
  return model;
}

inline CheckpointInfo TinyInfo() {
  return {.model = TinyModel(),
          .preprocessing = {.image_size = 8, .crop_pct = 1, .mean = {125, 123, 114}, .std = {52, 51, 51}},
          .classes = {"dark", "bright"},
          .options = "lr: 0.1\n"};
}

}  // namespace riffle
