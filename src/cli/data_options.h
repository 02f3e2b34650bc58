// From options to what the data layer takes: names alike, but a dataset's own figures stand where the user set none.
#pragma once

#include <string>
#include <vector>

#include "data/dataset.h"
#include "data/loader.h"
#include "data/transform.h"
#include "picture/preprocessing.h"
#include "settings/settings.h"

namespace riffle {

/// Gives in_channels, mean, std, hflip, color_jitter and crop_pct the dataset's own values, unless they were set. The
/// record of the run then holds what was used.
void UseDefaultsOf(const DatasetInfo& dataset, Settings& settings);

// The rest reads the options as they are after that.

/// Of validation and use. Errors: InvalidArgument if the numbers make no sense together, such as a mean for other
/// channels.
Result<Preprocessing> PreprocessingFrom(const Options& options);

/// `dataset` decides how training pictures are cut out, the options the rest. Errors: InvalidArgument.
Result<Augmentation> AugmentationFrom(const Options& options, const DatasetInfo& dataset);

/// num_samples counts for the training split only.
DatasetOptions TrainDataset(const Options& options);
/// `classes` is what the network knows (DatasetOptions::classes).
DatasetOptions ValDataset(const Options& options, std::vector<std::string> classes);

/// Where batches go: this process's share of them, into the memory that its device copies from fastest.
struct BatchPlace {
  const Communicator& world = ThisProcess();
  Device& device = CpuDevice();
};

/// REQUIRES: ResolveAutomatic(options) was called.
LoaderOptions TrainLoader(const Options& options, const BatchPlace& place = {});
LoaderOptions ValLoader(const Options& options, const BatchPlace& place = {});

/// Who makes training pictures of what lies in files, and how many MB of them stay there; a line for people, "" where
/// it is the CPU alone.
std::string WherePicturesAreMade(const Augmentation& augmentation, const Device& device, int64_t device_data_mb);

/// The name of class `label` where a network has more outputs than the data has classes.
std::string UnusedClass(int label);

/// What there is to say of a data set that was opened as `split`, a line each: another split that stands in, files that
/// were left out and may have been meant as pictures, classes without pictures, packs of smaller pictures than those of
/// image_size × image_size are made from.
std::vector<std::string> NotesOn(const Dataset& data, const std::string& split, int image_size, double crop_pct);

/// A line where shuffle_buffer hardly shuffles: pictures that lie class by class and not in several shards; or "".
std::string NarrowBufferNote(const Dataset& train, const Options& options);

/// The line on a training picture that cannot be read.
std::string Skipped(const std::string& why);

/// A network learns nothing from one class: InvalidArgument, which says where others may be.
Status RequireClasses(const Dataset& train, const Options& options);

/// The split that val_split opened as `data`, by its usual name: for records, which compare what was measured.
std::string SplitMeasured(const Dataset& data, const Options& options);

}  // namespace riffle
