// `riffle predict --sort_into`: copies of pictures, in a folder for each class.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>

#include "base/status.h"
#include "runtime/batch_classifier.h"

namespace riffle {

/// The name of a class as that of a folder, which lies in its parent and is not hidden: '/', control characters and a
/// dot at the beginning become '_', and then, as where it is cut to 200 bytes or empty, "-INDEX" follows.
std::string FolderNameOf(const std::string& class_name, int index);

/// Copies pictures to FOLDER/CLASS/NAME. No file is ever replaced: where another one has that name, it is NAME-2, with
/// the same ending, and so on; one of the same content stands for the copy, so that a second run adds nothing.
class PictureSorter {
 public:
  /// Makes the folder. Errors: InvalidArgument where a picture lies in it already, or is no file that can be copied
  /// (the standard input, a pipe); IoError.
  static Result<PictureSorter> Create(const std::filesystem::path& folder, std::span<const PictureInput> pictures);

  /// REQUIRES: one of the pictures. Errors: IoError names the copy.
  Status Copy(const std::string& picture, const std::string& class_name, int class_index);

  int64_t copied() const { return copied_; }
  int64_t there_already() const { return there_already_; }

 private:
  explicit PictureSorter(std::filesystem::path folder) : folder_(std::move(folder)) {}

  std::filesystem::path folder_;
  std::map<std::filesystem::path, int> numbers_;  // of the next copy of that name
  int64_t copied_ = 0, there_already_ = 0;
};

}  // namespace riffle
