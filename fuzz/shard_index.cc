// The index of a set of shards, and names of shards.
#include "data/shard_index.h"

#include <algorithm>

#include "fuzz/target.h"

namespace riffle {
namespace {

bool Same(const ShardIndex::Shard& a, const ShardIndex::Shard& b) {
  return a.file == b.file && a.pictures == b.pictures;
}

void Check(std::string_view input) {
  if (input.find('\0') == std::string_view::npos) {
    const auto name = ShardOf(input, "train");
    Require(!name || IsTarName(input) || IsPackName(input), "a shard is a tar file or a pack");
    Require(!IsTarName(input) || IsAlmostTarName(input), "a tar file is almost one");
  }
  const auto index = ShardIndexFromJson(input);
  if (!IsFine(index, input)) return;
  for (const ShardIndex::Shard& shard : index->shards) Require(shard.pictures >= 0, "a shard has pictures or none");
  const auto again = ShardIndexFromJson(ToJson(*index));
  Require(again.ok() && again->classes == index->classes && std::ranges::equal(again->shards, index->shards, Same),
          "an index is the same after it was written: " + again.status().message());
}

std::vector<std::string> Seeds() {
  return {ToJson({.classes = {"ant", "bee"}, .shards = {{"train-000000.tar", 2}, {"train-000001.tar", 1}}}),
          R"({"classes": ["ant"]})",
          std::string(kUnfinishedIndex),
          "photos-train-000017.tar.gz",
          "train-000001.pack",
          "VAL.tgz.part"};
}

std::vector<std::string> Words() {
  return {"\"classes\"", "\"shards\"", "\"file\"", "\"pictures\"", ".tar",
          "train",       "-1",         "1e300",    "0.5",          "9223372036854775808"};
}

}  // namespace

FuzzTarget ShardIndexTarget() {
  return {.name = "shard_index", .reads = "the index of shards", .check = Check, .seeds = Seeds, .words = Words};
}

}  // namespace riffle
