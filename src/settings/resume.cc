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

/// Whether the value is the one that follows from the other options where nobody gives one.
bool IsAutomatic(const OptionRow& row, Options options) {
  const std::string value = YamlValue(row, options), unset = YamlValue(row, Options());
  std::visit([&](auto field) { options.*field = Options().*field; }, row.field);
  ResolveAutomatic(options);
  return value != unset && value == YamlValue(row, options);
}

}  // namespace

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
