// For tests: the smallest network that learns, and what a checkpoint of it says.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>

#include "base/testing/test_folder.h"
#include "checkpoint/checkpoint.h"
#include "model/plan.h"
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

/// A checkpoint in a folder that says `info`, after so many epochs.
inline Checkpoint SavedCheckpoint(CheckpointInfo info, int epoch) {
  const std::filesystem::path path = TestFolder() / "x.safetensors";
  const Plan plan = *MakePlan(info.model);
  info.epoch = epoch;
  EXPECT_EQ(SaveCheckpoint(path, info, plan.registry, Snapshot(plan.registry)).message(), "");
  return std::move(*Checkpoint::Open(path));
}

}  // namespace riffle
