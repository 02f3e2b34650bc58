#include "settings/processes.h"

#include <fmt/format.h>

namespace riffle {

Status CheckProcesses(const Options& options, int processes) {
  if (processes == 1 || options.distribute.value_or(true)) return {};
  return InvalidArgument(
      "option distribute: a launcher started {} processes, found False, which asks for one; leave it out, or start "
      "riffle without the launcher",
      processes);
}

std::vector<std::string> NotesOnProcesses(const Settings& settings, int processes) {
  if (processes > 1) return {};
  std::vector<std::string> notes;
  const Options& options = settings.options;
  if (options.distribute.value_or(false))
    notes.push_back(
        "distribute: no launcher started several processes, one trains; 'mpirun -n N riffle train ...' "
        "starts N of them");
  for (const auto& [name, value] : {std::pair("sync_bn", options.sync_bn), {"scale_lr", options.scale_lr}})
    if (value && settings.IsSet(name)) notes.push_back(fmt::format("{}: counts for several processes only", name));
  return notes;
}

double LearningRateFactor(const Options& options, int processes) { return options.scale_lr ? processes : 1; }

}  // namespace riffle
