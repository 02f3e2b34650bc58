// The table of variants: one row, one network. The command line, the documentation, the tests and the benchmarks
// iterate it.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "base/status.h"
#include "model/description.h"

namespace riffle {

/// A row: groups 1, 2, 3, 4, 8 (paper, Table 1) at widths 0.25, 0.5, 1.0, 1.5, 2.0 (paper, Section 4.1) and 0.75
/// (pytorchcv).
struct ZooEntry {
  std::string_view name;   ///< "shufflenet_v1_g3_x0_5"
  std::string_view alias;  ///< MindCV's later name, "shufflenet_v1_g3_05"
  int groups;
  double width;
  int stem_channels;
  int stage2_channels;
};

std::span<const ZooEntry> Zoo();

/// The description of a variant, by name or alias; NotFound names the nearest name.
Result<ModelDescription> FindModel(std::string_view name_or_alias);

/// The name of the row with these numbers of groups and channels; "shufflenet_v1" where there is none.
std::string NameInZoo(int groups, int stem_channels, int stage2_channels);

}  // namespace riffle
