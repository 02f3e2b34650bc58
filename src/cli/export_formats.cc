#include "cli/export_formats.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/file.h"
#include "base/text.h"
#include "cli/export_check.h"
#include "exchange/c/c_source.h"
#include "report/table.h"

namespace riffle {
namespace {

namespace fs = std::filesystem;

/// A checkpoint of ours with one set of weights, and without an optimizer.
Result<Exported> WriteWeights(const ExportJob& job) {
  Snapshot snapshot(job.plan.registry);
  Copy(job.values, &snapshot.values);
  RIFFLE_TRY(SaveCheckpoint(job.out, job.info, job.plan.registry, snapshot));
  return Exported{.files = {job.out}};
}

Result<Exported> WriteC(const ExportJob& job) {
  const std::string *weights = job.invocation.Own("weights"), *prefix = job.invocation.Own("prefix");
  RIFFLE_ASSIGN(const CNetwork network,
                CSource(job.exportable(), {.prefix = prefix ? *prefix : "", .separate_weights = weights != nullptr}));
  Exported exported{.files = {job.out},
                    .note = fmt::format("{}_run needs an arena of {}", network.prefix,
                                        BytesText(network.arena_floats * static_cast<int64_t>(sizeof(float)))),
                    .c_prefix = network.prefix};
  if (weights) {
    const std::string_view bytes(reinterpret_cast<const char*>(network.weights.data()),
                                 network.weights.size() * sizeof(float));
    RIFFLE_TRY(WriteFileAtomically(*weights, bytes));
    exported.files.emplace_back(*weights);
  }
  RIFFLE_TRY(WriteFileAtomically(job.out, network.source));
  return exported;
}

std::string NamesOf(const std::vector<const ExportFormat*>& formats, std::string_view last) {
  std::vector<std::string_view> names;
  for (const ExportFormat* format : formats) names.push_back(format->name);
  return Enumerated(names, last);
}

/// An error if an option was given that other formats have, and this one has not.
Status CheckOptions(const ExportFormat& format, const Invocation& invocation) {
  for (const auto& [option, value] : invocation.own) {
    std::vector<const ExportFormat*> owners;
    for (const ExportFormat& other : ExportFormats())
      if (std::ranges::find(other.options, option) != other.options.end()) owners.push_back(&other);
    if (owners.empty() || std::ranges::find(owners, &format) != owners.end()) continue;
    return InvalidArgument("option {} (command line): --format={} has it, {} has not; leave it out", option,
                           NamesOf(owners, "or"), format.name);
  }
  return {};
}

Result<const ExportFormat*> Choose(const Invocation& invocation) {
  std::vector<const ExportFormat*> all;
  for (const ExportFormat& format : ExportFormats()) all.push_back(&format);
  if (const std::string* name = invocation.Own("format")) {
    const auto format = std::ranges::find(all, *name, &ExportFormat::name);
    if (format != all.end()) return *format;
    return InvalidArgument("option format (command line): expected {}, found '{}'", NamesOf(all, "or"), *name);
  }
  const fs::path out = *invocation.Own("out");
  const std::string ending = Lowercase(out.extension().string());
  std::string endings;
  for (const ExportFormat* format : all) {
    if (std::ranges::find(format->endings, ending) != format->endings.end()) return format;
    for (const std::string_view known : format->endings) endings.append(endings.empty() ? "" : ", ").append(known);
  }
  return InvalidArgument("option out (command line): its ending tells no format, which {} do, in '{}'; add --format={}",
                         endings, out.string(), NamesOf(all, "or"));
}

}  // namespace

std::span<const ExportFormat> ExportFormats() {
  static const std::vector<ExportFormat> formats = {
      {.name = "safetensors",
       .what = "a checkpoint of Riffle's, without its optimizer,",
       .endings = {".safetensors"},
       .options = {},
       .write = WriteWeights,
       .check = CheckSafetensors},
      {.name = "c",
       .what = "C99",
       .endings = {".c"},
       .options = {"prefix", "weights"},
       .write = WriteC,
       .check = CheckC},
  };
  return formats;
}

Result<const ExportFormat*> FormatOf(const Invocation& invocation) {
  RIFFLE_ASSIGN(const ExportFormat* const format, Choose(invocation));
  RIFFLE_TRY(CheckOptions(*format, invocation));
  return format;
}

}  // namespace riffle
