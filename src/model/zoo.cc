#include "model/zoo.h"

#include <array>
#include <vector>

#include "base/json.h"
#include "base/text.h"

namespace riffle {
namespace {

// Stage 2 has the paper's channels times the width (Table 1, Section 4.1). The stem has Megvii's where Megvii published
// one: 12 (16 with 8 groups), 24, 24, 48 for widths 0.5, 1.0, 1.5, 2.0; and pytorchcv's where it did. All others follow
// the same rule: 24 times the width, 24 at 1.5, and at least so many that the groups divide what stage 2's first unit
// computes, its channels less those that it takes over from the stem.
constexpr std::array<ZooEntry, 30> kZoo = {{
    // name, alias, groups, width, stem channels, stage-2 channels
    // 1 group: stage 2 has 144 channels at 1.0 (paper, Table 1).
    {"shufflenet_v1_g1_x0_25", "shufflenet_v1_g1_025", 1, 0.25, 6, 36},
    {"shufflenet_v1_g1_x0_5", "shufflenet_v1_g1_05", 1, 0.5, 12, 72},
    {"shufflenet_v1_g1_x0_75", "shufflenet_v1_g1_075", 1, 0.75, 18, 108},
    {"shufflenet_v1_g1_x1_0", "shufflenet_v1_g1_10", 1, 1.0, 24, 144},
    {"shufflenet_v1_g1_x1_5", "shufflenet_v1_g1_15", 1, 1.5, 24, 216},
    {"shufflenet_v1_g1_x2_0", "shufflenet_v1_g1_20", 1, 2.0, 48, 288},
    // 2 groups: stage 2 has 200 channels at 1.0 (paper, Table 1).
    {"shufflenet_v1_g2_x0_25", "shufflenet_v1_g2_025", 2, 0.25, 6, 50},
    {"shufflenet_v1_g2_x0_5", "shufflenet_v1_g2_05", 2, 0.5, 12, 100},
    {"shufflenet_v1_g2_x0_75", "shufflenet_v1_g2_075", 2, 0.75, 18, 150},
    {"shufflenet_v1_g2_x1_0", "shufflenet_v1_g2_10", 2, 1.0, 24, 200},
    {"shufflenet_v1_g2_x1_5", "shufflenet_v1_g2_15", 2, 1.5, 24, 300},
    {"shufflenet_v1_g2_x2_0", "shufflenet_v1_g2_20", 2, 2.0, 48, 400},
    // 3 groups: stage 2 has 240 channels at 1.0 (paper, Table 1; stems: Megvii's ShuffleNetV1, group 3 (from 0.5)).
    {"shufflenet_v1_g3_x0_25", "shufflenet_v1_g3_025", 3, 0.25, 6, 60},
    {"shufflenet_v1_g3_x0_5", "shufflenet_v1_g3_05", 3, 0.5, 12, 120},
    {"shufflenet_v1_g3_x0_75", "shufflenet_v1_g3_075", 3, 0.75, 18, 180},
    {"shufflenet_v1_g3_x1_0", "shufflenet_v1_g3_10", 3, 1.0, 24, 240},
    {"shufflenet_v1_g3_x1_5", "shufflenet_v1_g3_15", 3, 1.5, 24, 360},
    {"shufflenet_v1_g3_x2_0", "shufflenet_v1_g3_20", 3, 2.0, 48, 480},
    // 4 groups: stage 2 has 272 channels at 1.0 (paper, Table 1).
    {"shufflenet_v1_g4_x0_25", "shufflenet_v1_g4_025", 4, 0.25, 8, 68},
    {"shufflenet_v1_g4_x0_5", "shufflenet_v1_g4_05", 4, 0.5, 12, 136},
    {"shufflenet_v1_g4_x0_75", "shufflenet_v1_g4_075", 4, 0.75, 20, 204},
    {"shufflenet_v1_g4_x1_0", "shufflenet_v1_g4_10", 4, 1.0, 24, 272},
    {"shufflenet_v1_g4_x1_5", "shufflenet_v1_g4_15", 4, 1.5, 24, 408},
    {"shufflenet_v1_g4_x2_0", "shufflenet_v1_g4_20", 4, 2.0, 48, 544},
    // 8 groups: stage 2 has 384 channels at 1.0 (paper, Table 1; stems: Megvii's ShuffleNetV1, group 8 (from 0.5)).
    {"shufflenet_v1_g8_x0_25", "shufflenet_v1_g8_025", 8, 0.25, 8, 96},
    {"shufflenet_v1_g8_x0_5", "shufflenet_v1_g8_05", 8, 0.5, 16, 192},
    {"shufflenet_v1_g8_x0_75", "shufflenet_v1_g8_075", 8, 0.75, 24, 288},
    {"shufflenet_v1_g8_x1_0", "shufflenet_v1_g8_10", 8, 1.0, 24, 384},
    {"shufflenet_v1_g8_x1_5", "shufflenet_v1_g8_15", 8, 1.5, 24, 576},
    {"shufflenet_v1_g8_x2_0", "shufflenet_v1_g8_20", 8, 2.0, 48, 768},
}};

}  // namespace

std::span<const ZooEntry> Zoo() { return kZoo; }

std::string NameInZoo(int groups, int stem_channels, int stage2_channels) {
  for (const ZooEntry& entry : kZoo)
    if (entry.groups == groups && entry.stem_channels == stem_channels && entry.stage2_channels == stage2_channels)
      return std::string(entry.name);
  return "shufflenet_v1";
}

Result<ModelDescription> FindModel(std::string_view name_or_alias) {
  std::vector<std::string_view> names;
  for (const ZooEntry& entry : kZoo) {
    if (name_or_alias == entry.name || name_or_alias == entry.alias) {
      ModelDescription model;
      model.name = entry.name;
      model.groups = entry.groups;
      model.stem_channels = entry.stem_channels;
      model.stage2_channels = entry.stage2_channels;
      return model;
    }
    names.push_back(entry.name);
    names.push_back(entry.alias);
  }
  return NotFound("no model is called {}; the nearest is {}, and `riffle models` lists all", Quoted(name_or_alias),
                  Nearest(name_or_alias, names));
}

}  // namespace riffle
