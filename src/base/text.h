// Small helpers on text, for messages that help.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace riffle {

/// The candidate nearest to `word` by single-character edits (Levenshtein), of equal ones the first. REQUIRES:
/// candidates is not empty.
std::string_view Nearest(std::string_view word, std::span<const std::string_view> candidates);

}  // namespace riffle
