#include "cli/run.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <exception>
#include <new>
#include <stdexcept>

#include "backend/gpu.h"
#include "base/file.h"
#include "base/text.h"
#include "cli/help.h"
#include "cli/interruption.h"
#include "cli/parse.h"
#include "cli/together.h"

namespace riffle {
namespace {

constexpr int kUnexpectedExitCode = 1;
constexpr int kHelpWidth = 100;  // where the help does not go to a terminal

constexpr ExitCodeRow kExitCodes[] = {
    {0, std::nullopt, "done"},
    {kUnexpectedExitCode, std::nullopt, "an error of riffle's own"},
    {2, ErrorCode::kInvalidArgument, "an option, a value or a file asks for what makes no sense"},
    {3, ErrorCode::kNotFound, "a file, a folder or a name is not there"},
    {4, ErrorCode::kDataLoss, "a file is truncated or damaged"},
    {5, ErrorCode::kIo, "the system refused to read or write"},
    {6, ErrorCode::kUnavailable, "this build or machine cannot do it, or has no memory for it"},
    {kSignalExitCode + SIGHUP, ErrorCode::kInterrupted, "training was ended by SIGHUP"},
    {kSignalExitCode + SIGINT, ErrorCode::kInterrupted, "training was ended by SIGINT, which is Ctrl-C"},
    {kSignalExitCode + SIGUSR1, ErrorCode::kInterrupted, "training was ended by SIGUSR1"},
    {kSignalExitCode + SIGUSR2, ErrorCode::kInterrupted, "training was ended by SIGUSR2"},
    {kSignalExitCode + SIGPIPE, ErrorCode::kInterrupted, "training was ended by SIGPIPE: nobody read its output"},
    {kSignalExitCode + SIGTERM, ErrorCode::kInterrupted, "training was ended by SIGTERM"},
    {kSignalExitCode + SIGXCPU, ErrorCode::kInterrupted, "training was ended by SIGXCPU"},
};

int ExitCodeOf(const Status& status) {
  if (status.ok()) return 0;
  if (status.code() == ErrorCode::kInterrupted)  // that of another process is most likely a launcher's
    return kSignalExitCode + (NotedSignal() != 0 ? NotedSignal() : SIGTERM);
  return std::ranges::find(kExitCodes, std::optional(status.code()), &ExitCodeRow::error)->exit_code;
}

bool AsksForHelp(std::span<const std::string> words) {
  const auto end = std::ranges::find(words, "--");
  return std::any_of(words.begin(), end, [](const std::string& word) { return word == "--help" || word == "-h"; });
}

Status ShowHelp(const std::string& command_name, const Console& console) {
  RIFFLE_ASSIGN(const Command* command, FindCommand(command_name));
  console.out << HelpFor(*command, console.terminal_width > 0 ? console.terminal_width : kHelpWidth);
  return {};
}

/// Runs a command whose outputs can be written. Where one is the standard output, people read from `err`.
Status Execute(const Command& command, const Invocation& invocation, const Console& console, std::ostream& err) {
  bool takes_standard_output = false;
  for (const CommandOption& own : command.own_options) {
    const std::string* target = invocation.Own(own.name);
    if (own.value != OwnValue::kOutput || target == nullptr) continue;
    if (Status status = CheckWritable(*target); !status.ok())
      return std::move(status).In(fmt::format("option {} (command line)", own.name));
    takes_standard_output |= DescriptorOf(*target) == STDOUT_FILENO;
  }
  return command.run(invocation, takes_standard_output ? Console{err} : console);
}

Status Dispatch(std::span<const std::string> words, const Console& console, std::ostream& err) {
  const std::string first = words.empty() ? "--help" : words[0];
  if (first == "--version") {
    console.out << "riffle " RIFFLE_VERSION "\n";
    for (const std::string& line : AboutGpus()) console.out << line << '\n';
    return {};
  }
  if (first == "help" && words.size() > 1) return ShowHelp(words[1], console);
  if (first == "help" || first == "--help" || first == "-h") {
    console.out << Overview();
    return {};
  }
  RIFFLE_ASSIGN(const Command* command, FindCommand(first));
  words = words.subspan(1);
  if (AsksForHelp(words)) return ShowHelp(first, console);
  const Result<Invocation> invocation = ParseCommandLine(*command, words);
  if (!invocation.ok()) return SaidByRankZero(invocation.status());
  if (!command->runs_together) RIFFLE_TRY(RequireOneProcess(fmt::format("riffle {}", command->name)));
  return Execute(*command, *invocation, console, err);
}

/// What an error quotes may be as long as a file's only line: its beginning and its end are enough.
std::string Shortened(std::string_view message) {
  constexpr size_t kBeginning = 1500, kEnd = 500;
  if (message.size() <= kBeginning + kEnd) return std::string(message);
  return fmt::format("{} [...] {}", message.substr(0, kBeginning), message.substr(message.size() - kEnd));
}

int Fail(std::string_view message, int exit_code, std::ostream& err) {
  if (message.empty()) return exit_code;
  // Names from files may hold anything: it stays one line.
  err << (exit_code > kSignalExitCode ? "riffle: " : "riffle: error: ") << OneLine(Shortened(message)) << std::endl;
  return exit_code;
}

Status OutputFailed() {
  struct stat info = {};
  const bool is_pipe = fstat(STDOUT_FILENO, &info) == 0 && (S_ISFIFO(info.st_mode) || S_ISSOCK(info.st_mode));
  return IoError("cannot write to the standard output{}",
                 is_pipe ? ": nobody reads it any more" : "; is its disk full?");
}

}  // namespace

std::span<const ExitCodeRow> ExitCodes() { return kExitCodes; }

int TellError(const Status& status, std::ostream& err) { return Fail(status.message(), ExitCodeOf(status), err); }

Status OutOfMemory(std::span<const std::string> words, const std::exception& error) {
  const auto* const of_device = dynamic_cast<const DeviceOutOfMemory*>(&error);
  // Advice only where the command has the options that it names.
  const Result<const Command*> command = FindCommand(words.empty() ? "" : words[0]);
  const bool has_batches = command.ok() && (*command)->Uses("batch_size") && (*command)->Uses("image_resize");
  return Unavailable("out of memory{}{}", of_device ? fmt::format(": {}", of_device->what()) : "",
                     has_batches ? "; try a smaller --batch_size or --image_resize" : "");
}

int RunCommandLine(std::span<const std::string> words, const Console& console, std::ostream& err) try {
  Status status = Dispatch(words, console, err);
  if (status.ok() && !console.out.flush()) status = OutputFailed();
  return status.ok() ? 0 : TellError(status, err);
} catch (const std::bad_alloc& error) {
  return TellError(OutOfMemory(words, error), err);
} catch (const std::length_error& error) {  // of a vector that no memory could hold
  return TellError(OutOfMemory(words, error), err);
} catch (const std::exception& error) {
  return Fail(fmt::format("unexpected: {}", error.what()), kUnexpectedExitCode, err);
}

}  // namespace riffle
