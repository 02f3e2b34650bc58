#include "settings/resume.h"

#include <fmt/format.h>

#include <sstream>
#include <variant>

#include "base/text.h"
#include "settings/option_table.h"

namespace riffle {
namespace {

constexpr std::string_view kWasPrefix = "# until ";

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

/// `what` would give the epoch that the checkpoint lies within other batches than it began with.
Status WithinEpoch(const Checkpoint& checkpoint, const std::string& what) {
  return InvalidArgument("{}; {} lies within epoch {}, which has to end as it began; go on from the end of an epoch",
                         what, checkpoint.path(), checkpoint.info().epoch + 1);
}

/// How the training pictures differ: for people, and for the record. None: as far as is known, they do not.
struct OtherPictures {
  std::string line, record;
};
std::optional<OtherPictures> FindOtherPictures(const CheckpointInfo& there, const CheckpointInfo& here) {
  const std::string until = there.PositionText();
  if (there.train_images && here.train_images && *there.train_images != *here.train_images)
    return OtherPictures{fmt::format("The training set had {} until {}, it has {} now",
                                     Counted(*there.train_images, "picture"), until, *here.train_images),
                         Counted(*there.train_images, "training picture")};
  if (there.train_checksum.empty() || here.train_checksum.empty() || there.train_checksum == here.train_checksum)
    return std::nullopt;
  return OtherPictures{
      fmt::format("The training set has other pictures than until {}, by their names, classes or packs", until),
      "other training pictures"};
}

}  // namespace

Result<ResumedRecord> ContinueRecord(const Checkpoint& checkpoint, const CheckpointInfo& here,
                                     const Settings& settings) {
  const CheckpointInfo& there = checkpoint.info();
  Settings before;
  RIFFLE_TRY(ReadOptionsYaml(there.options, checkpoint.path(), before));
  ResumedRecord record{.yaml = History(there.options), .options = settings.options};
  Options& options = record.options;
  const std::string until = there.PositionText();
  const auto note = [&](const std::string& was) { record.yaml += fmt::format("{}{}: {}\n", kWasPrefix, until, was); };
  const auto as_before = [&](const OptionRow& row) {
    std::visit([&](auto field) { options.*field = before.options.*field; }, row.field);
  };
  for (const OptionRow& row : OptionTable()) {
    if (!before.IsSet(row.name)) continue;
    const std::string was = YamlValue(row, before.options), is = YamlValue(row, options);
    if (was == is || (IsAutomatic(row, before.options) && IsAutomatic(row, settings.options))) continue;
    switch (row.on_resume) {
      case OnResume::kPlace:
      case OnResume::kFixed:
        break;
      case OnResume::kFree:
        as_before(row);
        break;
      case OnResume::kStart:
        if (is != YamlValue(row, Options()))
          record.lines.push_back(
              fmt::format("{} counts at the start of a run only: it was {}, {} changes nothing", row.name, was, is));
        as_before(row);
        break;
      case OnResume::kBetweenEpochs:
        if (there.partial_epoch)
          return WithinEpoch(checkpoint, fmt::format("option {}: expected {} as before, found {}", row.name, was, is));
        [[fallthrough]];
      case OnResume::kStays:
        if (row.on_resume == OnResume::kStays && !settings.IsSet(row.name)) {
          as_before(row);
          break;
        }
        [[fallthrough]];
      case OnResume::kSaid:
        record.lines.push_back(fmt::format("{} was {} until {}, is {} from now on", row.name, was, until, is));
        note(fmt::format("{}: {}", row.name, was));
        break;
    }
  }
  if (const auto other = FindOtherPictures(there, here)) {
    if (there.partial_epoch) return WithinEpoch(checkpoint, other->line);
    record.lines.push_back(other->line);
    note(other->record);
  }
  if (there.processes && here.processes && *there.processes != *here.processes) {
    if (there.partial_epoch)
      return WithinEpoch(checkpoint,
                         fmt::format("expected {} as before, found {}", Counted(*there.processes, "process"),
                                     Counted(*here.processes, "process")));
    record.lines.push_back(fmt::format("{} trained until {}, {} from now on", Counted(*there.processes, "process"),
                                       until, *here.processes));
    note(Counted(*there.processes, "process"));
  }
  record.yaml += ToYaml(options);
  return record;
}

}  // namespace riffle
