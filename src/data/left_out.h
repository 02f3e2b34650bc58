// Counts what lies among pictures and is passed over.
#pragma once

#include <string>
#include <vector>

#include "data/dataset.h"

namespace riffle {

/// Adds `files` more of the kind `why`; the first one of a kind is its example.
inline void CountLeftOut(const std::string& why, const std::string& example, std::vector<LeftOut>* all,
                         int64_t files = 1) {
  for (LeftOut& kind : *all)
    if (kind.why == why) {
      kind.files += files;
      return;
    }
  all->push_back({.why = why, .files = files, .example = example});
}

}  // namespace riffle
