// Rules that several options obey together: those that exclude one another, need one another, or have to fit. What can
// be meant, but probably is not, is a note (run_notes.h).
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "settings/settings.h"

namespace riffle {

/// A rule that options can break together.
struct OptionRule {
  std::vector<std::string_view> options;  ///< that it is about, in the order of its message
  std::string (*broken)(const Options&);  ///< what is wrong and what to do; "" where the rule is kept
};

/// All rules, in the order in which they are checked.
std::span<const OptionRule> OptionRules();

/// InvalidArgument for the first rule that is broken: "options lr and min_lr: expected ...".
Status CheckTogether(const Options& options);

/// The same for the rules alone that are about `option`.
Status CheckRulesOf(std::string_view option, const Options& options);

}  // namespace riffle
