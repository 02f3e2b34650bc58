// The files that stand beside an exported graph.
#include "base/file.h"
#include "base/text.h"
#include "exchange/onnx/onnx.h"
#include "exchange/onnx/test_vector.h"
#include "picture/draw/draw.h"

namespace riffle {
namespace {

namespace fs = std::filesystem;

// Slopes, edges and fine patterns in all channels: a picture on which a wrong border, order of channels or range shows.
Picture TestPicture(const ModelDescription& model) {
  Picture picture;
  picture.Reshape(model.image_size, model.image_size, model.in_channels);
  for (int y = 0; y < picture.height; ++y)
    for (int x = 0; x < picture.width; ++x)
      for (int c = 0; c < picture.channels; ++c) {
        const int slope = (x * (3 - c) + y * (c + 1)) * 64 / model.image_size;
        const int edges = (x / 5 + 2 * (y / 7) + c) % 3 * 32;
        const int pattern = x * x % 7 + y * (x + c) % 5;
        picture.Row(y)[x * picture.channels + c] = static_cast<uint8_t>((slope + edges + pattern) % 256);
      }
  return picture;
}

std::string Labels(const std::vector<std::string>& classes) {
  std::string labels;
  for (const std::string& name : classes) labels += OneLine(name) + '\n';
  return labels;
}

}  // namespace

Status ExportOnnx(const fs::path& path, const Exportable& network, const OnnxOptions& options) {
  const CheckpointInfo& info = network.info;
  RIFFLE_ASSIGN(const std::string model, OnnxModel(network, options));
  const Picture picture = TestPicture(info.model);
  const std::vector<Picture> batch(std::max<int64_t>(options.batch, 1), picture);
  RIFFLE_ASSIGN(const TestVector vector, MakeTestVector(network, options, batch));
  RIFFLE_ASSIGN(const std::string png, EncodePng(picture.View()));

  fs::path stem = path;
  if (stem.extension() == ".onnx") stem.replace_extension();
  const auto beside = [&](const char* suffix) {
    fs::path file = stem;
    file += suffix;
    return file;
  };
  const fs::path picture_file = beside(".test.png"), input_file = beside(".test.input.bin"),
                 output_file = beside(".test.output.bin");
  const auto name = [](const fs::path& file) { return AsUtf8(file.filename().string()); };
  const nlohmann::ordered_json about = {
      {"model", name(path)},
      {"picture", name(picture_file)},
      {"input",
       {{"file", name(input_file)},
        {"name", "pictures"},
        {"type", options.preprocess ? "uint8" : "float32, little-endian"},
        {"shape", vector.shape},
        {"layout", "NCHW"},
        {"made_by", options.preprocess ? "the picture's values as they are, for each picture of the batch"
                                       : "(value - mean) / std of the picture's values from 0 to 255, without resizing "
                                         "or cropping, for each picture of the batch"},
        {"channels", info.model.in_channels == 1 ? "grey" : "RGB"},
        {"mean", info.preprocessing.mean},
        {"std", info.preprocessing.std}}},
      {"output",
       {{"file", name(output_file)},
        {"name", options.probabilities ? "probabilities" : "logits"},
        {"type", "float32, little-endian"},
        {"shape", {vector.shape[0], info.model.num_classes}}}}};

  RIFFLE_TRY(WriteFileAtomically(path, model));
  if (!info.classes.empty()) RIFFLE_TRY(WriteFileAtomically(beside(".labels.txt"), Labels(info.classes)));
  RIFFLE_TRY(WriteFileAtomically(picture_file, png));
  RIFFLE_TRY(WriteFileAtomically(input_file, vector.input));
  RIFFLE_TRY(WriteFileAtomically(
      output_file, {reinterpret_cast<const char*>(vector.output.data()), vector.output.size() * sizeof(float)}));
  return WriteFileAtomically(beside(".test.json"), about.dump(2) + '\n');
}

}  // namespace riffle
