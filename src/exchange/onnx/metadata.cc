#include "exchange/onnx/metadata.h"

#include <fmt/ranges.h>

#include <algorithm>

namespace riffle {
namespace {

// A text as Python writes one, for readers that evaluate a literal.
std::string PythonText(const std::string& text) {
  std::string quoted = "'";
  for (const char c : text) {
    if (c == '\'' || c == '\\') quoted += '\\';
    if (static_cast<unsigned char>(c) < ' ')
      quoted += fmt::format("\\x{:02x}", c);
    else
      quoted += c;
  }
  return quoted + "'";
}

// {0: 'ant', 1: 'bee'}
std::string PythonNames(const std::vector<std::string>& classes) {
  std::vector<std::string> items;
  for (size_t i = 0; i < classes.size(); ++i) items.push_back(fmt::format("{}: {}", i, PythonText(classes[i])));
  return fmt::format("{{{}}}", fmt::join(items, ", "));
}

// Names apart by blanks, so that those within a name are written otherwise: OpenVINO's own converters do the same.
std::string Labels(std::vector<std::string> classes) {
  for (std::string& name : classes)
    std::ranges::replace_if(
        name, [](char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }, '_');
  return fmt::format("{}", fmt::join(classes, " "));
}

}  // namespace

std::vector<std::pair<std::string, std::string>> OnnxMetadata(const CheckpointInfo& info, const OnnxOptions& options) {
  const ModelDescription& model = info.model;
  const bool grey = model.in_channels == 1;
  std::vector<std::pair<std::string, std::string>> metadata;
  const auto add = [&](std::string_view key, std::string value) { metadata.emplace_back(key, std::move(value)); };

  add("description", fmt::format("ShuffleNetV1: {}", model.name));
  add("author", "Riffle");
  add("task", "classify");
  if (!info.classes.empty()) add("names", PythonNames(info.classes));
  add("imgsz", fmt::format("[{0}, {0}]", model.image_size));
  add("batch", fmt::format("{}", options.batch > 0 ? options.batch : 1));
  add("channels", fmt::format("{}", model.in_channels));
  add("stride", "1");  // what the sides of a picture must be multiples of

  add("Image.BitmapPixelFormat", grey ? "Gray8" : "Rgb8");
  add("Image.ColorSpaceGamma", "SRGB");
  if (options.preprocess) add("Image.NominalPixelRange", "NominalRange_0_255");

  add("model_info model_type", "Classification");
  if (!info.classes.empty()) add("model_info labels", Labels(info.classes));
  if (!options.preprocess) {
    add("model_info mean_values", fmt::format("{}", fmt::join(info.preprocessing.mean, " ")));
    add("model_info scale_values", fmt::format("{}", fmt::join(info.preprocessing.std, " ")));
  }
  add("model_info reverse_input_channels", grey ? "NO" : "YES");  // its pictures are BGR, as OpenCV's
  add("model_info resize_type", "crop");
  add("model_info output_raw_scores", options.probabilities ? "False" : "True");

  add(kOnnxModelKey, ToJson(model));
  add(kOnnxPreprocessingKey, ToJson(info.preprocessing));
  if (!info.classes.empty()) add(kOnnxClassesKey, nlohmann::json(info.classes).dump());
  return metadata;
}

}  // namespace riffle
