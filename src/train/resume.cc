#include "train/resume.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <span>
#include <sstream>
#include <variant>

#include "train/differences.h"
#include "train/option_table.h"

namespace riffle {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kWasPrefix = "# until epoch ";

/// "3 (ants, bees, wasps)"; of many names those from the first on that differs.
std::string ListText(const std::vector<std::string>& names, size_t first_difference) {
  constexpr size_t kMost = 8;
  const size_t count = std::min(names.size(), kMost), begin = std::min(first_difference, names.size() - count);
  return fmt::format("{} ({}{}{})", names.size(), begin == 0 ? "" : fmt::format("from number {} on: ", begin + 1),
                     fmt::join(std::span(names).subspan(begin, count), ", "),
                     begin + count == names.size() ? "" : ", …");
}

/// The comments of a record that an earlier resume left at its top.
std::string History(const std::string& yaml) {
  std::string history;
  std::istringstream lines(yaml);
  for (std::string line; std::getline(lines, line) && line.starts_with(kWasPrefix);) history += line + '\n';
  return history;
}

/// Whether the value is the one that follows from the other options where nobody gives one.
bool IsAutomatic(const OptionRow& row, Options options) {
  const std::string value = YamlValue(row, options), unset = YamlValue(row, Options());
  std::visit([&](auto field) { options.*field = Options().*field; }, row.field);
  ResolveAutomatic(options);
  return value != unset && value == YamlValue(row, options);
}

}  // namespace

Status CheckSameRun(const Checkpoint& checkpoint, const CheckpointInfo& here, const Options& options) {
  const CheckpointInfo& there = checkpoint.info();
  if (there.classes != here.classes) {
    const size_t first = std::ranges::mismatch(there.classes, here.classes).in1 - there.classes.begin();
    return InvalidArgument(
        "{}: cannot be resumed, its classes are others: {} there and {} here; keep the classes of the run, or "
        "name another --ckpt_save_dir and start from its weights with --ckpt_path",
        checkpoint.path(), ListText(there.classes, first), ListText(here.classes, first));
  }
  if (there.model != here.model)
    return InvalidArgument(
        "{}: cannot be resumed, its network is another one: {}; {}name another --ckpt_save_dir, or train without "
        "--resume",
        checkpoint.path(), Differences(there.model, here.model),
        there.model.image_size == here.model.image_size
            ? ""
            : fmt::format("add --val_resize={} for the size that it is validated on, ", there.model.image_size));
  if (options.ema != there.ema_updates.has_value())
    return InvalidArgument("{}: cannot be resumed {} --ema, for it holds {} averaged weights; {} --ema",
                           checkpoint.path(), options.ema ? "with" : "without", options.ema ? "no" : "also",
                           options.ema ? "leave out" : "add");
  return {};
}

BestSoFar FindBest(const Checkpoint& checkpoint, const CheckpointInfo& here, const fs::path& folder) {
  const CheckpointInfo& there = checkpoint.info();
  const fs::path path = folder / BestCheckpointName(here.model);
  const auto anew = [&](std::optional<double> percent, bool is_there, const std::string& why) {
    return BestSoFar{.line = fmt::format("The best validation so far{} does not count from now on: {}",
                                         percent ? fmt::format(", {:.2f} %,", *percent) : "", why),
                     .set_aside = is_there};
  };
  const Result<Checkpoint> best = Checkpoint::Open(path);
  if (!best.ok()) {
    std::error_code ignored;
    if (fs::exists(path, ignored)) return anew(there.best_top1_percent, true, best.status().message());
    return there.best_top1_percent ? anew(there.best_top1_percent, false, fmt::format("there is no {}", path.string()))
                                   : BestSoFar();
  }
  const CheckpointInfo& info = best->info();
  if (info.classes != here.classes || info.model != here.model)
    return anew(info.top1_percent, true, fmt::format("{} is of another network", path.string()));
  if (info.measured && here.measured) {
    if (const std::string differences = Differences(*info.measured, *here.measured); !differences.empty())
      return anew(info.top1_percent, true, "it was measured otherwise: " + differences);
  }
  BestSoFar found{.top1_percent = info.top1_percent};
  if (info.epoch > there.epoch && info.top1_percent)
    found.line =
        fmt::format("The best validation so far is that of epoch {}, {:.2f} %, and stays until one is better: {}",
                    info.epoch, *info.top1_percent, path.string());
  return found;
}

Result<ResumedRecord> ContinueRecord(const Checkpoint& checkpoint, const CheckpointInfo& here,
                                     const Settings& settings) {
  const CheckpointInfo& there = checkpoint.info();
  Settings before;
  RIFFLE_TRY(ReadOptionsYaml(there.options, checkpoint.path(), before));
  ResumedRecord record{.yaml = History(there.options), .options = settings.options};
  Options& options = record.options;
  const auto as_before = [&](const OptionRow& row) {
    std::visit([&](auto field) { options.*field = before.options.*field; }, row.field);
  };
  for (const OptionRow& row : OptionTable()) {
    if (!before.IsSet(row.name)) continue;
    const std::string was = YamlValue(row, before.options), is = YamlValue(row, options);
    if (was == is || (IsAutomatic(row, before.options) && IsAutomatic(row, settings.options))) continue;
    if (row.on_resume == OnResume::kStays && !settings.IsSet(row.name)) {
      as_before(row);
    } else if (row.on_resume == OnResume::kSaid || row.on_resume == OnResume::kStays) {
      record.lines.push_back(
          fmt::format("{} was {} until epoch {}, is {} from now on", row.name, was, there.epoch, is));
      record.yaml += fmt::format("{}{}: {}: {}\n", kWasPrefix, there.epoch, row.name, was);
    } else if (row.on_resume == OnResume::kStart) {
      if (is != YamlValue(row, Options()))
        record.lines.push_back(
            fmt::format("{} counts at the start of a run only: it was {}, {} changes nothing", row.name, was, is));
      as_before(row);
    }
  }
  if (there.train_images && here.train_images && *there.train_images != *here.train_images) {
    record.lines.push_back(fmt::format("The training set had {} pictures until epoch {}, it has {} now",
                                       *there.train_images, there.epoch, *here.train_images));
    record.yaml += fmt::format("{}{}: {} training pictures\n", kWasPrefix, there.epoch, *there.train_images);
  } else if (!there.train_checksum.empty() && !here.train_checksum.empty() &&
             there.train_checksum != here.train_checksum) {
    record.lines.push_back(
        fmt::format("The training set has other pictures than until epoch {}, by their names and "
                    "classes",
                    there.epoch));
    record.yaml += fmt::format("{}{}: other training pictures\n", kWasPrefix, there.epoch);
  }
  record.yaml += ToYaml(options);
  return record;
}

}  // namespace riffle
