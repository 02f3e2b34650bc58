// The pictures that a command is given: files, folders, a list on the standard input.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/status.h"
#include "data/dataset.h"
#include "runtime/batch_classifier.h"

namespace riffle {

struct PictureArguments {
  std::vector<PictureInput>
      pictures;                   ///< in the order of the arguments; those of a folder in byte order of their paths
  std::vector<Status> errors;     ///< of arguments that give no picture
  std::vector<LeftOut> left_out;  ///< of the folders
};

/// A file is a picture whatever its name is, and whether it is one shows when it is read. A folder stands for the
/// pictures in it and below (FindPictures). "-" is the standard input: a picture, or a list of files and folders.
PictureArguments PicturesOf(std::span<const std::string> arguments);

/// The names of a list: one a line, or, where there is a NUL, one before each (as of find -print0). Empty ones are
/// none, and the carriage return at the end of a line is no part of it. nullopt if it is no list but a picture.
std::optional<std::vector<std::string>> NamesListed(std::span<const uint8_t> bytes);

}  // namespace riffle
