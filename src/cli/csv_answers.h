// `riffle predict --csv`: a table with a row for each picture (RFC 4180, lines ending in LF alone).
//   file,class,index,probability,class_2,index_2,probability_2,...
#pragma once

#include <span>
#include <string>

#include "riffle/riffle.hpp"

namespace riffle {

/// The first line, for rows of so many classes.
std::string CsvHeading(size_t classes);

/// What holds a comma, a quote or the end of a line stands in quotes.
std::string CsvRow(const std::string& file, std::span<const ClassProbability> classes);

}  // namespace riffle
