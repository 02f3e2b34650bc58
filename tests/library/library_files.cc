// library_files FOLDER: the checkpoint and the picture that the programs outside this tree are run on.
#include <cstdio>
#include <filesystem>

#include "api/testing/files.h"

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  const riffle::ApiFiles files;
  std::filesystem::create_directories(argv[1]);
  for (const std::filesystem::path& file : {files.checkpoint, files.picture})
    std::filesystem::copy_file(file, std::filesystem::path(argv[1]) / file.filename(),
                               std::filesystem::copy_options::overwrite_existing);
  return 0;
}
