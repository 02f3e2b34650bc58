#include "cli/export_formats.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>

#include "base/file.h"
#include "base/text.h"
#include "cli/export_check.h"
#include "cli/own_number.h"
#include "exchange/c/c_source.h"
#include "exchange/onnx/onnx.h"
#include "exchange/pytorch/pytorch_export.h"
#include "report/table.h"

namespace riffle {
namespace {

namespace fs = std::filesystem;

// What ExportOnnx puts beside a model: the model's name without ".onnx", and these.
constexpr std::string_view kOnnxLabels = ".labels.txt";
constexpr std::array<std::string_view, 5> kBesideOnnx = {kOnnxLabels, ".test.png", ".test.json", ".test.input.bin",
                                                         ".test.output.bin"};

/// A checkpoint of ours with one set of weights, and without an optimizer.
Result<Exported> WriteWeights(const ExportJob& job) {
  Snapshot snapshot(job.plan.registry);
  Copy(job.values, &snapshot.values);
  RIFFLE_TRY(SaveCheckpoint(job.out, job.info, job.plan.registry, snapshot));
  return Exported{.files = {job.out}};
}

Result<Exported> WriteC(const ExportJob& job) {
  const std::string *weights = job.invocation.Own("weights"), *prefix = job.invocation.Own("prefix");
  RIFFLE_ASSIGN(const CNetwork network,
                CSource(job.exportable(), {.prefix = prefix ? *prefix : "", .separate_weights = weights != nullptr}));
  Exported exported{.files = {job.out},
                    .note = fmt::format("{}_run needs an arena of {}", network.prefix,
                                        BytesText(network.arena_floats * static_cast<int64_t>(sizeof(float)))),
                    .c_prefix = network.prefix};
  if (weights) {
    const std::string_view bytes(reinterpret_cast<const char*>(network.weights.data()),
                                 network.weights.size() * sizeof(float));
    RIFFLE_TRY(WriteFileAtomically(*weights, bytes));
    exported.files.emplace_back(*weights);
  }
  RIFFLE_TRY(WriteFileAtomically(job.out, network.source));
  return exported;
}

bool Says(const Invocation& invocation, std::string_view option, std::string_view word) {
  const std::string* text = invocation.Own(option);
  return text != nullptr && *text == word;
}

Result<OnnxOptions> OnnxOptionsOf(const Invocation& invocation) {
  OnnxOptions options{.preprocess = invocation.Has("preprocess"), .probabilities = invocation.Has("probabilities")};
  RIFFLE_ASSIGN(options.batch, OwnNumber<int64_t>(invocation, "batch", 0, {.low = 1, .high = 65536}));
  options.fold_batch_norm = !Says(invocation, "bn", "keep");
  if (Says(invocation, "shuffle", "folded")) options.shuffle = OnnxShuffle::kFolded;
  return options;
}

/// The graph and, unless it goes to a stream, what stands beside it: labels and a test vector.
Result<Exported> WriteOnnx(const ExportJob& job) {
  RIFFLE_ASSIGN(const OnnxOptions options, OnnxOptionsOf(job.invocation));
  Exported exported{.files = {job.out}};
  if (IsStream(job.out)) {
    RIFFLE_ASSIGN(const std::string model, OnnxModel(job.exportable(), options));
    RIFFLE_TRY(WriteFileAtomically(job.out, model));
    return exported;
  }
  std::vector<std::string> replaced;
  for (const std::string_view suffix : kBesideOnnx) {
    fs::path file = job.out;
    if (file.extension() == ".onnx") file.replace_extension();
    file += suffix;
    if (suffix == kOnnxLabels && job.info.classes.empty()) continue;
    std::error_code ignored;
    if (fs::exists(file, ignored)) replaced.push_back(file.filename().string());
    exported.files.push_back(file);
  }
  RIFFLE_TRY(ExportOnnx(job.out, job.exportable(), options));
  if (!replaced.empty()) exported.note = fmt::format("replaced {}", fmt::join(replaced, ", "));
  return exported;
}

Result<double> CheckInOnnxRuntime(const ExportJob& job, const Exported& exported) {
  RIFFLE_ASSIGN(const OnnxOptions options, OnnxOptionsOf(job.invocation));
  return CheckOnnx(exported.files[0], job.exportable(), options);
}

Result<Exported> WriteTorch(const ExportJob& job) {
  const std::string* asked = job.invocation.Own("names");
  const WeightSource* const source = FindWeightSource(asked ? *asked : "megvii");
  RIFFLE_TRY(ExportPyTorch(job.out, job.exportable(), *source));
  return Exported{.files = {job.out}, .note = fmt::format("names as {}'s", source->title), .torch_names = source};
}

std::string NamesOf(const std::vector<const ExportFormat*>& formats, std::string_view last) {
  std::vector<std::string_view> names;
  for (const ExportFormat* format : formats) names.push_back(format->name);
  return Enumerated(names, last);
}

/// An error if an option was given that other formats have, and this one has not.
Status CheckOptions(const ExportFormat& format, const Invocation& invocation) {
  for (const auto& [option, value] : invocation.own) {
    std::vector<const ExportFormat*> owners;
    for (const ExportFormat& other : ExportFormats())
      if (std::ranges::find(other.options, option) != other.options.end()) owners.push_back(&other);
    if (owners.empty() || std::ranges::find(owners, &format) != owners.end()) continue;
    return InvalidArgument("option {} (command line): --format={} has it, {} has not; leave it out", option,
                           NamesOf(owners, "or"), format.name);
  }
  return {};
}

Result<const ExportFormat*> Choose(const Invocation& invocation) {
  std::vector<const ExportFormat*> all;
  for (const ExportFormat& format : ExportFormats()) all.push_back(&format);
  if (const std::string* name = invocation.Own("format")) return *std::ranges::find(all, *name, &ExportFormat::name);
  const fs::path out = *invocation.Own("out");
  const std::string ending = Lowercase(out.extension().string());
  std::string endings;
  for (const ExportFormat* format : all) {
    if (std::ranges::find(format->endings, ending) != format->endings.end()) return format;
    for (const std::string_view known : format->endings) endings.append(endings.empty() ? "" : ", ").append(known);
  }
  return InvalidArgument("option out (command line): its ending tells no format, which {} do, in '{}'; add --format={}",
                         endings, out.string(), NamesOf(all, "or"));
}

}  // namespace

std::span<const ExportFormat> ExportFormats() {
  static const std::vector<ExportFormat> formats = {
      {.name = "onnx",
       .what = "ONNX",
       .endings = {".onnx"},
       .options = {"batch", "bn", "shuffle", "preprocess", "probabilities"},
       .write = WriteOnnx,
       .check = CheckInOnnxRuntime},
      {.name = "safetensors",
       .what = "a checkpoint without optimizer",
       .endings = {".safetensors"},
       .options = {},
       .write = WriteWeights,
       .check = CheckSafetensors},
      {.name = "torch",
       .what = "a state dict of PyTorch",
       .endings = {".pth", ".pt"},
       .options = {"names"},
       .write = WriteTorch,
       .check = CheckTorch},
      {.name = "c",
       .what = "C99",
       .endings = {".c"},
       .options = {"prefix", "weights"},
       .write = WriteC,
       .check = CheckC},
  };
  return formats;
}

Result<const ExportFormat*> FormatOf(const Invocation& invocation) {
  RIFFLE_ASSIGN(const ExportFormat* const format, Choose(invocation));
  RIFFLE_TRY(CheckOptions(*format, invocation));
  return format;
}

}  // namespace riffle
