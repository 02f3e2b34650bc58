// Makes pictures ready for training and writes them as one pack (pack_file.h).
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "backend/threads.h"
#include "base/status.h"
#include "data/dataset.h"
#include "data/pack_dataset.h"
#include "picture/resize.h"

namespace riffle {

/// What becomes of each picture. One without colour is stored as grey; one whose shorter side is not longer than that
/// keeps its size, and as JPEG its file, if it is one.
struct PackForm {
  int max_side = 256;          ///< pixels of the shorter side
  std::optional<int> quality;  ///< JPEG's, 1 to 100; none: raw pixels
  Interpolation interpolation = Interpolation::kBilinear;
};

/// Called now and then with the number of pictures that are done; an error ends the work.
using PackedSoFar = std::function<Status(int64_t done)>;

/// Writes the pictures `chosen` of `data` in that order; the pool's threads share them, and the bytes do not depend on
/// their number. A picture that cannot be read is packed as such: who reads it is told so, as of the original. What is
/// there is replaced; a file that has a head is whole, also after a crash. Errors: IoError; that of `progress`.
Status WritePack(ThreadPool& pool, const Dataset& data, std::span<const int64_t> chosen, const PackForm& form,
                 const std::string& recipe, const std::filesystem::path& path, const PackedSoFar& progress);

/// Whether a pack of these pictures holds what would be written now: none of their files is newer, all checksums are
/// right, and a few pictures come out the same once more.
bool IsUpToDate(ThreadPool& pool, const Dataset& data, std::span<const int64_t> chosen, const PackForm& form,
                const OpenedPack& pack);

/// Bytes that a picture takes in a pack, from a few of `data`. Errors: of the system's, as above.
Result<double> BytesOfPackedPicture(ThreadPool& pool, const Dataset& data, const PackForm& form);

}  // namespace riffle
