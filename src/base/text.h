// Small helpers on text, for messages that help.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace riffle {

/// Number of single-character edits (Levenshtein) between two words.
int EditDistance(std::string_view a, std::string_view b);

/// The candidate nearest to `word`. REQUIRES: candidates is not empty.
std::string_view Nearest(std::string_view word, std::span<const std::string_view> candidates);

/// Whether all of it is UTF-8, as Unicode has it: no overlong forms, no surrogates.
bool IsUtf8(std::string_view text);

}  // namespace riffle
