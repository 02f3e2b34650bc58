#include "report/metrics.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "base/file.h"
#include "base/json.h"
#include "base/text.h"

namespace riffle {
namespace {

constexpr const char* kJsonName = "metrics.jsonl";
constexpr const char* kResultName = "result.log";

/// A line of result.log: columns of 20, as MindCV's.
std::string ResultLine(std::initializer_list<std::string> cells) {
  std::string line;
  for (const std::string& cell : cells) line += fmt::format("{:<20}", cell);
  return line + '\n';
}

std::string ResultHeader() {
  return ResultLine({"Epoch", "TrainLoss", "Top_1_Accuracy", "Top_5_Accuracy", "TrainTime", "EvalTime", "TotalTime"});
}

std::string ResultRow(const EpochMetrics& m) {
  const auto& v = m.validation;
  const auto percent = [&](double value) { return v ? fmt::format("{:.4f}%", value) : "-"; };
  const double val_seconds = v ? v->seconds : 0;
  return ResultLine({fmt::format("{}", m.epoch), fmt::format("{:.6f}", m.train_loss), percent(v ? v->top1_percent : 0),
                     percent(v ? v->top5_percent : 0), fmt::format("{:.2f}", m.epoch_seconds),
                     v ? fmt::format("{:.2f}", val_seconds) : "-",
                     fmt::format("{:.2f}", m.epoch_seconds + val_seconds)});
}

/// One line of JSON. Doubles are written so that they read back to the same bits; a loss that is no number is null.
std::string JsonRow(const EpochMetrics& m) {
  nlohmann::ordered_json row = {{"epoch", m.epoch},
                                {"step", m.step},
                                {"lr", m.lr},
                                {"train_loss", m.train_loss},
                                {"images_per_second", m.images_per_second},
                                {"epoch_seconds", m.epoch_seconds}};
  if (m.validation) {
    row["val_top1_percent"] = m.validation->top1_percent;
    row["val_top5_percent"] = m.validation->top5_percent;
    row["val_loss"] = m.validation->loss;
  }
  return row.dump() + '\n';
}

/// The epoch of a complete row; nullopt for anything else.
std::optional<int> EpochOfJsonRow(const std::string& line) {
  const auto row = nlohmann::json::parse(line, nullptr, /*allow_exceptions=*/false);
  return row.is_object() && row.contains("epoch") ? NumberIn<int>(row["epoch"]) : std::nullopt;
}

std::optional<int> EpochOfResultRow(const std::string& line) {
  const bool is_complete = line.size() == ResultHeader().size() - 1;
  return is_complete ? ParseNumber<int>(line.substr(0, line.find(' '))) : std::nullopt;
}

struct Rows {
  std::string kept;
  std::set<int> epochs;  ///< that are kept
  int dropped = 0;       ///< whole rows of later epochs
};

/// The rows up to and with `last_epoch`; none if there is no such file, as when a run is resumed elsewhere.
Result<Rows> RowsUpTo(const std::filesystem::path& path, int last_epoch,
                      std::optional<int> (*epoch_of)(const std::string&)) {
  const Result<std::string> old = ReadTextFile(path);
  if (!old.ok() && old.status().code() != ErrorCode::kNotFound) return old.status();
  Rows rows;
  std::istringstream lines(old.ok() ? *old : "");
  for (std::string line; std::getline(lines, line);) {
    const std::optional<int> epoch = epoch_of(line);
    if (epoch && *epoch >= 1 && *epoch <= last_epoch) {
      rows.kept += line + '\n';
      rows.epochs.insert(*epoch);
    }
    if (epoch && *epoch > last_epoch) ++rows.dropped;
  }
  return rows;
}

/// A whole row, or an error and the file as it was.
Status AppendTo(const std::filesystem::path& path, const std::string& line) {
  std::error_code unknown, ignored;
  const auto length = std::filesystem::file_size(path, unknown);
  std::ofstream file(path, std::ios::app | std::ios::binary);
  file << line << std::flush;
  if (file) return {};
  Status status = IoError("{}: cannot append a row: {}", path.string(), std::strerror(errno));
  file.close();
  if (!unknown) std::filesystem::resize_file(path, length, ignored);
  return status;
}

}  // namespace

Result<MetricsLog> MetricsLog::Open(const std::filesystem::path& folder, int resumed_epoch) {
  RIFFLE_ASSIGN(const Rows json_rows, RowsUpTo(folder / kJsonName, resumed_epoch, EpochOfJsonRow));
  RIFFLE_ASSIGN(const Rows result_rows, RowsUpTo(folder / kResultName, resumed_epoch, EpochOfResultRow));
  RIFFLE_TRY(WriteFileAtomically(folder / kJsonName, json_rows.kept));
  RIFFLE_TRY(WriteFileAtomically(folder / kResultName, ResultHeader() + result_rows.kept));
  const size_t found = std::min(json_rows.epochs.size(), result_rows.epochs.size());
  return MetricsLog(folder, json_rows.dropped, resumed_epoch - static_cast<int>(found));
}

Status MetricsLog::Append(const EpochMetrics& epoch) {
  RIFFLE_TRY(AppendTo(folder_ / kJsonName, JsonRow(epoch)));
  return AppendTo(folder_ / kResultName, ResultRow(epoch));
}

}  // namespace riffle
