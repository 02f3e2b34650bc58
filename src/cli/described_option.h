// The options of a command as people read of them: what help, man pages and completions are made from.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cli/command.h"

namespace riffle {

struct DescribedOption {
  std::string heading;  ///< that it stands below: "Options of predict", or the title of its group
  std::string_view name;
  char short_name = 0;                         ///< 0: none
  std::string_view value_name;                 ///< "FILE"; "": it takes no value
  bool value_is_optional = false;              ///< it alone means yes
  std::string_view help;                       ///< what it does
  std::string choices_and_default;             ///< "(one of a, b) [a]"; ""
  std::vector<std::string_view> choices = {};  ///< values to complete; not always all of them
  bool is_path = false;                        ///< of a file or folder
  /// All there is to say.
  std::string Text() const;
};

/// Those of its own, then those of the option table, then those that do nothing (AcceptedOptions); each heading once.
std::vector<DescribedOption> DescribedOptions(const Command& command);

/// Of commands that take options of the table.
inline constexpr std::string_view kHowOptionsAreWritten =
    "Write --name value, --name=value or name=value, and a yes-or-no option alone for yes, --no-name for no;\n"
    "or 'name: value' in a YAML file. The command line overrides the file, the file the defaults, which stand in\n"
    "[brackets] above.";

/// "a", "b" of "a|b", the way a placeholder spells the only right words; none of one without '|'
/// or of names in capitals, "NAME|INDEX".
std::vector<std::string_view> WordsOf(std::string_view placeholder);

}  // namespace riffle
