// The shapes of a plan's steps, as ops take them: for those who run it, and those who ask what will run.
#pragma once

#include "model/plan.h"
#include "ops/depthwise_conv/depthwise_gram.h"
#include "ops/gram/gram.h"
#include "ops/group_conv/group_conv.h"

namespace riffle {

inline Plane PlaneOf(const Plan& plan, int map, int64_t images) {
  return {images, plan.maps[map].height, plan.maps[map].width};
}

inline GroupConvShape GroupConvShapeOf(const Plan& plan, const Step& step, int64_t images) {
  return {.groups = step.groups,
          .in_channels = plan.maps[step.x].channels,
          .out_channels = step.channels,
          .pixels = PlaneOf(plan, step.x, images).pixels()};
}

inline DepthwiseConvShape DepthwiseConvShapeOf(const Plan& plan, const Step& step, int64_t images) {
  return {step.channels, PlaneOf(plan, step.x, images), step.stride};
}

/// With the Gram matrix of what it stores.
inline DepthwiseGramShape DepthwiseGramShapeOf(const Plan& plan, const Step& step, int64_t images) {
  return {DepthwiseConvShapeOf(plan, step, images), plan.model.groups};
}

inline GramShape GramShapeOf(const Plan& plan, const Step& step, int64_t images) {
  return {.groups = plan.model.groups, .channels = step.channels, .pixels = PlaneOf(plan, step.x, images).pixels()};
}

/// Of a convolution with a Gram matrix's weights.
inline GroupConvShape SquareShape(const GramShape& shape) {
  return {shape.groups, shape.channels, shape.channels, shape.pixels};
}

}  // namespace riffle
