// Sources: names and arguments of timm's auto_augment.py (its magnitudes run from 0 to 10); the rows that end in Wide
// are those of Müller and Hutter, "TrivialAugment" (ICCV 2021), table "wide", their magnitudes of 0 to 30 as strengths.
#include "data/augment/ops.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "data/augment/blur.h"
#include "data/augment/enhance.h"
#include "data/augment/point.h"

namespace riffle {
namespace {

using Context = AugmentContext;

void Move(Picture& p, const AffineMap& map, const Context& context, Picture& scratch) {
  ApplyAffine(p, map, context.interpolation, context.fill, scratch);
}

// The primitives under one signature.
void DoNothing(Picture&, double, const Context&, Picture&) {}
void DoAutoContrast(Picture& p, double, const Context&, Picture&) { AutoContrast(p); }
void DoEqualize(Picture& p, double, const Context&, Picture&) { Equalize(p); }
void DoInvert(Picture& p, double, const Context&, Picture&) { Invert(p); }
void DoPosterize(Picture& p, double bits, const Context&, Picture&) { Posterize(p, static_cast<int>(bits)); }
void DoSolarize(Picture& p, double threshold, const Context&, Picture&) { Solarize(p, static_cast<int>(threshold)); }
void DoSolarizeAdd(Picture& p, double add, const Context&, Picture&) { SolarizeAdd(p, static_cast<int>(add)); }
void DoColor(Picture& p, double factor, const Context&, Picture&) { Color(p, static_cast<float>(factor)); }
void DoContrast(Picture& p, double factor, const Context&, Picture&) { Contrast(p, static_cast<float>(factor)); }
void DoBrightness(Picture& p, double factor, const Context&, Picture&) { Brightness(p, static_cast<float>(factor)); }
void DoSharpness(Picture& p, double factor, const Context&, Picture& s) { Sharpness(p, static_cast<float>(factor), s); }
void DoBlur(Picture& p, double sigma, const Context&, Picture& s) { GaussianBlur(p, static_cast<float>(sigma), s); }
void DoRotate(Picture& p, double degrees, const Context& context, Picture& s) {
  if (degrees != 0) Move(p, Rotation(degrees, p.height, p.width), context, s);
}
void DoShearX(Picture& p, double factor, const Context& context, Picture& s) { Move(p, ShearX(factor), context, s); }
void DoShearY(Picture& p, double factor, const Context& context, Picture& s) { Move(p, ShearY(factor), context, s); }
void DoTranslateX(Picture& p, double share, const Context& context, Picture& s) {
  Move(p, TranslationX(share * p.width), context, s);
}
void DoTranslateY(Picture& p, double share, const Context& context, Picture& s) {
  Move(p, TranslationY(share * p.height), context, s);
}

using enum ArgumentKind;

constexpr AugmentOp kOps[] = {
    {"Identity", DoNothing},
    {"AutoContrast", DoAutoContrast},
    {"Equalize", DoEqualize},
    {"Invert", DoInvert},
    {"Rotate", DoRotate, kSigned, 0, 30},                     // degrees
    {"Posterize", DoPosterize, kInteger, 0, 4},               // bits kept
    {"PosterizeIncreasing", DoPosterize, kInteger, 4, -4},    // bits kept
    {"PosterizeOriginal", DoPosterize, kInteger, 4, 4},       // bits kept
    {"Solarize", DoSolarize, kInteger, 0, 256},               // threshold
    {"SolarizeIncreasing", DoSolarize, kInteger, 256, -256},  // threshold
    {"SolarizeAdd", DoSolarizeAdd, kInteger, 0, 110},         // grey levels
    {"Color", DoColor, kFixed, 0.1, 1.8},                     // factor, as those below
    {"ColorIncreasing", DoColor, kSigned, 1, 0.9, 0.1},
    {"Contrast", DoContrast, kFixed, 0.1, 1.8},
    {"ContrastIncreasing", DoContrast, kSigned, 1, 0.9, 0.1},
    {"Brightness", DoBrightness, kFixed, 0.1, 1.8},
    {"BrightnessIncreasing", DoBrightness, kSigned, 1, 0.9, 0.1},
    {"Sharpness", DoSharpness, kFixed, 0.1, 1.8},
    {"SharpnessIncreasing", DoSharpness, kSigned, 1, 0.9, 0.1},
    {"ShearX", DoShearX, kSigned, 0, 0.3},  // pixels for each pixel of the other side
    {"ShearY", DoShearY, kSigned, 0, 0.3},
    {"TranslateXRel", DoTranslateX, kSigned, 0, 0.45},  // share of the side
    {"TranslateYRel", DoTranslateY, kSigned, 0, 0.45},
    {"TranslateXMix", DoTranslateX, kSigned, 0, 0.3},  // AugMix's
    {"TranslateYMix", DoTranslateY, kSigned, 0, 0.3},
    {"Desaturate", DoColor, kFixed, 0.5, -0.5},          // factor
    {"GaussianBlurRand", DoBlur, kUniformTo, 0.1, 1.9},  // sigma in pixels
    {"RotateWide", DoRotate, kSigned, 0, 135},
    {"PosterizeWide", DoPosterize, kInteger, 8, -6},
    {"SolarizeWide", DoSolarize, kInteger, 255, -255},
    {"ColorWide", DoColor, kSigned, 1, 0.99},
    {"ContrastWide", DoContrast, kSigned, 1, 0.99},
    {"BrightnessWide", DoBrightness, kSigned, 1, 0.99},
    {"SharpnessWide", DoSharpness, kSigned, 1, 0.99},
    {"ShearXWide", DoShearX, kSigned, 0, 0.99},
    {"ShearYWide", DoShearY, kSigned, 0, 0.99},
    {"TranslateXWide", DoTranslateX, kSigned, 0, 32.0 / 224},
    {"TranslateYWide", DoTranslateY, kSigned, 0, 32.0 / 224},
};

}  // namespace

double ArgumentOf(const AugmentOp& op, double strength, RandomStream& random) {
  const double part = op.span * strength;
  switch (op.kind) {
    case kNone:
      return 0;
    case kFixed:
      return op.start + part;
    case kInteger:
      return op.start + std::trunc(part);
    case kSigned:
      return std::max(op.least, random.Chance(0.5) ? op.start + part : op.start - part);
    case kUniformTo:
      return random.Uniform(op.start, op.start + part);
  }
  return 0;
}

std::span<const AugmentOp> AugmentOps() { return kOps; }

const AugmentOp& AugmentOpNamed(std::string_view name) { return *std::ranges::find(kOps, name, &AugmentOp::name); }

}  // namespace riffle
