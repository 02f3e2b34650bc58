// The policies by name. Sources: MindCV's and timm's auto_augment.py, which take their tables from Cubuk et al.,
// "AutoAugment" (CVPR 2019) and "RandAugment" (2020); Hendrycks et al., "AugMix" (ICLR 2020); Müller and Hutter,
// "TrivialAugment" (ICCV 2021); Touvron et al., "DeiT III" (ECCV 2022) for 3-Augment.
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <map>

#include "base/text.h"
#include "data/augment/policy.h"

namespace riffle {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kUniformAbove = 100;  // a larger mstd means uniform magnitudes

// ---- RandAugment

struct RandRow {
  std::string_view op, increasing;
  double weight;  // of w0
};

constexpr RandRow kRandRows[] = {
    {"AutoContrast", "AutoContrast", 0.025},
    {"Equalize", "Equalize", 0.005},
    {"Invert", "Invert", 0},
    {"Rotate", "Rotate", 0.3},
    {"Posterize", "PosterizeIncreasing", 0.005},
    {"Solarize", "SolarizeIncreasing", 0.005},
    {"Color", "ColorIncreasing", 0.025},
    {"Contrast", "ContrastIncreasing", 0.005},
    {"Brightness", "BrightnessIncreasing", 0.005},
    {"Sharpness", "SharpnessIncreasing", 0.025},
    {"ShearX", "ShearX", 0.2},
    {"ShearY", "ShearY", 0.2},
    {"TranslateXRel", "TranslateXRel", 0.1},
    {"TranslateYRel", "TranslateYRel", 0.1},
    {"SolarizeAdd", "SolarizeAdd", 0.005},  // the last one is timm's alone
};

// ---- TrivialAugmentWide, AugMix

constexpr std::string_view kWideOps[] = {"Identity",       "AutoContrast",  "Equalize",      "RotateWide",
                                         "SolarizeWide",   "ColorWide",     "PosterizeWide", "ContrastWide",
                                         "BrightnessWide", "SharpnessWide", "ShearXWide",    "ShearYWide",
                                         "TranslateXWide", "TranslateYWide"};
constexpr double kWideMagnitudes = 31;

constexpr std::string_view kMixOps[] = {
    "AutoContrast", "ColorIncreasing", "ContrastIncreasing",  "BrightnessIncreasing", "SharpnessIncreasing",
    "Equalize",     "Rotate",          "PosterizeIncreasing", "SolarizeIncreasing",   "ShearX",
    "ShearY",       "TranslateXMix",   "TranslateYMix"};

// ---- AutoAugment: operation, probability, magnitude, twice

struct PairRow {
  std::string_view first;
  double first_probability, first_magnitude;
  std::string_view second;
  double second_probability, second_magnitude;
};

constexpr PairRow kOriginal[] = {
    {"Posterize", 0.4, 8, "Rotate", 0.6, 9},  {"Solarize", 0.6, 5, "AutoContrast", 0.6, 5},
    {"Equalize", 0.8, 8, "Equalize", 0.6, 3}, {"Posterize", 0.6, 7, "Posterize", 0.6, 6},
    {"Equalize", 0.4, 7, "Solarize", 0.2, 4}, {"Equalize", 0.4, 4, "Rotate", 0.8, 8},
    {"Solarize", 0.6, 3, "Equalize", 0.6, 7}, {"Posterize", 0.8, 5, "Equalize", 1.0, 2},
    {"Rotate", 0.2, 3, "Solarize", 0.6, 8},   {"Equalize", 0.6, 8, "Posterize", 0.4, 6},
    {"Rotate", 0.8, 8, "Color", 0.4, 0},      {"Rotate", 0.4, 9, "Equalize", 0.6, 2},
    {"Equalize", 0.0, 7, "Equalize", 0.8, 8}, {"Invert", 0.6, 4, "Equalize", 1.0, 8},
    {"Color", 0.6, 4, "Contrast", 1.0, 8},    {"Rotate", 0.8, 8, "Color", 1.0, 2},
    {"Color", 0.8, 8, "Solarize", 0.8, 7},    {"Sharpness", 0.4, 7, "Invert", 0.6, 8},
    {"ShearX", 0.6, 5, "Equalize", 1.0, 9},   {"Color", 0.4, 0, "Equalize", 0.6, 3},
    {"Equalize", 0.4, 7, "Solarize", 0.2, 4}, {"Solarize", 0.6, 5, "AutoContrast", 0.6, 5},
    {"Invert", 0.6, 4, "Equalize", 1.0, 8},   {"Color", 0.6, 4, "Contrast", 1.0, 8},
    {"Equalize", 0.8, 8, "Equalize", 0.6, 3},
};

constexpr PairRow kV0[] = {
    {"Equalize", 0.8, 1, "ShearY", 0.8, 4},        {"Color", 0.4, 9, "Equalize", 0.6, 3},
    {"Color", 0.4, 1, "Rotate", 0.6, 8},           {"Solarize", 0.8, 3, "Equalize", 0.4, 7},
    {"Solarize", 0.4, 2, "Solarize", 0.6, 2},      {"Color", 0.2, 0, "Equalize", 0.8, 8},
    {"Equalize", 0.4, 8, "SolarizeAdd", 0.8, 3},   {"ShearX", 0.2, 9, "Rotate", 0.6, 8},
    {"Color", 0.6, 1, "Equalize", 1.0, 2},         {"Invert", 0.4, 9, "Rotate", 0.6, 0},
    {"Equalize", 1.0, 9, "ShearY", 0.6, 3},        {"Color", 0.4, 7, "Equalize", 0.6, 0},
    {"Posterize", 0.4, 6, "AutoContrast", 0.4, 7}, {"Solarize", 0.6, 8, "Color", 0.6, 9},
    {"Solarize", 0.2, 4, "Rotate", 0.8, 9},        {"Rotate", 1.0, 7, "TranslateYRel", 0.8, 9},
    {"ShearX", 0.0, 0, "Solarize", 0.8, 4},        {"ShearY", 0.8, 0, "Color", 0.6, 4},
    {"Color", 1.0, 0, "Rotate", 0.6, 2},           {"Equalize", 0.8, 4, "Equalize", 0.0, 8},
    {"Equalize", 1.0, 4, "AutoContrast", 0.6, 2},  {"ShearY", 0.4, 7, "SolarizeAdd", 0.6, 7},
    {"Posterize", 0.8, 2, "Solarize", 0.6, 10},    {"Solarize", 0.6, 8, "Equalize", 0.6, 1},
    {"Color", 0.8, 6, "Rotate", 0.4, 5},
};

// ---- what may follow a name

struct Key {
  std::string_view name;
  double low, high;
  bool integer;
  double initial;
  std::string_view meaning;
};

constexpr double kNoWeights = -1;
constexpr Key kLayers = {"n", 1, 14, true, 2, "operations in a row"};
constexpr Key kWeights = {"w", 0, 0, true, kNoWeights, "table of weights of the operations"};
constexpr Key kIncreasing = {"inc", 0, 1, true, 0, "1: all operations are stronger at larger magnitudes"};
constexpr Key kChance = {"p", 0, 1, false, 0.5, "probability of each operation"};
constexpr Key kMost = {"mmax", 0.1, 100, false, 10, "greatest magnitude"};
constexpr Key Magnitude(double initial) { return {"m", 0, 100, false, initial, "magnitude"}; }
constexpr Key Noise(double initial) {
  return {"mstd", 0, 1e9, false, initial, "deviation of the magnitude, above 100: uniform"};
}

constexpr Key kRandaugKeys[] = {Magnitude(10), kLayers, kWeights, Noise(0.5), kMost, kIncreasing, kChance};
constexpr Key kRandKeys[] = {Magnitude(10), kLayers, kWeights, Noise(0), kMost, kIncreasing, kChance};
constexpr Key kAutoaugKeys[] = {Noise(0.5)};
constexpr Key kTimmAutoKeys[] = {Noise(0)};
constexpr Key kWideKeys[] = {{"m", 0, kWideMagnitudes, false, kWideMagnitudes, "greatest magnitude"}};
constexpr Key kMixKeys[] = {Magnitude(3),
                            {"w", 1, 16, true, 3, "chains"},
                            {"n", 1, 16, true, 0, "chains, too"},
                            {"d", 1, 16, true, 0, "operations in a chain; otherwise 1 to 3"},
                            {"a", 1e-3, 1e3, false, 1, "alpha of the mixture"},
                            {"b", 0, 1, true, 0, "timm's other way to add up the same mixture"},
                            Noise(kInfinity)};

using Values = std::map<std::string_view, double>;

// ---- from values to policies

AugmentPolicy RandAugment(const Values& values, bool timm) {
  AugmentPolicy policy;
  const bool weighted = values.at("w") != kNoWeights;
  for (const RandRow& row : kRandRows) {
    if (!timm && row.op == "SolarizeAdd") continue;
    const AugmentOp& op = AugmentOpNamed(values.at("inc") != 0 ? row.increasing : row.op);
    policy.alternatives.push_back({{{&op, values.at("p"), values.at("m")}}, weighted ? row.weight : 1});
  }
  policy.with_replacement = !weighted;
  policy.min_layers = policy.max_layers = static_cast<int>(values.at("n"));
  policy.magnitude_max = values.at("mmax");
  return policy;
}

AugmentPolicy AutoAugment(std::span<const PairRow> rows, std::string_view posterize) {
  AugmentPolicy policy;
  const auto op = [&](std::string_view name) { return &AugmentOpNamed(name == "Posterize" ? posterize : name); };
  for (const PairRow& row : rows)
    policy.alternatives.push_back({{{op(row.first), row.first_probability, row.first_magnitude},
                                    {op(row.second), row.second_probability, row.second_magnitude}}});
  return policy;
}

AugmentPolicy ThreeAugment() {
  AugmentPolicy policy{.color_jitter = 0.3};
  for (const auto& [name, magnitude] : {std::pair{"Solarize", 5}, {"Desaturate", 10}, {"GaussianBlurRand", 10}})
    policy.alternatives.push_back({{{&AugmentOpNamed(name), 1, static_cast<double>(magnitude)}}});
  return policy;
}

AugmentPolicy TrivialAugmentWide(const Values& values) {
  AugmentPolicy policy{
      .magnitude_std = kInfinity, .magnitude_max = kWideMagnitudes, .magnitude_scale = kWideMagnitudes};
  for (std::string_view name : kWideOps) policy.alternatives.push_back({{{&AugmentOpNamed(name), 1, values.at("m")}}});
  return policy;
}

AugmentPolicy AugMix(const Values& values) {
  AugmentPolicy policy;
  for (std::string_view name : kMixOps) policy.alternatives.push_back({{{&AugmentOpNamed(name), 1, values.at("m")}}});
  const int depth = static_cast<int>(values.at("d"));
  policy.min_layers = depth == 0 ? 1 : depth;
  policy.max_layers = depth == 0 ? 3 : depth;
  policy.width = static_cast<int>(values.at("n") != 0 ? values.at("n") : values.at("w"));
  policy.alpha = values.at("a");
  return policy;
}

struct Family {
  std::string_view name, example;
  std::span<const Key> keys;
  AugmentPolicy (*make)(const Values& values);
};

constexpr Family kFamilies[] = {
    {"randaug", "randaug-m7-n2-mstd0.5", kRandaugKeys, [](const Values& v) { return RandAugment(v, false); }},
    {"autoaug", "autoaug", kAutoaugKeys, [](const Values&) { return AutoAugment(kOriginal, "PosterizeOriginal"); }},
    {"autoaugr", "autoaugr", kAutoaugKeys, [](const Values&) { return AutoAugment(kOriginal, "PosterizeIncreasing"); }},
    {"3a", "3a", kTimmAutoKeys, [](const Values&) { return ThreeAugment(); }},
    {"trivialaugwide", "trivialaugwide", kWideKeys, TrivialAugmentWide},
    {"augmix", "augmix-m5-w4-d2", kMixKeys, AugMix},
    {"rand", "rand-m9-n3-mstd0.5-inc1", kRandKeys, [](const Values& v) { return RandAugment(v, true); }},
    {"original", "original", kTimmAutoKeys, [](const Values&) { return AutoAugment(kOriginal, "PosterizeOriginal"); }},
    {"originalr", "originalr", kTimmAutoKeys,
     [](const Values&) { return AutoAugment(kOriginal, "PosterizeIncreasing"); }},
    {"v0", "v0", kTimmAutoKeys, [](const Values&) { return AutoAugment(kV0, "Posterize"); }},
    {"v0r", "v0r-mstd0.5", kTimmAutoKeys, [](const Values&) { return AutoAugment(kV0, "PosterizeIncreasing"); }},
};

// ---- parsing

Result<const Family*> FindFamily(std::string_view name, std::string_view text) {
  std::vector<std::string_view> names;
  std::string examples;
  for (const Family& family : kFamilies) {
    if (family.name == name) return &family;
    names.push_back(family.name);
    examples += (examples.empty() ? "" : ", ") + std::string(family.example);
  }
  return InvalidArgument("expected a policy such as {}, or None, found '{}'; the nearest name is '{}'", examples, text,
                         Nearest(name, names));
}

Status ReadSection(const Family& family, std::string_view section, Values& values) {
  const size_t digits = std::min(section.find_first_of("0123456789."), section.size());
  const std::string_view name = section.substr(0, digits), number = section.substr(digits);
  const auto key = std::ranges::find(family.keys, name, &Key::name);
  if (key == family.keys.end()) {
    std::string list;
    for (const Key& known : family.keys)
      list += fmt::format("{}{} ({})", list.empty() ? "" : ", ", known.name, known.meaning);
    return InvalidArgument("'{}' is no part of {}, such as {}; known are {}", section, family.name, family.example,
                           list);
  }
  const std::optional<double> value = ParseNumber<double>(number);
  if (!(value >= key->low && value <= key->high) || (key->integer && *value != std::trunc(*value)))
    return InvalidArgument("'{}': {} ({}) has to be {} from {} to {}, as in {}", section, name, key->meaning,
                           key->integer ? "an integer" : "a number", key->low, key->high, family.example);
  values[name] = *value;
  return {};
}

}  // namespace

Result<std::optional<AugmentPolicy>> ParseAugmentPolicy(std::string_view text) {
  constexpr std::array<std::string_view, 6> kNothing = {"", "None", "none", "null", "~", "NONE"};
  if (std::ranges::find(kNothing, text) != kNothing.end()) return std::optional<AugmentPolicy>();
  RIFFLE_ASSIGN(const Family* family, FindFamily(text.substr(0, text.find('-')), text));
  Values values;
  for (const Key& key : family->keys) values[key.name] = key.initial;
  for (size_t dash = text.find('-'); dash != std::string_view::npos;) {
    const size_t next = text.find('-', dash + 1);
    RIFFLE_TRY(ReadSection(*family, text.substr(dash + 1, next - dash - 1), values));
    dash = next;
  }
  AugmentPolicy policy = family->make(values);
  if (const auto noise = values.find("mstd"); noise != values.end())
    policy.magnitude_std = noise->second > kUniformAbove ? kInfinity : noise->second;
  return std::optional(std::move(policy));
}

std::vector<std::string_view> AugmentPolicyExamples() {
  std::vector<std::string_view> examples;
  for (const Family& family : kFamilies) examples.push_back(family.example);
  return examples;
}

}  // namespace riffle
