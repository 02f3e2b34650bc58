#include "base/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

namespace riffle {
namespace {

/// Accented Latin letters that follow one another: the letter below the accents ('?': none), and how many accents it
/// has.
struct Block {
  uint32_t first;
  std::string_view bases, marks;  // 16 a row; from Unicode's canonical decompositions
};
constexpr Block kAccented[] = {
    {0xc0,
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
     "UuUuWwYyYZzZzZz?",
     "1111110111111111"
     "0111111001111100"
     "1111110111111111"
     "0111111001111101"
     "1111111111111111"
     "0011111111111111"
     "1111110011111111"
     "1000111101111110"
     "0001111110001111"
     "1100111111111111"
     "1111110011111111"
     "1111111111111110"},
    {0x1a0,
     "Oo?????????????U"
     "u???????????????"
     "?????????????AaI"
     "iOoUuUuUuUuUu?Aa"
     "Aa????GgKkOoOo??"
     "j???Gg??NnAa????"
     "AaAaEeEeIiIiOoOo"
     "RrRrUuUuSsTt??Hh"
     "??????AaEeOoOoOo"
     "OoYy????????????",
     "1100000000000001"
     "1000000000000000"
     "0000000000000111"
     "1111122222222022"
     "2200001111112200"
     "1000110011220000"
     "1111111111111111"
     "1111111111110011"
     "0000001111222211"
     "2211000000000000"},
    {0x1e00,
     "AaBbBbBbCcDdDdDd"
     "DdDdEeEeEeEeEeFf"
     "GgHhHhHhHhHhIiIi"
     "KkKkKkLlLlLlLlMm"
     "MmMmNnNnNnNnOoOo"
     "OoOoPpPpRrRrRrRr"
     "SsSsSsSsSsTtTtTt"
     "TtUuUuUuUuUuVvVv"
     "WwWwWwWwWwXxXxYy"
     "ZzZzZzhtwy??????"
     "AaAaAaAaAaAaAaAa"
     "AaAaAaAaEeEeEeEe"
     "EeEeEeEeIiIiOoOo"
     "OoOoOoOoOoOoOoOo"
     "OoOoUuUuUuUuUuUu"
     "UuYyYyYyYy??????",
     "1111111122111111"
     "1111222211112211"
     "1111111111111122"
     "1111111122111111"
     "1111111111112222"
     "2222111111112211"
     "1111222222111111"
     "1111111122221111"
     "1111111111111111"
     "1111111111000000"
     "1111222222222222"
     "2222222211111122"
     "2222222211111111"
     "2222222222222222"
     "2222111122222222"
     "2211111111000000"},
};

struct Character {
  uint32_t code;
  std::string_view bytes;
};

/// The characters of UTF-8; a byte that does not belong there stands for itself.
std::vector<Character> Characters(std::string_view text) {
  std::vector<Character> characters;
  for (size_t i = 0; i < text.size();) {
    const auto byte = [&](size_t at) { return static_cast<uint8_t>(text[at]); };
    const uint8_t first = byte(i);
    const size_t more = first >= 0xF0 && first < 0xF8 ? 3 : first >= 0xE0 ? 2 : first >= 0xC0 ? 1 : 0;
    uint32_t character = more == 0 ? first : first & (0x3F >> more);
    size_t n = 1;
    for (; n <= more && i + n < text.size() && (byte(i + n) & 0xC0) == 0x80; ++n)
      character = character << 6 | (byte(i + n) & 0x3F);
    if (n <= more || first >= 0xF8) character = first, n = 1;
    characters.push_back({character, text.substr(i, n)});
    i += n;
  }
  return characters;
}

/// A character as the letters that it is composed of, marks left out, and the number of parts beyond the first.
struct Parts {
  std::vector<uint32_t> letters;
  size_t more = 0;
};

/// Kana with a mark, which follow the same kana without it: ga after ka; ba and pa after ha.
uint32_t KanaBelowTheMark(uint32_t c) {
  constexpr uint32_t kKatakana = 0x60;  // above the same hiragana
  if (c >= 0x30A1 && c <= 0x30F4) {
    const uint32_t base = KanaBelowTheMark(c - kKatakana);
    return base == c - kKatakana ? c : base + kKatakana;
  }
  if (c >= 0x304C && c <= 0x3062) return c - (c % 2 == 0);
  if (c == 0x3065 || c == 0x3067 || c == 0x3069) return c - 1;
  if (c >= 0x306F && c <= 0x307D) return c - (c - 0x306F) % 3;
  return c == 0x3094 ? 0x3046 : c;
}

Parts PartsOf(uint32_t c) {
  constexpr uint32_t kHangul = 0xAC00, kLeads = 0x1100, kVowels = 0x1161, kTails = 0x11A7;  // Unicode 3.12
  constexpr uint32_t kLeadCount = 19, kVowelCount = 21, kTailCount = 28;
  for (const Block& block : kAccented)
    if (c >= block.first && c - block.first < block.bases.size() && block.bases[c - block.first] != '?')
      return {{static_cast<uint32_t>(block.bases[c - block.first])},
              static_cast<size_t>(block.marks[c - block.first] - '0')};
  if (const uint32_t i = c - kHangul; c >= kHangul && i < kLeadCount * kVowelCount * kTailCount) {
    Parts parts = {{kLeads + i / (kVowelCount * kTailCount), kVowels + i / kTailCount % kVowelCount}, 1};
    if (i % kTailCount > 0) parts.letters.push_back(kTails + i % kTailCount), ++parts.more;
    return parts;
  }
  constexpr std::pair<uint32_t, uint32_t> kCyrillic[] = {{0x419, 0x418}, {0x439, 0x438}, {0x401, 0x415},
                                                         {0x451, 0x435}, {0x407, 0x406}, {0x457, 0x456},
                                                         {0x40E, 0x423}, {0x45E, 0x443}};
  for (const auto& [composed, base] : kCyrillic)
    if (c == composed) return {{base}, 1};
  const uint32_t kana = KanaBelowTheMark(c);
  return {{kana}, kana != c ? size_t{1} : 0};
}

/// What a terminal obeys instead of showing it: control characters, and those that turn the direction of a line.
bool Commands(uint32_t c) {
  return c < 0x20 || (c >= 0x7F && c < 0xA0) || c == 0x061C || c == 0x200E || c == 0x200F ||
         (c >= 0x2028 && c <= 0x202E) || (c >= 0x2066 && c <= 0x2069);
}

/// Marks above or below a letter, and the later letters of a Hangul syllable that is written as such.
bool IsMark(uint32_t c) { return (c >= 0x300 && c <= 0x36F) || c == 0x3099 || c == 0x309A; }
bool IsLaterJamo(uint32_t c) { return c >= 0x1161 && c <= 0x11C2; }

/// A word as its letters without accents, how its accents are written, and what does not show.
struct Word {
  std::vector<uint32_t> letters;
  size_t composed = 0, marks = 0;
  size_t unseen = 0;  // spaces of another kind, characters of no width

  explicit Word(std::string_view text) {
    for (const auto& [c, bytes] : Characters(text)) {
      if (c == 0x200B || c == 0xFEFF || c == 0xAD) {
        ++unseen;
      } else if (c == 0xA0 || c == 0x2007 || c == 0x202F) {
        ++unseen;
        letters.push_back(' ');
      } else if (IsMark(c)) {
        ++marks;
      } else {
        const Parts parts = PartsOf(c);
        letters.insert(letters.end(), parts.letters.begin(), parts.letters.end());
        composed += parts.more;
        marks += IsLaterJamo(c);
      }
    }
  }
};

}  // namespace

std::string_view Trimmed(std::string_view text, std::string_view blanks) {
  const size_t first = text.find_first_not_of(blanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

std::string_view WithoutByteOrderMark(std::string_view text) {
  constexpr std::string_view kMark = "\xef\xbb\xbf";
  return text.substr(text.starts_with(kMark) ? kMark.size() : 0);
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

std::string Enumerated(std::span<const std::string_view> words, std::string_view last) {
  std::string text;
  for (size_t i = 0; i < words.size(); ++i)
    text += fmt::format("{}{}", i == 0 ? "" : i + 1 < words.size() ? ", " : fmt::format(" {} ", last), words[i]);
  return text;
}

std::string Lowercase(std::string_view text) {
  std::string lower(text);
  std::ranges::transform(lower, lower.begin(),
                         [](unsigned char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 'a' - 'A') : c; });
  return lower;
}

std::string OneLine(std::string_view text) {
  std::string line;
  for (const auto& [c, bytes] : Characters(text)) {
    const bool is_stray = bytes.size() == 1 && c >= 0x80;
    if (!is_stray && !Commands(c))
      line += bytes;
    else
      line += bytes.size() == 1 ? fmt::format("\\x{:02x}", c) : fmt::format("\\u{:04x}", c);
  }
  return line;
}

std::string OneOrMany(int64_t count, std::string_view what) {
  constexpr std::string_view kVowels = "aeiou", kHissing[] = {"s", "x", "tch", "sh"};
  if (count == 1) return std::string(what);
  if (what.size() > 1 && what.ends_with('y') && kVowels.find(what[what.size() - 2]) == std::string_view::npos)
    return fmt::format("{}ies", what.substr(0, what.size() - 1));
  const bool hisses = std::ranges::any_of(kHissing, [&](std::string_view end) { return what.ends_with(end); });
  return fmt::format("{}{}", what, hisses ? "es" : "s");
}

std::string Counted(int64_t count, std::string_view what) {
  return fmt::format("{} {}", count, OneOrMany(count, what));
}

std::string BytesText(int64_t bytes) {
  constexpr const char* kUnits[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  double value = static_cast<double>(bytes);
  size_t unit = 0;
  while (value >= 1024 && unit + 1 < std::size(kUnits)) value /= 1024, ++unit;
  return unit == 0 ? fmt::format("{} B", bytes) : fmt::format("{:.1f} {}", value, kUnits[unit]);
}

bool LookAlike(std::string_view a, std::string_view b) {
  const Word first(a), second(b);
  return first.letters == second.letters && (first.marks != second.marks || first.unseen != second.unseen) &&
         first.composed + first.marks == second.composed + second.marks;
}

std::string Escaped(std::string_view text) {
  std::string escaped;
  for (const auto& [c, bytes] : Characters(text))
    escaped += c < 0x80 ? std::string(bytes) : fmt::format("\\u{:04x}", c);
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
