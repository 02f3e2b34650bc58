// Small helpers on text, for messages that help.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace riffle {

/// Number of single-character edits (Levenshtein) between two words.
int EditDistance(std::string_view a, std::string_view b);

/// ASCII letters in lower case, the rest as it is.
std::string Lowercase(std::string_view text);

/// The text without what would break a line: control characters as \x0a.
std::string OneLine(std::string_view text);

/// Whether two words look the same on the screen, but are written otherwise: accents as one character with their letter
/// (NFC) or as a combining mark (NFD), of Latin and Russian letters, kana and Hangul; spaces that do not break;
/// characters of no width.
bool LookAlike(std::string_view a, std::string_view b);

/// UTF-8 with each character beyond ASCII as \u00e4, to tell apart what looks the same.
std::string Escaped(std::string_view text);

/// The candidate nearest to `word`. REQUIRES: candidates is not empty.
std::string_view Nearest(std::string_view word, std::span<const std::string_view> candidates);

}  // namespace riffle
