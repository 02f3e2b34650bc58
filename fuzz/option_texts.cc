// The value of one option, and the small languages that some have: policies, class weights, resolution schedules. The
// first byte chooses the option.
#include <algorithm>
#include <cmath>

#include "base/json.h"
#include "data/augment/policy.h"
#include "fuzz/target.h"
#include "settings/option_table.h"
#include "train/loop/resolution.h"
#include "train/loss/class_weights.h"

namespace riffle {
namespace {

void CheckOption(const OptionRow& row, std::string_view text, std::string_view input) {
  Settings settings;
  if (!IsFine(settings.Set(row.name, text, "o.yaml line 1"), input)) return;
  Options shown;
  Require(ParseValue(row, ShowValue(row, settings.options), shown) && shown == settings.options,
          fmt::format("{} is the same after it was shown", row.name));
  if (row.name == "config" || !IsUtf8(text)) return;  // a path may be anything, a file of options not
  Settings again;
  const Status read = ReadOptionsYaml(fmt::format("{}: {}\n", row.name, YamlValue(row, settings.options)), "o", again);
  Require(read.ok() && again.options == settings.options,
          fmt::format("{} is the same after it was written: {}", row.name, read.message()));
}

void CheckPolicy(std::string_view text) {
  const auto policy = ParseAugmentPolicy(text);
  if (!IsFine(policy, text) || !*policy) return;
  RandomStream random(1, RandomPurpose::kTest, 0, 0);
  PolicyDraw draw;
  (*policy)->Draw(random, draw);
  for (const std::vector<PolicyDraw::Chosen>& chain : draw.chains) {
    Require(chain.size() <= 1000, "a policy chooses a few operations");
    for (const PolicyDraw::Chosen& one : chain)
      Require(one.op != nullptr && std::isfinite(one.argument), "each has an argument");
  }
}

void CheckResolutions(std::string_view text) {
  const auto steps = ParseResolutionSchedule(text);
  if (!IsFine(steps, text) || steps->empty()) return;
  Require(steps->front().epoch == 0 && ResolutionAt(*steps, 0) == steps->front().size, "a schedule begins at epoch 0");
}

void Check(std::string_view input) {
  if (input.empty()) return;
  const auto table = OptionTable();
  const std::string_view text = input.substr(1);
  CheckOption(table[static_cast<uint8_t>(input[0]) % table.size()], text, input);
  CheckPolicy(text);
  CheckResolutions(text);
  const std::string weights(text);
  const auto parsed = ParseClassWeights(weights, static_cast<int>(std::ranges::count(weights, ',')) + 1);
  if (!IsFine(parsed, input)) return;
  Require(std::ranges::all_of(*parsed, [](float w) { return w >= 0 && std::isfinite(w); }), "weights are numbers");
}

std::vector<std::string> Seeds() {
  std::vector<std::string> seeds;
  for (size_t i = 0; i < OptionTable().size(); ++i)
    seeds.push_back(static_cast<char>(i) + ShowValue(OptionTable()[i], Options()));
  char any = 0;
  for (const std::string_view policy : AugmentPolicyExamples()) seeds.push_back(any++ + std::string(policy));
  for (const char* text : {"rand-m9-n3-mstd0.5-inc1-p0.5-w0-mmax20", "0:128,60:160,80:224", "1,2.5,0", "[1, 1e3]"})
    seeds.push_back(any++ + std::string(text));
  return seeds;
}

std::vector<std::string> Words() {
  return {"rand",  "randaug", "augmix", "-m",  "-n", "-mstd", "-inc1", "-w",       "-p0.5",
          "-mmax", "0:128",   ",60:",   "[",   "]",  "None",  "true",  "balanced", "1e-6",
          "-1",    "1e400",   "nan",    "inf", "~",  "auto",  "sgd",   "~/"};
}

}  // namespace

FuzzTarget OptionTextsTarget() {
  return {.name = "option_texts",
          .reads = "the value of an option",
          .check = Check,
          .seeds = Seeds,
          .words = Words,
          .max_bytes = 256};
}

}  // namespace riffle
