// Files of options, in YAML. One option stands in one line, so that a line which says nothing of its own, because it is
// part of a value that began above it, is a mistake: a quote that nobody closed, a missing colon. YAML itself would
// take such lines into the value without a word.
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <set>
#include <sstream>
#include <vector>

#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "settings/accepted_options.h"
#include "settings/option_table.h"

namespace riffle {
namespace {

constexpr uint64_t kMaxYamlBytes = 1 << 20;
constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
constexpr std::string_view kWordLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";

std::vector<std::string> LinesOf(std::string_view text) {
  std::vector<std::string> lines;
  std::istringstream stream{std::string(text)};
  for (std::string line; std::getline(stream, line);) {
    if (line.ends_with('\r')) line.pop_back();
    lines.push_back(line);
  }
  return lines;
}

/// The line without blanks around it; "" for a comment, too.
std::string_view Content(std::string_view line) {
  const std::string_view content = Trimmed(line);
  return content.starts_with('#') ? std::string_view() : content;
}

bool IsMarker(std::string_view line) { return line.starts_with("---") || line.starts_with("..."); }

/// The word that begins a line in the place of an option's name.
std::string_view FirstWord(std::string_view content) {
  return content.substr(0, content.find_first_not_of(kWordLetters));
}

bool IsOption(std::string_view name) { return FindOption(name) != nullptr || FindAccepted(name) != nullptr; }

/// Whether the quoted text that `rest` begins with ends in it.
bool IsClosed(std::string_view rest) {
  const char quote = rest[0];
  for (size_t i = 1; i < rest.size(); ++i) {
    if (quote == '"' && rest[i] == '\\')
      ++i;
    else if (rest[i] == quote && quote == '\'' && i + 1 < rest.size() && rest[i + 1] == quote)
      ++i;  // '' is a quote within the text
    else if (rest[i] == quote)
      return true;
  }
  return false;
}

/// Where the parts of a YAML text begin.
class Outline : public YAML::EventHandler {
 public:
  std::set<int> lines;                ///< from 0, in which something begins
  std::optional<YAML::Mark> no_text;  ///< of the first value that is only a tag or an anchor
  int documents = 0;

  void OnDocumentStart(const YAML::Mark&) override { ++documents; }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override { Begin(mark, anchor != 0); }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override { Begin(mark, false); }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t, const std::string& text) override {
    Begin(mark, text.empty() && tag != "!");  // "!": a quoted text
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t, YAML::EmitterStyle::value) override {
    Begin(mark, false);
  }
  void OnSequenceEnd() override {}
  void OnMapStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t, YAML::EmitterStyle::value) override {
    Begin(mark, false);
  }
  void OnMapEnd() override {}

 private:
  void Begin(const YAML::Mark& mark, bool is_without_text) {
    lines.insert(mark.line);
    if (is_without_text && !no_text) no_text = mark;
  }
};

/// Mistakes that show in a line by itself, and that YAML reads as something else or tells of the line after it.
Status CheckLines(const std::vector<std::string>& lines, const std::string& name) {
  for (size_t i = 0; i < lines.size(); ++i) {
    const std::string_view content = Content(lines[i]), word = FirstWord(content);
    const std::string_view after = Content(content.substr(word.size()));
    const std::string_view value = after.starts_with(':') ? Content(after.substr(1)) : content;
    if ((value.starts_with('"') || value.starts_with('\'')) && !IsClosed(value))
      return InvalidArgument("{} line {}: expected a quote that ends in its line, found {}", name, i + 1, value);
    if (!IsOption(word) || after.size() < 2) continue;
    if (after[0] == ':' && after[1] != ' ' && after[1] != '\t')
      return InvalidArgument("{} line {}: expected a blank after '{}:', found '{}'; write '{}: {}'", name, i + 1, word,
                             content, word, after.substr(1));
    if (after.starts_with('='))
      return InvalidArgument("{} line {}: expected '{}: VALUE', found '{}'", name, i + 1, word, content);
  }
  return {};
}

/// A line that is no entry, where YAML tells of the one after it.
std::optional<size_t> LineWithoutColon(const std::vector<std::string>& lines) {
  for (size_t i = 0; i < lines.size(); ++i) {
    const std::string_view content = Content(lines[i]);
    const bool is_entry = content.empty() || content.find(": ") != std::string_view::npos || content.ends_with(':') ||
                          content.find_first_of("-?[]{},%'\"&*!.") == 0 || lines[i].starts_with(' ');
    if (!is_entry && content.find(":\t") == std::string_view::npos) return i;
  }
  return std::nullopt;
}

/// The line whose bracket is still open at the end of the text.
std::optional<size_t> LineLeftOpen(const std::vector<std::string>& lines) {
  int depth = 0;
  std::optional<size_t> opened;
  for (size_t i = 0; i < lines.size(); ++i)
    for (const char c : Content(lines[i])) {
      if ((c == '[' || c == '{') && depth++ == 0) opened = i;
      if (c == ']' || c == '}') --depth;
    }
  return depth > 0 ? opened : std::nullopt;
}

Status CheckDocuments(const Outline& outline, const std::vector<std::string>& lines, const std::string& name) {
  if (outline.documents < 2) return {};
  bool begun = false;
  for (size_t i = 0; i < lines.size(); ++i) {
    if (begun && IsMarker(lines[i]))
      return InvalidArgument("{} line {}: a second document begins here; options stand in one: take the '{}' out", name,
                             i + 1, lines[i].substr(0, 3));
    begun = begun || (!Content(lines[i]).empty() && !lines[i].starts_with('%'));
  }
  return InvalidArgument("{} line 1: expected one document, found {}", name, outline.documents);
}

/// Each line begins something.
Status CheckOutline(const Outline& outline, const std::vector<std::string>& lines, const std::string& name) {
  RIFFLE_TRY(CheckDocuments(outline, lines, name));
  if (outline.no_text) {
    const std::string_view rest = std::string_view(lines[outline.no_text->line]).substr(outline.no_text->column);
    return InvalidArgument("{} line {}: {} means something of its own in YAML; put it in quotes", name,
                           outline.no_text->line + 1, Content(rest));
  }
  for (size_t i = 0; i < lines.size(); ++i) {
    const std::string_view content = Content(lines[i]);
    const bool only_closes = content.find_first_not_of("]} ,") == std::string_view::npos;
    if (content.empty() || only_closes || IsMarker(lines[i]) || lines[i].starts_with("%YAML ")) continue;
    if (!outline.lines.contains(static_cast<int>(i)))
      return InvalidArgument(
          "{} line {}: expected 'option: value', found '{}', which YAML would take into the value above it or pass "
          "over",
          name, i + 1, content);
  }
  return {};
}

/// yaml-cpp reads UTF-16, too, and other bytes as it likes; paths would come out as others.
Status CheckEncoding(const std::string& text, const std::vector<std::string>& lines, const std::string& name) {
  if (text.starts_with("\xff\xfe") || text.starts_with("\xfe\xff"))
    return InvalidArgument("{} line 1: expected text in UTF-8, found UTF-16; save it as UTF-8", name);
  for (size_t i = 0; i < lines.size(); ++i)
    if (!IsUtf8(lines[i]) || lines[i].find('\0') != std::string::npos)
      return InvalidArgument("{} line {}: expected text in UTF-8, found bytes that are none; save it as UTF-8", name,
                             i + 1);
  return {};
}

/// The text of a YAML value as the command line would have it; nullopt for a map or a list of lists.
std::optional<std::string> TextOf(const YAML::Node& node, const OptionRow& row) {
  const bool is_text = std::holds_alternative<std::string Options::*>(row.field);
  if (node.IsNull()) return is_text ? "" : "None";
  if (node.IsScalar()) return node.Scalar();
  if (!node.IsSequence()) return std::nullopt;
  std::string text;
  for (const YAML::Node& element : node) {
    if (!element.IsScalar()) return std::nullopt;
    text += (text.empty() ? "" : ",") + element.Scalar();
  }
  return text;
}

Status ReadEntry(const YAML::Node& key, const YAML::Node& value, const std::string& origin, Settings& settings) {
  if (!key.IsScalar()) return InvalidArgument("{}: expected 'option: value', found a key that is no word", origin);
  const std::string& name = key.Scalar();
  if (name == "config") return InvalidArgument("option config ({}): a file of options cannot name another", origin);
  const OptionRow* row = FindOption(name);
  if (const AcceptedOption* other = FindAccepted(name)) row = &other->row;
  if (row == nullptr) return settings.Set(name, "", origin);
  const auto text = TextOf(value, *row);
  if (!text) return InvalidArgument("option {} ({}): expected {}, found a nested value", name, origin, Expected(*row));
  return settings.Set(name, *text, origin);
}

/// Sets what the document says.
Status ReadEntries(const YAML::Node& root, const std::string& name, Settings& settings) {
  if (root.IsNull()) return {};
  if (!root.IsMap())
    return InvalidArgument("{} line {}: expected lines of 'option: value', found another kind of YAML", name,
                           root.Mark().line + 1);
  std::set<std::string> seen;
  for (const auto& entry : root) {
    const std::string origin = fmt::format("{} line {}", name, entry.first.Mark().line + 1);
    RIFFLE_TRY(ReadEntry(entry.first, entry.second, origin, settings));
    if (!seen.insert(entry.first.Scalar()).second) {
      return InvalidArgument("option {} ({}): it stands in this file twice; keep one", entry.first.Scalar(), origin);
    }
  }
  return {};
}

}  // namespace

Status ReadOptionsYaml(const std::string& yaml, const std::string& name, Settings& settings) {
  const std::string text = yaml.substr(yaml.starts_with(kByteOrderMark) ? kByteOrderMark.size() : 0);
  const std::vector<std::string> lines = LinesOf(text);
  RIFFLE_TRY(CheckEncoding(yaml, lines, name));
  RIFFLE_TRY(CheckLines(lines, name));
  try {
    Outline outline;
    std::istringstream stream(text);
    YAML::Parser parser(stream);
    while (parser.HandleNextDocument(outline)) {
    }
    RIFFLE_TRY(CheckOutline(outline, lines, name));
    return ReadEntries(YAML::Load(text), name, settings);
  } catch (const YAML::Exception& error) {
    if (const std::optional<size_t> line = LineLeftOpen(lines))
      return InvalidArgument("{} line {}: expected a closing bracket after '{}', found none", name, *line + 1,
                             Content(lines[*line]));
    if (const std::optional<size_t> line = LineWithoutColon(lines))
      return InvalidArgument("{} line {}: expected 'option: value', found '{}'", name, *line + 1,
                             Content(lines[*line]));
    return InvalidArgument("{} line {}: not YAML: {}", name, error.mark.line + 1, error.msg);
  }
}

Status ReadOptionsFile(const std::filesystem::path& path, Settings& settings) {
  RIFFLE_ASSIGN(const std::vector<uint8_t> bytes, ReadFile(path, kMaxYamlBytes));
  return ReadOptionsYaml(std::string(bytes.begin(), bytes.end()), path.string(), settings);
}

}  // namespace riffle
