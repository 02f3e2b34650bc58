// Small helpers on text: reading numbers and lists from it, and messages that help.
#pragma once

#include <charconv>
#include <cmath>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace riffle {

/// The finite number that the whole text spells, the way std::from_chars reads it: no blanks, no '+'. nullopt if it
/// spells none, or one that T cannot hold.
template <class T>
[[nodiscard]] std::optional<T> ParseNumber(std::string_view text) {
  T number{};
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  const bool is_number = error == std::errc{} && stop == end && std::isfinite(static_cast<double>(number));
  return is_number ? std::optional(number) : std::nullopt;
}

/// The text without blanks and tabs, or other such characters, around it.
std::string_view Trimmed(std::string_view text, std::string_view blanks = " \t");

/// The text without the mark that some editors put before UTF-8.
std::string_view WithoutByteOrderMark(std::string_view text);

/// What stands between separators: of "a,,b" are "a", "", "b", of "" is "".
std::vector<std::string_view> Split(std::string_view text, char separator);

/// Words for a sentence: "a", "a or b", "a, b or c" where the last word is "or".
std::string Enumerated(std::span<const std::string_view> words, std::string_view last);

/// ASCII letters in lower case, the rest as it is.
std::string Lowercase(std::string_view text);

/// Text of others (names of files and classes, what stands in a file) as one line that a terminal shows and does not
/// obey: control characters and bytes that are no UTF-8 as \x0a, those beyond ASCII that turn or break a line as
/// \u202e. A Log and a Table show all their text so.
std::string OneLine(std::string_view text);

/// Whether two words look the same on the screen, but are written otherwise: accents as one character with their letter
/// (NFC) or as a combining mark (NFD), of Latin and Russian letters, kana and Hangul; spaces that do not break;
/// characters of no width.
bool LookAlike(std::string_view a, std::string_view b);

/// "tensor" if there is one, otherwise "tensors"; "classes", "entries".
std::string OneOrMany(int64_t count, std::string_view what);

/// "1 tensor", "2 tensors".
std::string Counted(int64_t count, std::string_view what);

/// 1536 as "1.5 KiB".
std::string BytesText(int64_t bytes);

/// UTF-8 with each character beyond ASCII as \u00e4, to tell apart what looks the same.
std::string Escaped(std::string_view text);

/// The candidate nearest to `word` by single-character edits (Levenshtein), of equal ones the first. REQUIRES:
/// candidates is not empty.
std::string_view Nearest(std::string_view word, std::span<const std::string_view> candidates);

}  // namespace riffle
