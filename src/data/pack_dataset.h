// The pictures of packs (pack_file.h) as a data set: views of memory that the files are mapped to.
#pragma once

#include <filesystem>
#include <memory>
#include <vector>

#include "base/mapped_file.h"
#include "base/status.h"
#include "data/dataset.h"
#include "data/pack_file.h"

namespace riffle {

struct OpenedPack {
  MappedFile file;
  PackHead head;
};

/// Errors: those of MappedFile::Open and, with the file's name, of ReadPackHead.
Result<OpenedPack> OpenPack(const std::filesystem::path& path);

/// The pictures of the packs, one after another, as `channels` (1 or 3). Read and ReadRegion of raw pictures give views
/// of the files, but for what has other channels or is turned. A picture is verified when it is read for the first
/// time; so are Encoded ones. REQUIRES: packs of the same classes, at least one.
std::unique_ptr<Dataset> MakePackDataset(std::vector<OpenedPack> packs, int channels, std::vector<LeftOut> left_out);

}  // namespace riffle
