#include "model/network.h"

#include <algorithm>
#include <span>
#include <utility>

#include "model/training_memory.h"

namespace riffle {
namespace {

// The gradients that are final once backward has done a step: those behind all parameters of the steps before it.
std::vector<int64_t> FinalFrom(const Plan& plan) {
  const std::span<const Parameter> parameters = plan.registry.trainable();
  const auto end_of = [&](size_t p) {
    return p + 1 < parameters.size() ? parameters[p + 1].offset : plan.registry.trainable_arena_values();
  };
  std::vector<int64_t> final_from;
  int64_t from = 0;
  for (const Step& step : plan.steps) {
    final_from.push_back(from);
    std::vector<int> own = {step.weight, step.bias};
    if (IsNorm(step)) own = {plan.norms[step.norm].gamma, plan.norms[step.norm].beta};
    for (const int p : own)
      if (p >= 0) from = std::max(from, end_of(p));
  }
  return final_from;
}

}  // namespace

template <class T, class Map>
Network<T, Map>::Network(const Execution& execution, const Plan& plan, const OpTable<T, Map>& ops)
    : Base(execution, plan), ops_(ops), row_indices_(execution.device, plan), final_from_(FinalFrom(plan)) {
  // Moments and sums are two values a row, PullBack three, scale and shift one each.
  constexpr int kValuesPerRow = (sizeof(Moments<T>) + sizeof(GradientSums<T>) + sizeof(PullBack<T>)) / sizeof(T) + 2;
  const auto comoments = [](const GroupConvShape& shape) { return int64_t{shape.in_channels} * shape.in_per_group(); };
  int64_t values = 0, most_rows = 0, most_comoments = 0;
  for (const Norm& norm : plan.norms) {
    values += int64_t{norm.channels} * kValuesPerRow;
    most_rows = std::max<int64_t>(most_rows, norm.channels);
    if (norm.weight < 0) continue;
    const GroupConvShape shape = ProductShape(norm);
    values += comoments(shape) + 2 * shape.weights() + shape.out_channels;
    most_comoments = std::max(most_comoments, comoments(shape));
  }
  norm_arena_ = DeviceArray<T>(execution.device, values);
  dy_sums_ = DeviceArray<T>(execution.device, most_rows);
  gram_weight_ = DeviceArray<T>(execution.device, most_comoments);
  gram_bias_ = DeviceArray<T>(execution.device, most_rows);
  T* at = norm_arena_.data();
  const auto take = [&](int64_t count) { return std::exchange(at, at + count); };
  for (const Norm& norm : plan.norms) {
    const int64_t n = norm.channels;
    norms_.push_back({.moments = reinterpret_cast<Moments<T>*>(take(2 * n)),
                      .sums = reinterpret_cast<GradientSums<T>*>(take(2 * n)),
                      .pull_back = reinterpret_cast<PullBack<T>*>(take(3 * n)),
                      .scale = take(n),
                      .shift = take(n)});
    if (norm.weight < 0) continue;
    const GroupConvShape shape = ProductShape(norm);
    NormState& state = norms_.back();
    state.comoments = take(comoments(shape));
    state.covariances = take(shape.weights());
    state.weight = take(shape.weights());
    state.bias = take(n);
  }
}

template <class T, class Map>
void Network<T, Map>::UsePlan(const Plan& plan) {
  plan_ = &plan;
  images_ = 0;  // the next Forward lays the arena out anew
}

template <class T, class Map>
void Network<T, Map>::SetStatisticsExchange(StatisticsExchange* exchange) {
  exchange_ = exchange;
  if (!exchange) return;
  shared_moments_.Reserve(execution_.device, dy_sums_.size());
  shared_sums_.Reserve(execution_.device, dy_sums_.size());
}

template <class T, class Map>
void Network<T, Map>::Bind(int64_t images) {
  if (images == images_) return;
  images_ = images;
  const MemoryPlan layout = PlanMemory(LivesInTraining(*plan_, images, {.map = sizeof(Map), .vector = sizeof(T)}));
  arena_.Reserve(execution_.device, layout.arena_bytes);
  const auto place = [&](size_t buffer) { return reinterpret_cast<Map*>(arena_.data() + layout.offset_bytes[buffer]); };
  const size_t maps = plan_->maps.size();
  maps_.assign(maps, {});
  gradients_of_maps_.assign(maps, {});
  for (size_t m = 1; m < maps; ++m) {
    const int64_t stride = plan_->maps[m].stride(images);
    const MapBackward& backward = plan_->backward.maps[m];
    const Plan::Storage storage = plan_->StorageOf(static_cast<int>(m));
    maps_[m] = Rows<Map>{place(storage.map), stride}.From(storage.row);
    gradients_of_maps_[m] = Rows<Map>{place(maps + backward.gradient_map), stride}.From(backward.gradient_row);
  }
  int64_t prepared = 0;
  for (const Step& step : plan_->steps) {
    if (step.op == Op::kGroupConv)
      prepared = std::max(prepared, ops_.group_conv_prepared_values(GroupConvShapeOf(step)));
    if (step.op == Op::kGram)
      prepared = std::max(prepared, ops_.group_conv_prepared_values(SquareShape(GramShapeOf(step))));
  }
  for (DeviceArray<T>* array : {&prepared_, &next_prepared_}) array->Reserve(execution_.device, prepared);
}

template <class T, class Map>
Activation<T> Network<T, Map>::InputActivation(const Step& step) const {
  if (step.in_norm < 0) return {.relu = step.in_relu};
  return {.scale = norms_[step.in_norm].scale, .shift = norms_[step.in_norm].shift, .relu = step.in_relu};
}

template <class T, class Map>
GroupConvShape Network<T, Map>::ProductShape(const Norm& norm) const {
  const Norm& in = plan_->norms[norm.in_norm];
  return {.groups = plan_->model.groups,
          .in_channels = in.channels,
          .out_channels = norm.channels,
          .pixels = PlaneOf(in.raw).pixels()};
}

template <class T, class Map>
void Network<T, Map>::Convolve(const GroupConvShape& shape, const GroupConvWeights<T>& weights,
                               GroupConvForward<T, Map> call) {
  ops_.group_conv_prepare(execution_, shape, prepared_.data(), weights);
  call.prepared = prepared_.data();
  ops_.group_conv_forward(execution_, shape, call);
}

template <class T, class Map>
const T* Network<T, Map>::Forward(BatchShare images, Rows<const T> pictures, Statistics statistics) {
  all_images_ = images.all;
  if (images.own == 0) {
    images_ = 0;
    if (!exchange_ || statistics == Statistics::kRunning) return nullptr;
    for (const Step& step : plan_->steps) {
      if (plan_->WritesRaw(step)) ShareMoments(step.norm, PicturePixels(step.y));
      if (step.op == Op::kBatchNorm) ForwardBatchNorm(step, statistics);
      if (step.op == Op::kProductNorm) ForwardProductNorm(step, statistics);
    }
    return nullptr;
  }
  Bind(images.own);
  pictures_ = pictures;
  for (size_t i = 0; i < plan_->steps.size(); ++i) {
    if (observer_) observer_->Begin(i, Pass::kForward);
    ForwardStep(plan_->steps[i], statistics);
    if (statistics == Statistics::kBatch && plan_->WritesRaw(plan_->steps[i]))
      ShareMoments(plan_->steps[i].norm, PicturePixels(plan_->steps[i].y));
    if (observer_) observer_->End(i, Pass::kForward);
  }
  return VectorsOf(plan_->output());
}

template <class T, class Map>
void Network<T, Map>::ForwardStep(const Step& step, Statistics statistics) {
  const Rows<const Map> x = RowsOf(step.x);
  const Rows<Map> y = RowsOf(step.y).From(step.y_row);
  const Plane in = PlaneOf(step.x);
  const bool of_batch = statistics == Statistics::kBatch;
  Moments<T>* moments = of_batch && plan_->WritesRaw(step) ? norms_[step.norm].moments : nullptr;
  switch (step.op) {
    case Op::kStemConv:
      return ops_.stem_conv_forward(execution_, {plan_->maps[step.x].channels, step.channels, in, step.stride},
                                    {.y = y, .x = pictures_, .weight = Trainable(step.weight), .moments = moments});
    case Op::kMaxPool:
      return ops_.max_pool_forward(execution_, {step.channels, in, plan_->model.conventions.pool_padding},
                                   {.y = y, .x = x, .in = InputActivation(step)});
    case Op::kGroupConv:
      return ForwardGroupConv(step, statistics);
    case Op::kDepthwiseConv:
      return ForwardDepthwiseConv(step, moments);
    case Op::kAveragePool:
      return ops_.average_pool_forward(
          execution_,
          {{step.channels, in, plan_->model.conventions.pool_padding}, plan_->model.conventions.average_divisor},
          {.y = y, .x = x});
    case Op::kBatchNorm:
      return ForwardBatchNorm(step, statistics);
    case Op::kGram:
      if (!of_batch || GathersGram((&step)[-1])) return;
      return ops_.gram(execution_, GramShapeOf(step),
                       {.comoments = norms_[step.norm].comoments,
                        .x = x,
                        .moments = norms_[plan_->norms[step.norm].in_norm].moments});
    case Op::kProductNorm:
      return ForwardProductNorm(step, statistics);
    case Op::kRelu:
      return ops_.relu_forward(execution_, {step.channels, in.pixels()},
                               {.y = y, .x = x, .scale = norms_[step.norm].scale, .shift = norms_[step.norm].shift});
    case Op::kGlobalAveragePool:
      return ops_.global_average_pool_forward(execution_, {step.channels, in}, {.features = VectorsOf(step.y), .x = x});
    case Op::kLinear:
      return ops_.linear_forward(execution_, {images_, plan_->maps[step.x].channels, step.channels},
                                 {.logits = VectorsOf(step.y),
                                  .features = VectorsOf(step.x),
                                  .weight = Trainable(step.weight),
                                  .bias = Trainable(step.bias)});
  }
}

template <class T, class Map>
GroupConvForward<T, Map> Network<T, Map>::PrepareGroupConv(const Step& step, Statistics statistics,
                                                           DeviceArray<T>& prepared) {
  GroupConvForward<T, Map> call = {
      .y = RowsOf(step.y).From(step.y_row), .x = RowsOf(step.x), .prepared = prepared.data(), .residual = {}};
  GroupConvWeights<T> weights = {.weight = Trainable(step.weight)};
  if (step.relu) {
    const NormState& norm = norms_[step.norm];
    weights = {.weight = norm.weight, .bias = norm.bias};
    call.relu = true;
    if (step.shortcut >= 0) call.residual = RowsOf(step.shortcut);
  } else if (statistics == Statistics::kBatch) {
    call.moments = norms_[step.norm].moments;
  }
  ops_.group_conv_prepare(execution_, GroupConvShapeOf(step), prepared.data(), weights);
  return call;
}

template <class T, class Map>
void Network<T, Map>::ForwardGroupConv(const Step& step, Statistics statistics) {
  if (EndsChain(step)) return;
  const GroupConvForward<T, Map> call = PrepareGroupConv(step, statistics, prepared_);
  if (!step.chained) return ops_.group_conv_forward(execution_, GroupConvShapeOf(step), call);
  const Step& next = (&step)[1];
  ops_.group_conv_chain_forward(execution_, {GroupConvShapeOf(step), GroupConvShapeOf(next)},
                                {.first = call, .second = PrepareGroupConv(next, statistics, next_prepared_)});
}

template <class T, class Map>
bool Network<T, Map>::GathersGram(const Step& step) const {
  return step.with_gram && ops_.depthwise_gram && !exchange_;
}

template <class T, class Map>
void Network<T, Map>::ForwardDepthwiseConv(const Step& step, Moments<T>* moments) {
  const DepthwiseGramShape shape = DepthwiseGramShapeOf(*plan_, step, images_);
  const DepthwiseConvForward<T, Map> call = {
      .y = RowsOf(step.y),
      .x = RowsOf(step.x),
      .in = InputActivation(step),
      .weight = Trainable(step.weight),
      .rows = {row_indices_.From(step.in_rows), row_indices_.From(step.weight_rows)},
      .moments = moments};
  if (!moments || !GathersGram(step)) return ops_.depthwise_conv_forward(execution_, shape.conv, call);
  const Step& gram = (&step)[1];
  ops_.depthwise_gram(execution_, shape, {call, norms_[gram.norm].comoments});
}

template <class T, class Map>
void Network<T, Map>::ForwardBatchNorm(const Step& step, Statistics statistics) {
  const Norm& n = plan_->norms[step.norm];
  const NormState& state = norms_[step.norm];
  ops_.batch_norm_forward(execution_, {n.channels, state.pixels, plan_->model.bn_eps, bn_momentum_},
                          {.scale = state.scale,
                           .shift = state.shift,
                           .moments = statistics == Statistics::kBatch ? state.moments : nullptr,
                           .gamma = Trainable(n.gamma),
                           .beta = Trainable(n.beta),
                           .running_mean = Statistic(n.running_mean),
                           .running_variance = Statistic(n.running_variance),
                           .parameter_row = row_indices_.From(n.parameter_rows)});
}

template <class T, class Map>
void Network<T, Map>::ForwardProductNorm(const Step& step, Statistics statistics) {
  const Norm &norm = plan_->norms[step.norm], &in_norm = plan_->norms[norm.in_norm];
  const NormState &state = norms_[step.norm], &in = norms_[norm.in_norm];
  const GroupConvShape shape = ProductShape(norm);
  if (statistics == Statistics::kBatch) {
    if (images_ > 0)
      ops_.product_moments(execution_, shape,
                           {.moments = state.moments,
                            .covariances = state.covariances,
                            .comoments = state.comoments,
                            .weight = Trainable(norm.weight),
                            .in_scale = in.scale,
                            .in_beta = Trainable(in_norm.beta),
                            .in_parameter_row = row_indices_.From(in_norm.parameter_rows)});
    ShareMoments(step.norm, PicturePixels(in_norm.raw));
  }
  ForwardBatchNorm(step, statistics);
  ops_.product_fold(execution_, shape,
                    {.weight = state.weight,
                     .bias = state.bias,
                     .conv_weight = Trainable(norm.weight),
                     .in_scale = in.scale,
                     .in_shift = in.shift,
                     .in_beta = Trainable(in_norm.beta),
                     .in_parameter_row = row_indices_.From(in_norm.parameter_rows),
                     .out_scale = state.scale,
                     .out_shift = state.shift});
}

template <class T, class Map>
void Network<T, Map>::ShareMoments(int norm, int64_t picture_pixels) {
  NormState& state = norms_[norm];
  state.pixels = (exchange_ ? all_images_ : images_) * picture_pixels;
  if (!exchange_) return;
  const int channels = plan_->norms[norm].channels;
  PowerSums* const sums = shared_moments_.data();
  ops_.sums_of_moments(execution_, {channels, images_ * picture_pixels}, {.sums = sums, .moments = state.moments});
  exchange_->Sum(std::span(reinterpret_cast<double*>(sums), 2 * static_cast<size_t>(channels)));
  ops_.moments_of_sums(execution_, {channels, state.pixels}, {.moments = state.moments, .sums = sums});
}

template <class T, class Map>
T* Network<T, Map>::dlogits() {
  return images_ == 0 ? nullptr : GradientVectorsOf(plan_->output());
}

template <class T, class Map>
void Network<T, Map>::FillWorkspace(T value) {
  const auto fill = [&](void* memory, size_t bytes) {
    const std::vector<T> values(bytes / sizeof(T), value);
    execution_.device.Upload(memory, values.data(), bytes);
    execution_.Synchronize();
  };
  fill(arena_.data(), arena_.bytes());
  for (DeviceArray<T>* array : {&norm_arena_, &prepared_, &next_prepared_, &dy_sums_, &gram_weight_, &gram_bias_})
    fill(array->data(), array->bytes());
}

template class Network<float>;
template class Network<double>;
template class Network<float, Bfloat16>;

std::unique_ptr<TrainingNetwork<float>> MakeNetwork(const Execution& execution, const Plan& plan,
                                                    const OpTable<float>& ops, MapType maps) {
  if (maps == MapType::kBfloat16) return std::make_unique<Network<float, Bfloat16>>(execution, plan, *ops.bfloat16);
  return std::make_unique<Network<float>>(execution, plan, ops);
}

}  // namespace riffle
