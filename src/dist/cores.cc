#include "dist/cores.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sched.h>

#include <algorithm>
#include <cmath>
#include <thread>

#include "base/text.h"
#include "dist/host.h"

namespace riffle {
namespace {

constexpr char kBetween = ' ';

std::string TextOf(const CoreSet& cores) { return fmt::format("{}", fmt::join(cores, ",")); }

CoreSet CoresFrom(std::string_view text) {
  CoreSet cores;
  for (const std::string_view number : Split(text, ',')) cores.push_back(ParseNumber<int>(number).value_or(0));
  return cores;
}

}  // namespace

CoreSet OwnCores() {
  CoreSet cores;
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0)
    for (int core = 0; core < CPU_SETSIZE; ++core)
      if (CPU_ISSET(core, &set)) cores.push_back(core);
  return cores;
}

int CoresOf(const std::vector<CoreSet>& processes, size_t index, int limit) {
  const CoreSet& own = processes[index];
  if (own.empty()) return 1;
  double share = 0;
  for (const int core : own)
    share += 1.0 / static_cast<double>(std::ranges::count_if(
                       processes, [&](const CoreSet& other) { return std::ranges::count(other, core) > 0; }));
  share *= std::min(1.0, static_cast<double>(limit) / static_cast<double>(own.size()));
  constexpr double kRounding = 1e-9;
  return std::max(1, static_cast<int>(share + kRounding));
}

Result<CoreShare> ShareCores(Communicator& ranks, int usable) {
  const std::string host = HostIdentity();
  RIFFLE_ASSIGN(const std::vector<std::string> all, ranks.GatherTexts(host + kBetween + TextOf(OwnCores())));
  std::vector<CoreSet> processes;
  size_t index = 0;
  for (int r = 0; r < ranks.size(); ++r) {
    const std::vector<std::string_view> said = Split(all[r], kBetween);
    if (said[0] != host) continue;
    if (r == ranks.rank()) index = processes.size();
    processes.push_back(CoresFrom(said[1]));
  }
  CoreShare share{.cores = CoresOf(processes, index, usable)};
  // Of what a container's limit leaves the launcher can give no more.
  const int online = static_cast<int>(std::thread::hardware_concurrency());
  const int count = static_cast<int>(processes.size());
  const int bound_to = static_cast<int>(processes[index].size());
  if (usable == bound_to && 2 * share.cores <= online / count)
    share.note = fmt::format(
        "{} of the {} cores of this host are used: each of its {} processes is bound to {}; mpirun --bind-to none lets "
        "them use all",
        std::min(online, share.cores * count), online, count, bound_to);
  return share;
}

}  // namespace riffle
