// Where in a picture a network finds evidence for a class: class-activation maps. Global average pooling and one linear
// layer end the network, so the logit of class k is the mean over all places (y, x) of
//   M[y][x] = Σ_c weight[k][c] · map[c][y][x]
// (and the head's bias), map being what the pooling reads: no backward pass is needed. Zhou et al., "Learning deep
// features for discriminative localization", arXiv 1512.04150, equation 2.
#pragma once

#include <cstdint>
#include <vector>

#include "runtime/session.h"

namespace riffle {

/// M of one class, row by row, in units of the logit.
struct ActivationMap {
  int64_t height = 0, width = 0;
  std::vector<float> values;
};

/// The maps of the pictures of one Run. A copy: the session may run on.
class ActivationMaps {
 public:
  /// REQUIRES: the session kept its maps in its last Run (KeepLastMaps).
  explicit ActivationMaps(const Session& session) : maps_(session.LastMaps()), head_weight_(session.HeadWeight()) {}

  /// Of picture `image` of that Run. REQUIRES: both are there.
  ActivationMap Of(int64_t image, int class_index) const;

 private:
  const FeatureMaps maps_;
  const std::vector<float> head_weight_;  // [classes][channels]
};

/// Where a map is hottest, in shares of its height and width.
struct HotRegion {
  double y = 0, x = 0;                              ///< the middle of the hottest place, of equal ones the first
  double top = 0, left = 0, height = 0, width = 0;  ///< the box of the places around it that are connected with it by
                                                    ///< their sides and above the middle of the map's range
};
/// REQUIRES: the map is not empty.
HotRegion HottestRegion(const ActivationMap& map);

}  // namespace riffle
