// The table of options: one row each, from which parsing, checking, help and the YAML record all follow.
#pragma once

#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "train/options.h"

namespace riffle {

/// Headings of the help, in its order.
enum class OptionGroup {
  kGeneral,
  kData,
  kTransforms,
  kModel,
  kCheckpoints,
  kTraining,
  kSchedule,
  kLoss,
  kReport,
  kAccepted
};
std::string_view Title(OptionGroup group);

/// Where a row keeps its value. A new type of option is one alternative here.
using OptionField =
    std::variant<bool Options::*, int Options::*, int64_t Options::*, double Options::*, std::string Options::*,
                 std::optional<int> Options::*, std::optional<int64_t> Options::*, std::optional<double> Options::*,
                 std::array<double, 2> Options::*, std::vector<double> Options::*,
                 std::optional<std::vector<double>> Options::*>;

/// What values are right, beyond their type. Numbers in lists are checked one by one.
struct Limits {
  double low = -std::numeric_limits<double>::infinity();
  double high = std::numeric_limits<double>::infinity();
  bool low_is_excluded = false;
  bool high_is_excluded = false;
  std::vector<std::string_view> choices = {};        ///< if any, the only right values; case does not count
  std::string_view choices_text = {};                ///< for messages, where the choices are too many to list
  bool is_path = false;                              ///< of a file or folder here: ~ is the home folder
  Status (*check)(std::string_view text) = nullptr;  ///< of text, beyond all that; its message is complete
};

/// What a run that goes on makes of a value that is not the one of its record (resume.h).
enum class OnResume {
  kSaid,   ///< it counts from now on: a line says so, and the record keeps both
  kFree,   ///< no result depends on it
  kStays,  ///< it stays as it was where none is given now; otherwise as kSaid
  kStart,  ///< it counts at the start of a run only: the record keeps what it was
  kFixed,  ///< part of what Trainer::Resume compares, and another one is an error there: the network, the average
};

struct OptionRow {
  std::string_view name;
  OptionGroup group;
  OptionField field;
  Limits limits;
  std::string_view help;  ///< one line, without the default and the choices
  OnResume on_resume = OnResume::kSaid;
};

std::span<const OptionRow> OptionTable();

/// The row of a name; null if there is none.
const OptionRow* FindOption(std::string_view name);

/// Whether it is yes or no, so that its name alone means yes.
bool IsFlag(const OptionRow& row);

/// "val_while_train" of "no-val-while-train", "no_val_while_train" and "noval_while_train"; "" of a word without "no".
std::string Negated(std::string_view name);

/// What to say where an option that is no flag stands negated.
std::string NoFlag(const OptionRow& row);

/// "an integer of at least 1", "one of sgd, momentum": what a value of this row has to be.
std::string Expected(const OptionRow& row);

/// A short stand-in for the value in the help: "N", "LOW,HIGH".
std::string_view ValueName(const OptionRow& row);

/// The value as help and messages show it, and as YAML.
std::string ShowValue(const OptionRow& row, const Options& options);
std::string YamlValue(const OptionRow& row, const Options& options);

/// Sets the row's field from text. False, and `options` as it was, if it is not what Expected says.
bool ParseValue(const OptionRow& row, std::string_view text, Options& options);

}  // namespace riffle
