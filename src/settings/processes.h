// What options mean where a launcher started several processes that train together, and where it did not.
#pragma once

#include <string>
#include <vector>

#include "base/status.h"
#include "settings/settings.h"

namespace riffle {

/// InvalidArgument where several processes run and --distribute=False asked for one.
Status CheckProcesses(const Options& options, int processes);

/// How to start several, where --distribute=True asked for them and one runs, and which options count for several only;
/// each is one line.
std::vector<std::string> NotesOnProcesses(const Settings& settings, int processes);

/// The factor on the learning rate: by how much the pictures of a step, at all processes, are more than batch_size,
/// with --scale_lr; otherwise 1.
double LearningRateFactor(const Options& options, int processes);

}  // namespace riffle
