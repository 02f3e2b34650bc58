#include "cli/class_names.h"

#include <map>

#include "base/file.h"
#include "base/json.h"
#include "base/text.h"

namespace riffle {
namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

std::vector<std::string_view> LinesOf(std::string_view text) {
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  std::vector<std::string_view> lines = Split(text, '\n');
  for (std::string_view& line : lines) {
    if (line.ends_with('\r')) line.remove_suffix(1);
    line = Trimmed(line);
  }
  while (!lines.empty() && lines.back().empty()) lines.pop_back();
  return lines;
}

}  // namespace

Result<std::vector<std::string>> ReadClassNames(const std::filesystem::path& path) {
  RIFFLE_ASSIGN(const std::string text, ReadTextFile(path));
  const std::vector<std::string_view> lines = LinesOf(text);
  if (lines.empty()) return InvalidArgument("{}: expected a class's name in each line, found no names", path.string());
  std::map<std::string_view, size_t> numbers;
  for (size_t i = 0; i < lines.size(); ++i) {
    const std::string_view name = lines[i];
    const size_t number = i + 1;
    if (name.empty())
      return InvalidArgument("{}: line {}: expected a class's name, found an empty line", path.string(), number);
    if (!IsUtf8(name) || OneLine(name) != name)
      return InvalidArgument("{}: line {}: expected a class's name in UTF-8, found {}; is it a list of names?",
                             path.string(), number, Quoted(name));
    if (const auto [other, is_new] = numbers.emplace(name, number); !is_new)
      return InvalidArgument("{}: line {}: {} is the name of line {}, too; tell the two classes apart", path.string(),
                             number, Quoted(name), other->second);
  }
  return std::vector<std::string>(lines.begin(), lines.end());
}

}  // namespace riffle
