// `riffle man`: manual pages in man(7)'s macros, made from the tables of commands, options and exit codes.
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>

#include "base/file.h"
#include "cli/command.h"
#include "cli/described_option.h"
#include "cli/run.h"

namespace riffle {
namespace {

namespace fs = std::filesystem;

/// Text as roff reads it: backslashes and hyphens are what they are, and no line begins with a request.
std::string Roff(std::string_view text) {
  std::string roff;
  for (const char c : text) {
    const bool begins_line = roff.empty() || roff.back() == '\n';
    if (begins_line && (c == '.' || c == '\'')) roff += "\\&";
    if (c == '\\')
      roff += "\\e";
    else if (c == '-')
      roff += "\\-";
    else
      roff += c;
  }
  return roff;
}

/// A word of a request, in quotes.
std::string Argument(std::string_view text) {
  std::string argument = Roff(text);
  for (size_t at = 0; (at = argument.find('"', at)) != std::string::npos; at += 4) argument.replace(at, 1, "\\(dq");
  return fmt::format("\"{}\"", argument);
}

std::string Bold(std::string_view text) { return "\\fB" + Roff(text) + "\\fR"; }
std::string Italic(std::string_view text) { return text.empty() ? "" : "\\fI" + Roff(text) + "\\fR"; }

std::string Begin(const std::string& name, std::string_view summary) {
  std::string title = name;
  std::ranges::transform(title, title.begin(), [](char c) { return c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c; });
  return fmt::format(".TH {} 1 \"\" {} {}\n.SH NAME\n{} \\- {}\n.SH SYNOPSIS\n", Argument(title),
                     Argument("riffle " RIFFLE_VERSION), Argument("Riffle"), Roff(name), Roff(summary));
}

std::string Tagged(const std::string& tag, std::string_view text) {
  return fmt::format(".TP\n{}\n{}\n", tag, Roff(text));
}

std::string PageName(const Command& command) { return fmt::format("riffle-{}", command.name); }

std::string ExitStatus() {
  std::string page = ".SH EXIT STATUS\n";
  for (const ExitCodeRow& row : ExitCodes()) page += Tagged(Bold(std::to_string(row.exit_code)), row.meaning);
  return page;
}

std::string OverviewPage() {
  std::string page = Begin("riffle", "ShuffleNetV1 trained, validated and run from one binary");
  page += fmt::format("{} {} [{}...]\n.SH COMMANDS\n", Bold("riffle"), Italic("COMMAND"), Italic("OPTION"));
  for (const Command& command : Commands()) page += Tagged(Bold(command.name), command.summary);
  page += Tagged(Bold("help") + " " + Italic("COMMAND"), "shows examples and options");
  page += Tagged(Bold("--version"), "shows the version");
  page += ExitStatus() + ".SH SEE ALSO\n";
  std::string others;
  for (const Command& command : Commands())
    others += fmt::format("{}{}(1)", others.empty() ? "" : ",\n", Bold(PageName(command)));
  return page + others + '\n';
}

std::string OptionTag(const DescribedOption& option) {
  std::string tag = option.short_name ? Bold(fmt::format("-{}", option.short_name)) + ", " : "";
  tag += Bold(fmt::format("--{}", option.name));
  return option.value_name.empty() ? tag : tag + ' ' + Italic(option.value_name);
}

std::string PageOf(const Command& command) {
  std::string page = Begin(PageName(command), command.summary);
  page += fmt::format("{}{}{} [{}...]\n", Bold(fmt::format("riffle {}", command.name)),
                      command.argument_name.empty() ? "" : " ", Italic(command.argument_name), Italic("OPTION"));
  const std::vector<DescribedOption> options = DescribedOptions(command);
  if (!options.empty()) page += ".SH OPTIONS\n";
  std::string_view heading;
  for (const DescribedOption& option : options) {
    if (option.heading != heading) page += fmt::format(".SS {}\n", Argument(option.heading));
    heading = option.heading;
    page += Tagged(OptionTag(option), option.Text());
  }
  if (options.size() > command.own_options.size()) page += fmt::format(".PP\n{}\n", Roff(kHowOptionsAreWritten));
  if (!command.examples.empty()) page += ".SH EXAMPLES\n";
  for (const Example& example : command.examples)
    page += Tagged(Bold(fmt::format("riffle {}", example.arguments)), example.what);
  return page + fmt::format(".SH SEE ALSO\n{}(1)\n", Bold("riffle"));
}

Status WriteAll(const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) return IoError("{}: {}", folder.string(), error.message());
  RIFFLE_TRY(WriteFileAtomically(folder / "riffle.1", OverviewPage()));
  for (const Command& command : Commands())
    RIFFLE_TRY(WriteFileAtomically(folder / (PageName(command) + ".1"), PageOf(command)));
  return {};
}

Status Run(const Invocation& invocation, const Console& console) {
  if (const std::string* folder = invocation.Own("all")) {
    if (!invocation.arguments.empty())
      return InvalidArgument("option all: it writes every page; leave out '{}'", invocation.arguments[0]);
    return WriteAll(*folder);
  }
  if (invocation.arguments.size() > 1)
    return InvalidArgument("expected one command, found {}: {}", invocation.arguments.size(),
                           fmt::join(invocation.arguments, ", "));
  if (invocation.arguments.empty()) {
    console.out << OverviewPage();
    return {};
  }
  RIFFLE_ASSIGN(const Command* command, FindCommand(invocation.arguments[0]));
  console.out << PageOf(*command);
  return {};
}

}  // namespace

Command ManCommand() {
  return {
      .name = "man",
      .summary = "prints the manual page of a command, for man(1) to show",
      .own_options = {{.name = "all",
                       .value_name = "DIR",
                       .help = "write all pages into this folder, which is made if it is not there",
                       .value = OwnValue::kPath}},
      .argument_name = "[COMMAND]",
      .examples = {{"man train > riffle-train.1", "the page of one command; 'man -l riffle-train.1' shows it"},
                   {"man --all share/man/man1", "all of them, as 'cmake --install' puts them in their place"}},
      .run = Run,
  };
}

}  // namespace riffle
