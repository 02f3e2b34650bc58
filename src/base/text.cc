#include "base/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <vector>

namespace riffle {
namespace {

// The letters below the accents of U+00C0 to U+017F, 16 a row; '?': not a letter with an accent.
constexpr std::string_view kBases =
    "AAAAAA?CEEEEIIII"
    "?NOOOOO??UUUUY??"
    "aaaaaa?ceeeeiiii"
    "?nooooo??uuuuy?y"
    "AaAaAaCcCcCcCcDd"
    "??EeEeEeEeEeGgGg"
    "GgGgHh??IiIiIiIi"
    "I???JjKk?LlLlLl?"
    "???NnNnNn???OoOo"
    "Oo??RrRrRrSsSsSs"
    "SsTtTt??UuUuUuUu"
    "UuUuWwYyYZzZzZz?";
constexpr uint32_t kFirstBase = 0xC0, kFirstMark = 0x300, kLastMark = 0x36F;

/// The characters of UTF-8; a byte that does not belong there stands for itself.
std::vector<uint32_t> Characters(std::string_view text) {
  std::vector<uint32_t> characters;
  for (size_t i = 0; i < text.size();) {
    const auto byte = [&](size_t at) { return static_cast<uint8_t>(text[at]); };
    const uint8_t first = byte(i);
    const size_t more = first >= 0xF0 && first < 0xF8 ? 3 : first >= 0xE0 ? 2 : first >= 0xC0 ? 1 : 0;
    uint32_t character = more == 0 ? first : first & (0x3F >> more);
    size_t n = 1;
    for (; n <= more && i + n < text.size() && (byte(i + n) & 0xC0) == 0x80; ++n)
      character = character << 6 | (byte(i + n) & 0x3F);
    if (n <= more || first >= 0xF8) character = first, n = 1;
    characters.push_back(character);
    i += n;
  }
  return characters;
}

/// A word as its letters without accents, and how its accents are written.
struct Word {
  std::vector<uint32_t> letters;
  size_t composed = 0, marks = 0;

  explicit Word(std::string_view text) {
    for (const uint32_t c : Characters(text)) {
      const uint32_t i = c - kFirstBase;
      const bool accented = c >= kFirstBase && i < kBases.size() && kBases[i] != '?';
      composed += accented;
      if (c >= kFirstMark && c <= kLastMark)
        ++marks;
      else
        letters.push_back(accented ? static_cast<uint32_t>(kBases[i]) : c);
    }
  }
};

}  // namespace

std::string_view Trimmed(std::string_view text) {
  constexpr std::string_view kBlanks = " \t";
  const size_t first = text.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

std::vector<std::string_view> Split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  for (size_t end = text.find(separator); end != std::string_view::npos; end = text.find(separator)) {
    parts.push_back(text.substr(0, end));
    text.remove_prefix(end + 1);
  }
  parts.push_back(text);
  return parts;
}

std::string Lowercase(std::string_view text) {
  std::string lower(text);
  std::ranges::transform(lower, lower.begin(),
                         [](unsigned char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 'a' - 'A') : c; });
  return lower;
}

std::string OneLine(std::string_view text) {
  std::string line;
  for (const char c : text)
    line += std::iscntrl(static_cast<unsigned char>(c)) ? fmt::format("\\x{:02x}", static_cast<uint8_t>(c))
                                                        : std::string(1, c);
  return line;
}

bool LookAlike(std::string_view a, std::string_view b) {
  const Word first(a), second(b);
  return first.letters == second.letters && first.marks != second.marks &&
         first.composed + first.marks == second.composed + second.marks;
}

std::string Escaped(std::string_view text) {
  std::string escaped;
  for (const uint32_t c : Characters(text))
    escaped += c < 0x80 ? std::string(1, static_cast<char>(c)) : fmt::format("\\u{:04x}", c);
  return escaped;
}

namespace {

/// Number of single-character edits (Levenshtein) between two words.
int EditDistance(std::string_view a, std::string_view b) {
  std::vector<int> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = static_cast<int>(j);
  for (size_t i = 1; i <= a.size(); ++i) {
    int diagonal = row[0];
    row[0] = static_cast<int>(i);
    for (size_t j = 1; j <= b.size(); ++j) {
      const int replaced = diagonal + (a[i - 1] != b[j - 1]);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, replaced});
    }
  }
  return row.back();
}

}  // namespace

std::string_view Nearest(std::string_view word, std::span<const std::string_view> candidates) {
  return *std::min_element(candidates.begin(), candidates.end(), [&](std::string_view a, std::string_view b) {
    return EditDistance(word, a) < EditDistance(word, b);
  });
}

}  // namespace riffle
