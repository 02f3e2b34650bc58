#include "formats/mindcv_names.h"

#include <fmt/format.h>

#include <array>
#include <utility>

#include "base/text.h"

namespace riffle {
namespace {

template <size_t N>
using Names = std::array<std::pair<std::string_view, std::string_view>, N>;

// Our part of a network or unit, and MindCV's: cells in the order in which they run.
constexpr Names<3> kOutsideUnits = {
    {{"stem.conv", "first_conv.0"}, {"stem.bn", "first_conv.1"}, {"head", "classifier"}}};
constexpr Names<6> kInUnit = {{{"conv1", "branch_main_1.0"},
                               {"bn1", "branch_main_1.1"},
                               {"depthwise", "branch_main_2.0"},
                               {"bn2", "branch_main_2.1"},
                               {"conv3", "branch_main_2.2"},
                               {"bn3", "branch_main_2.3"}}};
constexpr Names<5> kTensors = {{{"weight", "weight"},
                                {"gamma", "gamma"},
                                {"beta", "beta"},
                                {"running_mean", "moving_mean"},
                                {"running_variance", "moving_variance"}}};

struct Stage {
  std::string_view prefix;
  int units;
};
constexpr std::array<Stage, 3> kStages = {{{"stage2.", 4}, {"stage3.", 8}, {"stage4.", 4}}};  // paper, Table 1

template <size_t N>
std::string_view Lookup(const Names<N>& names, std::string_view ours) {
  for (const auto& [our, theirs] : names)
    if (our == ours) return theirs;
  return {};
}

// "stage2.0.conv1" → "features.0.branch_main_1.0"; empty if it is no part of a unit.
std::string UnitPart(std::string_view part) {
  int first_unit = 0;
  for (const Stage& stage : kStages) {
    if (part.starts_with(stage.prefix)) {
      part.remove_prefix(stage.prefix.size());
      const size_t dot = part.find('.');
      const auto unit = ParseNumber<int>(part.substr(0, dot));
      if (!(unit >= 0) || unit >= stage.units || dot == std::string_view::npos) return {};
      const std::string_view cell = Lookup(kInUnit, part.substr(dot + 1));
      return cell.empty() ? std::string() : fmt::format("features.{}.{}", first_unit + *unit, cell);
    }
    first_unit += stage.units;
  }
  return {};
}

}  // namespace

std::string MindCvName(std::string_view our_name) {
  const size_t dot = our_name.rfind('.');
  if (dot == std::string_view::npos) return {};
  const std::string_view part = our_name.substr(0, dot), tensor = Lookup(kTensors, our_name.substr(dot + 1));
  const std::string_view outside = Lookup(kOutsideUnits, part);
  const std::string cell = outside.empty() ? UnitPart(part) : std::string(outside);
  return cell.empty() || tensor.empty() ? std::string() : fmt::format("{}.{}", cell, tensor);
}

}  // namespace riffle
