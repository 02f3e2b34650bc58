#include "exchange/c/c_text.h"

#include <fmt/format.h>

#include <algorithm>

namespace riffle {
namespace {

// Not std::isalpha, which asks the locale.
bool IsLetter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

bool IsNameCharacter(char c) { return IsLetter(c) || (c >= '0' && c <= '9') || c == '_'; }

}  // namespace

std::string CString(std::string_view text) {
  std::string literal = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\' || c == '?')
      literal += {'\\', c};
    else if (c >= ' ' && c <= '~')
      literal += c;
    else
      literal += fmt::format("\\{:03o}", static_cast<unsigned char>(c));
  }
  return literal + '"';
}

std::string CComment(std::string_view text) {
  std::string comment(text);
  std::ranges::replace_if(
      comment,
      [](char c) { return !IsNameCharacter(c) && std::string_view(" .-+,:()").find(c) == std::string_view::npos; },
      '_');
  return comment;
}

std::string CIdentifier(std::string_view text) {
  std::string identifier(text);
  std::ranges::replace_if(
      identifier, [](char c) { return !IsNameCharacter(c); }, '_');
  if (identifier.empty()) return "network";
  return IsLetter(identifier[0]) ? identifier : "n" + identifier;
}

std::string CMacro(std::string_view identifier) {
  std::string macro(identifier);
  std::ranges::transform(macro, macro.begin(), [](char c) { return c >= 'a' && c <= 'z' ? char(c - 'a' + 'A') : c; });
  return macro;
}

bool IsCIdentifier(std::string_view text) {
  constexpr size_t kLongest = 60;
  return text.size() <= kLongest && CIdentifier(text) == text;
}

std::string CFloat(float value) {
  std::string literal = fmt::format("{}", value);
  if (literal.find_first_of(".e") == std::string::npos) literal += ".0";
  return literal + 'f';
}

}  // namespace riffle
