// `riffle export`: a checkpoint's network in the formats of other tools.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/file.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/export_formats.h"
#include "cli/own_number.h"
#include "cli/weights.h"
#include "report/table.h"

namespace riffle {
namespace {

namespace fs = std::filesystem;

constexpr double kLargestDifference = 1e-4;

/// An error if two of the files that this command reads and writes are one, or if a check could not read one again.
Status CheckOutputs(const Invocation& invocation) {
  std::vector<std::pair<std::string_view, fs::path>> files;
  if (const std::string& read = invocation.settings.options.ckpt_path; !read.empty())
    files.emplace_back("ckpt_path", ResolveCheckpointPath(read));
  for (const std::string_view output : {"out", "weights"}) {
    const std::string* given = invocation.Own(output);
    if (given == nullptr) continue;
    if (invocation.Has("check") && IsStream(*given))
      return InvalidArgument("option check (command line): expected --{} to be a file, which can be read, found {}",
                             output, *given);
    for (const auto& [option, file] : files) RIFFLE_TRY(CheckOtherFile(output, *given, option, file));
    files.emplace_back(output, *given);
  }
  return {};
}

/// The checkpoint's info for what is exported of it: one set of weights, whose figures were perhaps measured otherwise.
CheckpointInfo InfoOf(const Checkpoint& checkpoint, WeightSet set, int image_size) {
  CheckpointInfo info = checkpoint.info();
  const bool other_size = image_size != info.model.image_size;
  info.model.image_size = info.preprocessing.image_size = image_size;
  info.ema_updates.reset();  // the averaged weights, if these are such, are now the only ones
  info.ForgetRun();
  if (other_size || set != checkpoint.best_weights()) {
    info.top1_percent.reset();
    info.best_top1_percent.reset();
    info.measured.reset();
  }
  return info;
}

int64_t BytesOf(const fs::path& file) {
  std::error_code ignored;
  const auto bytes = fs::file_size(file, ignored);
  return ignored ? 0 : static_cast<int64_t>(bytes);
}

std::string Line(const ExportFormat& format, const ExportJob& job, WeightSet set, const Exported& exported) {
  const ModelDescription& model = job.info.model;
  const fs::path& out = exported.files[0];
  std::string line = fmt::format("{}: {} of {}{}, {} × {} pixels, {}, {}", out.string(), format.what, model.name,
                                 set == WeightSet::kEma ? ", averaged weights" : "", model.image_size, model.image_size,
                                 GroupedCount(model.num_classes, "class"), BytesText(BytesOf(out)));
  for (size_t i = 1; i < exported.files.size(); ++i)
    line += fmt::format("{}{} ({})", i == 1 ? "; with " : ", ", exported.files[i].string(),
                        BytesText(BytesOf(exported.files[i])));
  return exported.note.empty() ? line : line + "; " + exported.note;
}

nlohmann::ordered_json Object(const ExportFormat& format, const ExportJob& job, WeightSet set,
                              const Exported& exported) {
  nlohmann::ordered_json files = nlohmann::ordered_json::array();
  for (const fs::path& file : exported.files) files.push_back({{"path", file.string()}, {"bytes", BytesOf(file)}});
  return {{"format", format.name},
          {"files", files},
          {"model", job.info.model.name},
          {"num_classes", job.info.model.num_classes},
          {"image_size", job.info.model.image_size},
          {"weights", set == WeightSet::kEma ? "averaged" : "online"}};
}

/// The largest difference that the format's check finds; DataLoss if it is too large.
Result<double> Check(const ExportFormat& format, const ExportJob& job, const Exported& exported) {
  Result<double> difference = format.check(job, exported);
  if (!difference.ok())
    return Status(difference.status()).In(fmt::format("{} is written, but not checked", job.out.string()));
  if (!(*difference <= kLargestDifference))
    return DataLoss("{}: expected what {} computes, to 1e-4 of its largest number, found a difference of {:.1e}",
                    job.out.string(), job.checkpoint, *difference);
  return difference;
}

/// What is to be exported, of an open checkpoint.
Result<ExportJob> JobOf(const Invocation& invocation, const Checkpoint& checkpoint, WeightSet set) {
  RIFFLE_ASSIGN(const int image_size,
                OwnNumber(invocation, "image_resize", checkpoint.info().model.image_size, {.low = 1}));
  CheckpointInfo info = InfoOf(checkpoint, set, image_size);
  RIFFLE_ASSIGN(Plan plan, MakePlan(info.model));
  ParameterValues<float> values(plan.registry);
  RIFFLE_TRY(checkpoint.Load(plan.registry, set, &values));
  return ExportJob{.invocation = invocation,
                   .checkpoint = checkpoint.path(),
                   .info = std::move(info),
                   .plan = std::move(plan),
                   .values = std::move(values),
                   .out = *invocation.Own("out")};
}

Status Run(const Invocation& invocation, const Console& console) {
  if (!AsksForWeights(invocation.settings.options) || !invocation.Has("out"))
    return InvalidArgument(
        "expected weights and a file to write; write 'riffle export --ckpt_path=FILE --out=FILE', or --pretrained and "
        "--model in the place of --ckpt_path");
  RIFFLE_ASSIGN(const ExportFormat* const format, FormatOf(invocation));
  RIFFLE_TRY(CheckOutputs(invocation));
  const bool json = invocation.Has("json");
  std::ostream nowhere(nullptr);
  Log log(json ? nowhere : console.out, 0);  // a program reads one object, and nothing else
  RIFFLE_ASSIGN(const Checkpoint checkpoint, OpenAskedWeights(invocation.settings, "to export", log));
  const WeightSet set = invocation.Has("online") ? WeightSet::kOnline : checkpoint.best_weights();
  RIFFLE_ASSIGN(const ExportJob job, JobOf(invocation, checkpoint, set));
  RIFFLE_ASSIGN(const Exported exported, format->write(job));
  log.Line(Line(*format, job, set, exported));
  nlohmann::ordered_json object = Object(*format, job, set, exported);
  if (invocation.Has("check")) {
    RIFFLE_ASSIGN(const double difference, Check(*format, job, exported));
    log.Line(fmt::format("Checked: the largest difference is {:.1e} of the largest number", difference));
    object["largest_difference"] = difference;
  }
  if (json) console.out << object.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) << '\n';
  return {};
}

}  // namespace

Command ExportCommand() {
  return {
      .name = "export",
      .summary = "writes a checkpoint's network for other tools: ONNX, PyTorch, C",
      .options = {.groups = {OptionGroup::kWeights}, .names = {"model"}},
      .own_options =
          {{.name = "out",
            .value_name = "FILE",
            .help = "the file to write",
            .short_name = 'o',
            .value = OwnValue::kOutput},
           {.name = "format",
            .value_name = "onnx|safetensors|torch|c",
            .help = "of the file; unless set, what the ending of --out tells"},
           {.name = "image_resize",
            .value_name = "N",
            .help = "for pictures of N × N pixels, if not of the checkpoint's size"},
           {.name = "online",
            .value_name = "",
            .help = "the weights as the optimizer left them, where the checkpoint also has averaged ones"},
           {.name = "check",
            .value_name = "",
            .help = "run what was written, where its runtime is installed, and compare the logits; a difference above "
                    "1e-4 of the largest is an error; of torch all tensors are compared"},
           {.name = "json",
            .value_name = "",
            .help = "tell of it as one object: format, files (path, bytes), model, num_classes, image_size, weights, "
                    "largest_difference (with --check)",
            .prints = true},
           {.name = "batch", .value_name = "N", .help = "onnx: pictures at a time; any number unless set"},
           {.name = "bn",
            .value_name = "fold|keep",
            .help = "onnx: batch norm goes into the convolutions (fold, unless set), or stays as nodes"},
           {.name = "shuffle",
            .value_name = "nodes|folded",
            .help =
                "onnx: the channel shuffle is nodes that reshape and transpose (nodes, unless set), or none is left: "
                "larger weights with zeros do its work"},
           {.name = "preprocess",
            .value_name = "",
            .help = "onnx: the input is bytes from 0 to 255, which the graph normalises"},
           {.name = "probabilities", .value_name = "", .help = "onnx: the output is probabilities, not logits"},
           {.name = "names",
            .value_name = "megvii|mmpretrain|pytorchcv|torchvision",
            .help = "torch: whose names the tensors have; megvii's unless set"},
           {.name = "prefix",
            .value_name = "NAME",
            .help = "c: what its names begin with; the model's name unless set"},
           {.name = "weights",
            .value_name = "FILE",
            .help = "c: write the weights there, as little-endian floats, and not into the source",
            .value = OwnValue::kOutput}},
      .examples = {{"export --ckpt_path=ckpt/shufflenet_v1_g3_x0_5-best.safetensors --out=flowers.onnx",
                    "for ONNX Runtime, OpenVINO, TensorRT, ncnn; with labels and a test vector beside it"},
                   {"export --ckpt_path=ckpt/shufflenet_v1_g3_x0_5-best.safetensors --out=flowers.c --prefix=flowers "
                    "--check",
                    "one C file without dependencies"},
                   {"export --ckpt_path=ckpt/shufflenet_v1_g3_x0_5-best.safetensors --out=small.safetensors",
                    "the weights alone: smaller, and every command takes it"}},
      .run = Run,
  };
}

}  // namespace riffle
