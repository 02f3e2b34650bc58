// Every primitive against Pillow, on grey and RGB.
#include <functional>
#include <numbers>

#include "backend/target.h"
#include "data/augment/affine.h"
#include "data/augment/blur.h"
#include "data/augment/enhance.h"
#include "data/augment/point.h"
#include "picture/testing/pictures.h"

namespace riffle {
namespace {

constexpr Color3 kFill = {124, 116, 104};

// One primitive: what Pillow does to `im`, and what we do. Pillow's expression knows ImageOps as O, ImageEnhance as E,
// ImageFilter as F, the size w, h, and `affine(filter, a, b, c, d, e, f)`.
struct Case {
  std::string pillow;
  std::function<void(Picture&, Picture& scratch)> ours;
  int tolerance = 0;  // grey levels
};

void AddAffine(const std::string& pillow, const std::function<AffineMap(const Picture&)>& map,
               std::vector<Case>& cases) {
  constexpr std::pair<Interpolation, int> kFilters[] = {
      {Interpolation::kNearest, 0}, {Interpolation::kBilinear, 2}, {Interpolation::kBicubic, 3}};
  for (const auto& [filter, number] : kFilters) {
    cases.push_back({fmt::format(fmt::runtime(pillow), number),
                     [=](Picture& p, Picture& scratch) { ApplyAffine(p, map(p), filter, kFill, scratch); },
                     filter == Interpolation::kNearest ? 0 : 1});
  }
}

std::vector<Case> Cases() {
  std::vector<Case> cases = {
      {"O.autocontrast(im)", [](Picture& p, Picture&) { AutoContrast(p); }},
      {"O.equalize(im)", [](Picture& p, Picture&) { Equalize(p); }},
      {"O.invert(im)", [](Picture& p, Picture&) { Invert(p); }},
      {"im.convert('L').convert(im.mode)", [](Picture& p, Picture&) { Color(p, 0); }},
  };
  for (int bits = 0; bits <= 8; ++bits)
    cases.push_back({fmt::format("O.posterize(im, {})", bits), [=](Picture& p, Picture&) { Posterize(p, bits); }});
  for (int threshold : {0, 1, 100, 255, 256})
    cases.push_back(
        {fmt::format("O.solarize(im, {})", threshold), [=](Picture& p, Picture&) { Solarize(p, threshold); }});
  for (int add : {0, 55, 110})
    cases.push_back(
        {fmt::format("im.point([min(255, i + {}) if i < 128 else i for i in range(256)] * len(im.mode))", add),
         [=](Picture& p, Picture&) { SolarizeAdd(p, add); }});
  for (float factor : {0.0f, 0.1f, 0.37f, 0.6f, 1.0f, 1.4f, 1.9f, 2.5f}) {
    const auto add = [&](const char* name, const std::function<void(Picture&, Picture&)>& ours) {
      cases.push_back({fmt::format("E.{}(im).enhance({:.9g})", name, factor), ours});
    };
    add("Brightness", [=](Picture& p, Picture&) { Brightness(p, factor); });
    add("Contrast", [=](Picture& p, Picture&) { Contrast(p, factor); });
    add("Color", [=](Picture& p, Picture&) { Color(p, factor); });
    add("Sharpness", [=](Picture& p, Picture& scratch) { Sharpness(p, factor, scratch); });
    if (factor <= 1) {
      cases.push_back({fmt::format("Image.blend(im, O.invert(im), {:.9g})", factor), [=](Picture& p, Picture& scratch) {
                         scratch = p;
                         Invert(scratch);
                         BlendInto(p, scratch, factor);
                       }});
    }
  }
  for (float sigma : {0.1f, 0.5f, 1.0f, 1.7f, 2.0f, 6.5f, 40.0f})
    cases.push_back({fmt::format("im.filter(F.GaussianBlur({:.9g}))", sigma),
                     [=](Picture& p, Picture& scratch) { GaussianBlur(p, sigma, scratch); }});
  for (double degrees : {0.0, 3.7, -30.0, 29.99, 90.0, 135.0, -101.3})
    AddAffine(
        fmt::format("im.rotate({}, resample={{}}, fillcolor=fill)", degrees),
        [=](const Picture& p) { return Rotation(degrees, p.height, p.width); }, cases);
  for (double factor : {0.0, 0.1, -0.3, 0.2999, 0.99}) {
    AddAffine(
        fmt::format("affine({{}}, 1, {}, 0, 0, 1, 0)", factor), [=](const Picture&) { return ShearX(factor); }, cases);
    AddAffine(
        fmt::format("affine({{}}, 1, 0, 0, {}, 1, 0)", factor), [=](const Picture&) { return ShearY(factor); }, cases);
  }
  for (double pixels : {0.0, 4.0, -7.0, 3.3, -10.5, 500.0}) {
    AddAffine(
        fmt::format("affine({{}}, 1, 0, {}, 0, 1, 0)", pixels), [=](const Picture&) { return TranslationX(pixels); },
        cases);
    AddAffine(
        fmt::format("affine({{}}, 1, 0, 0, 0, 1, {})", pixels), [=](const Picture&) { return TranslationY(pixels); },
        cases);
  }
  AddAffine(
      "affine({}, 1, 0, 0.3 * w, 0, 1, 0)", [](const Picture& p) { return TranslationX(0.3 * p.width); }, cases);
  return cases;
}

struct Size {
  int height, width, channels;
};
constexpr Size kSizes[] = {{32, 32, 3}, {45, 61, 3}, {28, 28, 1}, {3, 70, 3}, {1, 1, 3}, {5, 2, 1}, {64, 48, 3}};

// A photograph-like picture; the last one has few values, which leave gaps in the histogram.
Picture Original(int i) {
  Picture picture = SomePicture(kSizes[i].height, kSizes[i].width, kSizes[i].channels, i);
  if (i == 6)
    for (uint8_t& value : picture.pixels) value = static_cast<uint8_t>(90 + value / 16 * 3);
  return picture;
}

constexpr char kPillow[] = R"(
import sys
from PIL import Image, ImageOps as O, ImageEnhance as E, ImageFilter as F
folder = sys.argv[1]
cases = open(folder + '/cases').read().splitlines()
for i, size in enumerate(open(folder + '/sizes')):
    h, w, c = (int(v) for v in size.split())
    im = Image.frombytes('RGB' if c == 3 else 'L', (w, h), open(f'{folder}/{i}.raw', 'rb').read())
    fill = (124, 116, 104) if c == 3 else 124
    affine = lambda resample, *m: im.transform(im.size, Image.AFFINE, m, resample=resample, fillcolor=fill)
    open(f'{folder}/{i}.out', 'wb').write(b''.join(eval(case).tobytes() for case in cases))
)";

TEST(AugmentPrimitives, EqualPillows) {
  const auto folder = TestFolder();
  const std::vector<Case> cases = Cases();
  std::ofstream list(folder / "cases"), sizes(folder / "sizes");
  for (const Case& c : cases) list << c.pillow << '\n';
  for (size_t i = 0; i < std::size(kSizes); ++i) {
    sizes << fmt::format("{} {} {}\n", kSizes[i].height, kSizes[i].width, kSizes[i].channels);
    WriteBytes(folder / fmt::format("{}.raw", i), Original(static_cast<int>(i)).pixels);
  }
  list.close(), sizes.close();
  ASSERT_NO_FATAL_FAILURE(RunPython(kPillow, {folder.string()}));
  Picture scratch;
  for (size_t i = 0; i < std::size(kSizes); ++i) {
    const std::vector<uint8_t> expected = ReadBytes(folder / fmt::format("{}.out", i));
    const Picture original = Original(static_cast<int>(i));
    ASSERT_EQ(expected.size(), cases.size() * original.pixels.size());
    for (size_t at = 0; at < AvailableTargets().size() * cases.size(); ++at) {
      const size_t k = at % cases.size();
      const std::string target = AvailableTargets()[at / cases.size()];
      ASSERT_TRUE(ForceTarget(target).ok());
      Picture found = original;
      cases[k].ours(found, scratch);
      ASSERT_EQ(found.pixels.size(), original.pixels.size());
      int worst = 0, differing = 0;
      for (size_t v = 0; v < found.pixels.size(); ++v) {
        const int difference = std::abs(found.pixels[v] - expected[k * original.pixels.size() + v]);
        worst = std::max(worst, difference);
        differing += difference > 0;
      }
      EXPECT_LE(worst, cases[k].tolerance)
          << cases[k].pillow << ", picture " << i << ", " << differing << " values, " << target;
      EXPECT_LE(differing, static_cast<int>(found.pixels.size()) / 50 + 2) << cases[k].pillow << ", picture " << i;
    }
  }
  ASSERT_TRUE(ForceTarget("").ok());
}

TEST(AugmentPrimitives, WhatComesFromOutsideIsFilled) {
  Picture picture = SomePicture(8, 8, 3), scratch;
  ApplyAffine(picture, TranslationX(3), Interpolation::kBilinear, kFill, scratch);
  for (int y = 0; y < 8; ++y)
    for (int x = 5; x < 8; ++x)
      for (int c = 0; c < 3; ++c) EXPECT_EQ(picture.Row(y)[3 * x + c], kFill[c]);
}

}  // namespace
}  // namespace riffle
