// The policies of option auto_augment: which operations a picture gets, and how strong, by chance.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.h"
#include "base/status.h"
#include "data/augment/ops.h"
#include "picture/picture.h"

namespace riffle {

/// What a policy does to one picture. Its memory is used again.
struct PolicyDraw {
  struct Chosen {
    const AugmentOp* op;
    double argument;
  };
  std::vector<std::vector<Chosen>> chains;  ///< one, or those that AugMix mixes
  std::vector<float> weights;               ///< of each chain in the mixture
  float share = 0;                          ///< of the mixture in the picture
  std::vector<int> left;                    ///< alternatives not yet chosen, where none is chosen twice
};

/// Memory that policies use again. One for each thread.
struct AugmentScratch {
  Picture other, chain;
  std::vector<float> mixture;
};

/// A policy in one shape for all families: `layers` times, one of the `alternatives` is chosen; its steps run one after
/// the other, each with its probability and magnitude. AugMix runs `width` such chains side by side and mixes them.
struct AugmentPolicy {
  struct Step {
    const AugmentOp* op;
    double probability;
    double magnitude;
  };
  struct Alternative {
    std::vector<Step> steps;
    double weight = 1;  ///< how likely, relative to the others
  };

  std::vector<Alternative> alternatives;
  bool with_replacement = true;  ///< whether two layers may choose the same alternative
  int min_layers = 1, max_layers = 1;
  double magnitude_std = 0;  ///< of the normal noise on each magnitude; infinity: uniform from 0 to the magnitude
  double magnitude_max = 10;
  double magnitude_scale = 10;  ///< the magnitude that is strength 1 (AugmentOp)

  int width = 0;     ///< chains that are mixed; 0: one chain, nothing is mixed
  double alpha = 1;  ///< of the Dirichlet and beta distributions of the mixture's weights

  double color_jitter = 0;  ///< strength of the colour jitter that is the policy's second part; 0: it has none

  /// What the policy does to a picture, whatever that is. Thread-safe, as Apply is.
  void Draw(RandomStream& random, PolicyDraw& draw) const;
  /// Does it.
  void Apply(Picture& picture, const PolicyDraw& draw, const AugmentContext& context, AugmentScratch& scratch) const;

 private:
  void DrawChain(RandomStream& random, std::vector<int>& left, std::vector<PolicyDraw::Chosen>& chain) const;
};

/// Reads what MindCV and timm write: a name, then sections of a letter or word and a number, as in
/// randaug-m7-n2-mstd0.5. Nothing for "" and "None". InvalidArgument tells what was expected, with an example.
Result<std::optional<AugmentPolicy>> ParseAugmentPolicy(std::string_view text);

/// One example for each policy that there is.
std::vector<std::string_view> AugmentPolicyExamples();

}  // namespace riffle
