#include "train/loop/differences.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

namespace riffle {
namespace {

// Of two JSON objects with the same keys.
std::string JsonDifferences(const std::string& there, const std::string& here) {
  const auto theirs = nlohmann::json::parse(there).flatten(), ours = nlohmann::json::parse(here).flatten();
  std::string text;
  for (const auto& [key, value] : theirs.items())
    if (ours.contains(key) && value != ours[key])
      text += fmt::format("{}{} is {} there and {} here", text.empty() ? "" : ", ", key.substr(1), value.dump(),
                          ours[key].dump());
  return text;
}

}  // namespace

std::string Differences(const ModelDescription& there, const ModelDescription& here) {
  return JsonDifferences(ToJson(there), ToJson(here));
}

std::string Differences(ValidationSetup there, ValidationSetup here) {
  // Where the number of pictures differs, or the split, their names do, too, and a checksum tells nobody anything.
  const bool others = there.val_split == here.val_split && there.images == here.images &&
                      !there.names_checksum.empty() && !here.names_checksum.empty() &&
                      there.names_checksum != here.names_checksum;
  there.names_checksum = here.names_checksum = "";
  const std::string text = JsonDifferences(ToJson(there), ToJson(here));
  return !others ? text
                 : "the pictures are others, by their names, classes or packs" + (text.empty() ? "" : ", " + text);
}

}  // namespace riffle
