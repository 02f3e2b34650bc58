// Gradients of processes that share a batch: summed in parts while backward still computes the others.
#pragma once

#include <vector>

#include "base/status.h"
#include "model/parameters.h"
#include "model/shared_batch.h"

namespace riffle {

/// The arena of gradients is cut into a few buckets, each of which is summed as soon as all of it is final, the last
/// one first. All ranks call the same functions in the same order, by one thread each.
class GradientReducer : public GradientListener {
 public:
  /// Buckets of one arena: fewer hide less behind backward, more cost more latency.
  static constexpr int kBuckets = 4;

  /// Of these the following OnFinal tells, until Wait; they must stay where they are.
  void Begin(DeviceArray<float>* gradients);
  /// Sends on its way what is complete.
  void OnFinal(int64_t from) override;

  /// What this process's values count in averages that are called from now on.
  virtual void SetShare(double share) = 0;
  /// values := Σ share · values over all ranks, on the same way; they must stay as they are until Wait.
  virtual void Average(DeviceArray<float>* values) = 0;

  /// What is called on the device from now on finds the sums where they belong. Unavailable where a process is lost.
  virtual Status Wait() = 0;

  /// Where Wait does not wait for the sums: Unavailable if some have failed since. Ranks may learn of it in different
  /// steps.
  virtual Status Health() const { return {}; }

 protected:
  /// For gradients in the arena of `registry`, from the value `from` on; those before it stay as they are.
  GradientReducer(const ParameterRegistry& registry, int64_t from);

  /// Begins to sum gradients [begin, begin + size), which are final; the ops that wrote them are enqueued.
  virtual void Send(int64_t begin, int64_t size) = 0;

  /// With the gradients that Begin told of.
  void Done() { gradients_ = nullptr; }

  DeviceArray<float>* gradients() const { return gradients_; }  ///< null: none
  int64_t begin() const { return cuts_.front(); }               ///< of all buckets
  int64_t end() const { return cuts_.back(); }

 private:
  const std::vector<int64_t> cuts_;  // bucket k is [cuts_[k], cuts_[k + 1])
  size_t unsent_ = 0;                // buckets before this one are not complete
  DeviceArray<float>* gradients_ = nullptr;
};

}  // namespace riffle
