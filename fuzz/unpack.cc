// Archives that were downloaded: nothing but files and folders comes out of them, and nothing beside the folder.
#include "download/unpack.h"

#include <algorithm>

#include "data/testing/tar.h"
#include "fuzz/formats.h"
#include "fuzz/target.h"

namespace riffle {
namespace {

namespace fs = std::filesystem;

void Check(std::string_view input) {
  const fs::path around = FuzzFolder() / "unpack", folder = around / "in" / "here";
  fs::remove_all(around);
  fs::create_directories(folder);
  const Status unpacked = Unpack(FuzzFile("unpack.tar", input), folder);
  const auto count = [](const fs::path& of) {
    return std::distance(fs::directory_iterator(of), fs::directory_iterator());
  };
  Require(count(around) == 1 && count(around / "in") == 1, "nothing comes to lie beside the folder");
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    const fs::file_type type = entry.symlink_status().type();
    Require(type == fs::file_type::regular || type == fs::file_type::directory, "only files and folders come out");
  }
  if (!IsFine(unpacked, input)) Require(fs::is_empty(folder), "an archive that is refused leaves nothing");
}

std::vector<std::string> Seeds() {
  return {Tar({{"d/", "", kFolder}, {"d/a.bin", "12345"}, {"b.txt", "x"}}), Tar({{"../a", "x"}}),
          Tar({{"l", "", kSymbolicLink, ".."}, {"l/a", "x"}}), Tar({{"a", "x"}, {"b", "", kHardLink, "a"}}),
          std::string("\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\x03\x00\x00\x00\x00\x00\x00\x00\x00\x00", 20)};
}

std::vector<std::string> Words() {
  return {
      "ustar\0"
      "00",
      "ustar  ",
      "../",
      "./",
      "/",
      "././@LongLink",
      "path=",
      "size=",
      "linkpath=",
      "GNU.sparse.map="};
}

}  // namespace

FuzzTarget UnpackTarget() {
  return {.name = "unpack",
          .reads = "an archive to unpack",
          .check = Check,
          .seeds = Seeds,
          .words = Words,
          .repair = RepairTar,
          .max_bytes = 8192};
}

}  // namespace riffle
