#include "cli/together.h"

#include <chrono>
#include <iostream>
#include <thread>

#include "backend/threads.h"
#include "cli/run.h"
#include "dist/cores.h"
#include "dist/launcher.h"
#include "dist/world.h"
#include "report/log.h"
#include "train/parallel/same_state.h"

namespace riffle {
namespace {

/// 0 for a process that no launcher started, too, and where the launcher cannot be understood.
int RankByLauncher() {
  const Result<std::optional<Launch>> launch = FindLaunch();
  return launch.ok() && *launch ? (*launch)->rank : 0;
}

/// The rank of this process, for an error from before the ranks can talk, which most likely all have. Rank 0 is to have
/// the first word: mpirun ends all when one has ended, so the others return later.
int RankAfterRankZero() {
  const int rank = RankByLauncher();
  if (rank != 0) std::this_thread::sleep_for(std::chrono::seconds(3));
  return rank;
}

}  // namespace

Status SaidByRankZero(const Status& status) {
  return status.ok() || RankAfterRankZero() == 0 ? status : Status(status.code(), "");
}

Status RequireOneProcess(std::string_view what) {
  const Result<std::optional<Launch>> launch = FindLaunch();
  if (!launch.ok()) return launch.status();
  if (!*launch || (*launch)->size == 1) return {};
  return SaidByRankZero(InvalidArgument("{} is the work of one process, found {} that {} started; start it alone", what,
                                        (*launch)->size, (*launch)->launcher));
}

Status RunTogether(const Console& console,
                   const std::function<Status(Communicator& ranks, const Console& console)>& work) {
  Result<std::unique_ptr<Communicator>> opened = OpenWorld(
      {.program = "riffle " RIFFLE_VERSION, .tell = [](const Status& why) { return TellError(why, std::cerr); }});
  if (!opened.ok()) {
    const int rank = RankAfterRankZero();
    return rank == 0 ? opened.status() : Status(opened.status()).In(fmt::format("rank {}", rank));
  }
  std::unique_ptr<Communicator> ranks = std::move(*opened);
  if (ranks->size() == 1) return work(*ranks, console);

  std::ostream nowhere(nullptr);
  const Console own = ranks->first() ? console : Console{nowhere};
  const auto run = [&]() -> Status {
    RIFFLE_ASSIGN(const CoreShare share, ShareCores(*ranks, UsableCores()));
    LimitUsableCores(share.cores);
    if (!share.note.empty()) Log(own.out, own.terminal_width).Line(share.note);
    return work(*ranks, own);
  };
  Status outcome = ranks->Leave(run());
  if (outcome.ok()) return outcome;
  if (ranks->first()) TellError(outcome, std::cerr);
  ranks.reset();  // together with all others: mpirun ends them when one has ended, and it is to be told before
  return {outcome.code(), ""};
}

Status CheckSamePictures(const Dataset& pictures, std::string_view what, Communicator& world) {
  if (world.size() == 1) return {};
  return CheckSame(world, fmt::format("{} {}", pictures.size(), pictures.Checksum()), what);
}

}  // namespace riffle
