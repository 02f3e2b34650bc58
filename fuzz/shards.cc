// A packed set: the index, a NUL, and the one shard beside it.
#include <algorithm>

#include "data/readers.h"
#include "data/testing/tar.h"
#include "fuzz/formats.h"
#include "fuzz/target.h"

namespace riffle {
namespace {

namespace fs = std::filesystem;

/// A folder of its own; only those of these names are in it.
const fs::path& Folder() {
  static const fs::path folder = FuzzFolder() / "shards";
  fs::create_directories(folder);
  return folder;
}

void Check(std::string_view input) {
  const auto [index, shard] = AtNul(input);
  const fs::path folder = Folder();
  fs::remove(folder / "train.json");
  if (!index.empty()) FuzzFile("shards/train.json", index);
  FuzzFile("shards/train-000000.tar", shard);
  const auto data = OpenPacked(folder, "train", 3, {}, 1);
  if (!IsFine(data, input)) return;
  Require((*data)->size() > 0, "a set has pictures");
  for (int64_t i = 0; i < (*data)->size(); ++i) {
    const int32_t label = (*data)->label(i);
    Require(label >= 0 && label < static_cast<int32_t>((*data)->classes().size()), "a label has a class");
    const auto picture = (*data)->Encoded(i);
    Require(picture.ok() && picture->size() <= shard.size(), "a picture lies in its shard");
  }
  (void)(*data)->Checksum();
}

// "\0" and the tar file, or an index before it.
std::string Set(const std::vector<TarEntry>& entries, const std::string& index = "") {
  return index + '\0' + Tar(entries);
}

std::vector<std::string> Seeds() {
  const std::vector<TarEntry> two = {{"a.bmp", "BM1"}, {"a.cls", "0"}, {"b.jpg", "\xff\xd8"}, {"b.cls", "1\n"}};
  return {Set(two), Set(two, R"({"classes":["x","y"],"shards":[{"file":"train-000000.tar","pictures":2}]})"),
          Set({{"d/", "", kFolder},
               {"d/a.png", "1"},
               {"d/a.cls", "0"},
               {"d/b.png", "", kSymbolicLink, "a.png"},
               {"d/b.cls", "", kHardLink, "d/a.cls"}}),
          Set({{"a.seg.png", "1"}, {"a.json", "{}"}, {"a.cls", "0"}, {"._a.png", "x"}, {"b.txt", "y"}})};
}

std::vector<std::string> Words() {
  return {
      "ustar\0"
      "00",
      "ustar  ",
      ".cls",
      ".jpg",
      ".png",
      "././@LongLink",
      "PaxHeader",
      "path=",
      "size=",
      "linkpath=",
      "GNU.sparse.map=",
      "{\"classes\":[\"0\",\"1\"]}"};
}

void Repair(std::string& input) {
  const size_t begin = AtNul(input).first.size() + 1;
  if (begin >= input.size()) return;
  std::string tar = input.substr(begin);
  RepairTar(tar);
  input.replace(begin, std::string::npos, tar);
}

}  // namespace

FuzzTarget ShardsTarget() {
  return {.name = "shards",
          .reads = "an index, a NUL and a tar shard",
          .check = Check,
          .seeds = Seeds,
          .words = Words,
          .repair = Repair,
          .max_bytes = 16384};
}

}  // namespace riffle
