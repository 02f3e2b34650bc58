// Archives (.tar, .tar.gz): their files, into a folder.
#pragma once

#include <filesystem>

#include "base/status.h"

namespace riffle {

/// Unpacks the files and folders of an archive into `folder`, which exists. All of it is written beside first and then
/// moved, so that a crash leaves no half a data set; what stood there under the same names is replaced. Links, devices
/// and names that lead out of the folder are DataLoss, and then nothing is moved. Errors: DataLoss, IoError.
Status Unpack(const std::filesystem::path& archive, const std::filesystem::path& folder);

}  // namespace riffle
