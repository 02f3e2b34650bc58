// What options mean for a run where it is probably not what was meant: a warm-up that outlasts the run, statistics that
// never move. Each is one line for the user, who may want just that; what cannot be meant is an error
// (option_rules.h).
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "settings/settings.h"

namespace riffle {

/// A note, and the options that it tells of: it is given only if a file or the command line set one of them.
struct RunNote {
  std::vector<std::string_view> options;
  std::string (*text)(const Options&);  ///< one line; "" where there is nothing to say
};
std::span<const RunNote> RunNotes();

/// The notes on a training run.
std::vector<std::string> NotesOn(const Settings& settings);

/// The further ones where a run that was to be resumed starts anew.
std::vector<std::string> NotesOnNewStart(const Settings& settings);

/// The one on epochs of few updates, which shows once the training pictures are counted and each epoch goes through so
/// many of their batches in so many processes; "" if there is nothing to say.
std::string FewUpdatesNote(const Options& options, int64_t pictures, int64_t batches_per_epoch, int processes);

/// The one on mean and std alone, for commands that look at pictures and do not train; "" if there is nothing to say.
std::string PixelScaleNote(const Settings& settings);

}  // namespace riffle
