// `riffle import`: another tool's weights as a checkpoint of ours.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>

#include "base/file.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/machine.h"
#include "cli/weights.h"
#include "data/class_list.h"
#include "exchange/open_weights.h"
#include "model/plan.h"
#include "runtime/session.h"

namespace riffle {
namespace {

constexpr double kMostRelativeDifference = 1e-4;

/// A batch of pictures as other programs store it: [N][C][H][W], little-endian float32.
struct Shape {
  int64_t images = 0, channels = 0, height = 0, width = 0;
  int64_t values() const { return images * channels * height * width; }
};

Result<Shape> ParseShape(std::string_view text) {
  std::vector<int64_t> numbers;
  for (const std::string_view part : Split(text, ',')) {
    const std::optional<int64_t> number = ParseNumber<int64_t>(Trimmed(part));
    if (number && *number > 0 && *number <= 8192) numbers.push_back(*number);
  }
  if (numbers.size() != 4 || Split(text, ',').size() != 4 || numbers[2] != numbers[3])
    return InvalidArgument(
        "option check_shape (command line): expected N,C,H,W of square pictures, such as 8,3,224,224, found {}",
        Quoted(text));
  return Shape{numbers[0], numbers[1], numbers[2], numbers[3]};
}

Result<std::vector<float>> ReadFloats(const std::string& path, int64_t count, std::string_view what) {
  RIFFLE_ASSIGN(const std::vector<uint8_t> bytes, ReadFile(path));
  if (static_cast<int64_t>(bytes.size()) != count * static_cast<int64_t>(sizeof(float)))
    return InvalidArgument("{}: expected {} bytes, {} as little-endian float32, found {}", path,
                           count * static_cast<int64_t>(sizeof(float)), what, bytes.size());
  std::vector<float> values(count);
  std::memcpy(values.data(), bytes.data(), bytes.size());
  return values;
}

/// The largest difference of logits, relative to the largest expected one; infinite where one is no number.
double LargestDifference(const std::vector<float>& found, const std::vector<float>& expected) {
  double difference = 0, largest = 0;
  for (size_t i = 0; i < found.size(); ++i) {
    const double apart = std::abs(static_cast<double>(found[i]) - expected[i]);
    difference = std::isfinite(apart) ? std::max(difference, apart) : INFINITY;
    largest = std::max(largest, std::abs(static_cast<double>(expected[i])));
  }
  return difference == 0 ? 0 : difference / largest;
}

/// Runs the network on pictures as its own program takes them. Errors: it takes other pictures.
Result<std::vector<float>> LogitsOf(const ImportedNetwork& network, const Shape& shape,
                                    const std::vector<float>& pictures, const Machine& machine) {
  ModelDescription model = network.info.model;
  if (shape.channels != model.in_channels)
    return InvalidArgument("option check_shape (command line): pictures of {}, the network takes {}",
                           Counted(shape.channels, "channel"), model.in_channels);
  model.image_size = static_cast<int>(shape.height);
  RIFFLE_ASSIGN(const Plan plan, MakePlan(model));
  Session session(machine.execution, plan, machine.ops);
  session.SetWeights(network.weights.values);
  const int64_t area = shape.height * shape.width, stride = plan.maps[0].stride(shape.images);
  AlignedArray<float> rows(plan.maps[0].values(shape.images));
  for (int64_t n = 0; n < shape.images; ++n)
    for (int64_t c = 0; c < shape.channels; ++c) {
      const int64_t row = network.bgr ? shape.channels - 1 - c : c;
      std::copy_n(pictures.data() + (n * shape.channels + c) * area, area, rows.data() + row * stride + n * area);
    }
  std::vector<float> logits(shape.images * model.num_classes);
  session.Run(shape.images, {rows.data(), stride}, logits.data());
  return logits;
}

Status CheckLogits(const ImportedNetwork& network, const Invocation& invocation, const Machine& machine, Log& log) {
  const std::string *input = invocation.Own("check_input"), *shape_text = invocation.Own("check_shape"),
                    *logits_path = invocation.Own("check_logits");
  if (!input && !shape_text && !logits_path) return {};
  if (!input || !shape_text || !logits_path)
    return InvalidArgument("options check_input, check_shape and check_logits belong together: give all three");
  RIFFLE_ASSIGN(const Shape shape, ParseShape(*shape_text));
  RIFFLE_ASSIGN(const std::vector<float> pictures, ReadFloats(*input, shape.values(), "pictures " + *shape_text));
  const int64_t classes = network.info.model.num_classes;
  RIFFLE_ASSIGN(const std::vector<float> expected,
                ReadFloats(*logits_path, shape.images * classes, fmt::format("logits {},{}", shape.images, classes)));
  RIFFLE_ASSIGN(const std::vector<float> found, LogitsOf(network, shape, pictures, machine));
  const double difference = LargestDifference(found, expected);
  if (difference <= kMostRelativeDifference) {
    log.Line(fmt::format("Its logits are those of {}: the largest difference is {:.1e} of the largest logit",
                         *logits_path, difference));
    return {};
  }
  return DataLoss(
      "{}: the network gives other logits: the largest difference is {:.1e} of the largest logit, at most {:.0e} is "
      "allowed; nothing was written; perhaps its conventions are others: --conventions",
      *logits_path, difference, kMostRelativeDifference);
}

Status Run(const Invocation& invocation, const Console& console) {
  if (invocation.arguments.size() != 1 || !invocation.Has("out"))
    return InvalidArgument(
        "expected one file of weights and a file to write; write 'riffle import FILE -o OUT.safetensors'");
  const std::string& path = invocation.arguments[0];
  const std::filesystem::path out = *invocation.Own("out");
  std::error_code ignored;
  if (std::filesystem::exists(path, ignored) && !std::filesystem::is_regular_file(path, ignored))
    return InvalidArgument("{}: expected a file of weights, found a folder, a device or a pipe", path);
  RIFFLE_TRY(CheckOtherFile("out", out, "the weights that are read", path));
  ImportOptions options = ImportOptionsFrom(invocation.settings);
  if (const std::string* conventions = invocation.Own("conventions")) options.conventions = *conventions;
  if (const std::string* channels = invocation.Own("channels")) options.bgr = *channels == "bgr";
  if (const std::string* classes = invocation.Own("classes")) {
    RIFFLE_ASSIGN(options.classes, ReadClassList(*classes));
  }
  Log log(console.out, console.terminal_width);
  RIFFLE_ASSIGN(const std::unique_ptr<Machine> machine, OpenCpu(invocation.settings.options));
  RIFFLE_ASSIGN(const ImportedNetwork network, ImportWeights(path, options));
  for (const std::string& note : network.notes) log.Line(note);
  RIFFLE_TRY(CheckLogits(network, invocation, *machine, log));
  RIFFLE_ASSIGN(const Plan plan, MakePlan(network.info.model));
  RIFFLE_TRY(SaveCheckpoint(out, network.info, plan.registry, network.weights));
  log.Line(fmt::format("{}: {}, {}{}, pictures of {} × {} pixels", out.string(), network.info.model.name,
                       Counted(network.info.model.num_classes, "class"),
                       network.info.classes.empty() ? " without names" : "", network.info.model.image_size,
                       network.info.model.image_size));
  return {};
}

}  // namespace

Command ImportCommand() {
  using enum OptionGroup;
  return {
      .name = "import",
      .summary = "makes a checkpoint of another tool's weights",
      .options = {.groups = {kPreprocessing}, .names = {"threads", "stem", "stage2_stride", "ckpt_key"}},
      .own_options =
          {{.name = "out",
            .value_name = "FILE",
            .help = "the checkpoint to write",
            .short_name = 'o',
            .value = OwnValue::kOutput},
           {.name = "conventions",
            .value_name = "auto|mindcv|megvii|paper|mmpretrain|pytorchcv",
            .help = "whose network it is (docs/conventions.md); auto, unless set, goes by the names of the tensors"},
           {.name = "channels",
            .value_name = "rgb|bgr",
            .help = "the order of colours that it took, if not that of its source (Megvii's are bgr)"},
           {.name = "classes",
            .value_name = "FILE",
            .help = "names of the classes, one a line; without it a head of 1,000 is ImageNet's",
            .value = OwnValue::kPath},
           {.name = "check_input",
            .value_name = "FILE",
            .help = "pictures as the network's own program was given them, raw little-endian float32",
            .value = OwnValue::kPath},
           {.name = "check_shape", .value_name = "N,C,H,W", .help = "their shape"},
           {.name = "check_logits",
            .value_name = "FILE",
            .help = "what it answered, [N][classes]; more than 1e-4 away is an error, and nothing is written",
            .value = OwnValue::kPath}},
      .argument_name = "FILE",
      .examples = {{"import shufflenet_v1_g3_05-42cfe109.ckpt -o g3_05.safetensors", "MindCV's, of MindSpore"},
                   {"import 1.0x.pth.tar --conventions=megvii -o megvii.safetensors",
                    "Megvii's, of PyTorch: pickles are read, nothing in them is run"},
                   {"import net.onnx -o net.safetensors --check_input x.f32 --check_shape 8,3,224,224 --check_logits "
                    "y.f32",
                    "an ONNX file, and whether it still answers as it did"}},
      .run = Run,
  };
}

}  // namespace riffle
