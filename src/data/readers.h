// The readers behind OpenDataset, one for each layout on the disk.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/status.h"
#include "data/dataset.h"
#include "data/left_out.h"
#include "data/registry.h"

namespace riffle {

/// Pictures of one size, all in memory.
class MemoryDataset : public Dataset {
 public:
  /// `shape` gives the size and channels of each of the pictures that follow one another in `pixels`. REQUIRES: the
  /// sizes of `pixels` and `labels` fit together, each label has a class.
  MemoryDataset(std::string title, std::vector<std::string> classes, std::vector<int32_t> labels, PictureView shape,
                std::vector<uint8_t> pixels);
  std::string NameOf(int64_t i) const override;
  Result<PictureView> Read(int64_t i, Picture& scratch) const override;

 private:
  std::string title_;
  PictureView shape_;
  std::vector<uint8_t> pixels_;
};

/// CIFAR's record files (info.layout == kCifar). Each must hold its share of the split's pictures, neither more nor
/// less. The official split is in `info`; a test may have a smaller one.
Result<std::unique_ptr<Dataset>> OpenCifar(const DatasetInfo& info, const SplitInfo& split,
                                           const std::filesystem::path& data_dir, int channels);

/// MNIST's IDX files (info.layout == kIdx), gzipped or not, told apart by content.
Result<std::unique_ptr<Dataset>> OpenIdx(const DatasetInfo& info, const SplitInfo& split,
                                         const std::filesystem::path& data_dir, int channels);

/// A folder data_dir/split/class/*.{jpg,jpeg,png,webp,bmp}, extensions in any case, classes and files in byte order of
/// their names. Hidden files and files beside the class folders are none of it. `known_classes` as in DatasetOptions.
Result<std::unique_ptr<Dataset>> OpenFolder(const std::filesystem::path& data_dir, const std::string& split,
                                            int channels, const std::vector<std::string>& known_classes);

/// Shards of packed pictures (shards.h). Without names of classes beside them they are `known_classes`, or numbers.
Result<std::unique_ptr<Dataset>> OpenPacked(const std::filesystem::path& data_dir, const std::string& split,
                                            int channels, const std::vector<std::string>& known_classes);

/// The names of the class folders of that split, in byte order.
Result<std::vector<std::string>> ClassFolders(const std::filesystem::path& data_dir, const std::string& split);

/// The folder at or below `root` (four levels at most, hidden folders left out) that `fits`. Of several the nearest to
/// `root` is taken. Where `info` has a folder_word, a path with that word is preferred; one with its
/// foreign_folder_word is none. Errors: NotFound names `what` and `root`; InvalidArgument where two are equally near.
Result<std::filesystem::path> FindFolder(const std::filesystem::path& root, const std::string& what,
                                         const DatasetInfo& info,
                                         const std::function<bool(const std::filesystem::path&)>& fits);

}  // namespace riffle
