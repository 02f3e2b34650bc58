#include "data/split_names.h"

#include <algorithm>
#include <array>
#include <string>

#include "base/text.h"

namespace riffle {
namespace {

struct Row {
  std::array<std::string_view, 3> names;  // the usual one first; "" where there are fewer
  std::string_view stand_in;
};

constexpr std::array<Row, 3> kRows = {{
    {{"train", "training", ""}, ""},
    {{"val", "validation", "valid"}, "test"},
    {{"test", "testing", ""}, "val"},
}};

const Row* FindRow(std::string_view split) {
  const auto row = std::ranges::find_if(kRows, [&](const Row& r) {
    return !split.empty() && std::ranges::find(r.names, Lowercase(split)) != r.names.end();
  });
  return row == kRows.end() ? nullptr : &*row;
}

}  // namespace

std::span<const std::string_view> UsualSplits() {
  static constexpr std::array<std::string_view, 3> kUsual = {kRows[0].names[0], kRows[1].names[0], kRows[2].names[0]};
  return kUsual;
}

std::vector<std::string_view> NamesOfSplit(std::string_view split) {
  std::vector<std::string_view> names = {split};
  if (const Row* const row = FindRow(split))
    for (const std::string_view name : row->names)
      if (!name.empty() && name != Lowercase(split)) names.push_back(name);
  return names;
}

std::string UsualName(std::string_view split) {
  const Row* const row = FindRow(split);
  return row ? std::string(row->names[0]) : std::string(split);
}

bool AreOneSplit(std::string_view a, std::string_view b) {
  return Lowercase(a) == Lowercase(b) || (FindRow(a) != nullptr && FindRow(a) == FindRow(b));
}

std::string_view StandInFor(std::string_view split) {
  const Row* const row = FindRow(split);
  return row ? row->stand_in : "";
}

bool IsSplitName(std::string_view word) { return FindRow(word) != nullptr; }

}  // namespace riffle
