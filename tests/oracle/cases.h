// The networks that the whole-network tests run: each number of groups under each convention and stem, at sizes that
// are even, odd and smaller than what the stages halve.
#pragma once

#include <ostream>
#include <string>
#include <vector>

#include "model/zoo.h"

namespace riffle {

inline constexpr int64_t kOracleImages = 4;
inline constexpr int kOracleClasses = 7;

struct OracleCase {
  std::string name;
  ModelDescription model;
  int steps = 5;  ///< of training
};
inline void PrintTo(const OracleCase& c, std::ostream* out) { *out << c.name; }

inline std::vector<OracleCase> OracleCases() {
  std::vector<OracleCase> cases;
  const auto add = [&](int groups, const char* width, const NamedConventions& named, int size, int in_channels,
                       Stem stem, int stage2_stride) {
    ModelDescription model = *FindModel(fmt::format("shufflenet_v1_g{}_x{}", groups, width));
    model.num_classes = kOracleClasses;
    model.conventions = named.conventions;
    model.image_size = size;
    model.in_channels = in_channels;
    model.stem = stem;
    model.stage2_stride = stage2_stride;
    model.bn_momentum = 0.75;  // neither system's default
    model.bn_eps = 1e-3;
    model.head_bias = cases.size() % 3 == 1;
    cases.push_back({fmt::format("g{}_x{}_{}_{}px_{}_stride{}", groups, width, named.name, size,
                                 stem == Stem::kImagenet ? "imagenet" : "small", stage2_stride),
                     model});
  };
  int turn = 0;
  for (const int groups : {1, 3, 8})
    for (const NamedConventions& named : kConventions) {
      // The later rows differ from the paper's in one point each, which has nothing to do with the number of groups.
      if (groups != 3 && (named.name == "mmpretrain" || named.name == "pytorchcv")) continue;
      const int sizes[] = {33, 50, 64};
      add(groups, "0_5", named, sizes[(turn + turn / 3) % 3], turn % 2 ? 1 : 3, Stem::kImagenet, 2);
      add(groups, "0_25", named, turn % 2 ? 17 : 16, turn % 2 ? 3 : 1, Stem::kSmall, turn % 2 + 1);
      ++turn;
    }
  // One pixel from stage 2 on: a batch norm of four values, behind which each step multiplies roundings
  // ten-thousandfold.
  add(3, "0_25", kConventions[0], 8, 3, Stem::kImagenet, 2);
  cases.back().steps = 1;
  add(2, "0_25", kConventions[0], 20, 3, Stem::kSmall, 2);
  add(4, "0_25", kConventions[1], 40, 3, Stem::kImagenet, 2);
  // What no published implementation combines.
  constexpr Conventions kMixed = {ShuffleDirection::kPaper, ShufflePlace::kAfterDepthwise, PoolPadding::kSame,
                                  AverageDivisor::kNine};
  add(3, "0_25", {"mixed", kMixed}, 35, 3, Stem::kImagenet, 2);
  return cases;
}

}  // namespace riffle
