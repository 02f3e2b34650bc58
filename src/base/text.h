// Small helpers on text, for messages that help.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace riffle {

/// ASCII letters in lower case, the rest as it is.
std::string Lowercase(std::string_view text);

/// The text without what would break a line: control characters as \x0a.
std::string OneLine(std::string_view text);

/// Whether two words of Latin letters differ, but only in how their accents are written: as one character (NFC) or as a
/// letter and a combining mark (NFD). On the screen they look the same.
bool LookAlike(std::string_view a, std::string_view b);

/// UTF-8 with each character beyond ASCII as \u00e4, to tell apart what looks the same.
std::string Escaped(std::string_view text);

/// The candidate nearest to `word` by single-character edits (Levenshtein), of equal ones the first. REQUIRES:
/// candidates is not empty.
std::string_view Nearest(std::string_view word, std::span<const std::string_view> candidates);

}  // namespace riffle
