// What `riffle export` writes: one row for each format.
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cli/command.h"
#include "exchange/exportable.h"
#include "exchange/weight_source.h"

namespace riffle {

/// A network on its way out, and how the user wants it.
struct ExportJob {
  const Invocation& invocation;
  std::string checkpoint;  ///< its path, for messages
  CheckpointInfo info;     ///< with the pictures' size that was asked for
  Plan plan;
  ParameterValues<float> values;
  std::filesystem::path out;

  Exportable exportable() const { return {info, plan, values}; }
};

/// What a writer left.
struct Exported {
  std::vector<std::filesystem::path> files;   ///< the network first
  std::string note = {};                      ///< more to tell of it; "": nothing
  std::string c_prefix = {};                  ///< of a C file: that of its names
  const WeightSource* torch_names = nullptr;  ///< of a state dict: whose names it has
};

struct ExportFormat {
  std::string_view name;  ///< as --format has it
  std::string_view what;  ///< for people: "C99"
  std::vector<std::string_view> endings;
  std::vector<std::string_view> options;  ///< the command's own ones that only some formats have
  Result<Exported> (*write)(const ExportJob&);
  /// The largest difference, as a share of the largest number (export_check.h).
  Result<double> (*check)(const ExportJob&, const Exported&);
};

std::span<const ExportFormat> ExportFormats();

/// The row that --format names or, where that is not given, the ending of --out. Errors: InvalidArgument, also for an
/// option that the format has not.
Result<const ExportFormat*> FormatOf(const Invocation& invocation);

}  // namespace riffle
