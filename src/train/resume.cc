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
        "{}: cannot be resumed, its network is another one: {}; name another --ckpt_save_dir, or train without "
        "--resume",
        checkpoint.path(), Differences(there.model, here.model));
  if (options.ema != there.ema_updates.has_value())
    return InvalidArgument("{}: cannot be resumed {} --ema, for it holds {} averaged weights; {} --ema",
                           checkpoint.path(), options.ema ? "with" : "without", options.ema ? "no" : "also",
                           options.ema ? "leave out" : "add");
  return {};
}

std::string WhyTheBestStartsAnew(const Checkpoint& checkpoint, const CheckpointInfo& here, const fs::path& folder) {
  const CheckpointInfo& there = checkpoint.info();
  if (!there.best_top1_percent) return "";
  if (there.measured && here.measured && *there.measured != *here.measured)
    return "it was measured otherwise: " + Differences(*there.measured, *here.measured);
  const fs::path best = folder / BestCheckpointName(here.model);
  std::error_code ignored;
  return fs::exists(best, ignored) ? "" : fmt::format("there is no {}", best.string());
}

Result<ResumedRecord> ContinueRecord(const Checkpoint& checkpoint, const CheckpointInfo& here, Options options) {
  const CheckpointInfo& there = checkpoint.info();
  Settings before;
  RIFFLE_TRY(ReadOptionsYaml(there.options, checkpoint.path(), before));
  ResumedRecord record{.yaml = History(there.options)};
  for (const OptionRow& row : OptionTable()) {
    if (!before.IsSet(row.name)) continue;
    const std::string was = YamlValue(row, before.options), is = YamlValue(row, options);
    if (was == is) continue;
    if (row.on_resume == OnResume::kSaid) {
      record.lines.push_back(
          fmt::format("{} was {} until epoch {}, is {} from now on", row.name, was, there.epoch, is));
      record.yaml += fmt::format("{}{}: {}: {}\n", kWasPrefix, there.epoch, row.name, was);
    } else if (row.on_resume == OnResume::kStart) {
      if (is != YamlValue(row, Options()))
        record.lines.push_back(
            fmt::format("{} counts at the start of a run only: it was {}, {} changes nothing", row.name, was, is));
      std::visit([&](auto field) { options.*field = before.options.*field; }, row.field);
    }
  }
  if (there.train_images && here.train_images && *there.train_images != *here.train_images) {
    record.lines.push_back(fmt::format("The training set had {} pictures until epoch {}, it has {} now",
                                       *there.train_images, there.epoch, *here.train_images));
    record.yaml += fmt::format("{}{}: {} training pictures\n", kWasPrefix, there.epoch, *there.train_images);
  }
  record.yaml += ToYaml(options);
  return record;
}

}  // namespace riffle
