// What people call the splits of a data set: one table for folders, shards, registered data sets and the check.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace riffle {

/// The splits that a data set is searched for: train, val, test.
std::span<const std::string_view> UsualSplits();

/// All words for that split, the given one first: 'val', 'validation' and 'valid' are one, in any case. A word that is
/// in no row of the table stands for itself.
std::vector<std::string_view> NamesOfSplit(std::string_view split);

/// The usual word for that split: 'val' for 'Validation'. A word that is in no row of the table stands for itself.
std::string UsualName(std::string_view split);

/// Whether both are names of one split, in any case.
bool AreOneSplit(std::string_view a, std::string_view b);

/// The split to validate on where the one asked for is not there: 'test' for 'val' and its other names, and the other
/// way round; "" where none may stand in.
std::string_view StandInFor(std::string_view split);

/// Whether a split is called so, in any case.
bool IsSplitName(std::string_view word);

}  // namespace riffle
