// Lists of checksums, as md5sum writes them.
#include <algorithm>

#include "download/checksum.h"
#include "fuzz/target.h"

namespace riffle {
namespace {

void Check(std::string_view input) {
  const auto sums = ReadChecksums(FuzzFile("md5sums.txt", input));
  if (!IsFine(sums, input)) return;
  std::string written;
  for (const auto& [name, sum] : *sums) {
    Require(sum.size() == 32 && sum.find_first_not_of("0123456789abcdef") == std::string::npos, "a sum has 32 digits");
    Require(!name.empty() && name.find('/') == std::string::npos, "a name is that of a file");
    written += fmt::format("{}  {}\n", sum, name);
  }
  const auto again = ReadChecksums(FuzzFile("md5sums.txt", written));
  Require(again.ok() && *again == *sums, "sums are the same after they were written: " + again.status().message());
}

std::vector<std::string> Seeds() {
  return {
      "c58f30108f718f92721af3b95e74349a  cifar-10-binary.tar.gz\n# a comment\n\n"
      "C58F30108F718F92721AF3B95E74349A *folder/b.gz\r\n",
      "d41d8cd98f00b204e9800998ecf8427e  a  b\n"};
}

}  // namespace

FuzzTarget ChecksumsTarget() {
  return {.name = "checksums", .reads = "a list of checksums", .check = Check, .seeds = Seeds, .max_bytes = 1024};
}

}  // namespace riffle
