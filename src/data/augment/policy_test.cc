#include "data/augment/policy.h"

#include <gmock/gmock.h>

#include <cmath>
#include <limits>
#include <map>
#include <numeric>

#include "picture/testing/pictures.h"

namespace riffle {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr double kInfinity = std::numeric_limits<double>::infinity();

RandomStream Random(uint32_t index) { return {11, RandomPurpose::kTest, 0, index}; }

AugmentPolicy Policy(std::string_view text) {
  auto policy = ParseAugmentPolicy(text);
  EXPECT_TRUE(policy.ok()) << policy.status().message();
  return policy.ok() && *policy ? **policy : AugmentPolicy();
}

std::string Refused(std::string_view text) {
  const auto policy = ParseAugmentPolicy(text);
  EXPECT_FALSE(policy.ok()) << text;
  return policy.status().message();
}

// ---- magnitudes

TEST(AugmentOps, MagnitudesGiveTimmsArguments) {
  // Worked out from timm's *_level_to_arg by hand; ± where chance takes the sign.
  struct Row {
    const char* op;
    double at_0, at_3, at_7, at_10;
    bool either_sign = false;
    double around = 0;  // the value that the sign goes around
  };
  const Row rows[] = {
      {"Rotate", 0, 9, 21, 30, true},
      {"Posterize", 0, 1, 2, 4},
      {"PosterizeIncreasing", 4, 3, 2, 0},
      {"PosterizeOriginal", 4, 5, 6, 8},
      {"Solarize", 0, 76, 179, 256},
      {"SolarizeIncreasing", 256, 180, 77, 0},
      {"SolarizeAdd", 0, 33, 77, 110},
      {"Color", 0.1, 0.64, 1.36, 1.9},
      {"Contrast", 0.1, 0.64, 1.36, 1.9},
      {"Brightness", 0.1, 0.64, 1.36, 1.9},
      {"Sharpness", 0.1, 0.64, 1.36, 1.9},
      {"ColorIncreasing", 1, 1.27, 1.63, 1.9, true, 1},
      {"ContrastIncreasing", 1, 1.27, 1.63, 1.9, true, 1},
      {"BrightnessIncreasing", 1, 1.27, 1.63, 1.9, true, 1},
      {"SharpnessIncreasing", 1, 1.27, 1.63, 1.9, true, 1},
      {"ShearX", 0, 0.09, 0.21, 0.3, true},
      {"ShearY", 0, 0.09, 0.21, 0.3, true},
      {"TranslateXRel", 0, 0.135, 0.315, 0.45, true},
      {"TranslateYRel", 0, 0.135, 0.315, 0.45, true},
      {"TranslateXMix", 0, 0.09, 0.21, 0.3, true},
      {"TranslateYMix", 0, 0.09, 0.21, 0.3, true},
      {"Desaturate", 0.5, 0.35, 0.15, 0},
  };
  for (const Row& row : rows) {
    const AugmentOp& op = AugmentOpNamed(row.op);
    for (const auto& [magnitude, expected] : {std::pair{0, row.at_0}, {3, row.at_3}, {7, row.at_7}, {10, row.at_10}}) {
      int negative = 0;
      for (uint32_t draw = 0; draw < 200; ++draw) {
        RandomStream random = Random(draw);
        const double found = ArgumentOf(op, magnitude / 10.0, random);
        EXPECT_NEAR(std::abs(found - row.around), std::abs(expected - row.around), 1e-9) << row.op << " " << magnitude;
        negative += found < row.around;
      }
      if (row.either_sign && expected != row.around) {
        EXPECT_NEAR(negative, 100, 43) << row.op;
      }
    }
  }
  // "Increasing" beyond 10 does not fall below 0.1.
  for (uint32_t draw = 0; draw < 20; ++draw) {
    RandomStream random = Random(draw);
    EXPECT_GE(ArgumentOf(AugmentOpNamed("ColorIncreasing"), 2, random), 0.1);
  }
}

TEST(AugmentOps, WideOnesHaveTheRangesOfTrivialAugment) {
  const std::tuple<const char*, double, double> rows[] = {
      {"RotateWide", 0, 135},      {"ShearXWide", 0, 0.99}, {"TranslateYWide", 0, 32.0 / 224}, {"ColorWide", 1, 1.99},
      {"BrightnessWide", 1, 1.99}, {"PosterizeWide", 8, 2}, {"SolarizeWide", 255, 0}};
  for (const auto& [name, weakest, strongest] : rows) {
    const AugmentOp& op = AugmentOpNamed(name);
    RandomStream random = Random(0);
    const double found = ArgumentOf(op, 1, random), zero = ArgumentOf(op, 0, random);
    EXPECT_EQ(zero, weakest) << name;
    EXPECT_NEAR(std::abs(found - op.start), std::abs(strongest - op.start), 1e-12) << name;
  }
}

TEST(AugmentOps, TheBlurIsOfARandomWidth) {
  double sum = 0;
  constexpr int kDraws = 1000;
  for (uint32_t draw = 0; draw < kDraws; ++draw) {
    RandomStream random = Random(draw);
    const double sigma = ArgumentOf(AugmentOpNamed("GaussianBlurRand"), 1, random);
    ASSERT_TRUE(sigma >= 0.1 && sigma < 2);
    sum += sigma;
  }
  EXPECT_NEAR(sum / kDraws, 1.05, 6 * 1.9 / std::sqrt(12.0 * kDraws));
}

// ---- parsing

TEST(AugmentPolicyParse, EveryExampleParsesAndEveryOperationIsUsed) {
  std::map<std::string_view, int> used;
  std::vector<std::string> texts = {"randaug-inc1"};
  for (std::string_view example : AugmentPolicyExamples()) texts.emplace_back(example);
  for (const std::string& text : texts) {
    const AugmentPolicy policy = Policy(text);
    EXPECT_FALSE(policy.alternatives.empty()) << text;
    for (const auto& alternative : policy.alternatives)
      for (const auto& step : alternative.steps) ++used[step.op->name];
  }
  for (const AugmentOp& op : AugmentOps()) EXPECT_GT(used[op.name], 0) << op.name;
}

TEST(AugmentPolicyParse, SectionsSetWhatTheySay) {
  const AugmentPolicy p = Policy("randaug-m7-n3-mstd0.25-mmax15-p0.75");
  EXPECT_EQ(p.alternatives.size(), 14u) << "MindCV's operations";
  EXPECT_EQ(p.alternatives[0].steps[0].magnitude, 7);
  EXPECT_EQ(p.alternatives[0].steps[0].probability, 0.75);
  EXPECT_EQ(p.min_layers, 3);
  EXPECT_EQ(p.max_layers, 3);
  EXPECT_EQ(p.magnitude_std, 0.25);
  EXPECT_EQ(p.magnitude_max, 15);
  EXPECT_TRUE(p.with_replacement);
  EXPECT_EQ(p.width, 0);

  const AugmentPolicy plain = Policy("randaug");
  EXPECT_EQ(plain.alternatives[0].steps[0].magnitude, 10);
  EXPECT_EQ(plain.alternatives[0].steps[0].probability, 0.5);
  EXPECT_EQ(plain.min_layers, 2);
  EXPECT_EQ(plain.magnitude_std, 0.5) << "MindCV's default";
  EXPECT_EQ(Policy("rand").magnitude_std, 0) << "timm's";
  EXPECT_EQ(Policy("rand").alternatives.size(), 15u) << "timm's operations";
  EXPECT_EQ(Policy("rand-mstd101").magnitude_std, kInfinity);
  EXPECT_EQ(plain.alternatives[4].steps[0].op->name, "Posterize");
  EXPECT_EQ(Policy("randaug-inc1").alternatives[4].steps[0].op->name, "PosterizeIncreasing");
  EXPECT_EQ(Policy("randaug-inc0").alternatives[4].steps[0].op->name, "Posterize");

  const AugmentPolicy mix = Policy("augmix-m5-n4-d2");
  EXPECT_EQ(mix.width, 4);
  EXPECT_EQ(mix.min_layers, 2);
  EXPECT_EQ(mix.max_layers, 2);
  EXPECT_EQ(mix.alternatives[0].steps[0].magnitude, 5);
  EXPECT_EQ(mix.magnitude_std, kInfinity);
  EXPECT_EQ(Policy("augmix-w5-a0.3-b1-mstd0.5").width, 5);
  EXPECT_EQ(Policy("augmix-a0.3").alpha, 0.3);
  EXPECT_EQ(Policy("augmix").max_layers, 3) << "a chain of 1 to 3";
  EXPECT_EQ(Policy("augmix").width, 3);

  EXPECT_EQ(Policy("autoaug").alternatives.size(), 25u);
  EXPECT_EQ(Policy("autoaug").alternatives[0].steps[0].op->name, "PosterizeOriginal");
  EXPECT_EQ(Policy("autoaugr-mstd1").magnitude_std, 1);
  EXPECT_EQ(Policy("autoaugr").alternatives[0].steps[0].op->name, "PosterizeIncreasing");
  EXPECT_EQ(Policy("v0").alternatives[12].steps[0].op->name, "Posterize");
  EXPECT_EQ(Policy("3a").color_jitter, 0.3);
  EXPECT_EQ(Policy("autoaug").color_jitter, 0);
  EXPECT_FALSE(ParseAugmentPolicy("")->has_value());
  EXPECT_FALSE(ParseAugmentPolicy("None")->has_value());
}

TEST(AugmentPolicyParse, AWrongTextSaysWhatIsRightWithAnExample) {
  EXPECT_THAT(Refused("randaugg-m7"), AllOf(HasSubstr("found 'randaugg-m7'"), HasSubstr("nearest name is 'randaug'"),
                                            HasSubstr("augmix-m5-w4-d2"), HasSubstr("trivialaugwide")));
  EXPECT_THAT(Refused("randaug-m7-x3"), AllOf(HasSubstr("'x3' is no part of randaug"), HasSubstr("mstd (deviation"),
                                              HasSubstr("randaug-m7-n2-mstd0.5")));
  EXPECT_THAT(Refused("randaug-n0"), HasSubstr("n (operations in a row) has to be an integer from 1 to 14"));
  EXPECT_THAT(Refused("randaug-p1.5"), HasSubstr("has to be a number from 0 to 1"));
  for (const char* wrong : {"randaug-", "randaug-m", "randaug-m7x", "randaug-n1.5", "randaug m7", "autoaug-m3",
                            "augmix-d0", "3A", "-m7", "trivialaugwide-m40", "randaug-w1", "randaug-m-7"})
    Refused(wrong);
}

// ---- choosing

std::map<std::string_view, double> Frequencies(const AugmentPolicy& policy, int draws) {
  std::map<std::string_view, double> counts;
  PolicyDraw drawn;
  for (int draw = 0; draw < draws; ++draw) {
    RandomStream random = Random(static_cast<uint32_t>(draw));
    policy.Draw(random, drawn);
    for (const auto& chosen : drawn.chains[0]) counts[chosen.op->name] += 1.0 / draws;
  }
  return counts;
}

TEST(AugmentPolicyChoice, EachOperationComesAsOftenAsItShould) {
  constexpr int kDraws = 20000;
  for (const char* text :
       {"randaug-n3-p0.4", "rand", "autoaug", "v0r", "3a", "trivialaugwide", "augmix", "augmix-d2"}) {
    const AugmentPolicy policy = Policy(text);
    std::map<std::string_view, double> expected;
    const double layers = (policy.min_layers + policy.max_layers) / 2.0;
    for (const auto& alternative : policy.alternatives)
      for (const auto& step : alternative.steps)
        expected[step.op->name] += layers * step.probability / static_cast<double>(policy.alternatives.size());
    auto found = Frequencies(policy, kDraws);
    for (const auto& [name, frequency] : expected)
      EXPECT_NEAR(found[name], frequency, 6 * std::sqrt(2 * layers * frequency / kDraws)) << text << " " << name;
  }
}

TEST(AugmentPolicyChoice, WeightsCountAndChooseNothingTwice) {
  constexpr int kDraws = 20000;
  const AugmentPolicy one = Policy("randaug-w0-n1-p1"), three = Policy("randaug-w0-n3-p1");
  auto found = Frequencies(one, kDraws);
  for (const auto& [name, weight] : {std::pair{"Rotate", 0.3}, {"ShearX", 0.2}, {"Color", 0.025}, {"Invert", 0.0}})
    EXPECT_NEAR(found[name], weight, 6 * std::sqrt(weight / kDraws) + 1e-9) << name;
  PolicyDraw drawn;
  for (uint32_t draw = 0; draw < 500; ++draw) {
    RandomStream random = Random(draw);
    three.Draw(random, drawn);
    const auto& chosen = drawn.chains[0];
    ASSERT_EQ(chosen.size(), 3u);
    EXPECT_NE(chosen[0].op, chosen[1].op);
    EXPECT_NE(chosen[1].op, chosen[2].op);
    EXPECT_NE(chosen[0].op, chosen[2].op);
  }
}

TEST(AugmentPolicyChoice, MagnitudesScatterAsMstdSays) {
  PolicyDraw drawn;
  const auto mean_and_deviation = [&](std::string_view text) {
    const AugmentPolicy policy = Policy(text);
    double sum = 0, squares = 0;
    int count = 0;
    for (uint32_t draw = 0; draw < 30000; ++draw) {
      RandomStream random = Random(draw);
      policy.Draw(random, drawn);
      for (const auto& chosen : drawn.chains[0]) {
        if (chosen.op->name != "Color") continue;  // argument 0.1 + 0.18 · magnitude
        const double magnitude = (chosen.argument - 0.1) / 0.18;
        sum += magnitude, squares += magnitude * magnitude, ++count;
      }
    }
    return std::pair{sum / count, std::sqrt(squares / count - sum * sum / count / count)};
  };
  const auto [mean, deviation] = mean_and_deviation("randaug-m5-n2-mstd0.7");
  EXPECT_NEAR(mean, 5, 0.1);
  EXPECT_NEAR(deviation, 0.7, 0.07);
  const auto [exact, none] = mean_and_deviation("randaug-m5-mstd0");
  EXPECT_NEAR(exact, 5, 1e-9);
  EXPECT_NEAR(none, 0, 1e-6);
  const auto [half, uniform] = mean_and_deviation("randaug-m8-mstd101");
  EXPECT_NEAR(half, 4, 0.3);
  EXPECT_NEAR(uniform, 8 / std::sqrt(12), 0.2);
  const auto [clipped, within] = mean_and_deviation("randaug-m12-mstd0");
  EXPECT_NEAR(clipped, 10, 1e-9) << "10 is the most";
  EXPECT_NEAR(within, 0, 1e-6);
  EXPECT_NEAR(mean_and_deviation("randaug-m12-mstd0-mmax15").first, 12, 1e-9);
}

// ---- doing

void DrawAndApply(const AugmentPolicy& policy, const AugmentContext& context, RandomStream& random,
                  AugmentScratch& scratch, Picture& picture) {
  PolicyDraw draw;
  policy.Draw(random, draw);
  policy.Apply(picture, draw, context, scratch);
}

TEST(AugmentPolicyApply, IsAFunctionOfTheStreamAndOfThePictureAlone) {
  const Picture original = SomePicture(24, 30, 3);
  const AugmentContext context = {.fill = {1, 2, 3}};
  AugmentScratch used;
  for (std::string_view text : AugmentPolicyExamples()) {
    const AugmentPolicy policy = Policy(text);
    int changed = 0;
    for (uint32_t draw = 0; draw < 40; ++draw) {
      Picture first = original, second = original;
      RandomStream random = Random(draw), again = Random(draw);
      AugmentScratch fresh;
      DrawAndApply(policy, context, random, used, first);
      DrawAndApply(policy, context, again, fresh, second);
      ASSERT_EQ(first.pixels, second.pixels) << text;
      ASSERT_EQ(random.Bits(), again.Bits()) << text;
      changed += first.pixels != original.pixels;
    }
    EXPECT_GT(changed, 10) << text;
  }
}

TEST(AugmentPolicyApply, RunsWhatItChooses) {
  const Picture original = SomePicture(24, 30, 3);
  const AugmentContext context = {.fill = {1, 2, 3}};
  const AugmentPolicy policy = Policy("randaug-n3-p1");
  AugmentScratch scratch;
  Picture other;
  for (uint32_t draw = 0; draw < 40; ++draw) {
    Picture found = original, expected = original;
    RandomStream random = Random(draw), again = Random(draw);
    DrawAndApply(policy, context, random, scratch, found);
    PolicyDraw draw_again;
    policy.Draw(again, draw_again);
    for (const auto& chosen : draw_again.chains[0]) chosen.op->apply(expected, chosen.argument, context, other);
    ASSERT_EQ(found.pixels, expected.pixels) << draw;
  }
}

TEST(AugmentPolicyApply, AugMixStaysBetweenTheOriginalAndItsChains) {
  // Chains that change nothing leave nothing to mix: but for the rounding of the sum, the picture stays.
  AugmentPolicy idle = Policy("augmix");
  idle.alternatives = {{{{&AugmentOpNamed("Identity"), 1, 1}}}};
  // Chains that invert: the mixture lies between a value and its opposite, anywhere.
  AugmentPolicy inverting = idle;
  inverting.alternatives = {{{{&AugmentOpNamed("Invert"), 1, 1}}}};
  inverting.min_layers = inverting.max_layers = 1;
  Picture black;
  black.Reshape(4, 4, 3);
  const Picture original = SomePicture(24, 30, 3);
  AugmentScratch scratch;
  double sum = 0;
  constexpr int kDraws = 2000;
  for (uint32_t draw = 0; draw < kDraws; ++draw) {
    if (draw < 20) {
      Picture picture = original;
      RandomStream random = Random(draw);
      DrawAndApply(idle, {}, random, scratch, picture);
      for (size_t i = 0; i < picture.pixels.size(); ++i) ASSERT_NEAR(picture.pixels[i], original.pixels[i], 1);
    }
    Picture picture = black;
    std::ranges::fill(picture.pixels, uint8_t{0});
    RandomStream random = Random(draw);
    DrawAndApply(inverting, {}, random, scratch, picture);
    sum += picture.pixels[0];
  }
  EXPECT_NEAR(sum / kDraws, 127, 6 * 255 / std::sqrt(12.0 * kDraws)) << "the share is uniform: Beta(1, 1)";
}

}  // namespace
}  // namespace riffle
