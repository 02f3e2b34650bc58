// JSON, and the records that stand in checkpoints: what is read is written and read again as the same.
#include "base/json.h"

#include "checkpoint/checkpoint.h"
#include "fuzz/target.h"
#include "model/zoo.h"

namespace riffle {
namespace {

template <class T>
void CheckRecord(Result<T> (*parse)(std::string_view), std::string_view input) {
  const Result<T> record = parse(input);
  if (!IsFine(record, input)) return;
  const Result<T> again = parse(ToJson(*record));
  Require(again.ok() && *again == *record, "a record is the same after it was written: " + again.status().message());
}

void Check(std::string_view input) {
  const auto value = ParseJson(input);
  if (IsFine(value, input)) {
    const auto again = ParseJson(value->dump());
    Require(again.ok() && *again == *value, "a value is the same after it was written");
  }
  CheckRecord(ModelFromJson, input);
  CheckRecord(PreprocessingFromJson, input);
  CheckRecord(ValidationSetupFromJson, input);
}

std::vector<std::string> Seeds() {
  const Preprocessing preprocessing = {.mean = {125.25f, 0, 1}, .std = {1, 2, 3e-5f}, .exif_orientation = true};
  return {
      ToJson(*FindModel("shufflenet_v1_g3_x0_5")), ToJson(preprocessing),
      ToJson(ValidationSetup{.val_split = "val", .images = 7, .names_checksum = "a", .preprocessing = preprocessing}),
      R"([null, true, -1, 1.5e-300, 18446744073709551615, "\u00e4\ud83d\ude00\n", {"a": [], "b": {}}])",
      std::string(70, '[') + std::string(70, ']')};
}

std::vector<std::string> Words() {
  return {"null",    "true",    "false", "1e400", "-1", "0.5", "1e300", "9223372036854775808",
          "\\u0000", "\\ud800", "\"\"",  "[]",    "{}", "224", "1e-400"};
}

}  // namespace

FuzzTarget JsonTarget() {
  return {.name = "json", .reads = "JSON, and records of it", .check = Check, .seeds = Seeds, .words = Words};
}

}  // namespace riffle
