// `riffle export`: a checkpoint's network in the formats of other tools.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/file.h"
#include "cli/command.h"
#include "cli/export_formats.h"
#include "cli/own_number.h"
#include "cli/run_folder.h"
#include "report/table.h"

namespace riffle {
namespace {

namespace fs = std::filesystem;

constexpr double kLargestDifference = 1e-4;

/// An error if two of the files that this command reads and writes are one.
Status CheckFilesDiffer(const Invocation& invocation) {
  std::vector<std::pair<std::string_view, fs::path>> files = {
      {"ckpt_path", ResolveCheckpointPath(invocation.settings.options.ckpt_path)}};
  for (const std::string_view output : {"out", "weights"}) {
    const std::string* given = invocation.Own(output);
    if (given == nullptr) continue;
    for (const auto& [option, file] : files) {
      std::error_code ignored;
      if (fs::weakly_canonical(file, ignored) == fs::weakly_canonical(*given, ignored))
        return InvalidArgument("option {} (command line): expected another file than that of {}, found {}", output,
                               option, *given);
    }
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
  info.unvalidated.reset();  // nobody goes on with this run
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

Status Run(const Invocation& invocation, const Console& console) {
  const Options& options = invocation.settings.options;
  if (options.ckpt_path.empty() || !invocation.Has("out"))
    return InvalidArgument(
        "expected a checkpoint and a file to write; write 'riffle export --ckpt_path=FILE --out=FILE'");
  RIFFLE_ASSIGN(const ExportFormat* const format, FormatOf(invocation));
  const fs::path out = *invocation.Own("out");
  RIFFLE_TRY(CheckFilesDiffer(invocation));
  for (const std::string_view output : {"out", "weights"})
    if (const std::string* given = invocation.Own(output); invocation.Has("check") && given && IsStream(*given))
      return InvalidArgument("option check (command line): expected --{} to be a file, which can be read, found {}",
                             output, *given);

  const bool json = invocation.Has("json");
  std::ostream nowhere(nullptr);
  Log log(json ? nowhere : console.out, 0);
  RIFFLE_ASSIGN(const Checkpoint checkpoint, OpenCheckpoint(options.ckpt_path, log));
  const WeightSet set = invocation.Has("online") ? WeightSet::kOnline : checkpoint.best_weights();
  RIFFLE_ASSIGN(const int image_size,
                OwnNumber(invocation, "image_resize", checkpoint.info().model.image_size, {.low = 1}));
  CheckpointInfo info = InfoOf(checkpoint, set, image_size);
  RIFFLE_ASSIGN(Plan plan, MakePlan(info.model));
  ParameterValues<float> values(plan.registry);
  RIFFLE_TRY(checkpoint.Load(plan.registry, set, &values));
  const ExportJob job{.invocation = invocation,
                      .checkpoint = checkpoint.path(),
                      .info = std::move(info),
                      .plan = std::move(plan),
                      .values = std::move(values),
                      .out = out};
  RIFFLE_ASSIGN(const Exported exported, format->write(job));
  const ModelDescription& model = job.info.model;
  const std::string_view weights = set == WeightSet::kEma ? "averaged" : "online";

  nlohmann::ordered_json object = {
      {"format", format->name},           {"files", nlohmann::ordered_json::array()}, {"model", model.name},
      {"num_classes", model.num_classes}, {"image_size", model.image_size},           {"weights", weights}};
  std::string line;
  for (const fs::path& file : exported.files) {
    object["files"].push_back({{"path", file.string()}, {"bytes", BytesOf(file)}});
    line += line.empty()
                ? fmt::format("{}: {} of {}{}, {} × {} pixels, {} classes, {}", file.string(), format->what, model.name,
                              set == WeightSet::kEma ? " (averaged weights)" : "", model.image_size, model.image_size,
                              Grouped(model.num_classes), BytesText(BytesOf(file)))
                : fmt::format(", with {} ({})", file.string(), BytesText(BytesOf(file)));
  }
  if (!exported.note.empty()) line += "; " + exported.note;
  log.Line(line);

  if (invocation.Has("check")) {
    Result<double> difference = format->check(job, exported);
    if (!difference.ok())
      return Status(difference.status()).In(fmt::format("{} is written, but not checked", out.string()));
    if (!(*difference <= kLargestDifference))
      return DataLoss("{}: expected the logits of {} to 1e-4 of the largest, found a difference of {:.1e}",
                      out.string(), checkpoint.path(), *difference);
    log.Line(fmt::format("Checked: the largest difference is {:.1e} of the largest logit", *difference));
    object["largest_difference"] = *difference;
  }
  if (json) console.out << object.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) << '\n';
  return {};
}

}  // namespace

Command ExportCommand() {
  return {
      .name = "export",
      .summary = "writes a checkpoint's network for other tools: ONNX, PyTorch, C",
      .options = {.names = {"ckpt_path"}},
      .own_options =
          {{.name = "out",
            .value_name = "FILE",
            .help = "the file to write",
            .short_name = 'o',
            .value = OwnValue::kOutput},
           {.name = "format",
            .value_name = "NAME",
            .help = "onnx, safetensors, torch or c; unless set, what the ending of --out tells"},
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
                    "largest_difference (with --check)"},
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
            .value_name = "SOURCE",
            .help = "torch: whose names the tensors have: megvii (unless set), mmpretrain, pytorchcv, torchvision"},
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
