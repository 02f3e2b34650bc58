// Options that a user typed, and that change nothing beside the others.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "settings/settings.h"

namespace riffle {

/// What computes a run.
struct RunMachine {
  bool has_gpu = false;  ///< in each process
  int processes = 1;
};

/// An option, and when it counts.
struct Dependence {
  std::string_view option;
  std::string needs;  ///< "--teacher_ckpt", for the message
  std::function<bool(const Options&)> counts;
  RunMachine least = {};  ///< and this is there, too
};
std::span<const Dependence> Dependences();

/// One line that names the options from the command line that change nothing, and what each needs; "" if there are
/// none, where `machine` computes. A file may hold them without a word: a recipe is often shared by runs that use
/// different parts of it.
std::string IdleNote(const Settings& settings, const RunMachine& machine);

}  // namespace riffle
