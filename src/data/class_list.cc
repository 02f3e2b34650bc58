#include "data/class_list.h"

#include <map>

#include "base/file.h"
#include "base/json.h"
#include "base/text.h"

namespace riffle {
namespace {

std::vector<std::string_view> LinesOf(std::string_view text) {
  std::vector<std::string_view> lines = Split(WithoutByteOrderMark(text), '\n');
  for (std::string_view& line : lines) line = Trimmed(line, " \t\r");
  while (!lines.empty() && lines.back().empty()) lines.pop_back();
  return lines;
}

}  // namespace

Result<std::vector<std::string>> ClassesListed(std::string_view text, std::string_view source) {
  const std::vector<std::string_view> lines = LinesOf(text);
  if (lines.empty()) return InvalidArgument("{}: expected a class's name in each line, found no names", source);
  std::map<std::string_view, size_t> numbers;
  for (size_t i = 0; i < lines.size(); ++i) {
    const std::string_view name = lines[i];
    const size_t number = i + 1;
    if (name.empty())
      return InvalidArgument("{}: line {}: expected a class's name, found an empty line", source, number);
    if (!IsUtf8(name) || OneLine(name) != name)
      return InvalidArgument("{}: line {}: expected a class's name in UTF-8, found {}; is it a list of names?", source,
                             number, Quoted(name));
    if (const auto [other, is_new] = numbers.emplace(name, number); !is_new)
      return InvalidArgument("{}: line {}: {} is the name of line {}, too; tell the two classes apart", source, number,
                             Quoted(name), other->second);
  }
  return std::vector<std::string>(lines.begin(), lines.end());
}

Result<std::vector<std::string>> ReadClassList(const std::filesystem::path& path) {
  RIFFLE_ASSIGN(const std::string text, ReadTextFile(path));
  return ClassesListed(text, path.string());
}

}  // namespace riffle
