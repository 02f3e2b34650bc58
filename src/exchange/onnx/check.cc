// An exported file in ONNX Runtime, which is asked through Python: no library of ours is linked to it.
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/child.h"
#include "base/file.h"
#include "base/random.h"
#include "base/scratch_folder.h"
#include "base/text.h"
#include "exchange/onnx/onnx.h"
#include "exchange/onnx/test_vector.h"

namespace riffle {
namespace {

namespace fs = std::filesystem;

constexpr int kNoRuntime = 3;  // the exit code below

// Arguments: model, file of the input, its type and shape, file for the output.
constexpr char kScript[] = R"(
import sys
try:
    import numpy
    import onnxruntime
except ImportError as error:
    print(error, file=sys.stderr)
    sys.exit(3)
model, source, dtype, shape, target = sys.argv[1:]
session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
pictures = numpy.fromfile(source, dtype).reshape([int(size) for size in shape.split(",")])
session.run(None, {session.get_inputs()[0].name: pictures})[0].astype("<f4").tofile(target)
)";

std::string_view LastLine(std::string_view text) {
  text = text.substr(0, text.find_last_not_of(" \n") + 1);
  return text.substr(text.rfind('\n') + 1);
}

}  // namespace

Result<double> CheckOnnx(const fs::path& path, const Exportable& network, const OnnxOptions& options,
                         const std::string& python) {
  const ModelDescription& model = network.info.model;
  std::vector<Picture> pictures(options.batch > 0 ? options.batch : 3);
  RandomStream random(0, RandomPurpose::kTest, 0, 0);
  for (Picture& picture : pictures) {
    picture.Reshape(model.image_size, model.image_size, model.in_channels);
    std::ranges::generate(picture.pixels, [&] { return static_cast<uint8_t>(random.Below(256)); });
  }
  RIFFLE_ASSIGN(const TestVector vector, MakeTestVector(network, options, pictures));
  RIFFLE_ASSIGN(const ScratchFolder folder, ScratchFolder::Create());
  const fs::path input = folder / "input", output = folder / "output";
  RIFFLE_TRY(WriteFileAtomically(input, vector.input));
  const Result<ChildOutcome> child =
      RunChild({python, "-c", kScript, path.string(), input.string(), options.preprocess ? "u1" : "<f4",
                fmt::format("{}", fmt::join(vector.shape, ",")), output.string()});
  if (!child.ok()) return Unavailable("{} cannot be started: it runs ONNX Runtime for the check", python);
  const std::string message = OneLine(LastLine(child->err));
  if (child->exit_code == kNoRuntime)
    return Unavailable("{} has no ONNX Runtime ({}): install it there with pip install onnxruntime", python, message);
  if (child->exit_code != 0) return InvalidArgument("{}: ONNX Runtime does not run it: {}", path.string(), message);
  RIFFLE_ASSIGN(const std::vector<uint8_t> bytes, ReadFile(output));
  std::vector<float> theirs(bytes.size() / sizeof(float));
  if (theirs.size() != vector.output.size())
    return InvalidArgument("{}: expected {} of ONNX Runtime, found {}", path.string(),
                           Counted(static_cast<int64_t>(vector.output.size()), "output"), theirs.size());
  std::memcpy(theirs.data(), bytes.data(), theirs.size() * sizeof(float));
  double largest = 0, difference = 0;
  for (size_t i = 0; i < theirs.size(); ++i) {
    if (!std::isfinite(theirs[i]))
      return InvalidArgument("{}: ONNX Runtime computes values that are not finite", path.string());
    largest = std::max(largest, std::abs(double{vector.output[i]}));
    difference = std::max(difference, std::abs(double{vector.output[i]} - theirs[i]));
  }
  return largest > 0 ? difference / largest : difference;
}

}  // namespace riffle
