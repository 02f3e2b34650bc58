// The parameter registry: every tensor that is learnt or tracked, in network order, with its place in flat arenas.
// Initialisation, load, save, weight decay, the optimizer, the all-reduce and export all visit this one list.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "backend/device_array.h"
#include "base/arena.h"

namespace riffle {

enum class ParameterKind {
  kStemWeight,
  kGroupConvWeight,
  kDepthwiseWeight,
  kHeadWeight,
  kHeadBias,
  kGamma,
  kBeta,
  kRunningMean,
  kRunningVariance
};

struct Parameter {
  std::string name;  ///< "stage2.0.conv1.weight"
  ParameterKind kind;
  std::vector<int64_t> shape;  ///< convolutions [out, in / groups, height, width]; the head [classes, features]
  int64_t offset = 0;          ///< in its arena, in values; a whole number of cache lines
  int64_t size = 0;            ///< values

  bool norm() const { return kind == ParameterKind::kGamma || kind == ParameterKind::kBeta; }
  bool bias() const { return kind == ParameterKind::kHeadBias; }
  bool head() const { return kind == ParameterKind::kHeadWeight || kind == ParameterKind::kHeadBias; }
  bool conv() const { return !head() && shape.size() == 4; }
};

/// Two lists: what the optimizer changes, and batch norm's running statistics.
class ParameterRegistry {
 public:
  /// Appends and returns the index in its list.
  int Add(std::string name, ParameterKind kind, std::vector<int64_t> shape);

  std::span<const Parameter> trainable() const { return trainable_; }
  std::span<const Parameter> statistics() const { return statistics_; }
  int64_t trainable_arena_values() const { return trainable_arena_; }  ///< padding included
  int64_t statistics_arena_values() const { return statistics_arena_; }
  int64_t trainable_count() const;   ///< values, as papers count parameters
  int64_t statistics_count() const;  ///< MindCV's count is the sum of both

 private:
  std::vector<Parameter> trainable_, statistics_;
  int64_t trainable_arena_ = 0, statistics_arena_ = 0;
};

/// The values of a registry in the host's memory: the form in which initialisation, folding, transfer and checkpoints
/// exchange them.
template <class T>
struct ParameterValues {
  explicit ParameterValues(const ParameterRegistry& registry)
      : trainable(registry.trainable_arena_values()), statistics(registry.statistics_arena_values()) {}
  AlignedArray<T> trainable;
  AlignedArray<T> statistics;
};

/// REQUIRES: both are of one registry.
template <class T>
void Copy(const ParameterValues<T>& from, ParameterValues<T>* to) {
  CopyValues(from.trainable, &to->trainable);
  CopyValues(from.statistics, &to->statistics);
}

/// The values of a registry where ops work on them: those of networks and their average. Gradients and optimizer slots
/// are further arrays of the same layout as `trainable`.
template <class T>
struct DeviceParameterValues {
  /// All zero.
  DeviceParameterValues(Device& device, const ParameterRegistry& registry)
      : trainable(device, registry.trainable_arena_values()), statistics(device, registry.statistics_arena_values()) {}

  /// As DeviceArray's. REQUIRES: values of one registry.
  void Upload(const ParameterValues<T>& values) {
    trainable.Upload(values.trainable);
    statistics.Upload(values.statistics);
  }
  void Download(ParameterValues<T>* values) const {
    trainable.Download(values->trainable);
    statistics.Download(values->statistics);
  }
  void CopyFrom(const DeviceParameterValues& other) {
    trainable.CopyFrom(other.trainable);
    statistics.CopyFrom(other.statistics);
  }

  DeviceArray<T> trainable;
  DeviceArray<T> statistics;
};

/// A copy for the host.
template <class T>
ParameterValues<T> HostValues(const ParameterRegistry& registry, const DeviceParameterValues<T>& values) {
  ParameterValues<T> host(registry);
  values.Download(&host);
  return host;
}

}  // namespace riffle
