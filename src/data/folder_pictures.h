// The pictures in a folder and all folders below it.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/status.h"
#include "data/left_out.h"

namespace riffle {

struct FolderPictures {
  std::vector<std::string> pictures;  ///< paths below the folder, in byte order
  LeftOutFiles left_out;              ///< the examples are paths below `name`
};

/// Files that are pictures by their names (IsPictureName) and not hidden, hidden folders left out, links followed but
/// for those that lead to a folder above them. A link that leads nowhere is among the pictures if it has a picture's
/// name: it is told of when it is read. `name`: what messages call the folder. Errors: IoError for a folder that cannot
/// be listed.
Result<FolderPictures> FindPictures(const std::filesystem::path& folder, const std::filesystem::path& name);

}  // namespace riffle
