#include "runtime/session.h"

#include <algorithm>

#include "model/memory_plan.h"
#include "model/op_shapes.h"

namespace riffle {
namespace {

// Lives of all maps that lie in arenas: not the pictures, and nothing that the head reads or writes.
MemoryPlan PlanMaps(const Plan& plan, int64_t images, MapType type) {
  std::vector<BufferLife> lives(plan.maps.size(),
                                BufferLife{.bytes = 0, .first = static_cast<int>(plan.steps.size()), .last = -1});
  for (size_t i = 0; i < plan.steps.size(); ++i)
    for (int map : {plan.steps[i].x, plan.steps[i].y, plan.steps[i].shortcut}) {
      if (map <= 0 || plan.maps[map].vectors) continue;
      const int root = plan.StorageOf(map).map;
      BufferLife& life = lives[root];
      life.first = std::min(life.first, static_cast<int>(i));
      life.last = std::max(life.last, static_cast<int>(i));
      life.bytes = plan.maps[root].values(images) * BytesOf(type);
    }
  return PlanMemory(lives);
}

}  // namespace

int64_t PicturesAtOnce(const Plan& folded, int64_t images) {
  // Small pictures go in groups, so that even the last stage's rows fill vectors.
  constexpr int64_t kFewestPixels = 64;
  const int64_t last_area = folded.maps[folded.steps[folded.steps.size() - 2].x].area();
  const int64_t wanted = std::max<int64_t>(1, kFewestPixels / last_area);
  return std::min(wanted, images);
}

int64_t InferenceArenaBytes(const Plan& folded, int64_t images) {
  return PlanMaps(folded, images, MapType::kFloat).arena_bytes;
}

int64_t SessionBytes(const Plan& folded, int64_t images, int threads) {
  const int64_t values =
      folded.registry.trainable_arena_values() + images * folded.maps[folded.steps.back().x].channels;
  return values * static_cast<int64_t>(sizeof(float)) +
         threads * InferenceArenaBytes(folded, PicturesAtOnce(folded, images));
}

Session::Session(const Execution& execution, const Plan& training_plan, const OpTable<float>& ops, MapType maps)
    : execution_(execution),
      plan_(FoldBatchNorm(training_plan)),
      ops_(ops),
      map_type_(maps),
      row_indices_(execution.device, plan_),
      recordings_(execution.device) {}

void Session::UsePlan(const Plan& training_plan) {
  plan_ = FoldBatchNorm(training_plan);
  layout_ = last_layout_ = {};  // the next Run lays the arenas out anew
  recordings_.Forget();
}

void Session::SetWeights(const ParameterValues<float>& values) {
  auto prepared = std::make_shared<std::vector<Prepared>>(plan_.steps.size());
  for (size_t i = 0; i < plan_.steps.size(); ++i) {
    const Step& step = plan_.steps[i];
    if (step.weight < 0) continue;
    const FoldedWeights folded = FoldWeights(plan_, step, values);
    DeviceArray<float> weight(execution_.device, folded.weight), bias(execution_.device, folded.bias);
    if (step.op != Op::kGroupConv) {
      (*prepared)[i] = {std::move(weight), std::move(bias)};
      continue;
    }
    const GroupConvShape shape = GroupConvShapeOf(plan_, step, 1);
    DeviceArray<float>& packed = (*prepared)[i].weight;
    packed.Reserve(execution_.device, ops_.group_conv_prepared_values(shape));
    ops_.group_conv_prepare(execution_, shape, packed.data(), {.weight = weight.data(), .bias = bias.data()});
  }
  prepared_ = std::move(prepared);
  recordings_.Forget();
}

Session::Layout Session::LayoutOf(int64_t images) const {
  const MemoryPlan memory = PlanMaps(plan_, images, map_type_);
  Layout layout{.images = images, .offset_bytes = {}, .stride = {}};
  for (size_t m = 0; m < plan_.maps.size(); ++m) {
    const Plan::Storage storage = plan_.StorageOf(static_cast<int>(m));
    const int64_t stride = plan_.maps[m].stride(images);
    layout.offset_bytes.push_back(memory.offset_bytes[storage.map] + storage.row * stride * BytesOf(map_type_));
    layout.stride.push_back(stride);
  }
  return layout;
}

int64_t Session::GroupSize(int64_t images) const {
  return execution_.device.ReadsHostMemory() ? PicturesAtOnce(plan_, images) : images;
}

void Session::Reserve(int64_t images, int64_t group) {
  const int64_t last = images - (images - 1) / group * group;
  if (layout_.images != group) layout_ = LayoutOf(group);
  if (last_layout_.images != last) last_layout_ = LayoutOf(last);
  arenas_.resize(group == images ? 1 : execution_.pool.threads());
  for (DeviceArray<std::byte>& arena : arenas_)
    arena.Reserve(execution_.device, PlanMaps(plan_, group, map_type_).arena_bytes);
  features_.Reserve(execution_.device, images * plan_.maps[plan_.steps.back().x].channels);
}

void Session::Run(int64_t images, Rows<const float> pictures, float* logits) {
  if (images == 0) return;
  const Map& map = plan_.maps[0];
  const float* found = Forward(images, input_.At(execution_.device, pictures, map.channels, images * map.area()));
  execution_.device.Download(logits, found, images * plan_.model.num_classes * sizeof(float));
  execution_.Synchronize();
}

void Session::Features(int64_t images, float* features) const {
  if (images == 0) return;
  execution_.device.Download(features, features_.data(),
                             images * plan_.maps[plan_.steps.back().x].channels * sizeof(float));
  execution_.Synchronize();
}

const float* Session::Forward(int64_t images, Rows<const float> pictures) {
  const int64_t values = images * plan_.model.num_classes;
  logits_.Reserve(execution_.device, values);
  if (images == 0) return logits_.data();
  mirror_logits_.Reserve(execution_.device, flip_ ? values : 0);
  kept_images_ = keeps_maps_ ? images : 0;
  const auto enqueue = [&] { EnqueueForward(images, pictures); };
  observer_ ? enqueue() : recordings_.Enqueue({images, pictures.data, pictures.stride, flip_, keeps_maps_}, enqueue);
  return logits_.data();
}

void Session::EnqueueForward(int64_t images, Rows<const float> pictures) {
  RunOnce(images, pictures, logits_.data(), keeps_maps_);
  if (!flip_) return;
  RunOnce(images, Mirrored(images, pictures), mirror_logits_.data(), false);
  ops_.flip_mean(execution_, {images, plan_.model.num_classes},
                 {.logits = logits_.data(), .flipped = mirror_logits_.data()});
}

Rows<const float> Session::Mirrored(int64_t images, Rows<const float> pictures) {
  const Map& map = plan_.maps[0];
  const int64_t stride = map.stride(images);
  mirrored_.Reserve(execution_.device, map.values(images));
  ops_.flip(execution_, {map.channels, {images, map.height, map.width}},
            {.y = {mirrored_.data(), stride}, .x = pictures});
  return {mirrored_.data(), stride};
}

void Session::RunOnce(int64_t images, Rows<const float> pictures, float* logits, bool keeps_maps) {
  const int64_t group = GroupSize(images), groups = (images + group - 1) / group;
  Reserve(images, group);
  const int64_t area = plan_.maps[0].area(), features = plan_.maps[plan_.steps.back().x].channels;
  const Map& last_map = plan_.maps[GlobalPooling().x];
  const int64_t map_bytes = BytesOf(map_type_);
  KeptMaps kept;
  if (keeps_maps) {
    kept_maps_.Reserve(execution_.device, images * last_map.channels * last_map.area() * map_bytes);
    kept = {kept_maps_.data(), images * last_map.area() * map_bytes};
  }
  execution_.pool.ParallelForThread(groups, [&](int64_t i, int thread) {
    const Layout& layout = i + 1 < groups ? layout_ : last_layout_;
    const Rows<const float> own = {pictures.data + i * group * area, pictures.stride};
    float* const own_features = features_.data() + i * group * features;
    KeptMaps own_kept = kept;
    if (keeps_maps) own_kept.first += i * group * last_map.area() * map_bytes;
    if (map_type_ == MapType::kBfloat16)
      RunGroup(*ops_.bfloat16, layout, own, arenas_[thread].data(), own_features, own_kept);
    else
      RunGroup(ops_, layout, own, arenas_[thread].data(), own_features, own_kept);
  });
  const size_t head = plan_.steps.size() - 1;
  if (observer_) observer_->Begin(head, Pass::kForward);
  ops_.linear_forward(execution_, {images, static_cast<int>(features), plan_.steps[head].channels},
                      {.logits = logits,
                       .features = features_.data(),
                       .weight = (*prepared_)[head].weight.data(),
                       .bias = (*prepared_)[head].bias.data()});
  if (observer_) observer_->End(head, Pass::kForward);
}

template <class Map>
void Session::RunGroup(const OpTable<float, Map>& ops, const Layout& layout, Rows<const float> pictures,
                       std::byte* arena, float* features, const KeptMaps& kept) const {
  const auto rows = [&](int map) -> Rows<Map> {
    return {reinterpret_cast<Map*>(arena + layout.offset_bytes[map]), layout.stride[map]};
  };
  for (size_t i = 0; i + 1 < plan_.steps.size(); ++i) {
    const Step& step = plan_.steps[i];
    StepMaps<Map> maps = {.x = rows(step.x),
                          .y = rows(step.y).From(step.y_row),
                          .shortcut = {},
                          .pictures = pictures,
                          .features = features};
    if (step.shortcut >= 0) maps.shortcut = rows(step.shortcut);
    if (observer_) observer_->Begin(i, Pass::kForward);
    RunStep(ops, i, layout.images, maps);
    if (observer_) observer_->End(i, Pass::kForward);
  }
  if (kept.first == nullptr) return;
  const int map = GlobalPooling().x;
  const size_t row_bytes = layout.images * plan_.maps[map].area() * sizeof(Map);
  for (int c = 0; c < plan_.maps[map].channels; ++c)
    execution_.device.Copy(kept.first + c * kept.stride_bytes, rows(map).From(c).data, row_bytes);
}

FeatureMaps Session::LastMaps() const {
  const Map& map = plan_.maps[GlobalPooling().x];
  FeatureMaps maps{
      .images = kept_images_, .channels = map.channels, .height = map.height, .width = map.width, .values = {}};
  maps.values.resize(kept_images_ * map.channels * map.area());
  const auto read = [&](auto* values) {
    execution_.device.Download(values, kept_maps_.data(), maps.values.size() * sizeof(*values));
    execution_.device.Synchronize();
  };
  if (map_type_ == MapType::kFloat) {
    read(maps.values.data());
  } else {
    std::vector<Bfloat16> values(maps.values.size());
    read(values.data());
    std::ranges::transform(values, maps.values.begin(), [](Bfloat16 value) { return static_cast<float>(value); });
  }
  return maps;
}

std::vector<float> Session::HeadWeight() const {
  const int64_t features = plan_.maps[plan_.steps.back().x].channels;
  std::vector<float> weight(plan_.model.num_classes * features);
  execution_.device.Download(weight.data(), prepared_->back().weight.data(), weight.size() * sizeof(float));
  execution_.device.Synchronize();
  return weight;
}

template <class Map>
void Session::RunStep(const OpTable<float, Map>& ops, size_t index, int64_t images, const StepMaps<Map>& maps) const {
  const Step& step = plan_.steps[index];
  const riffle::Map& in_map = plan_.maps[step.x];
  const Plane in{images, in_map.height, in_map.width};
  const float* weight = (*prepared_)[index].weight.data();
  const float* bias = (*prepared_)[index].bias.data();
  const Conventions& conventions = plan_.model.conventions;
  switch (step.op) {
    case Op::kStemConv:
      return ops.stem_conv_forward(
          execution_, {in_map.channels, step.channels, in, step.stride},
          {.y = maps.y, .x = maps.pictures, .weight = weight, .bias = bias, .relu = step.relu});
    case Op::kMaxPool:
      return ops.max_pool_forward(execution_, {step.channels, in, conventions.pool_padding},
                                  {.y = maps.y, .x = maps.x});
    case Op::kGroupConv:
      return ops.group_conv_forward(
          execution_, GroupConvShapeOf(plan_, step, images),
          {.y = maps.y, .x = maps.x, .prepared = weight, .residual = maps.shortcut, .relu = step.relu});
    case Op::kDepthwiseConv:
      return ops.depthwise_conv_forward(execution_, DepthwiseConvShapeOf(plan_, step, images),
                                        {.y = maps.y,
                                         .x = maps.x,
                                         .weight = weight,
                                         .bias = bias,
                                         .rows = {.in_row = row_indices_.From(step.in_rows)}});
    case Op::kAveragePool:
      return ops.average_pool_forward(execution_,
                                      {{step.channels, in, conventions.pool_padding}, conventions.average_divisor},
                                      {.y = maps.y, .x = maps.x});
    case Op::kGlobalAveragePool:
      return ops.global_average_pool_forward(execution_, {step.channels, in}, {.features = maps.features, .x = maps.x});
    case Op::kLinear:  // runs once for all groups
    case Op::kBatchNorm:
    case Op::kGram:
    case Op::kProductNorm:
    case Op::kRelu:
      return;  // folded away
  }
}

}  // namespace riffle
