// For the tests of the public interfaces: a checkpoint of an untrained network for 8 × 8 pictures, and a picture for
// it.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "checkpoint/checkpoint.h"
#include "model/initialise.h"
#include "model/plan.h"
#include "model/zoo.h"
#include "picture/testing/pictures.h"

namespace riffle {

struct ApiFiles {
  explicit ApiFiles(int channels = 3) {
    CheckpointInfo info;
    info.model = *FindModel("shufflenet_v1_g3_x0_25");
    info.model.num_classes = 3;
    info.model.image_size = kSize;
    info.model.in_channels = channels;
    info.classes = {"ant", "bee", "cat"};
    const std::vector<float> mean(channels, 100), std(channels, 50);
    info.preprocessing = {.image_size = kSize, .channels = channels, .crop_pct = 1, .mean = mean, .std = std};
    const Plan plan = *MakePlan(info.model);
    Snapshot state(plan.registry);
    Initialise(plan, {.seed = 1}, &state.values);
    EXPECT_TRUE(SaveCheckpoint(checkpoint, info, plan.registry, state).ok());
    WriteBytes(picture, Bmp(1, 1, 0));
  }
  static constexpr int kSize = 8;
  const std::filesystem::path folder = TestFolder();
  const std::filesystem::path checkpoint = folder / "c.safetensors", picture = folder / "p.bmp";
};

}  // namespace riffle
