#include "picture/preprocessing.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "base/json.h"
#include "base/text.h"

namespace riffle {
namespace {

using Json = nlohmann::json;

constexpr int kMaxImageSize = 4096;

Status CheckValues(const char* name, const std::vector<float>& values, int channels) {
  if (static_cast<int>(values.size()) != channels)
    return InvalidArgument("{}: {} values were expected, one per channel, {} found", name, channels, values.size());
  for (float value : values)
    if (!std::isfinite(value)) return InvalidArgument("{}: {} is not a finite number", name, value);
  return {};
}

/// Whether `found` is of the type of `value`, which then gets it.
bool Read(const Json& found, bool& value) { return found.is_boolean() && (value = found.get<bool>(), true); }
bool Read(const Json& found, std::string& value) {
  return found.is_string() && (value = found.get<std::string>(), true);
}
template <class T>
bool Read(const Json& found, T& value) {
  const std::optional<T> number = NumberIn<T>(found);
  value = number.value_or(value);
  return number.has_value();
}
bool Read(const Json& found, std::vector<float>& values) {
  return found.is_array() &&
         std::ranges::all_of(found, [&](const Json& value) { return Read(value, values.emplace_back()); });
}

}  // namespace

int Preprocessing::ResizedShortSide() const { return static_cast<int>(std::floor(image_size / crop_pct)); }

Status Check(const Preprocessing& p) {
  if (p.image_size < 1 || p.image_size > kMaxImageSize)
    return InvalidArgument("image_resize: 1 to {} pixels were expected, {} found", kMaxImageSize, p.image_size);
  if (p.channels != 1 && p.channels != 3)
    return InvalidArgument("in_channels: 1 or 3 was expected, {} found", p.channels);
  if (!(p.crop_pct >= 0.01 && p.crop_pct <= 1))
    return InvalidArgument("crop_pct: a share from 0.01 to 1 was expected, {} found", p.crop_pct);
  RIFFLE_TRY(CheckValues("mean", p.mean, p.channels));
  RIFFLE_TRY(CheckValues("std", p.std, p.channels));
  for (float value : p.std)
    if (value <= 0) return InvalidArgument("std: values above 0 were expected, {} found", value);
  return {};
}

std::string ToJson(const Preprocessing& p) {
  return Json{{"image_size", p.image_size},
              {"channels", p.channels},
              {"crop_pct", p.crop_pct},
              {"interpolation", NameOf(p.interpolation)},
              {"mean", p.mean},
              {"std", p.std},
              {"exif_orientation", p.exif_orientation}}
      .dump();
}

Result<Preprocessing> PreprocessingFromJson(std::string_view text) {
  constexpr std::string_view kExif = "exif_orientation";
  constexpr std::array<std::string_view, 7> kKeys = {"image_size", "channels", "crop_pct", "interpolation",
                                                     "mean",       "std",      kExif};
  RIFFLE_ASSIGN(const Json json, ParseJson(text));
  if (!json.is_object()) return DataLoss("preprocessing: a JSON object was expected, {} found", Quoted(text));
  for (std::string_view key : kKeys)
    if (key != kExif && !json.contains(key)) return DataLoss("preprocessing: the key '{}' is missing", key);
  for (const auto& [key, value] : json.items())
    if (std::find(kKeys.begin(), kKeys.end(), key) == kKeys.end())
      return DataLoss("preprocessing: the key {} is unknown; the nearest is '{}'", Quoted(key), Nearest(key, kKeys));
  Preprocessing p;
  std::string interpolation;
  std::string_view wrong;
  const auto read = [&](std::string_view key, auto& value) {
    if (wrong.empty() && !Read(json.at(key), value)) wrong = key;
  };
  read("image_size", p.image_size);
  read("channels", p.channels);
  read("crop_pct", p.crop_pct);
  read("interpolation", interpolation);
  read("mean", p.mean);
  read("std", p.std);
  if (json.contains(kExif)) read(kExif, p.exif_orientation);
  if (!wrong.empty())
    return DataLoss("preprocessing: '{}' has a value of the wrong type: {}", wrong, Quoted(json.at(wrong).dump()));
  RIFFLE_ASSIGN(p.interpolation, ParseInterpolation(interpolation));
  if (Status status = Check(p); !status.ok()) return std::move(status).In("preprocessing");
  return p;
}

}  // namespace riffle
