#include "cli/weights.h"

#include <fmt/format.h>

#include "cli/download.h"
#include "exchange/open_weights.h"
#include "exchange/pretrained.h"
#include "model/zoo.h"
#include "picture/resize.h"
#include "settings/option_rules.h"

namespace riffle {
namespace {

namespace fs = std::filesystem;

Result<Checkpoint> Open(const fs::path& path, const ImportOptions& options, Log& log) {
  RIFFLE_ASSIGN(OpenedWeights weights, OpenWeights(path, options));
  for (const std::string& note : weights.notes) log.Line(fmt::format("{}: {}", path.string(), note));
  return std::move(weights.checkpoint);
}

Result<Checkpoint> OpenPublished(const Settings& settings, Log& log) {
  const Options& o = settings.options;
  RIFFLE_ASSIGN(const ModelDescription model, FindModel(o.model));
  RIFFLE_ASSIGN(const PublishedNetwork* const network, FindPublished(model.name, o.pretrained));
  RIFFLE_ASSIGN(const fs::path folder, WeightsFolder());
  DownloadReporter reporter(log);
  RIFFLE_ASSIGN(const fs::path path, FetchPublished(*network, o.pretrained_url, folder, {}, reporter));
  log.Line(fmt::format("{} of {} ({}, {:.2f} % top-1 on ImageNet as published): {}", network->model, network->source,
                       network->licence, network->top1_percent, path.string()));
  RIFFLE_ASSIGN(Checkpoint checkpoint, Open(path, ImportOptionsFrom(settings), log));
  if (checkpoint.info().model.name != model.name)
    return DataLoss("{}: expected {}, found {}", path.string(), model.name, checkpoint.info().model.name);
  return checkpoint;
}

}  // namespace

ImportOptions ImportOptionsFrom(const Settings& settings) {
  const Options& o = settings.options;
  ImportOptions options{.key = o.ckpt_key};
  if (settings.IsSet("conventions")) options.conventions = o.conventions;
  if (settings.IsSet("stem")) options.stem = o.stem == "small" ? Stem::kSmall : Stem::kImagenet;
  if (settings.IsSet("stage2_stride")) options.stage2_stride = o.stage2_stride;
  if (settings.IsSet("image_resize")) options.image_size = o.image_resize;
  if (settings.IsSet("crop_pct")) options.crop_pct = o.crop_pct;
  if (settings.IsSet("interpolation")) options.interpolation = *ParseInterpolation(o.interpolation);
  if (settings.IsSet("mean")) options.mean.assign(o.mean.begin(), o.mean.end());
  if (settings.IsSet("std")) options.std.assign(o.std.begin(), o.std.end());
  return options;
}

bool AsksForWeights(const Options& options) { return !options.ckpt_path.empty() || !options.pretrained.empty(); }

Result<Checkpoint> OpenAskedWeights(const Settings& settings, std::string_view what_for, Log& log) {
  const Options& o = settings.options;
  RIFFLE_TRY(CheckRulesOf("pretrained", o));
  RIFFLE_TRY(CheckRulesOf("pretrained_url", o));
  RIFFLE_TRY(CheckRulesOf("ckpt_key", o));
  if (!o.pretrained.empty()) return OpenPublished(settings, log);
  if (o.ckpt_path.empty())
    return InvalidArgument(
        "expected weights {}, found none; add --ckpt_path=FILE, or --pretrained for published ones of --model",
        what_for);
  const fs::path path = ResolveCheckpointPath(o.ckpt_path);
  if (path != o.ckpt_path) log.Line(fmt::format("{} is not there: using {}", o.ckpt_path, path.string()));
  return Open(path, ImportOptionsFrom(settings), log);
}

Status CheckOtherFile(std::string_view output, const fs::path& written, std::string_view than, const fs::path& read) {
  std::error_code ignored;
  if (fs::weakly_canonical(read, ignored) != fs::weakly_canonical(written, ignored)) return {};
  return InvalidArgument("option {} (command line): expected another file than that of {}, found {}", output, than,
                         written.string());
}

void TakeStructure(const ModelDescription& from, const Settings& settings, ModelDescription* model) {
  model->head_bias = from.head_bias;
  if (!settings.IsSet("conventions")) model->conventions = from.conventions;
}

}  // namespace riffle
