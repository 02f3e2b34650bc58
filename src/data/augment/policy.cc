// Choosing and running. Parsing and the tables are in policy_table.cc.
#include "data/augment/policy.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "data/augment/enhance.h"

namespace riffle {
namespace {

using Chosen = PolicyDraw::Chosen;

void Run(const std::vector<Chosen>& chosen, const AugmentContext& context, AugmentScratch& scratch, Picture& picture) {
  for (const Chosen& step : chosen) step.op->apply(picture, step.argument, context, scratch.other);
}

void CopyPixels(Picture& to, const Picture& from) {
  to.Reshape(from.height, from.width, from.channels);
  std::ranges::copy(from.pixels, to.pixels.begin());
}

// Shares of a whole from the symmetric Dirichlet distribution, one after another: what the first leaves is shared among
// the rest.
class DirichletShares {
 public:
  DirichletShares(double alpha, int count) : alpha_(alpha), left_(count) {}
  double Next(RandomStream& random) {
    const double share = --left_ == 0 ? rest_ : rest_ * random.Beta(alpha_, alpha_ * left_);
    rest_ -= share;
    return share;
  }

 private:
  double alpha_;
  int left_;
  double rest_ = 1;
};

double DrawMagnitude(const AugmentPolicy& policy, double magnitude, RandomStream& random) {
  if (std::isinf(policy.magnitude_std)) {
    magnitude = random.Uniform(0, magnitude);
  } else if (policy.magnitude_std > 0) {
    magnitude += policy.magnitude_std * random.Normal();
  }
  return std::clamp(magnitude, 0.0, policy.magnitude_max);
}

// Takes one of those left by their weights; its place in `left`.
size_t Pick(const std::vector<AugmentPolicy::Alternative>& alternatives, const std::vector<int>& left,
            RandomStream& random) {
  double total = 0;
  for (int i : left) total += alternatives[i].weight;
  double until = total * random.Uniform();
  for (size_t place = 0; place + 1 < left.size(); ++place) {
    until -= alternatives[left[place]].weight;
    if (until < 0) return place;
  }
  return left.size() - 1;
}

}  // namespace

void AugmentPolicy::DrawChain(RandomStream& random, std::vector<int>& left, std::vector<Chosen>& chain) const {
  chain.clear();
  left.resize(alternatives.size());
  std::iota(left.begin(), left.end(), 0);
  const int layers = min_layers + static_cast<int>(random.Below(static_cast<uint32_t>(max_layers - min_layers + 1)));
  for (int layer = 0; layer < layers && !left.empty(); ++layer) {
    const size_t place = Pick(alternatives, left, random);
    const Alternative& alternative = alternatives[left[place]];
    if (!with_replacement) left.erase(left.begin() + static_cast<std::ptrdiff_t>(place));
    for (const Step& step : alternative.steps) {
      if (!random.Chance(step.probability)) continue;
      const double magnitude = DrawMagnitude(*this, step.magnitude, random);
      chain.push_back({step.op, ArgumentOf(*step.op, magnitude / magnitude_scale, random)});
    }
  }
}

// AugMix: Hendrycks et al. (ICLR 2020), algorithm 1.
void AugmentPolicy::Draw(RandomStream& random, PolicyDraw& draw) const {
  draw.chains.resize(std::max(1, width));
  if (width == 0) return DrawChain(random, draw.left, draw.chains[0]);
  draw.share = static_cast<float>(random.Beta(alpha, alpha));
  draw.weights.resize(width);
  DirichletShares shares(alpha, width);
  for (int i = 0; i < width; ++i) {
    draw.weights[i] = static_cast<float>(shares.Next(random));
    DrawChain(random, draw.left, draw.chains[i]);
  }
}

void AugmentPolicy::Apply(Picture& picture, const PolicyDraw& draw, const AugmentContext& context,
                          AugmentScratch& scratch) const {
  if (width == 0) return Run(draw.chains[0], context, scratch, picture);
  scratch.mixture.assign(picture.pixels.size(), 0);
  for (int i = 0; i < width; ++i) {
    CopyPixels(scratch.chain, picture);
    Run(draw.chains[i], context, scratch, scratch.chain);
    for (size_t v = 0; v < scratch.mixture.size(); ++v)
      scratch.mixture[v] += draw.weights[i] * static_cast<float>(scratch.chain.pixels[v]);
  }
  for (size_t v = 0; v < scratch.mixture.size(); ++v)
    scratch.chain.pixels[v] = static_cast<uint8_t>(std::clamp(scratch.mixture[v], 0.0f, 255.0f));
  BlendInto(picture, scratch.chain, draw.share);
}

}  // namespace riffle
