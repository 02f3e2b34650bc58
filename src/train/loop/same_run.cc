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
        "{}: cannot be resumed, its network is another one: {}; name another --ckpt_save_dir, or train without "
        "--resume",
        checkpoint.path(), Differences(there.model, here.model));
  if (averages != there.ema_updates.has_value())
    return InvalidArgument("{}: cannot be resumed {} --ema, for it holds {} averaged weights; {} --ema",
                           checkpoint.path(), averages ? "with" : "without", averages ? "no" : "also",
                           averages ? "leave out" : "add");
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

}  // namespace riffle
