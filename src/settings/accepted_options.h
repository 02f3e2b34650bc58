// Options of MindCV's without a counterpart here: a configuration may set them, and the run says that they do nothing.
// And words that other programs have for options of ours and their values.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "settings/option_table.h"

namespace riffle {

/// What a value of an old option says in words of today.
struct ReadAs {
  std::string_view value, option, option_value;
};

/// One row of a table of their own.
struct AcceptedOption {
  OptionRow row;                        ///< its field only lends its type; its help says why it does nothing
  std::vector<std::string_view> usual;  ///< values that ask for what happens anyway: no word about them
  std::vector<ReadAs> read_as = {};     ///< values that set an option of ours

  /// What this value sets; null if nothing.
  const ReadAs* MeaningOf(std::string_view value) const;
};
std::span<const AcceptedOption> AcceptedOptions();

/// The row of a name; null if there is none.
const AcceptedOption* FindAccepted(std::string_view name);

/// One line that names the accepted options which are set, why they do nothing, or what they are read as; "" if there
/// are none.
std::string AcceptedNote(const Settings& settings);

/// Our option for a word that other programs use (epochs, learning_rate); "" if it is none of those known.
std::string_view SynonymOf(std::string_view word);

/// The value of our option `name` that a word of other programs means (device_target=CUDA), in any case; "" if it is
/// none of those known.
std::string_view ValueMeantBy(std::string_view name, std::string_view word);

}  // namespace riffle
