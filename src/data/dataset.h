// Labelled pictures: one interface over record files, IDX files and folders, and the function that opens them by name.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/status.h"
#include "picture/picture.h"
#include "picture/region.h"

namespace riffle {

/// Files that lie where pictures lie and are none of the data set's, of one kind.
struct LeftOut {
  std::string why;  ///< ".gif files, which are not read": what they are, for a line that a person reads
  int64_t files = 0;
  std::string example;  ///< the name of one of them
  bool harmless =
      false;  ///< they often lie beside pictures and nobody takes them for such: a check tells, a run does not
};

/// A numbered collection of labelled pictures. Thread-safe: it never changes after it was opened.
class Dataset {
 public:
  virtual ~Dataset() = default;

  /// Class names in the order of the labels.
  const std::vector<std::string>& classes() const { return classes_; }
  int64_t size() const { return static_cast<int64_t>(labels_.size()); }
  /// What was found among the pictures and passed over when the data set was opened; empty: nothing.
  const std::vector<LeftOut>& left_out() const { return left_out_; }
  /// The split that this is, where it stands in for the one that was asked for and is not there; otherwise "".
  const std::string& stand_in() const { return stand_in_; }
  /// The folder in which its split was found, where others are expected beside it; empty for sets of fixed files.
  const std::filesystem::path& place() const { return place_; }
  /// The class of picture i, in [0, classes().size()).
  int32_t label(int64_t i) const { return labels_[i]; }
  /// What messages call picture i: a path, or "cifar10 train #17".
  virtual std::string NameOf(int64_t i) const = 0;
  /// Of the names and labels of all pictures, in their order, and of what Contents() tells, as 16 hexadecimal digits:
  /// another one for pictures that were added, removed, renamed or moved to another class, the same one wherever the
  /// data set lies.
  std::string Checksum() const;
  /// Picture i, grey or RGB as the data set was opened: a view of memory that the data set holds, or of `scratch`,
  /// whose memory is used again. The view lives as long as both stay untouched. Errors name the picture.
  virtual Result<PictureView> Read(int64_t i, Picture& scratch) const = 0;
  /// What is needed of picture i, as for Read; it may take less time.
  virtual Result<Region> ReadRegion(int64_t i, const ChooseNeed& choose, Picture& scratch) const;
  /// The file of picture i as it lies there, for data sets whose pictures are files; Unavailable for the others.
  virtual Result<std::vector<uint8_t>> Encoded(int64_t i) const;
  /// What tells the pictures themselves from others of the same names, where the files of the data set have checksums;
  /// otherwise "".
  virtual std::string Contents() const { return ""; }
  /// Whether picture i is what it was when the data set was written, where that has checksums. DataLoss names it.
  virtual Status Verify(int64_t /*i*/) const { return {}; }
  /// Where pictures were made smaller as they were packed: the most pixels that the shorter side of one has. Otherwise
  /// nothing.
  virtual std::optional<int64_t> MostOfShorterSide() const { return std::nullopt; }
  /// Whether reading is no work and cannot fail: the pictures were checked and decoded when the data set was opened.
  virtual bool InMemory() const { return false; }
  /// Bytes of the pixels of picture i, where what Read gives is always the same view, of memory that the data set
  /// holds; otherwise nothing.
  virtual std::optional<int64_t> BytesInPlace(int64_t /*i*/) const { return std::nullopt; }
  /// Where pictures lie one after another in few large files: the number of the first of each file, from 0 up.
  /// Otherwise 0 alone.
  virtual std::vector<int64_t> ShardStarts() const { return {0}; }

  // For OpenDataset, before anybody else sees the data set:
  /// Pictures are turned as their EXIF orientation says from now on. Without effect where they are no files.
  virtual void FollowExif() {}
  void SetStandIn(std::string split) { stand_in_ = std::move(split); }
  void SetPlace(std::filesystem::path folder) { place_ = std::move(folder); }

 protected:
  std::vector<std::string> classes_;
  std::vector<int32_t> labels_;
  std::vector<LeftOut> left_out_;
  std::string stand_in_;
  std::filesystem::path place_;
};

struct DatasetOptions {
  std::string name;                       ///< a name of the registry; "" is a folder of class folders
  std::filesystem::path data_dir = "./";  ///< the files lie here, or up to four levels below
  std::string split = "train";
  int channels = 3;               ///< what Read gives: 1 or 3; the pictures are converted
  int64_t num_samples = 0;        ///< a random subset of this many pictures; 0: all
  uint64_t seed = 1;              ///< chooses that subset
  bool exif_orientation = false;  ///< turn pictures as their EXIF says; otherwise they are as they lie in the file
  /// Classes that a network knows, in its order; labels then count in this order. A data set with another class is an
  /// error; one that lacks some is none. Empty: the data set's own.
  std::vector<std::string> classes;
  int threads = 1;  ///< that open it, where it lies in several shards; the result does not depend on them
};

/// Opens a split. Where there is no 'val', 'test' stands in, and the other way round (Dataset::stand_in). Errors:
/// InvalidArgument (an unknown name or split, foreign classes, too large a subset), NotFound (says what was looked for
/// and where), DataLoss (a file of a wrong size or with wrong content, named).
Result<std::unique_ptr<Dataset>> OpenDataset(const DatasetOptions& options);

}  // namespace riffle
