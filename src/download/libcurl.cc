#include "download/libcurl.h"

#include <dlfcn.h>

#include <optional>

namespace riffle {
namespace {

constexpr const char* kLibrary = "libcurl.so.4";  // the version of its interface, the same since 2006

template <class Function>
bool Find(void* library, const char* name, Function& function) {
  function = reinterpret_cast<Function>(::dlsym(library, name));
  return function != nullptr;
}

std::optional<LibCurl> Load() {
  void* library = ::dlopen(kLibrary, RTLD_NOW | RTLD_LOCAL);
  LibCurl curl;
  const bool complete =
      library && Find(library, "curl_global_init", curl.global_init) &&
      Find(library, "curl_easy_init", curl.easy_init) && Find(library, "curl_easy_setopt", curl.easy_setopt) &&
      Find(library, "curl_easy_perform", curl.easy_perform) && Find(library, "curl_easy_getinfo", curl.easy_getinfo) &&
      Find(library, "curl_easy_strerror", curl.easy_strerror) && Find(library, "curl_easy_cleanup", curl.easy_cleanup);
  if (!complete || curl.global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) return std::nullopt;
  return curl;
}

}  // namespace

Result<const LibCurl*> LoadLibCurl() {
  static const std::optional<LibCurl> curl = Load();
  if (!curl)
    return Unavailable("{} cannot be loaded: install libcurl (Debian: libcurl4), or fetch the file by hand", kLibrary);
  return &*curl;
}

}  // namespace riffle
