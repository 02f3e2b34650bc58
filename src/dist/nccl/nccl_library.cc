#include "dist/nccl/nccl_library.h"

#include <dlfcn.h>
#include <fmt/format.h>

#include <type_traits>

namespace riffle::nccl {
namespace {

std::string VersionText(int code) { return fmt::format("{}.{}.{}", code / 10000, code / 100 % 100, code % 100); }

}  // namespace

Result<std::shared_ptr<const Library>> Library::Load(const std::string& file) {
  // It stays: its threads and what it registers at exit outlive any use.
  void* const loaded = ::dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (loaded == nullptr)
    return Unavailable("NCCL cannot be loaded: {}; install it, or name its folder in LD_LIBRARY_PATH", ::dlerror());
  const auto library = std::make_shared<Library>();
  const char* missing = nullptr;
  const auto find = [&](const char* name, auto& function) {
    void* const symbol = ::dlsym(loaded, name);
    if (symbol == nullptr) missing = name;
    function = reinterpret_cast<std::remove_reference_t<decltype(function)>>(symbol);
  };
  find("ncclGetVersion", library->get_version_);
  find("ncclGetErrorString", library->error_string_);
  find("ncclGetUniqueId", library->get_unique_id);
  find("ncclCommInitRank", library->init_rank);
  find("ncclAllReduce", library->all_reduce);
  find("ncclCommGetAsyncError", library->async_error);
  find("ncclCommDestroy", library->destroy);
  find("ncclCommAbort", library->abort);
  if (missing != nullptr) return Unavailable("{} has no function {}: it is no NCCL, or a broken one", file, missing);
  RIFFLE_TRY(library->Check(library->get_version_(&library->version_)));
  if (library->version_ < kOldestVersion)
    return Unavailable("{} is too old: its version code is {}, expected {} ({}) or newer", file, library->version_,
                       kOldestVersion, VersionText(kOldestVersion));
  return std::shared_ptr<const Library>(library);
}

std::string Library::Version() const { return VersionText(version_); }

Status Library::Check(Error error) const {
  if (error == Error::kSuccess) return {};
  return Unavailable("NCCL: {}", error_string_(error));
}

}  // namespace riffle::nccl
