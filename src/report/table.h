// Text tables with aligned columns, and numbers as people read them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace riffle {

/// Rows of text under headings. A column whose cells all start with a digit, sign or "-" is aligned to the right.
class Table {
 public:
  explicit Table(std::vector<std::string> headings) { AddRow(std::move(headings)); }

  /// What a terminal would obey is escaped (OneLine). REQUIRES: as many cells as headings.
  void AddRow(std::vector<std::string> cells);

  /// Headings, a rule, rows; two spaces between columns, none at the ends of lines.
  std::string Text() const;

 private:
  std::vector<std::vector<std::string>> rows_;  // the headings first
};

/// 1864728 as "1,864,728".
std::string Grouped(int64_t number);

/// "1 picture", "2,500 pictures".
std::string GroupedCount(int64_t count, std::string_view what);

}  // namespace riffle
