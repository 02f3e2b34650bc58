#include "train/loop/same_run.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <span>

#include "train/loop/differences.h"

namespace riffle {
namespace {

namespace fs = std::filesystem;

/// "3 (ants, bees, wasps)"; of many names those from the first on that differs.
std::string ListText(const std::vector<std::string>& names, size_t first_difference) {
  constexpr size_t kMost = 8;
  const size_t count = std::min(names.size(), kMost), begin = std::min(first_difference, names.size() - count);
  return fmt::format("{} ({}{}{})", names.size(), begin == 0 ? "" : fmt::format("from number {} on: ", begin + 1),
                     fmt::join(std::span(names).subspan(begin, count), ", "),
                     begin + count == names.size() ? "" : ", …");
}

}  // namespace

Status CheckSameRun(const Checkpoint& checkpoint, const CheckpointInfo& here, bool averages) {
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
  if (averages != there.ema_updates.has_value())
    return InvalidArgument("{}: cannot be resumed {} --ema, for it holds {} averaged weights; {} --ema",
                           checkpoint.path(), averages ? "with" : "without", averages ? "no" : "also",
                           averages ? "leave out" : "add");
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
  if (there.unvalidated && info.epoch == there.epoch)  // its validation comes again, and is the best again
    return {.top1_percent = there.best_top1_percent};
  BestSoFar found{.top1_percent = info.top1_percent};
  if (info.epoch > there.epoch && info.top1_percent)
    found.line =
        fmt::format("The best validation so far is that of epoch {}, {:.2f} %, and stays until one is better: {}",
                    info.epoch, *info.top1_percent, path.string());
  return found;
}

}  // namespace riffle
