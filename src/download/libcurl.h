// libcurl, loaded when something is fetched: it brings thirty libraries along, which would add 8 ms to every start of
// riffle if it were linked.
#pragma once

#include <curl/curl.h>

#include "base/status.h"

namespace riffle {

/// The functions that Fetch calls, under their names without "curl_".
struct LibCurl {
  decltype(&curl_global_init) global_init;
  decltype(&curl_easy_init) easy_init;
  decltype(&curl_easy_setopt) easy_setopt;
  decltype(&curl_easy_perform) easy_perform;
  decltype(&curl_easy_getinfo) easy_getinfo;
  decltype(&curl_easy_strerror) easy_strerror;
  decltype(&curl_easy_cleanup) easy_cleanup;
};

/// Loaded and ready, for the rest of the process. Unavailable if this machine has no libcurl. Thread-safe.
Result<const LibCurl*> LoadLibCurl();

}  // namespace riffle
