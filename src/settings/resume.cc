#include "settings/resume.h"

#include <fmt/format.h>

#include <sstream>
#include <variant>

#include "settings/option_table.h"

namespace riffle {
namespace {

constexpr std::string_view kWasPrefix = "# until epoch ";

/// The comments of a record that an earlier resume left at its top.
std::string History(const std::string& yaml) {
  std::string history;
  std::istringstream lines(yaml);
  for (std::string line; std::getline(lines, line) && line.starts_with(kWasPrefix);) history += line + '\n';
  return history;
}

}  // namespace

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
