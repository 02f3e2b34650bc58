// The record of a run that goes on: metrics.jsonl, a NUL, result.log. What is kept is kept the next time, too.
#include "report/metrics.h"

#include "base/file.h"
#include "fuzz/target.h"

namespace riffle {
namespace {

namespace fs = std::filesystem;

constexpr int kGoesOnAfter = 3;
constexpr char kJson[] = "metrics/metrics.jsonl", kResult[] = "metrics/result.log";

void Check(std::string_view input) {
  const auto [json, result] = AtNul(input);
  const fs::path folder = FuzzFolder() / "metrics";
  fs::create_directories(folder);
  FuzzFile(kJson, json);
  FuzzFile(kResult, result);
  const auto log = MetricsLog::Open(folder, kGoesOnAfter);
  if (!IsFine(log, input)) return;
  Require(log->missing() >= 0 && log->missing() <= kGoesOnAfter, "as many epochs are missing as there were");
  const auto kept = ReadTextFile(FuzzFolder() / kJson), kept_result = ReadTextFile(FuzzFolder() / kResult);
  const auto again = MetricsLog::Open(folder, kGoesOnAfter);
  Require(again.ok() && again->dropped() == 0 && again->missing() == log->missing(),
          "a record is whole once it is opened");
  Require(*ReadTextFile(FuzzFolder() / kJson) == *kept && *ReadTextFile(FuzzFolder() / kResult) == *kept_result,
          "and stays as it is");
}

std::vector<std::string> Seeds() {
  const fs::path folder = FuzzFolder() / "metrics";
  fs::create_directories(folder);
  auto log = MetricsLog::Open(folder, 0);
  for (int epoch = 1; epoch < 6; ++epoch)
    Require(log->Append({.epoch = epoch, .step = epoch * 10, .lr = 0.1, .train_loss = 2.5}).ok(), "a row is written");
  return {*ReadTextFile(FuzzFolder() / kJson) + '\0' + *ReadTextFile(FuzzFolder() / kResult)};
}

std::vector<std::string> Words() { return {"\"epoch\":", "{\"epoch\":1}\n", "4294967297", "-1", "1.5", "null", "\n"}; }

}  // namespace

FuzzTarget MetricsTarget() {
  return {.name = "metrics", .reads = "the record of a run", .check = Check, .seeds = Seeds, .words = Words};
}

}  // namespace riffle
