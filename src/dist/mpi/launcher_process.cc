#include "dist/mpi/launcher_process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <fstream>
#include <string>

extern char** environ;  // NOLINT: unistd.h has it for GNU only

namespace riffle {
namespace {

constexpr std::string_view kLaunchers[] = {"mpirun", "mpiexec", "orterun", "prterun"};

}  // namespace

// A process of its own: what mpirun ends with the job must not be among it, and nobody who reads the job's output waits
// for it.
void EndLauncherAfter(std::chrono::seconds patience) {
  const pid_t parent = getppid();
  std::string name;
  std::ifstream(fmt::format("/proc/{}/comm", parent)) >> name;
  if (std::ranges::find(kLaunchers, name) == std::end(kLaunchers)) return;
  std::string script =
      fmt::format("sleep {0}; [ \"$(cat /proc/{1}/comm)\" = {2} ] && kill -KILL {1}", patience.count(), parent, name);
  char shell[] = "sh", option[] = "-c";
  char* const words[] = {shell, option, script.data(), nullptr};

  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  for (const int descriptor : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
    posix_spawn_file_actions_addopen(&files, descriptor, "/dev/null", O_RDWR, 0);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t none;
  sigemptyset(&none);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK);
  pid_t child = 0;
  posix_spawn(&child, "/bin/sh", &files, &attributes, words, environ);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&files);
}

}  // namespace riffle
