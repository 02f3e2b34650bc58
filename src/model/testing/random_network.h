// What tests of whole networks share: weights as after some training, a batch of pictures, and one pass of training.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "backend/target.h"
#include "backend/testing/host_copy.h"
#include "base/random.h"
#include "model/network.h"

namespace riffle {

/// Weights and statistics as if the network had been trained: none is 0 or 1, and activations neither vanish nor
/// explode. All are floats, so that networks of every T start from the same numbers.
template <class T>
void FillRandom(const ParameterRegistry& registry, uint32_t seed, ParameterValues<T>* values) {
  uint32_t index = 0;
  const auto fill = [&](const Parameter& p, AlignedArray<T>& arena) {
    RandomStream random(seed, RandomPurpose::kTest, 1, index++);
    const int64_t fan_in = p.size / p.shape[0];
    std::generate_n(arena.data() + p.offset, p.size, [&]() -> T {
      switch (p.kind) {
        case ParameterKind::kGamma:
        case ParameterKind::kRunningVariance:
          return static_cast<float>(random.Uniform(0.5, 1.5));
        case ParameterKind::kBeta:
        case ParameterKind::kRunningMean:
          return static_cast<float>(random.Uniform(-0.5, 0.5));
        default:
          return static_cast<float>(random.Normal() * std::sqrt(2.0 / static_cast<double>(fan_in)));
      }
    });
  };
  for (const Parameter& p : registry.trainable()) fill(p, values->trainable);
  for (const Parameter& p : registry.statistics()) fill(p, values->statistics);
}

template <class T>
void FillRandom(const ParameterRegistry& registry, uint32_t seed, DeviceParameterValues<T>* values) {
  ParameterValues<T> host(registry);
  FillRandom(registry, seed, &host);
  values->Upload(host);
}

/// Normalised pictures with labels, of the host. What lies between the rows is NaN: nobody may read it.
template <class T>
struct TestBatch {
  TestBatch(const ModelDescription& model, int64_t image_count, uint32_t seed)
      : images(image_count),
        all_images(image_count),
        stride(RowStride(image_count * model.image_size * model.image_size)) {
    const int64_t pixels_per_row = images * model.image_size * model.image_size;
    RandomStream random(seed, RandomPurpose::kTest, 2, 0);
    pixels = AlignedArray<T>(model.in_channels * stride);
    std::fill(pixels.begin(), pixels.end(), std::numeric_limits<T>::quiet_NaN());
    for (int c = 0; c < model.in_channels; ++c)
      std::generate_n(pixels.data() + c * stride, pixels_per_row, [&] { return static_cast<float>(random.Normal()); });
    for (int64_t n = 0; n < images; ++n) labels.push_back(random.Below(model.num_classes));
  }
  Rows<const T> pictures() const { return {pixels.data(), stride}; }

  int64_t images;
  int64_t all_images;  ///< at all processes that share it
  int64_t stride;
  AlignedArray<T> pixels;
  std::vector<int> labels;
};

/// The distributions [images][classes] that cross-entropy compares with: 1 − smoothing on the label, and `smoothing`
/// spread evenly over all classes.
template <class T>
std::vector<T> SmoothedTargets(const std::vector<int>& labels, int classes, double smoothing) {
  std::vector<T> targets(labels.size() * classes, T(smoothing / classes));
  for (size_t n = 0; n < labels.size(); ++n) targets[n * classes + labels[n]] += T(1 - smoothing);
  return targets;
}

inline constexpr double kTestSmoothing = 0.1;

/// Forward alone: the logits [images][classes].
template <class T>
std::vector<T> ForwardPass(TrainingNetwork<T>& network, const TestBatch<T>& batch, Statistics statistics) {
  DeviceInput<T> input;
  const Rows<const T> pictures = {input.At(network.execution().device, batch.pixels), batch.stride};
  const T* logits = network.Forward(batch.images, pictures, statistics);
  return HostCopy(network.execution(), logits, batch.images * network.plan().model.num_classes);
}

template <class T>
struct TrainingPassResult {
  T loss;                 ///< mean over the batch
  std::vector<T> logits;  ///< [images][classes]
};

/// Forward with batch statistics, cross-entropy with kTestSmoothing, backward.
template <class T>
TrainingPassResult<T> TrainingPass(TrainingNetwork<T>& network, const OpTable<T>& ops, const TestBatch<T>& batch,
                                   int classes) {
  Device& device = network.execution().device;
  DeviceInput<T> pictures, targets;
  const T* logits = network.Forward({batch.images, batch.all_images}, {pictures.At(device, batch.pixels), batch.stride},
                                    Statistics::kBatch);
  const std::vector<T> distributions = SmoothedTargets<T>(batch.labels, classes, kTestSmoothing);
  DeviceArray<T> losses(device, batch.images);
  ops.cross_entropy(network.execution(), {batch.images, classes},
                    {.loss = losses.data(),
                     .dlogits = network.dlogits(),
                     .logits = logits,
                     .targets = targets.At(device, distributions),
                     .weight = T(1) / static_cast<T>(batch.images)});
  network.Backward();
  T sum = 0;
  for (const T loss : HostCopy(losses)) sum += loss;
  return {sum / static_cast<T>(batch.images), HostCopy(network.execution(), logits, batch.images * classes)};
}

/// v = momentum·v + g + weight_decay·p;  p −= lr·v, on every parameter.
template <class T>
class MomentumSgd {
 public:
  struct Options {
    double lr, momentum, weight_decay;
  };
  MomentumSgd(const ParameterRegistry& registry, Options options)
      : registry_(registry), options_(options), velocity_(registry.trainable_arena_values()) {}

  void Step(TrainingNetwork<T>& network) {
    std::vector<T> values = HostCopy(network.values().trainable);
    const std::vector<T> gradients = HostCopy(network.gradients());
    for (const Parameter& p : registry_.trainable())
      for (int64_t i = p.offset; i < p.offset + p.size; ++i) {
        velocity_[i] = T(options_.momentum) * velocity_[i] + gradients[i] + T(options_.weight_decay) * values[i];
        values[i] -= T(options_.lr) * velocity_[i];
      }
    network.values().trainable.Upload(values);
  }

 private:
  const ParameterRegistry& registry_;
  Options options_;
  AlignedArray<T> velocity_;
};

/// Calls check() under each instruction set that this machine has. Weights that were packed under one mean nothing
/// under another: sessions are made within.
template <class Check>
void UnderEachTarget(const Check& check) {
  for (const std::string& target : AvailableTargets()) {
    SCOPED_TRACE(target);
    ASSERT_TRUE(ForceTarget(target).ok());
    check();
  }
  ASSERT_TRUE(ForceTarget("").ok());
}

/// The largest |a − b| as a share of `scale` or the largest |b|, whichever is more; NaN if there is one among them.
template <class A, class B>
double RelativeDistance(const A* a, const B* b, int64_t count, double scale = 0) {
  double distance = 0;
  for (int64_t i = 0; i < count; ++i) {
    const double d = std::abs(static_cast<double>(a[i]) - static_cast<double>(b[i]));
    if (std::isnan(d)) return d;
    distance = std::max(distance, d);
    scale = std::max(scale, std::abs(static_cast<double>(b[i])));
  }
  return distance / scale;
}

}  // namespace riffle
