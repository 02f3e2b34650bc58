// The picture that `riffle explain` draws: what the network sees and, for each class, where it finds evidence for it.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "picture/picture.h"
#include "runtime/activation_map.h"

namespace riffle {

/// A class on the sheet.
struct ExplainedMap {
  std::string class_name;
  double probability = 0;
  ActivationMap map;
};

/// On one scale, from the lowest value of all maps to the highest; it stands at the right, in units of the logit.
/// `seen`: the picture as the network sees it. REQUIRES: at least one map.
Picture DrawExplanation(const PictureView& seen, std::string_view title, std::span<const ExplainedMap> maps);

}  // namespace riffle
