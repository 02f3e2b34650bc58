#include "cli/export_check.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/child.h"
#include "base/file.h"
#include "base/scratch_folder.h"
#include "base/text.h"
#include "cli/machine.h"
#include "exchange/c/c_text.h"
#include "exchange/pytorch/pytorch_export.h"
#include "runtime/load_session.h"

namespace riffle {
namespace {

namespace fs = std::filesystem;

/// A picture that is the same everywhere: waves, about as large as normalised pixels. [C][H][W], without gaps.
AlignedArray<float> WavePicture(const ModelDescription& model) {
  const int64_t size = model.image_size;
  AlignedArray<float> picture(static_cast<size_t>(model.in_channels * size * size));
  float* to = picture.data();
  for (int c = 0; c < model.in_channels; ++c)
    for (int64_t h = 0; h < size; ++h)
      for (int64_t w = 0; w < size; ++w)
        *to++ = static_cast<float>(2 * std::sin(0.31 * static_cast<double>(h) + c) *
                                   std::cos(0.17 * static_cast<double>(w * (c + 1))));
  return picture;
}

/// The logits of the session for that picture.
Result<std::vector<float>> LogitsOf(const Plan& plan, const ParameterValues<float>& values) {
  RIFFLE_ASSIGN(const std::unique_ptr<Machine> machine, OpenCpu({}));
  Session session(machine->execution, plan, machine->ops);
  session.SetWeights(values);
  const AlignedArray<float> picture = WavePicture(plan.model);
  std::vector<float> logits(plan.model.num_classes);
  session.Run(1, {picture.data(), plan.maps[0].area()}, logits.data());
  return logits;
}

/// The largest difference as a share of the largest expected number. DataLoss where the numbers are not as many, or no
/// numbers.
Result<double> Difference(const std::vector<float>& found, const std::vector<float>& expected) {
  if (found.size() != expected.size())
    return DataLoss("expected {}, found {}", Counted(static_cast<int64_t>(expected.size()), "number"), found.size());
  double difference = 0, largest = 0;
  for (size_t i = 0; i < found.size(); ++i) {
    const double d = std::abs(double{found[i]} - expected[i]);
    if (std::isnan(d)) return DataLoss("number {}: expected {}, found {}", i, expected[i], found[i]);
    difference = std::max(difference, d);
    largest = std::max(largest, std::abs(double{expected[i]}));
  }
  return largest > 0 ? difference / largest : difference;
}

/// The lines that hold something.
std::vector<std::string_view> Lines(std::string_view text) {
  std::vector<std::string_view> lines = Split(text, '\n');
  std::erase_if(lines, [](std::string_view line) { return Trimmed(line).empty(); });
  return lines;
}

/// The last line that a program wrote on its standard error, which is where most say what went wrong.
std::string_view LastLine(std::string_view text) {
  const std::vector<std::string_view> lines = Lines(text);
  return lines.empty() ? "" : lines.back();
}

constexpr int kNotInstalled = 99;  // the exit code of a script whose modules are missing

/// What a program says that has to succeed. Unavailable where it is not installed: `what_to_do` follows.
Result<std::string> OutputOf(const std::vector<std::string>& words, std::string_view what_to_do) {
  const Result<ChildOutcome> child = RunChild(words);
  if (!child.ok() && child.status().code() == ErrorCode::kNotFound)
    return Unavailable("{}; {}, or leave --check out", child.status().message(), what_to_do);
  if (!child.ok()) return child.status();
  if (child->exit_code == kNotInstalled)
    return Unavailable("{}: {}; {}, or leave --check out", words[0], OneLine(LastLine(child->err)), what_to_do);
  if (child->exit_code != 0)
    return DataLoss("{} ended with exit code {}: {}", words[0], child->exit_code, OneLine(LastLine(child->err)));
  return child->out;
}

// Arguments: the state dict, and where its floats go. Prints name and shape of each tensor.
constexpr const char* kReadStateDict = R"(
import array, sys
try:
    import torch
except ImportError as error:
    print(error, file=sys.stderr)
    sys.exit(99)
with open(sys.argv[2], 'wb') as floats:
    for name, tensor in torch.load(sys.argv[1], map_location='cpu', weights_only=True).items():
        print(name, list(tensor.shape))
        if tensor.is_floating_point():
            array.array('f', tensor.flatten().tolist()).tofile(floats)
)";

}  // namespace

Result<double> CheckC(const ExportJob& job, const Exported& exported) {
  RIFFLE_ASSIGN(const ScratchFolder folder, ScratchFolder::Create());
  const fs::path program = folder / "network", input = folder / "input";
  const AlignedArray<float> picture = WavePicture(job.plan.model);
  RIFFLE_TRY(WriteFileAtomically(
      input, std::string_view(reinterpret_cast<const char*>(picture.data()), picture.size() * sizeof(float))));
  const std::string source = fs::absolute(exported.files[0]).string();
  RIFFLE_TRY(OutputOf({"cc", "-std=c99", "-O2", "-x", "c", fmt::format("-D{}_MAIN", CMacro(exported.c_prefix)), source,
                       "-o", program.string(), "-lm"},
                      "install a C compiler")
                 .status());
  std::vector<std::string> words = {program.string(), "--logits"};
  if (exported.files.size() > 1) words.push_back(fs::absolute(exported.files[1]).string());
  words.push_back(input.string());
  RIFFLE_ASSIGN(const std::string text, OutputOf(words, "install a C compiler"));
  std::vector<float> logits;
  for (const std::string_view line : Lines(text)) logits.push_back(ParseNumber<float>(line).value_or(std::nanf("")));
  RIFFLE_ASSIGN(const std::vector<float> expected, LogitsOf(job.plan, job.values));
  return Difference(logits, expected);
}

Result<double> CheckTorch(const ExportJob& job, const Exported& exported) {
  RIFFLE_ASSIGN(const ScratchFolder folder, ScratchFolder::Create());
  const fs::path floats = folder / "floats";
  RIFFLE_ASSIGN(const std::string listed,
                OutputOf({"python3", "-c", kReadStateDict, exported.files[0].string(), floats.string()},
                         "install PyTorch for it"));
  std::string expected_list;
  std::vector<float> expected;
  for (const TensorView& tensor : StateDict(job.exportable(), *exported.torch_names)) {
    expected_list += fmt::format("{} {}\n", tensor.name, ShapeText(tensor.shape));
    if (tensor.dtype != DType::kF32) continue;
    RIFFLE_ASSIGN(const std::vector<float> values, Values<float>(tensor));
    expected.insert(expected.end(), values.begin(), values.end());
  }
  if (listed != expected_list) return DataLoss("PyTorch finds other names or shapes of tensors in it");
  RIFFLE_ASSIGN(const std::vector<uint8_t> bytes, ReadFile(floats));
  std::vector<float> found(bytes.size() / sizeof(float));
  std::memcpy(found.data(), bytes.data(), found.size() * sizeof(float));
  return Difference(found, expected);
}

Result<double> CheckSafetensors(const ExportJob& job, const Exported& exported) {
  RIFFLE_ASSIGN(const Checkpoint checkpoint, Checkpoint::Open(exported.files[0]));
  RIFFLE_ASSIGN(const Plan plan, MakePlan(checkpoint.info().model));
  ParameterValues<float> values(plan.registry);
  RIFFLE_TRY(checkpoint.Load(plan.registry, checkpoint.best_weights(), &values));
  RIFFLE_ASSIGN(const std::vector<float> logits, LogitsOf(plan, values));
  RIFFLE_ASSIGN(const std::vector<float> expected, LogitsOf(job.plan, job.values));
  return Difference(logits, expected);
}

}  // namespace riffle
