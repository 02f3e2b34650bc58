#include "base/child.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <system_error>

extern char** environ;  // NOLINT: unistd.h has it for GNU only

namespace riffle {
namespace {

constexpr int kSignalExitCode = 128;

Status SystemError(const std::string& program, int error) {
  return IoError("{}: cannot be run: {}", program, std::generic_category().message(error));
}

/// A file that nobody else sees, and that is gone once it is closed.
class Unnamed {
 public:
  Unnamed() : file_(std::tmpfile()) {}
  Unnamed(const Unnamed&) = delete;
  Unnamed& operator=(const Unnamed&) = delete;
  ~Unnamed() {
    if (file_ != nullptr) std::fclose(file_);
  }

  bool ok() const { return file_ != nullptr; }
  int descriptor() const { return fileno(file_); }
  std::string Content() const {
    std::string content;
    std::array<char, 4096> part;
    std::rewind(file_);
    for (size_t n = 0; (n = std::fread(part.data(), 1, part.size(), file_)) > 0;) content.append(part.data(), n);
    return content;
  }

 private:
  std::FILE* const file_;
};

}  // namespace

Result<ChildOutcome> RunChild(const std::vector<std::string>& words) {
  const Unnamed out, err;
  if (!out.ok() || !err.ok()) return SystemError(words[0], errno);
  std::vector<char*> arguments;
  for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));  // NOLINT: not written to
  arguments.push_back(nullptr);

  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, out.descriptor(), STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, err.descriptor(), STDERR_FILENO);
  pid_t child = 0;
  const int error = posix_spawnp(&child, arguments[0], &actions, nullptr, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (error == ENOENT) return NotFound("expected a program {}, found none", words[0]);
  if (error != 0) return SystemError(words[0], error);

  int status = 0;
  while (waitpid(child, &status, 0) < 0)
    if (errno != EINTR) return SystemError(words[0], errno);
  return ChildOutcome{.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : kSignalExitCode + WTERMSIG(status),
                      .out = out.Content(),
                      .err = err.Content()};
}

}  // namespace riffle
