#include "runtime/session.h"

#include <algorithm>

#include "base/threads.h"
#include "model/memory_plan.h"

namespace riffle {
namespace {

// The map whose memory holds this one: itself, the map it is written over, or the one it is a part of.
int StorageRoot(const Plan& plan, int map) {
  for (;;) {
    const Map& m = plan.maps[map];
    if (m.stored_in >= 0)
      map = m.stored_in;
    else if (m.in_place_of >= 0)
      map = m.in_place_of;
    else
      return map;
  }
}

int64_t MapStride(const Map& map, int64_t images) {
  return map.vectors ? map.channels : RowStride(images * map.area());
}

// Lives of all maps of a folded plan; the pictures and the logits are the caller's.
MemoryPlan Layout(const Plan& plan, int64_t images) {
  std::vector<BufferLife> lives(plan.maps.size(),
                                BufferLife{.size = 0, .first = static_cast<int>(plan.steps.size()), .last = -1});
  for (size_t i = 0; i < plan.steps.size(); ++i)
    for (int map : {plan.steps[i].x, plan.steps[i].y, plan.steps[i].shortcut}) {
      if (map <= 0 || map == plan.output()) continue;
      const int root = StorageRoot(plan, map);
      BufferLife& life = lives[root];
      life.first = std::min(life.first, static_cast<int>(i));
      life.last = std::max(life.last, static_cast<int>(i));
      life.size = MapStride(plan.maps[root], images) * (plan.maps[root].vectors ? images : plan.maps[root].channels);
    }
  return PlanMemory(lives);
}

/// Pictures that run together in one thread.
int64_t GroupSize(const Plan& folded, int64_t images) {
  // Small pictures go in groups, so that even the last stage's rows fill vectors.
  constexpr int64_t kFewestPixels = 64;
  const int64_t last_area = folded.maps[folded.steps[folded.steps.size() - 2].x].area();
  const int64_t wanted = std::max<int64_t>(1, kFewestPixels / last_area);
  return std::min(wanted, images);
}

}  // namespace

int64_t InferenceArenaBytes(const Plan& folded, int64_t images) {
  return Layout(folded, images).arena * static_cast<int64_t>(sizeof(float));
}

int64_t SessionBytes(const Plan& folded, int64_t images) {
  const int64_t values = folded.registry.trainable_arena();
  return values * static_cast<int64_t>(sizeof(float)) +
         Threads() * InferenceArenaBytes(folded, GroupSize(folded, images));
}

Session::Session(const Plan& training_plan, const OpTable<float>& ops)
    : plan_(FoldBatchNorm(training_plan)), ops_(ops), prepared_(plan_.steps.size()) {}

void Session::SetWeights(const ParameterValues<float>& values) {
  for (size_t i = 0; i < plan_.steps.size(); ++i) {
    const Step& step = plan_.steps[i];
    if (step.weight < 0) continue;
    FoldedWeights folded = FoldWeights(plan_, step, values);
    if (step.op != Op::kGroupConv) {
      prepared_[i] = {std::move(folded.weight), std::move(folded.bias)};
      continue;
    }
    const GroupConvShape shape = GroupConvShapeOf(step, 1);
    prepared_[i].weight = AlignedArray<float>(ops_.group_conv_prepared_size(shape));
    ops_.group_conv_prepare(shape, prepared_[i].weight.data(),
                            {.weight = folded.weight.data(), .bias = folded.bias.data()});
  }
}

GroupConvShape Session::GroupConvShapeOf(const Step& step, int64_t images) const {
  const Map& in = plan_.maps[step.x];
  return {
      .groups = step.groups, .in_channels = in.channels, .out_channels = step.channels, .pixels = images * in.area()};
}

void Session::Run(int64_t images, Rows<const float> pictures, float* logits) {
  if (images == 0) return;
  const int64_t group = GroupSize(plan_, images), groups = (images + group - 1) / group;
  const int64_t arena = InferenceArenaBytes(plan_, group) / static_cast<int64_t>(sizeof(float));
  if (arenas_.size() < static_cast<size_t>(Threads()) || static_cast<int64_t>(arenas_[0].size()) < arena) {
    arenas_.clear();
    for (int i = 0; i < Threads(); ++i) arenas_.emplace_back(arena);
  }
  const int64_t area = plan_.maps[0].area(), classes = plan_.model.num_classes;
  ParallelForThread(groups, [&](int64_t i, int thread) {
    const int64_t first = i * group;
    RunGroup(std::min(group, images - first), {pictures.data + first * area, pictures.stride}, arenas_[thread].data(),
             logits + first * classes);
  });
}

void Session::RunGroup(int64_t images, Rows<const float> pictures, float* arena, float* logits) const {
  const MemoryPlan layout = Layout(plan_, images);
  std::vector<Rows<float>> maps(plan_.maps.size());
  for (size_t m = 1; m < maps.size(); ++m)
    maps[m] = {arena + layout.offset[StorageRoot(plan_, static_cast<int>(m))], MapStride(plan_.maps[m], images)};
  maps[0] = {const_cast<float*>(pictures.data), pictures.stride};  // read only: no step writes map 0
  maps[plan_.output()] = {logits, plan_.model.num_classes};
  for (size_t i = 0; i < plan_.steps.size(); ++i) {
    if (observer_) observer_->Begin(i, Pass::kForward);
    RunStep(i, images, maps);
    if (observer_) observer_->End(i, Pass::kForward);
  }
}

void Session::RunStep(size_t index, int64_t images, const std::vector<Rows<float>>& maps) const {
  const Step& step = plan_.steps[index];
  const Map& in_map = plan_.maps[step.x];
  const Plane in{images, in_map.height, in_map.width};
  const Rows<const float> x = maps[step.x];
  const Rows<float> y = maps[step.y].From(step.y_row);
  const float* weight = prepared_[index].weight.data();
  const float* bias = prepared_[index].bias.data();
  const Conventions& conventions = plan_.model.conventions;
  switch (step.op) {
    case Op::kStemConv:
      return ops_.stem_conv_forward({in_map.channels, step.channels, in, step.stride},
                                    {.y = y, .x = x, .weight = weight, .bias = bias, .relu = step.relu});
    case Op::kMaxPool:
      return ops_.max_pool_forward({step.channels, in, conventions.pool_padding}, {.y = y, .x = x});
    case Op::kGroupConv:
      return ops_.group_conv_forward(
          GroupConvShapeOf(step, images),
          {.y = y,
           .x = x,
           .prepared = weight,
           .residual = step.shortcut >= 0 ? Rows<const float>(maps[step.shortcut]) : Rows<const float>(),
           .relu = step.relu});
    case Op::kDepthwiseConv:
      return ops_.depthwise_conv_forward({step.channels, in, step.stride},
                                         {.y = y,
                                          .x = x,
                                          .weight = weight,
                                          .bias = bias,
                                          .rows = {.in_row = step.in_row.empty() ? nullptr : step.in_row.data()}});
    case Op::kAveragePool:
      return ops_.average_pool_forward({{step.channels, in, conventions.pool_padding}, conventions.average_divisor},
                                       {.y = y, .x = x});
    case Op::kGlobalAveragePool:
      return ops_.global_average_pool_forward({step.channels, in}, {.features = y.data, .x = x});
    case Op::kLinear:
      return ops_.linear_forward({images, in_map.channels, step.channels},
                                 {.logits = y.data, .features = x.data, .weight = weight});
    case Op::kBatchNorm:
    case Op::kResidual:
      return;  // folded away
  }
}

}  // namespace riffle
