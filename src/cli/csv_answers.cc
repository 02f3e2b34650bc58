#include "cli/csv_answers.h"

#include <fmt/format.h>

namespace riffle {
namespace {

std::string Field(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char c : text) quoted += c == '"' ? "\"\"" : std::string(1, c);
  return quoted + '"';
}

}  // namespace

std::string CsvHeading(size_t classes) {
  std::string line = "file,class,index,probability";
  for (size_t rank = 2; rank <= classes; ++rank) line += fmt::format(",class_{0},index_{0},probability_{0}", rank);
  return line + '\n';
}

std::string CsvRow(const std::string& file, std::span<const ClassProbability> classes) {
  std::string line = Field(file);
  for (const ClassProbability& c : classes) line += fmt::format(",{},{},{:.9g}", Field(c.name), c.index, c.probability);
  return line + '\n';
}

}  // namespace riffle
