#include "base/scratch_folder.h"

#include <stdlib.h>  // NOLINT: mkdtemp is not the standard's

namespace riffle {

namespace fs = std::filesystem;

Result<ScratchFolder> ScratchFolder::Create() {
  std::error_code error;
  std::string name = (fs::temp_directory_path(error) / "riffle_XXXXXX").string();
  if (error || ::mkdtemp(name.data()) == nullptr)
    return IoError("no folder for temporary files can be made; set TMPDIR to a folder that can be written to");
  return ScratchFolder(name);
}

ScratchFolder::~ScratchFolder() {
  std::error_code ignored;
  if (!path_.empty()) fs::remove_all(path_, ignored);
}

}  // namespace riffle
