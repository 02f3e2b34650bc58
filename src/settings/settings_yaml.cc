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

/// What a line has from that place on; "" where it lies behind the last line, as a value does that is not there.
std::string_view RestAt(const std::vector<std::string>& lines, const YAML::Mark& mark) {
  if (mark.is_null() || mark.line >= static_cast<int>(lines.size())) return {};
  const std::string_view line = lines[mark.line];
  return line.substr(std::min(static_cast<size_t>(mark.column), line.size()));
}

/// Whether the character at `place` is the line's last, or a blank comes after it.
bool FollowedByBlank(std::string_view line, size_t place) {
  return place + 1 == line.size() || line[place + 1] == ' ' || line[place + 1] == '\t';
}

/// The line without blanks around it; "" for a comment, too.
std::string_view Content(std::string_view line) {
  const std::string_view content = Trimmed(line);
  return content.starts_with('#') ? std::string_view() : content;
}

bool IsMarker(std::string_view line) {
  return (line.starts_with("---") || line.starts_with("...")) && FollowedByBlank(line, 2);
}

bool IsOption(std::string_view name) { return FindOption(name) != nullptr || FindAccepted(name) != nullptr; }

/// Where the quoted text that `text` begins with ends: past its last quote; npos if it does not.
size_t EndOfQuote(std::string_view text) {
  const char quote = text[0];
  for (size_t i = 1; i < text.size(); ++i) {
    const bool backslash = quote == '"' && text[i] == '\\';
    const bool doubled = quote == '\'' && text.substr(i).starts_with("''");  // a quote within the text
    if (backslash || doubled)
      ++i;
    else if (text[i] == quote)
      return i + 1;
  }
  return std::string_view::npos;
}

bool BeginsQuoted(std::string_view text) { return text.starts_with('"') || text.starts_with('\''); }

/// How a line of the document begins.
struct Head {
  std::string_view name;   ///< in the place of an option's name, without quotes and the dashes of a command line
  std::string_view after;  ///< the rest, from the colon on
  bool dashed = false;
};

Head HeadOf(std::string_view content) {
  Head head;
  head.dashed = content.starts_with('-') && !FollowedByBlank(content, 0);
  if (head.dashed) content.remove_prefix(std::min(content.find_first_not_of('-'), content.size()));
  const size_t quoted = BeginsQuoted(content) ? EndOfQuote(content) : std::string_view::npos;
  const size_t end = quoted != std::string_view::npos ? quoted : content.find_first_not_of(kWordLetters);
  head.name = content.substr(0, end);
  if (quoted != std::string_view::npos) head.name = content.substr(1, quoted - 2);
  head.after = Content(content.substr(std::min(end, content.size())));
  return head;
}

/// The brackets that are open where a line begins.
class Brackets {
 public:
  bool open() const { return depth_ > 0; }
  size_t opened_in() const { return opened_in_; }

  /// Goes through what a line has: a value at its beginning, or what is within brackets that were open before. Returns
  /// the part from a quote that does not end on; "" if there is none.
  std::string_view Read(std::string_view text, size_t line) {
    while (!(text = Content(text)).empty()) {
      const char c = text[0];
      size_t end = 1;
      if (BeginsQuoted(text)) {
        end = EndOfQuote(text);
        if (end == std::string_view::npos) return text;
      } else if (c == '[' || c == '{') {
        if (depth_++ == 0) opened_in_ = line;
      } else if (c == ']' || c == '}') {
        depth_ = std::max(0, depth_ - 1);
      } else if (depth_ > 0 && c != ',') {
        end = EndOfPlain(text);
      }
      if (depth_ == 0) return {};
      text.remove_prefix(end);
    }
    return {};
  }

 private:
  /// Past a text without quotes: where the next one may begin.
  static size_t EndOfPlain(std::string_view text) {
    size_t end = 1;
    while (end < text.size() && std::string_view(",[]{} \t").find(text[end]) == std::string_view::npos) ++end;
    const size_t next = text.find_first_not_of(" \t", end);
    const bool goes_on = next != std::string_view::npos && BeginsQuoted(text.substr(next)) && text[end - 1] != ':';
    return goes_on ? next + 1 : end;  // a quote within the text is none
  }

  int depth_ = 0;
  size_t opened_in_ = 0;
};

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

/// An option's line in the form of the command line, or without the blank after its colon.
Status CheckForm(const Head& head, std::string_view content) {
  const std::string_view value = head.after.substr(std::min(head.after.find_first_not_of(":= \t"), head.after.size()));
  if (head.dashed)
    return InvalidArgument("expected 'option: value', found '{}'; write '{}: {}'", content, head.name,
                           value.empty() ? "VALUE" : value);
  if (head.after.size() < 2) return {};
  if (head.after[0] == ':' && !FollowedByBlank(head.after, 0))
    return InvalidArgument("expected a blank after '{}:', found '{}'; write '{}: {}'", head.name, content, head.name,
                           value);
  if (head.after.starts_with('=')) return InvalidArgument("expected '{}: VALUE', found '{}'", head.name, content);
  return {};
}

/// The value of a line: one, and no other option behind it.
Status CheckValue(std::string_view value, std::string_view content) {
  const std::string_view kOwnLine = "each option has a line of its own";
  if (BeginsQuoted(value)) {
    const std::string_view rest = value.substr(EndOfQuote(value));
    if (!Content(rest).empty())
      return InvalidArgument("expected a line that ends with the quote, found '{}'; {}", content, kOwnLine);
    return {};
  }
  const std::string_view text = value.substr(0, value.find(" #"));
  if (value.find_first_of("[{&*!|>") == 0 || (text.find(": ") == std::string_view::npos && !text.ends_with(':')))
    return {};
  return InvalidArgument("expected one value, found '{}'; {}, and a value with ': ' stands in quotes", content,
                         kOwnLine);
}

/// Mistakes that show in a line by itself, and that YAML reads as something else or tells of the line after it.
Status CheckLines(const std::vector<std::string>& lines, const std::string& name) {
  Brackets brackets;
  bool begun = false;
  for (size_t i = 0; i < lines.size(); ++i) {
    const std::string place = fmt::format("{} line {}", name, i + 1);
    const std::string_view content = Content(lines[i]);
    if (content.empty()) continue;
    if (begun && !brackets.open() && lines[i].starts_with('%'))
      return InvalidArgument("{}: expected 'option: value', found '{}'", place, content);
    begun = begun || (!lines[i].starts_with('%') && !IsMarker(lines[i]));
    const bool within = brackets.open();
    const Head head = HeadOf(content);
    const bool has_value = !within && head.after.starts_with(':') && FollowedByBlank(head.after, 0);
    const bool is_element = content.starts_with('-') && FollowedByBlank(content, 0);
    const std::string_view value = has_value ? Content(head.after.substr(1)) : content.substr(is_element ? 1 : 0);
    if (const std::string_view quote = brackets.Read(value, i); !quote.empty())
      return InvalidArgument("{}: expected a quote that ends in its line, found {}", place, quote);
    if (within) continue;
    Status status = IsOption(head.name) ? CheckForm(head, content) : Status();
    if (status.ok() && has_value) status = CheckValue(value, content);
    if (!status.ok()) return std::move(status).In(place);
  }
  return {};
}

/// What is wrong with a text that is no YAML, in a line before the one that YAML tells of: a bracket that stays open,
/// no entry, other blanks before it than before the others. OK if nothing shows.
Status FindMistake(const std::vector<std::string>& lines, const std::string& name) {
  Brackets brackets;
  std::optional<size_t> column;
  for (size_t i = 0; i < lines.size(); ++i) {
    const std::string_view content = Content(lines[i]);
    const bool within = brackets.open();
    const Head head = HeadOf(content);
    const bool has_value = head.after.starts_with(':') && FollowedByBlank(head.after, 0);
    brackets.Read(has_value && !within ? head.after.substr(1) : content, i);
    if (within || content.empty() || IsMarker(lines[i]) || lines[i].starts_with('%')) continue;
    const size_t begin = lines[i].find_first_not_of(" \t");
    const bool is_element = content.starts_with('-') && FollowedByBlank(content, 0);
    const bool may_stand_alone = is_element || content.find_first_of("?[]{},&*!.") == 0;
    const bool is_entry = has_value || may_stand_alone || content.find(": ") != std::string_view::npos ||
                          content.find(":\t") != std::string_view::npos || content.ends_with(':');
    if (!is_entry && begin == 0)
      return InvalidArgument("{} line {}: expected 'option: value', found '{}'", name, i + 1, content);
    if (has_value && begin != column.value_or(begin))
      return InvalidArgument(
          "{} line {}: expected '{}' to begin below the options above it, found blanks before it: '{}'", name, i + 1,
          head.name, lines[i]);
    if (has_value && !column) column = begin;
  }
  if (!brackets.open()) return {};
  return InvalidArgument("{} line {}: expected a closing bracket after '{}', found none", name,
                         brackets.opened_in() + 1, Content(lines[brackets.opened_in()]));
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
  for (size_t i = 0; i < lines.size(); ++i)
    if (Content(lines[i]).starts_with(','))
      return InvalidArgument("{} line {}: expected 'option: value', found '{}'", name, i + 1, Content(lines[i]));
  return InvalidArgument("{} line 1: expected one document, found {}", name, outline.documents);
}

/// Each line begins something.
Status CheckOutline(const Outline& outline, const std::vector<std::string>& lines, const std::string& name) {
  RIFFLE_TRY(CheckDocuments(outline, lines, name));
  if (outline.no_text) {
    return InvalidArgument("{} line {}: {} means something of its own in YAML; put it in quotes", name,
                           outline.no_text->line + 1, Content(RestAt(lines, *outline.no_text)));
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
  for (size_t i = 0; i < lines.size(); ++i) {
    if (lines[i].find('\r') != std::string::npos)
      return InvalidArgument("{} line {}: found a line end of old Macs (CR), which YAML passes over; save it with LF",
                             name, i + 1);
    if (!IsUtf8(lines[i]) || lines[i].find('\0') != std::string::npos)
      return InvalidArgument("{} line {}: expected text in UTF-8, found bytes that are none; save it as UTF-8", name,
                             i + 1);
  }
  return {};
}

/// The text of a YAML value as the command line would have it; nullopt for a map or a list of lists. YAML's ~ is
/// nothing, a path's the home folder.
std::optional<std::string> TextOf(const YAML::Node& node, const OptionRow& row, const std::vector<std::string>& lines) {
  const bool is_text = std::holds_alternative<std::string Options::*>(row.field);
  if (node.IsNull() && row.limits.is_path && RestAt(lines, node.Mark()).starts_with('~')) return "~";
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

Status ReadEntry(const YAML::Node& key, const YAML::Node& value, const std::vector<std::string>& lines,
                 const std::string& origin, Settings& settings) {
  if (!key.IsScalar()) return InvalidArgument("{}: expected 'option: value', found a key that is no word", origin);
  const std::string& name = key.Scalar();
  if (name == "config") return InvalidArgument("option config ({}): a file of options cannot name another", origin);
  const OptionRow* row = FindOption(name);
  if (const AcceptedOption* other = FindAccepted(name)) row = &other->row;
  if (row == nullptr) return settings.Set(name, "", origin);
  const auto text = TextOf(value, *row, lines);
  if (!text) return InvalidArgument("option {} ({}): expected {}, found a nested value", name, origin, Expected(*row));
  return settings.Set(name, *text, origin);
}

/// Sets what the document says.
Status ReadEntries(const YAML::Node& root, const std::vector<std::string>& lines, const std::string& name,
                   Settings& settings) {
  if (root.IsNull()) return {};
  if (!root.IsMap())
    return InvalidArgument("{} line {}: expected lines of 'option: value', found another kind of YAML", name,
                           root.Mark().line + 1);
  std::set<std::string> seen;
  for (const auto& entry : root) {
    const std::string origin = fmt::format("{} line {}", name, entry.first.Mark().line + 1);
    RIFFLE_TRY(ReadEntry(entry.first, entry.second, lines, origin, settings));
    if (!seen.insert(entry.first.Scalar()).second) {
      return InvalidArgument("option {} ({}): it stands in this file twice; keep one", entry.first.Scalar(), origin);
    }
  }
  return {};
}

}  // namespace

Status ReadOptionsYaml(const std::string& yaml, const std::string& name, Settings& settings) {
  std::string text(WithoutByteOrderMark(yaml));
  if (text.ends_with('\r')) text.pop_back();  // a line end that was cut off
  const std::vector<std::string> lines = LinesOf(text);
  RIFFLE_TRY(CheckEncoding(yaml, lines, name));
  RIFFLE_TRY(CheckLines(lines, name));
  try {
    Outline outline;
    std::istringstream stream(text);
    YAML::Parser parser(stream);
    // Not to the end: before a comma that belongs to nothing it begins documents for ever.
    while (outline.documents < 2 && parser.HandleNextDocument(outline)) {
    }
    RIFFLE_TRY(CheckOutline(outline, lines, name));
    return ReadEntries(YAML::Load(text), lines, name, settings);
  } catch (const YAML::Exception& error) {
    RIFFLE_TRY(FindMistake(lines, name));
    return InvalidArgument("{} line {}: not YAML: {}", name, error.mark.line + 1, error.msg);
  }
}

Status ReadOptionsFile(const std::filesystem::path& path, Settings& settings) {
  RIFFLE_ASSIGN(const std::vector<uint8_t> bytes, ReadFile(path, kMaxYamlBytes));
  return ReadOptionsYaml(std::string(bytes.begin(), bytes.end()), path.string(), settings);
}

}  // namespace riffle
