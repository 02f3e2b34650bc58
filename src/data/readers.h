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
  bool InMemory() const override { return true; }
  std::optional<int64_t> BytesInPlace(int64_t) const override { return shape_.height * shape_.row_bytes; }

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

/// A folder data_dir/split/class/ with pictures (IsPictureName, left_out.h) in it and in folders below, links followed:
/// classes in byte order of their names, pictures in that of their paths. The rest is accounted for in left_out().
/// Errors: NotFound where there is no such split, or it or a class is without pictures; says what is there instead.
/// `known_classes` as in DatasetOptions.
Result<std::unique_ptr<Dataset>> OpenFolder(const std::filesystem::path& data_dir, const std::string& split,
                                            int channels, const std::vector<std::string>& known_classes);

/// Shards of packed pictures (shards.h). Without names of classes beside them they are `known_classes`, or numbers.
/// Reads them on so many threads.
Result<std::unique_ptr<Dataset>> OpenPacked(const std::filesystem::path& data_dir, const std::string& split,
                                            int channels, const std::vector<std::string>& known_classes, int threads);

struct SplitFolder {
  std::filesystem::path folder;
  std::vector<std::filesystem::path> passed_over;  ///< called as the split is, but without class folders
};

/// The folder of that split, or of another of its names (split_names.h), in any case. It lies at or below `data_dir`,
/// but not within another split: a class may be called 'test'. A folder that only bears the name counts where none has
/// class folders, or where it lies beside another split. Errors as FindFolder's, NotFound says what is there;
/// InvalidArgument where two folders beside each other are the split; DataLoss for a link that leads nowhere.
Result<SplitFolder> FindSplitFolder(const std::filesystem::path& data_dir, const std::string& split);

/// The names of the class folders of that split, in byte order.
Result<std::vector<std::string>> ClassFolders(const std::filesystem::path& data_dir, const std::string& split);

/// Where that split has one class folder and others lie below it: what to do, beginning with "; ". Otherwise "".
std::string BelowTheOnlyClass(const std::filesystem::path& data_dir, const std::string& split);

/// The folders at or below `root` (four levels at most, hidden folders left out) that `fits`, of the level nearest to
/// `root` that has any. What lies below a folder that is `closed` is not looked at. Where `info` has a folder_word, a
/// path with that word is preferred; one with its foreign_folder_word is none. Errors: NotFound, if there is none,
/// names `what` and `root`.
Result<std::vector<std::filesystem::path>> NearestFolders(
    const std::filesystem::path& root, const std::string& what, const DatasetInfo& info,
    const std::function<bool(const std::filesystem::path&)>& fits,
    const std::function<bool(const std::filesystem::path&)>& closed);

/// The only one of folders that were found. REQUIRES: there is one. Errors: InvalidArgument where there are two.
Result<std::filesystem::path> TheOnly(const std::filesystem::path& root, const std::string& what,
                                      const std::vector<std::filesystem::path>& folders);

/// The only one, nothing being closed. Errors: those of NearestFolders; InvalidArgument where two are equally near.
Result<std::filesystem::path> FindFolder(const std::filesystem::path& root, const std::string& what,
                                         const DatasetInfo& info,
                                         const std::function<bool(const std::filesystem::path&)>& fits);

}  // namespace riffle
