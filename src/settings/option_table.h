// The table of options: one row each, from which parsing, checking, help and the YAML record all follow.
#pragma once

#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "settings/settings.h"

namespace riffle {

/// What an option is about. A command names the groups that it takes (OptionSet) and so gets what joins them later.
enum class OptionGroup {
  kGeneral,
  kDataset,        ///< which one
  kDownload,       ///< where it comes from
  kTrainPictures,  ///< which of its pictures are trained on
  kValPictures,    ///< which are validated on
  kBatches,        ///< how pictures become batches
  kData,           ///< data for training alone
  kPreprocessing,  ///< what of a picture the network gets, in training, validation and use
  kCrops,          ///< which part of a picture training sees, and how it is turned
  kAugmentation,   ///< what training makes of it
  kErasing,
  kTransforms,  ///< transforms of training alone
  kNetwork,     ///< which one, from how many channels to how many classes
  kStructure,   ///< how it is built otherwise
  kModel,       ///< what a network has beside its steps
  kWeights,     ///< where a network comes from
  kCheckpoints,
  kTraining,
  kSchedule,
  kLabelLoss,   ///< the loss of labels, in training and validation
  kLoss,        ///< what training minimises besides
  kReport,      ///< what training measures and says
  kValidation,  ///< how a validation measures and what it says
  kAccepted,    ///< without effect (AcceptedOptions)
};

/// The heading of a group in the help; groups may share one.
std::string_view Title(OptionGroup group);

/// Where a row keeps its value. A new type of option is one alternative here.
using OptionField =
    std::variant<bool Options::*, std::optional<bool> Options::*, int Options::*, int64_t Options::*, double Options::*,
                 std::string Options::*, std::optional<int> Options::*, std::optional<int64_t> Options::*,
                 std::optional<double> Options::*, std::array<double, 2> Options::*, std::vector<double> Options::*,
                 std::optional<std::vector<double>> Options::*>;

/// What values are right, beyond their type. Numbers in lists are checked one by one.
struct Limits {
  double low = -std::numeric_limits<double>::infinity();
  double high = std::numeric_limits<double>::infinity();
  bool low_is_excluded = false;
  bool high_is_excluded = false;
  std::vector<std::string_view> choices = {};        ///< if any, the only right values; case does not count
  std::string_view alone = {};                       ///< what the name alone, and a yes, mean; a no is ""
  std::string_view choices_text = {};                ///< for messages, where the choices are too many to list
  bool is_path = false;                              ///< of a file or folder here: ~ is the home folder
  Status (*check)(std::string_view text) = nullptr;  ///< of text, beyond all that; its message is complete
};

/// Whether a number is right.
bool IsWithin(double number, const Limits& limits);

/// " of at least 1", " from 0 to 1": what to say of a number that has to be; "" if every one is right.
std::string RangeText(const Limits& limits);

/// What a run that goes on makes of a value that is not the one of its record (resume.h).
enum class OnResume {
  kSaid,           ///< it counts from now on: a line says so, and the record keeps both
  kBetweenEpochs,  ///< as kSaid, but an error within an epoch, whose batches it decides
  kPlace,          ///< no result depends on it, and the record says what it is now
  kFree,           ///< no result depends on it: the record keeps what it was
  kStays,          ///< it stays as it was where none is given now; otherwise as kSaid
  kStart,          ///< it counts at the start of a run only: the record keeps what it was
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

/// Some options: whole groups, and single ones by their names.
struct OptionSet {
  std::vector<OptionGroup> groups = {};
  std::vector<std::string_view> names = {};

  bool Contains(const OptionRow& row) const;
  /// False for a name that the table does not have, too.
  bool Contains(std::string_view name) const;
};

/// The whole table.
OptionSet AllOptions();

/// Whether it is yes or no, perhaps beside other values, so that its name alone means yes.
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
