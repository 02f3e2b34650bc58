#include "dist/world.h"

#include <dlfcn.h>

#include <filesystem>
#include <mutex>

#include "base/text.h"
#include "dist/host.h"
#include "dist/mesh_communicator.h"
#include "dist/mpi/module.h"

namespace riffle {
namespace {

namespace fs = std::filesystem;

constexpr const char* kHowToGetMpi = "install MPI (Debian: openmpi-bin), or start one process without mpirun or srun";

#ifdef RIFFLE_MPI_LIBRARY

constexpr const char* kMpi = RIFFLE_MPI_LIBRARY;

/// MPI itself, for all: what it loads by itself later looks there for its functions.
Status LoadMpi() {
  std::string why;
  for (const char* const library : {kMpi, RIFFLE_MPI_LIBRARY_PATH}) {
    if (::dlopen(library, RTLD_NOW | RTLD_GLOBAL) != nullptr) return {};
    if (why.empty()) why = ::dlerror();
  }
  return Unavailable("MPI cannot be loaded: {}; {}", why, kHowToGetMpi);
}

Result<OpenMpiTransport*> LoadModule() {
  RIFFLE_TRY(LoadMpi());
  std::error_code error;
  const fs::path program = fs::read_symlink("/proc/self/exe", error);
  const fs::path module = (program.parent_path() / RIFFLE_MPI_MODULE).lexically_normal();
  void* const loaded = ::dlopen(module.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (loaded == nullptr)
    return Unavailable("the part of riffle that speaks MPI cannot be loaded: {}; install riffle as a whole again",
                       ::dlerror());
  void* const function = ::dlsym(loaded, kOpenMpiTransport);
  if (function == nullptr) return Unavailable("{}: is of another riffle; install it as a whole again", module.string());
  return reinterpret_cast<OpenMpiTransport*>(function);
}

#else

constexpr const char* kMpi = "none";

Result<OpenMpiTransport*> LoadModule() {
  return Unavailable(
      "this riffle was built without MPI, so there is one process of it: build it where "
      "libopenmpi-dev is installed, or start it without mpirun or srun");
}

#endif

/// How the ranks are called, known to who tells of a loss as soon as it is known here.
struct Names {
  std::mutex mutex;
  std::vector<std::string> names;
};

/// What each rank says of itself; and, if all are of one program, where they are.
Result<Places> Meet(Communicator& ranks, const std::string& program) {
  constexpr char kBetween = '\n';
  const std::string host = HostName(), identity = HostIdentity();
  RIFFLE_ASSIGN(const std::vector<std::string> all,
                ranks.GatherTexts(fmt::format("{}{}{}{}{}", host, kBetween, identity, kBetween, program)));
  Places places{.local_size = 0};
  for (int r = 0; r < ranks.size(); ++r) {
    const std::vector<std::string_view> said = Split(all[r], kBetween);
    places.names.push_back(fmt::format("rank {} on {}", r, said[0]));
    if (r == ranks.rank()) places.local_rank = places.local_size;
    if (said[1] == identity) ++places.local_size;
    if (const std::string_view first = Split(all[0], kBetween)[2]; said[2] != first)
      return Unavailable("{} runs {}, rank 0 runs {}: every process must run the same", places.names.back(), said[2],
                         first);
  }
  return places;
}

}  // namespace

Result<std::unique_ptr<Communicator>> OpenWorld(const WorldOptions& options, const Environment& environment) {
  RIFFLE_ASSIGN(const std::optional<Launch> launch, FindLaunch(environment));
  if (!launch || launch->size == 1) return OneProcess();
  RIFFLE_ASSIGN(OpenMpiTransport* const open, LoadModule());

  const auto known = std::make_shared<Names>();
  const auto on_loss = [known, tell = options.tell](std::optional<int> rank, Status why) {
    const std::lock_guard lock(known->mutex);
    if (rank) why = std::move(why).In(known->names.empty() ? fmt::format("rank {}", *rank) : known->names[*rank]);
    return tell(why);
  };
  Result<std::unique_ptr<Transport>> transport = Unavailable("MPI did not begin");
  open({.patience = options.patience, .on_loss = on_loss}, &transport);
  if (!transport.ok()) return transport.status();
  const int size = (*transport)->size();
  if (size != launch->size)
    return Unavailable(
        "{} started {} processes, but MPI knows of {}: they must be of one MPI, riffle uses {}; srun needs --mpi=pmix",
        launch->launcher, launch->size, size, kMpi);
  auto world = std::make_unique<MeshCommunicator>(std::shared_ptr<Transport>(std::move(*transport)));
  RIFFLE_ASSIGN(Places places, Meet(*world, options.program));
  {
    const std::lock_guard lock(known->mutex);
    known->names = places.names;
  }
  world->Introduce(std::move(places));
  return std::unique_ptr<Communicator>(std::move(world));
}

}  // namespace riffle
