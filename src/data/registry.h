// The table of data sets: what each is called, holds, is normalised by, and comes from.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "base/status.h"
#include "picture/preprocessing.h"

namespace riffle {

/// How a data set lies on the disk.
enum class DatasetLayout {
  kCifar,   ///< records of label bytes and planar pixels (cs.toronto.edu/~kriz/cifar.html)
  kIdx,     ///< MNIST's format, gzipped or not
  kFolder,  ///< root/split/class/picture; or shards, where there is no such folder
  kShards,  ///< pictures packed into tar files (shards.h)
};

/// How training pictures are cut out.
enum class TrainCrop {
  kRandomResized,  ///< a random part of random area and shape, resized (Szegedy et al., arXiv 1409.4842)
  kPadded,         ///< a rectangle of the picture's own size from the picture with a black border
  kNone,           ///< the picture as evaluation sees it
};

/// One split of a data set of known size.
struct SplitInfo {
  std::string_view name;
  int64_t pictures;                         ///< 0: as many as the file says
  std::span<const std::string_view> files;  ///< kCifar: the record files; kIdx: pictures, labels
};

/// One file to download.
struct DownloadInfo {
  std::string_view file;
  std::string_view md5;
};

struct DatasetInfo {
  std::string_view name;
  std::span<const std::string_view> aliases = {};
  DatasetLayout layout = DatasetLayout::kFolder;
  int num_classes = 0;               ///< 0: as many as there are class folders
  int channels = 3;                  ///< of the pictures on the disk
  int native_size = 0;               ///< height and width of each picture; 0: they differ
  std::span<const float> mean = {};  ///< one per channel, on the 0-255 scale
  std::span<const float> std = {};   ///< one per channel, on the 0-255 scale
  TrainCrop train_crop = TrainCrop::kNone;
  double hflip = 0;                                    ///< probability of a horizontal flip in training
  double color_jitter = 0;                             ///< strength of the colour jitter in training
  double crop_pct = 1;                                 ///< evaluation keeps this share of the short side
  std::span<const SplitInfo> splits = {};              ///< empty: folders
  int label_bytes = 0;                                 ///< kCifar: bytes before the pixels; the last one is the label
  std::string_view class_names_file = {};              ///< kCifar: one name a line
  std::span<const std::string_view> class_names = {};  ///< where no file tells them
  std::string_view folder_word = {};            ///< in a path, tells these files from another set's of the same names
  std::string_view foreign_folder_word = {};    ///< in a path, tells that the files are another set's
  std::string_view system_folder = {};          ///< where a Debian package puts the files; empty: nowhere
  std::span<const std::string_view> urls = {};  ///< folders with the downloads: the publisher's, then mirrors
  std::span<const DownloadInfo> downloads = {};
};

/// The data set's own: statistics and crop_pct of the registry. Where `channels` is not the set's, grey statistics
/// stand for each colour, and the mean of the colours' for grey.
Preprocessing DefaultPreprocessing(const DatasetInfo& info, int image_size, int channels);

/// All rows, in the order in which help and documentation list them.
std::span<const DatasetInfo> Datasets();

/// The row of that name or alias. InvalidArgument names the nearest one.
Result<const DatasetInfo*> FindDataset(std::string_view name);

/// The split of that name (split_names.h), or the one that stands in for it. InvalidArgument lists the splits.
/// REQUIRES: `info.splits` is not empty.
Result<const SplitInfo*> FindSplit(const DatasetInfo& info, std::string_view name);

}  // namespace riffle
