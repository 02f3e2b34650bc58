// The training pictures of each epoch, at the size that the resolution schedule gives it.
#pragma once

#include <memory>
#include <vector>

#include "cli/data_options.h"
#include "data/dataset.h"
#include "data/loader.h"
#include "picture/preprocessing.h"
#include "settings/settings.h"
#include "train/loop/resolution.h"

namespace riffle {

/// A loader of augmented pictures of size × size pixels; `preprocessing` says the rest. Errors: those of
/// Transform::ForTraining and Loader::Create.
Result<std::unique_ptr<Loader>> MakeTrainLoader(const Options& options, const Dataset& data,
                                                Preprocessing preprocessing, int size, const BatchPlace& place = {});

/// One loader at a time: another size is another loader.
class EpochLoaders {
 public:
  /// The first epoch's loader is made at once, so that its errors come early. `options`, `data` and what `place` names
  /// must outlive it. Errors: those of ParseResolutionSchedule and MakeTrainLoader.
  static Result<std::unique_ptr<EpochLoaders>> Create(const Options& options, const Dataset& data,
                                                      const Preprocessing& preprocessing, const BatchPlace& place);

  /// The size of an epoch's pictures; epochs count from 0.
  int SizeAt(int epoch) const { return ResolutionAt(schedule_, epoch); }

  /// Whether the sizes differ.
  bool Changes() const { return schedule_.size() > 1; }

  /// The loader of an epoch, from 0, valid until the next call.
  Result<BatchSource*> At(int epoch);

  int64_t BatchesPerEpoch() const { return loader_->BatchesPerEpoch(); }

 private:
  EpochLoaders(const Options& options, const Dataset& data, Preprocessing preprocessing, const BatchPlace& place)
      : options_(options), data_(data), preprocessing_(std::move(preprocessing)), place_(place) {}

  const Options& options_;
  const Dataset& data_;
  const Preprocessing preprocessing_;
  const BatchPlace place_;
  std::vector<ResolutionStep> schedule_;
  std::unique_ptr<Loader> loader_;
};

}  // namespace riffle
