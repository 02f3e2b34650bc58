// The backward half of a Network: the steps from the last to the first, by backward_plan.h.
#include "model/network.h"

namespace riffle {

template <class T, class Map>
void Network<T, Map>::Backward() {
  if (images_ == 0) {
    gradients_.Zero();
    for (size_t i = plan_->steps.size(); i-- > 0;) {  // as where there are pictures: sums have one order at all
      if (IsNorm(plan_->steps[i]) && exchange_) ShareSums(plan_->steps[i].norm);
      if (gradient_listener_) gradient_listener_->OnFinal(final_from_[i]);
    }
    return;
  }
  for (size_t i = plan_->steps.size(); i-- > 0;) BackwardObserved(i);
}

template <class T, class Map>
void Network<T, Map>::BackwardHead() {
  const size_t head = plan_->steps.size() - 1;
  if (images_ > 0) return BackwardObserved(head);
  gradients_.Zero();
  if (gradient_listener_) gradient_listener_->OnFinal(final_from_[head]);
}

template <class T, class Map>
void Network<T, Map>::BackwardObserved(size_t step) {
  if (observer_) observer_->Begin(step, Pass::kBackward);
  BackwardStep(plan_->steps[step]);
  if (observer_) observer_->End(step, Pass::kBackward);
  if (gradient_listener_) gradient_listener_->OnFinal(final_from_[step]);
}

template <class T, class Map>
void Network<T, Map>::BackwardStep(const Step& step) {
  const Rows<const Map> x = RowsOf(step.x);
  const Rows<const Map> dy = GradientOf(step.y).From(step.y_row);
  const Plane in = PlaneOf(step.x);
  switch (step.op) {
    case Op::kStemConv:
      return ops_.stem_conv_backward(execution_, {plan_->maps[step.x].channels, step.channels, in, step.stride},
                                     {.dweight = Gradient(step.weight), .dy = Source(step), .x = pictures_});
    case Op::kMaxPool:
      return ops_.max_pool_backward(execution_, {step.channels, in, plan_->model.conventions.pool_padding},
                                    {.dx = Sink(step), .dy = dy, .x = x, .in = InputActivation(step)});
    case Op::kGroupConv:
      return BackwardGroupConv(step);
    case Op::kDepthwiseConv:
      return BackwardDepthwiseConv(step);
    case Op::kAveragePool:
      return ops_.average_pool_backward(
          execution_,
          {{step.channels, in, plan_->model.conventions.pool_padding}, plan_->model.conventions.average_divisor},
          {.dx = GradientOf(step.x), .dy = dy});
    case Op::kBatchNorm:
      return BackwardBatchNorm(step);
    case Op::kGram:
      return BackwardGram(step);
    case Op::kProductNorm:
      return BackwardProductNorm(step);
    case Op::kRelu:
      return;  // whoever wrote y's gradient has masked it and gathered its sums
    case Op::kGlobalAveragePool:
      return ops_.global_average_pool_backward(
          execution_, {step.channels, in}, {.dx = GradientOf(step.x), .dfeatures = GradientVectorsOf(step.y), .x = x});
    case Op::kLinear:
      return ops_.linear_backward(execution_, {images_, plan_->maps[step.x].channels, step.channels},
                                  {.dfeatures = GradientVectorsOf(step.x),
                                   .dweight = Gradient(step.weight),
                                   .dbias = Gradient(step.bias),
                                   .dlogits = GradientVectorsOf(step.y),
                                   .features = VectorsOf(step.x),
                                   .weight = Trainable(step.weight)});
  }
}

template <class T, class Map>
GradientSource<T, Map> Network<T, Map>::Source(const Step& step) const {
  GradientSource<T, Map> source{.dz = GradientOf(step.y).From(step.y_row), .raw = {}};
  if (plan_->BackwardReadsOutput(step)) {
    source.raw = RowsOf(step.y);
    source.pull_back = norms_[step.norm].pull_back;
  }
  return source;
}

template <class T, class Map>
GradientSink<T, Map> Network<T, Map>::Sink(const Step& step) const {
  const StepBackward& backward = BackwardOf(step);
  GradientSink<T, Map> sink{.dz = GradientOf(step.x)};
  if (backward.adds) sink.add = sink.dz;
  if (const int norm = backward.sums_norm; norm >= 0) {
    sink.raw = RowsOf(plan_->norms[norm].raw);
    sink.moments = norms_[norm].moments;
    sink.sums = norms_[norm].sums;
  }
  return sink;
}

template <class T, class Map>
const GradientSums<T>* Network<T, Map>::ShareSums(int norm) {
  const NormState& state = norms_[norm];
  if (!exchange_) return state.sums;
  const auto channels = static_cast<size_t>(plan_->norms[norm].channels);
  GradientSums<T>* const sums = shared_sums_.data();
  if (images_ > 0) execution_.device.Copy(sums, state.sums, channels * sizeof(*sums));
  if (images_ == 0) execution_.device.Zero(sums, channels * sizeof(*sums));
  exchange_->Sum(std::span(reinterpret_cast<T*>(sums), 2 * channels));
  return sums;
}

template <class T, class Map>
void Network<T, Map>::BackwardBatchNorm(const Step& step) {
  const Norm& n = plan_->norms[step.norm];
  const NormState& state = norms_[step.norm];
  ops_.batch_norm_backward(execution_, {n.channels, state.pixels, plan_->model.bn_eps, bn_momentum_},
                           {.pull_back = state.pull_back,
                            .dgamma = Gradient(n.gamma),
                            .dbeta = Gradient(n.beta),
                            .sums = ShareSums(step.norm),
                            .own_sums = state.sums,
                            .moments = state.moments,
                            .gamma = Trainable(n.gamma),
                            .parameter_row = row_indices_.From(n.parameter_rows)});
}

template <class T, class Map>
GroupConvBackward<T, Map> Network<T, Map>::GroupConvBackwardOf(const Step& step) {
  GroupConvBackward<T, Map> call = {.dx = Sink(step),
                                    .dweight = Gradient(step.weight),
                                    .dy = Source(step),
                                    .x = RowsOf(step.x),
                                    .relu = BackwardOf(step).masks,
                                    .weight = Trainable(step.weight)};
  if (step.relu) {
    call.dy_sums = dy_sums_.data();
    call.x_moments = norms_[plan_->norms[step.norm].in_norm].moments;
    call.weight = norms_[step.norm].weight;
  }
  return call;
}

template <class T, class Map>
void Network<T, Map>::BackwardGroupConv(const Step& step) {
  if (step.chained) return;  // the next step's backward was this one's, too
  if (!EndsChain(step)) return ops_.group_conv_backward(execution_, GroupConvShapeOf(step), GroupConvBackwardOf(step));
  const Step& first = (&step)[-1];
  GroupConvChainBackward<T, Map> call = {
      .second = GroupConvBackwardOf(step), .first = GroupConvBackwardOf(first), .again = {}};
  if (plan_->backward.maps[step.x].recomputed_by >= 0) {
    call.second.x = {};
    call.again = PrepareGroupConv(first, Statistics::kBatch, prepared_);
    call.again.y = {};
  }
  ops_.group_conv_chain_backward(execution_, {GroupConvShapeOf(first), GroupConvShapeOf(step)}, call);
}

template <class T, class Map>
void Network<T, Map>::BackwardProductNorm(const Step& step) {
  const Norm& norm = plan_->norms[step.norm];
  const NormState &state = norms_[step.norm], &in = norms_[norm.in_norm];
  const GroupConvShape shape = ProductShape(norm);
  ops_.product_sums(execution_, shape,
                    {.sums = state.sums,
                     .dy_sums = dy_sums_.data(),
                     .dots = Gradient(norm.weight),
                     .weight = Trainable(norm.weight),
                     .in_scale = in.scale});
  BackwardBatchNorm(step);
  ops_.product_gradients(execution_, shape,
                         {.dweight = Gradient(norm.weight),
                          .sums = in.sums,
                          .weight = Trainable(norm.weight),
                          .in_scale = in.scale,
                          .pull_back = state.pull_back,
                          .covariances = state.covariances});
}

template <class T, class Map>
void Network<T, Map>::BackwardGram(const Step& step) {
  const Norm& norm = plan_->norms[step.norm];
  const NormState &state = norms_[step.norm], &in = norms_[norm.in_norm];
  const GramShape shape = GramShapeOf(step);
  ops_.product_pull_back(execution_, ProductShape(norm),
                         {.weight = gram_weight_.data(),
                          .bias = gram_bias_.data(),
                          .folded_weight = state.weight,
                          .conv_weight = Trainable(norm.weight),
                          .in_scale = in.scale,
                          .in_moments = in.moments,
                          .in_pull_back = in.pull_back,
                          .moments = state.moments,
                          .pull_back = state.pull_back});
  const Rows<Map> da = GradientOf(step.x);
  Convolve(SquareShape(shape), {.weight = gram_weight_.data(), .bias = gram_bias_.data()},
           {.y = da, .x = RowsOf(step.x), .residual = da});
}

template <class T, class Map>
void Network<T, Map>::BackwardDepthwiseConv(const Step& step) {
  ops_.depthwise_conv_backward(execution_, DepthwiseConvShapeOf(*plan_, step, images_),
                               {.dx = Sink(step),
                                .dweight = Gradient(step.weight),
                                .dy = Source(step),
                                .x = RowsOf(step.x),
                                .in = InputActivation(step),
                                .weight = Trainable(step.weight),
                                .rows = {row_indices_.From(step.in_rows), row_indices_.From(step.weight_rows)}});
}

// The rest is instantiated by these, and by network.cc.
template void Network<float>::Backward();
template void Network<double>::Backward();
template void Network<float, Bfloat16>::Backward();
template void Network<float>::BackwardHead();
template void Network<double>::BackwardHead();
template void Network<float, Bfloat16>::BackwardHead();

}  // namespace riffle
