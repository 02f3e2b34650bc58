#include "cli/parse.h"

#include <algorithm>
#include <filesystem>
#include <optional>

#include "base/file.h"
#include "base/text.h"
#include "cli/described_option.h"
#include "data/left_out.h"
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
    if (value && (!TakesArguments() || Has(before))) return ReadOption(before, value);
    return TakeArgument(word);
  }

  bool TakesArguments() const { return !command_.argument_name.empty(); }

  /// The command's own option of this name; null if there is none.
  const CommandOption* OwnOption(std::string_view name) const {
    const auto own = std::ranges::find(command_.own_options, name, &CommandOption::name);
    return own == command_.own_options.end() ? nullptr : &*own;
  }

  bool Has(std::string_view option) const { return command_.Uses(option) || OwnOption(option) != nullptr; }

  /// The option that a word such as -o stands for; "" if it is none of the command's.
  std::string_view OptionOfShort(std::string_view dashed) const {
    if (dashed.size() != 2 || dashed[0] != '-') return {};
    if (dashed[1] == 'c' && command_.Uses("config")) return "config";
    const auto own = std::ranges::find(command_.own_options, dashed[1], &CommandOption::short_name);
    return own == command_.own_options.end() ? std::string_view() : own->name;
  }

  /// Whether a word is an option that the command has, or looks like nothing else: no value of the option before it.
  bool IsOption(std::string_view word) const {
    const size_t equals = word.find('=');
    const std::string_view before = word.substr(0, equals);
    return word.starts_with("--") || !OptionOfShort(before).empty() || (equals != word.npos && Has(before));
  }

  Status TakeArgument(const std::string& word) {
    if (!TakesArguments())
      return InvalidArgument(
          "unexpected '{}' (command line): expected options such as --name=value; try 'riffle help {}'", word,
          command_.name);
    Result<std::string> path = ExpandHome(word);
    if (!path.ok()) return Status(path.status()).In(fmt::format("'{}' (command line)", word));
    invocation_.arguments.push_back(std::move(*path));
    return {};
  }

  Status ReadShortOption(const std::string& dashed, const std::optional<std::string>& value) {
    if (const std::string_view name = OptionOfShort(dashed); !name.empty()) return ReadOption(std::string(name), value);
    return InvalidArgument("unknown option '{}' (command line); 'riffle help {}' lists the options", dashed,
                           command_.name);
  }

  Status ReadOption(const std::string& name, std::optional<std::string> value) {
    if (const CommandOption* own = OwnOption(name)) return ReadOwnOption(*own, std::move(value));
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
      if (!value) value = MeantForFlag(own);
      if (value)
        return InvalidArgument("option {} (command line): it takes no value, found '{}'{}", own.name, *value,
                               own.prints ? fmt::format("; it prints: write '--{} > FILE'", own.name) : "");
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

  /// The next word as the value of the option before it; -1 may be one, an option is none.
  std::optional<std::string> TakeWord() {
    if (next_ == words_.size() || IsOption(words_[next_])) return std::nullopt;
    return words_[next_++];
  }

  /// The next word where it can only be meant as a value of a flag that takes none: the command takes no arguments, or
  /// the flag prints and the word is the name of a file to be.
  std::optional<std::string> MeantForFlag(const CommandOption& flag) const {
    if (next_ == words_.size()) return std::nullopt;
    const std::string& word = words_[next_];
    const bool is_plain = (!word.starts_with('-') || word == "-") && !IsOption(word);
    const bool is_value = TakesArguments() ? flag.prints && NamesOutput(word) : word.find('=') == std::string::npos;
    return is_plain && is_value ? std::optional(word) : std::nullopt;
  }

  /// Whether a word looks like a file that is to be written: with an ending that no picture has, and not there.
  static bool NamesOutput(const std::string& word) {
    const Result<std::string> expanded = ExpandHome(word);
    if (!expanded.ok()) return false;  // told as an argument
    const std::filesystem::path path = *expanded;
    std::error_code unknown;  // then it is taken for something that is there
    return path.has_extension() && !IsPictureName(path) &&
           std::filesystem::status(path, unknown).type() == std::filesystem::file_type::not_found;
  }

  /// A flag alone means yes; a word after it belongs to it if it cannot be anything else.
  std::string TakeBool(const OptionRow& flag) {
    if (next_ == words_.size()) return "true";
    const std::string& word = words_[next_];
    Options scratch;
    const bool can_be_argument = TakesArguments() || word.find('=') != std::string::npos;
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
    return OwnOption(negated) ? fmt::format("leave --{} out, nothing else turns it on", negated) : "";
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
