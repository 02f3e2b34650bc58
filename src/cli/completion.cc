// `riffle completion`: scripts that complete commands, options and their values in bash, zsh and fish, made from the
// tables of commands and options.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "cli/command.h"
#include "cli/described_option.h"

namespace riffle {
namespace {

/// One word for a shell, whatever is in it.
std::string Quoted(std::string_view text, std::string_view escaped_quote) {
  std::string quoted = "'";
  for (const char c : text) quoted += c == '\'' ? std::string(escaped_quote) : std::string(1, c);
  return quoted + "'";
}

std::string Joined(const std::vector<std::string_view>& words) { return fmt::format("{}", fmt::join(words, " ")); }

/// visit(pattern, option) for each option once: those of the table are the same in every command, "*.name"; a command's
/// own ones, "command.name", come first.
template <class Visit>
void ForEachOption(const Visit& visit) {
  std::vector<std::string_view> seen;
  for (const bool own : {true, false})
    for (const Command& command : Commands()) {
      const std::vector<DescribedOption> options = DescribedOptions(command);
      for (size_t i = 0; i < options.size(); ++i) {
        if ((i < command.own_options.size()) != own) continue;
        if (!own && std::ranges::find(seen, options[i].name) != seen.end()) continue;
        if (!own) seen.push_back(options[i].name);
        visit(fmt::format("{}.{}", own ? command.name : "*", options[i].name), options[i]);
      }
    }
}

// bash splits words at '=': "--opt=mo" is the three words --opt, = and mo.

constexpr std::string_view kBashFunction = R"(
_riffle() {
  local current=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} command=${COMP_WORDS[1]}
  local option='' kind='' words='' with_equals=''
  if [[ $COMP_CWORD -eq 1 || ( $COMP_CWORD -eq 2 && ( $command == help || $command == man ) ) ]]; then
    kind=words words=$(_riffle_commands)
  elif [[ $current == = ]]; then
    option=$before current='' with_equals=1
  elif [[ $before == = ]]; then
    option=${COMP_WORDS[COMP_CWORD - 2]} with_equals=1
  elif [[ $before == --* ]]; then
    option=$before
  fi
  [[ -n $option ]] && _riffle_value "$command.${option#--}"
  [[ $kind == flag && -n $with_equals ]] && kind=words words='true false'
  [[ $kind == flag || ( $current == -* && -z $with_equals ) ]] && kind=''
  if [[ -z $kind && $current == -* ]]; then
    kind=words words=$(_riffle_options "$command")
  elif [[ -z $kind ]]; then
    _riffle_argument "$command"
  fi
  COMPREPLY=()
  if [[ $kind == files ]]; then
    compopt -o filenames 2>/dev/null
    mapfile -t COMPREPLY < <(compgen -f -- "$current")
  elif [[ $kind == words ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
  fi
}
complete -F _riffle riffle
)";

std::string BashArm(std::string_view pattern, std::string_view kind, const std::vector<std::string_view>& words) {
  return fmt::format("    {}) kind={}{} ;;\n", pattern, kind,
                     words.empty() ? "" : " words=" + Quoted(Joined(words), R"('\'')"));
}

std::string BashScript() {
  std::string commands = "help --help --version", options, values, arguments;
  for (const Command& command : Commands()) {
    commands += fmt::format(" {}", command.name);
    std::string names;
    for (const DescribedOption& option : DescribedOptions(command)) names += fmt::format(" --{}", option.name);
    options += fmt::format("    {}) echo '{}' ;;\n", command.name, names);
    const std::vector<std::string_view> words = WordsOf(command.argument_name);
    if (!command.argument_name.empty()) arguments += BashArm(command.name, words.empty() ? "files" : "words", words);
  }
  ForEachOption([&](const std::string& pattern, const DescribedOption& option) {
    if (option.value_is_optional)
      values += BashArm(pattern, "flag", {});
    else if (option.is_path)
      values += BashArm(pattern, "files", {});
    else if (!option.choices.empty())
      values += BashArm(pattern, "words", option.choices);
    else if (!option.value_name.empty())
      values += BashArm(pattern, "number_or_text", {});
  });
  const auto function = [](std::string_view name, const std::string& arms) {
    return fmt::format("{}() {{\n  case $1 in\n{}  esac\n}}\n", name, arms);
  };
  return fmt::format(
             "# Completion of riffle for bash; made by 'riffle completion bash'.\n_riffle_commands() {{ echo '{}'; "
             "}}\n",
             commands) +
         function("_riffle_options", options) + function("_riffle_value", values) +
         function("_riffle_argument", arguments) + std::string(kBashFunction.substr(1));
}

// zsh: what _arguments takes, a specification for each option.

std::string ZshEscaped(std::string_view text, std::string_view special) {
  std::string escaped;
  for (const char c : text) {
    if (special.find(c) != std::string_view::npos) escaped += '\\';
    escaped += c;
  }
  return escaped;
}

std::string ZshAction(const std::vector<std::string_view>& words, bool is_path) {
  if (is_path) return "_files";
  std::vector<std::string> escaped;
  for (const std::string_view word : words) escaped.push_back(ZshEscaped(word, R"( ()[]:\)"));
  return words.empty() ? " " : fmt::format("({})", fmt::join(escaped, " "));
}

std::string ZshOption(const DescribedOption& option) {
  std::string specification = fmt::format("--{}", option.name);
  if (!option.value_name.empty()) specification += option.value_is_optional ? "=-" : "=";
  specification += fmt::format("[{}]", ZshEscaped(option.help, R"([]\)"));
  if (!option.value_name.empty())
    specification += fmt::format("{}{}:{}", option.value_is_optional ? "::" : ":",
                                 ZshEscaped(option.value_name, R"(:[]\)"), ZshAction(option.choices, option.is_path));
  return specification;
}

std::string ZshScript() {
  std::string commands, arms;
  for (const Command& command : Commands()) {
    const auto quoted = [](std::string_view text) { return Quoted(text, R"('\'')"); };
    commands += fmt::format("    {}\n", quoted(fmt::format("{}:{}", command.name, command.summary)));
    arms += fmt::format("    {})\n      _arguments", command.name);
    for (const DescribedOption& option : DescribedOptions(command))
      arms += fmt::format(" \\\n        {}", quoted(ZshOption(option)));
    if (!command.argument_name.empty())
      arms += fmt::format(
          " \\\n        {}",
          quoted(fmt::format("*:{}:{}", ZshEscaped(command.argument_name, R"(:[]\)"),
                             ZshAction(WordsOf(command.argument_name), WordsOf(command.argument_name).empty()))));
    arms += " ;;\n";
  }
  return fmt::format(R"(#compdef riffle
# Completion of riffle for zsh; made by 'riffle completion zsh'.
_riffle() {{
  local context state state_descr line
  typeset -A opt_args
  local -a commands=(
{0}    'help:shows examples and options of a command'
  )
  _arguments -C '1:command:->command' '*::argument:->argument'
  if [[ $state == command ]]; then
    _describe command commands
    return
  fi
  case $line[1] in
    help|man) _describe command commands ;;
{1}  esac
}}
if [[ $funcstack[1] == _riffle ]]; then
  _riffle "$@"
else
  compdef _riffle riffle
fi
)",
                     commands, arms);
}

// fish: one line for each command and each option of it.

std::string FishScript() {
  const auto quoted = [](std::string_view text) {
    std::string escaped;
    for (const char c : text) escaped += c == '\\' ? std::string("\\\\") : std::string(1, c);
    return Quoted(escaped, R"(\')");
  };
  std::string script =
      "# Completion of riffle for fish; made by 'riffle completion fish'.\n"
      "complete -c riffle -f\n"
      "complete -c riffle -n __fish_use_subcommand -a help -d 'shows examples and options of a command'\n";
  for (const Command& command : Commands()) {
    const std::string after = fmt::format("complete -c riffle -n '__fish_seen_subcommand_from {}'", command.name);
    script +=
        fmt::format("complete -c riffle -n __fish_use_subcommand -a {} -d {}\n", command.name, quoted(command.summary));
    script += fmt::format("complete -c riffle -n '__fish_seen_subcommand_from help man' -a {}\n", command.name);
    if (const auto words = WordsOf(command.argument_name); !words.empty())
      script += fmt::format("{} -a {}\n", after, quoted(Joined(words)));
    else if (!command.argument_name.empty())
      script += after + " -F\n";
    for (const DescribedOption& option : DescribedOptions(command)) {
      script += fmt::format("{} -l {}", after, option.name);
      if (option.short_name) script += fmt::format(" -s {}", option.short_name);
      if (option.is_path)
        script += " -r -F";
      else if (!option.value_name.empty() && !option.value_is_optional)
        script += option.choices.empty() ? " -x" : fmt::format(" -x -a {}", quoted(Joined(option.choices)));
      script += fmt::format(" -d {}\n", quoted(option.help));
    }
  }
  return script;
}

struct Shell {
  std::string_view name;
  std::string (*script)();
};
constexpr Shell kShells[] = {{"bash", BashScript}, {"zsh", ZshScript}, {"fish", FishScript}};

Status Run(const Invocation& invocation, const Console& console) {
  if (invocation.arguments.size() == 1)
    for (const Shell& shell : kShells)
      if (shell.name == invocation.arguments[0]) {
        console.out << shell.script();
        return {};
      }
  return InvalidArgument(
      "expected one shell, bash, zsh or fish, found {}",
      invocation.arguments.empty() ? "none" : fmt::format("'{}'", fmt::join(invocation.arguments, " ")));
}

}  // namespace

Command CompletionCommand() {
  return {
      .name = "completion",
      .summary = "prints a script that completes commands, options and values in a shell",
      .argument_name = "bash|zsh|fish",
      .examples = {{"completion bash > ~/.local/share/bash-completion/completions/riffle",
                    "for one user; 'cmake --install' puts all three in their place"}},
      .run = Run,
  };
}

}  // namespace riffle
