// Options: setting one by name, writing them as YAML, and the numbers and the network that follow from them.
#include "settings/settings.h"

#include <algorithm>

#include "backend/threads.h"
#include "base/file.h"
#include "base/text.h"
#include "model/zoo.h"
#include "settings/accepted_options.h"
#include "settings/option_table.h"
#include "train/update/schedule.h"

namespace riffle {
namespace {

std::string NearestOption(std::string_view name) {
  if (const std::string_view known = SynonymOf(name); FindOption(known)) return std::string(known);
  std::vector<std::string_view> names;
  for (const OptionRow& row : OptionTable()) names.push_back(row.name);
  return std::string(Nearest(name, names));
}

}  // namespace

Status Settings::Set(std::string_view name, std::string_view text, const std::string& origin) {
  Options scratch;
  const OptionRow* ours = FindOption(name);
  const AcceptedOption* other = FindAccepted(name);
  const OptionRow* row = other ? &other->row : ours;
  if (row == nullptr) {
    const OptionRow* negated = FindOption(Negated(name));
    const std::string advice = negated == nullptr ? fmt::format("the nearest one is '{}'", NearestOption(name))
                               : IsFlag(*negated) ? fmt::format("it is written '{}: false'", negated->name)
                                                  : NoFlag(*negated);
    return InvalidArgument("unknown option '{}' ({}); {}", name, origin, advice);
  }
  if (row->limits.check != nullptr) {
    if (Status status = row->limits.check(text); !status.ok())
      return std::move(status).In(fmt::format("option {} ({})", name, origin));
  }
  std::string path;
  if (row->limits.is_path) {
    Result<std::string> in_full = ExpandHome(text);
    if (!in_full.ok()) return Status(in_full.status()).In(fmt::format("option {} ({})", name, origin));
    path = std::move(*in_full);
    text = path;
  }
  if (!ParseValue(*row, text, ours ? options : scratch)) {
    std::vector<std::string_view> choices = row->limits.choices;
    std::erase(choices, "");  // nobody means it who wrote a word
    std::string advice;
    if (const std::string_view meant = ValueMeantBy(name, text); !meant.empty())
      advice = fmt::format("; did you mean '{}'?", meant);
    else if (choices.size() > 1)
      advice = fmt::format("; the nearest one is '{}'", Nearest(text, choices));
    return InvalidArgument("option {} ({}): expected {}, found '{}'{}", name, origin, Expected(*row), text, advice);
  }
  origins.insert_or_assign(std::string(name), origin);
  if (ours) return {};
  const std::string value = ShowValue(*row, scratch);
  accepted.insert_or_assign(std::string(name), value);
  const ReadAs* meaning = other->MeaningOf(value);
  return meaning ? Set(meaning->option, meaning->option_value, origin) : Status{};
}

int ThreadsOf(const Options& o) { return o.threads > 0 ? o.threads : DefaultThreads(); }

void ResolveAutomatic(Options& o) {
  o.threads = ThreadsOf(o);
  if (o.num_parallel_workers == 0) o.num_parallel_workers = UsableCores();
  if (!o.decay_epochs) {
    o.decay_epochs =
        FindSchedule(o.scheduler).usual_decay_epochs(o.num_cycles, std::max(1, o.epoch_size - o.warmup_epochs));
  }
}

std::string ToYaml(const Options& options) {
  std::string yaml;
  for (const OptionRow& row : OptionTable()) {
    if (row.name != "config") yaml += fmt::format("{}: {}\n", row.name, YamlValue(row, options));
  }
  return yaml;
}

Result<ModelDescription> ModelFromOptions(const Options& o, int dataset_classes) {
  RIFFLE_ASSIGN(ModelDescription model, FindModel(o.model));
  model.num_classes = o.num_classes.value_or(dataset_classes);
  model.in_channels = o.in_channels;
  model.image_size = o.val_resize.value_or(o.image_resize);
  model.stem = o.stem == "small" ? Stem::kSmall : Stem::kImagenet;
  model.stage2_stride = o.stage2_stride;
  const NamedConventions* const named = FindConventions(o.conventions);
  if (named == nullptr) return InvalidArgument("option conventions: there is no '{}'", o.conventions);
  model.conventions = named->conventions;
  model.bn_eps = o.bn_eps;
  model.bn_momentum = o.bn_momentum;
  RIFFLE_TRY(Check(model));
  return model;
}

}  // namespace riffle
