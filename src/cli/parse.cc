#include "cli/parse.h"

#include <algorithm>
#include <optional>

#include "base/file.h"
#include "base/text.h"
#include "cli/described_option.h"
#include "settings/accepted_options.h"

namespace riffle {
namespace {

class Parser {
 public:
  Parser(const Command& command, std::span<const std::string> words) : command_(command), words_(words) {}

  Result<Invocation> Parse() {
    while (next_ < words_.size()) {
      const std::string& word = words_[next_++];
      if (word == "--") {
        while (next_ < words_.size()) RIFFLE_TRY(TakeArgument(words_[next_++]));
        break;
      }
      RIFFLE_TRY(ReadWord(word));
    }
    RIFFLE_TRY(Apply());
    return std::move(invocation_);
  }

 private:
  Status ReadWord(const std::string& word) {
    const size_t equals = word.find('=');
    const std::string before = word.substr(0, equals);
    std::optional<std::string> value;
    if (equals != std::string::npos) value = word.substr(equals + 1);
    if (word.starts_with("--")) return ReadOption(before.substr(2), value);
    if (word.starts_with('-') && word.size() > 1) return ReadShortOption(before, value);
    // Without dashes it is an option if it reads as one. Where the command takes files, a=b.jpg may be one of them.
    const bool takes_arguments = !command_.argument_name.empty();
    if (value && (!takes_arguments || command_.Uses(before))) return ReadOption(before, value);
    return TakeArgument(word);
  }

  Status TakeArgument(const std::string& word) {
    if (command_.argument_name.empty())
      return InvalidArgument(
          "unexpected '{}' (command line): expected options such as --name=value; try 'riffle help {}'", word,
          command_.name);
    Result<std::string> path = ExpandHome(word);
    if (!path.ok()) return Status(path.status()).In(fmt::format("'{}' (command line)", word));
    invocation_.arguments.push_back(std::move(*path));
    return {};
  }

  Status ReadShortOption(const std::string& dashed, const std::optional<std::string>& value) {
    if (dashed == "-c" && command_.Uses("config")) return ReadOption("config", value);
    for (const CommandOption& own : command_.own_options) {
      if (own.short_name != 0 && dashed == std::string{'-', own.short_name}) {
        return ReadOption(std::string(own.name), value);
      }
    }
    return InvalidArgument("unknown option '{}' (command line); 'riffle help {}' lists the options", dashed,
                           command_.name);
  }

  Status ReadOption(const std::string& name, std::optional<std::string> value) {
    const auto own = std::ranges::find(command_.own_options, name, &CommandOption::name);
    if (own != command_.own_options.end()) return ReadOwnOption(*own, std::move(value));
    const OptionRow* row = RowOf(name);
    if (row == nullptr) {
      const std::string_view flag = NegatedFlag(name);
      if (flag.empty()) return Unknown(name);
      if (value) return InvalidArgument("option {} (command line): it takes no value, found '{}'", name, *value);
      assignments_.emplace_back(flag, "false");
      return {};
    }
    if (!value) value = IsFlag(*row) ? TakeBool(*row) : TakeWord();
    if (!value) {
      return InvalidArgument("option {} (command line): expected {}, found nothing", name, Expected(*row));
    }
    assignments_.emplace_back(name, *value);
    return {};
  }

  /// The option of the table that the command takes under this name; null if there is none.
  const OptionRow* RowOf(std::string_view name) const {
    const AcceptedOption* accepted = command_.TakesAccepted() ? FindAccepted(name) : nullptr;
    return command_.Uses(name) ? FindOption(name) : accepted ? &accepted->row : nullptr;
  }

  /// The flag that --no-FLAG or --no_FLAG turns off; "" if it is none of this command's.
  std::string_view NegatedFlag(const std::string& name) const {
    if (!name.starts_with("no-") && !name.starts_with("no_")) return {};
    const OptionRow* row = RowOf(name.substr(3));
    return row != nullptr && IsFlag(*row) ? row->name : std::string_view();
  }

  Status ReadOwnOption(const CommandOption& own, std::optional<std::string> value) {
    if (own.value_name.empty()) {
      if (value) return InvalidArgument("option {} (command line): it takes no value, found '{}'", own.name, *value);
      value = "";
    } else if (!value) {
      value = TakeWord();
    }
    if (!value)
      return InvalidArgument("option {} (command line): expected {}, found nothing", own.name, own.value_name);
    if (const std::vector<std::string_view> words = WordsOf(own.value_name);
        !words.empty() && std::ranges::find(words, *value) == words.end())
      return InvalidArgument("option {} (command line): expected {}, found '{}'", own.name, Enumerated(words, "or"),
                             *value);
    if (own.value != OwnValue::kPlain) {
      Result<std::string> path = ExpandHome(*value);
      if (!path.ok()) return Status(path.status()).In(fmt::format("option {} (command line)", own.name));
      value = own.value == OwnValue::kOutput && *path == "-" ? "/dev/stdout" : *path;
    }
    invocation_.own.insert_or_assign(std::string(own.name), *value);
    return {};
  }

  /// The next word as the value of the option before it; -1 may be one, --name is none.
  std::optional<std::string> TakeWord() {
    if (next_ == words_.size() || words_[next_].starts_with("--")) return std::nullopt;
    return words_[next_++];
  }

  /// A flag alone means yes; a word after it belongs to it if it cannot be anything else.
  std::string TakeBool(const OptionRow& flag) {
    if (next_ == words_.size()) return "true";
    const std::string& word = words_[next_];
    Options scratch;
    const bool can_be_argument = !command_.argument_name.empty() || word.find('=') != std::string::npos;
    if (word.starts_with('-') || (can_be_argument && !ParseValue(flag, word, scratch))) return "true";
    return words_[next_++];
  }

  Status Unknown(const std::string& name) const {
    if (FindOption(name) != nullptr) {
      return InvalidArgument(
          "option {} (command line): 'riffle {}' does not use it; 'riffle help {}' lists its options", name,
          command_.name, command_.name);
    }
    std::vector<std::string_view> known;
    for (const OptionRow& row : OptionTable())
      if (command_.options.Contains(row)) known.push_back(row.name);
    for (const CommandOption& own : command_.own_options) known.push_back(own.name);
    known.push_back("help");
    if (std::string advice = OnNegated(name); !advice.empty())
      return InvalidArgument("unknown option '{}' (command line); {}", name, advice);
    std::string underscored = name;
    std::ranges::replace(underscored, '-', '_');
    if (RowOf(underscored) != nullptr)
      return InvalidArgument("unknown option '--{}' (command line); it is written '--{}'", name, underscored);
    const std::string_view synonym = SynonymOf(underscored);
    return InvalidArgument("unknown option '{}' (command line); the nearest one is '--{}'", name,
                           command_.Uses(synonym) ? synonym : Nearest(name, known));
  }

  /// What to write in the place of --no-NAME, --no_NAME and --noNAME; "" if there is no NAME.
  std::string OnNegated(const std::string& name) const {
    const std::string negated = Negated(name);
    if (const OptionRow* row = RowOf(negated))
      return IsFlag(*row) ? fmt::format("it is written '--no-{}'", negated) : NoFlag(*row);
    const auto own = std::ranges::find(command_.own_options, negated, &CommandOption::name);
    return own == command_.own_options.end() ? "" : fmt::format("leave --{} out, nothing else turns it on", negated);
  }

  Status Apply() {
    for (const auto& [name, value] : assignments_) {
      if (name != "config") continue;
      RIFFLE_TRY(invocation_.settings.Set(name, value, std::string(kCommandLine)));
      RIFFLE_TRY(ReadOptionsFile(invocation_.settings.options.config, invocation_.settings));
    }
    for (const auto& [name, value] : assignments_) {
      if (name != "config") RIFFLE_TRY(invocation_.settings.Set(name, value, std::string(kCommandLine)));
    }
    return {};
  }

  const Command& command_;
  const std::span<const std::string> words_;
  size_t next_ = 0;
  std::vector<std::pair<std::string, std::string>> assignments_;
  Invocation invocation_;
};

}  // namespace

Result<Invocation> ParseCommandLine(const Command& command, std::span<const std::string> words) {
  return Parser(command, words).Parse();
}

}  // namespace riffle
