#include "cli/epoch_loaders.h"

namespace riffle {

Result<std::unique_ptr<Loader>> MakeTrainLoader(const Options& options, const Dataset& data,
                                                Preprocessing preprocessing, int size, const BatchPlace& place) {
  preprocessing.image_size = size;
  RIFFLE_ASSIGN(const DatasetInfo* info, FindDataset(options.dataset));
  RIFFLE_ASSIGN(const Augmentation augmentation, AugmentationFrom(options, *info));
  RIFFLE_ASSIGN(const Transform transform, Transform::ForTraining(preprocessing, augmentation));
  return Loader::Create(data, transform, TrainLoader(options, place));
}

Result<std::unique_ptr<EpochLoaders>> EpochLoaders::Create(const Options& options, const Dataset& data,
                                                           const Preprocessing& preprocessing,
                                                           const BatchPlace& place) {
  std::unique_ptr<EpochLoaders> loaders(new EpochLoaders(options, data, preprocessing, place));
  RIFFLE_ASSIGN(loaders->schedule_, ParseResolutionSchedule(options.resolution_schedule));
  if (loaders->schedule_.empty()) loaders->schedule_ = {{.epoch = 0, .size = options.image_resize}};
  RIFFLE_ASSIGN(loaders->loader_,
                MakeTrainLoader(options, data, preprocessing, loaders->schedule_.front().size, place));
  return loaders;
}

Result<BatchSource*> EpochLoaders::At(int epoch) {
  const int size = SizeAt(epoch);
  if (size != loader_->image_size()) {
    loader_.reset();  // two would take twice the memory
    RIFFLE_ASSIGN(loader_, MakeTrainLoader(options_, data_, preprocessing_, size, place_));
  }
  return loader_.get();
}

}  // namespace riffle
