#include "data/class_list.h"

#include "base/file.h"
#include "base/text.h"

namespace riffle {

std::vector<std::string> ClassesListed(std::string_view text) {
  std::vector<std::string> classes;
  for (const std::string_view line : Split(WithoutByteOrderMark(text), '\n'))
    if (const std::string_view name = Trimmed(line, " \t\r"); !name.empty()) classes.emplace_back(name);
  return classes;
}

Result<std::vector<std::string>> ReadClassList(const std::filesystem::path& path) {
  RIFFLE_ASSIGN(const std::string text, ReadTextFile(path));
  return ClassesListed(text);
}

}  // namespace riffle
