// Runs a target without a fuzzer, in any build: its seeds, the inputs that once failed (corpus/NAME), and some changes
// to each of them. With files, those alone: what a fuzzer found, in a debugger.
//   fuzz_replay NAME [FILE...]
#include <algorithm>
#include <cstdio>

#include "base/file.h"
#include "base/random.h"
#include "built_tree.h"
#include "fuzz/target.h"

namespace riffle {
namespace {

namespace fs = std::filesystem;

constexpr int kChanges = 400;  ///< of all inputs together

std::string Read(const fs::path& file) {
  const auto bytes = ReadFile(file);
  Require(bytes.ok(), bytes.status().message());
  return {bytes->begin(), bytes->end()};
}

std::vector<std::string> Inputs(const FuzzTarget& target) {
  std::vector<std::string> inputs = target.seeds();
  std::vector<fs::path> files;
  std::error_code none;  // most targets never failed
  for (const auto& file : fs::directory_iterator(fs::path(RIFFLE_SOURCE_DIR "/fuzz/corpus") / target.name, none))
    files.push_back(file.path());
  std::ranges::sort(files);
  for (const fs::path& file : files) inputs.push_back(Read(file));
  return inputs;
}

/// Cut off, or with a few other bytes.
std::string Changed(std::string input, uint32_t number) {
  RandomStream random(1, RandomPurpose::kTest, 0, number);
  const auto place = [&] { return random.Below(static_cast<uint32_t>(input.size())); };
  if (input.empty()) return input;
  if (random.Below(4) == 0) input.resize(place());
  for (uint32_t n = random.Below(5); n > 0 && !input.empty(); --n) input[place()] = static_cast<char>(random.Bits());
  return input;
}

int Replay(const FuzzTarget& target) {
  const std::vector<std::string> inputs = Inputs(target);
  for (const std::string& input : inputs) target.check(input);
  for (uint32_t i = 0; i < kChanges; ++i) {
    std::string input = Changed(inputs[i % inputs.size()], i);
    target.repair(input);
    target.check(input);
  }
  std::printf("%zu inputs, %d changes\n", inputs.size(), kChanges);
  return 0;
}

}  // namespace
}  // namespace riffle

int main(int count, char** arguments) {
  const riffle::FuzzTarget* target = count < 2 ? nullptr : riffle::FindFuzzTarget(arguments[1]);
  if (!target) {
    std::fprintf(stderr, "fuzz_replay NAME [FILE...], NAME one of:\n");
    for (const riffle::FuzzTarget& known : riffle::FuzzTargets())
      std::fprintf(stderr, "  %-12s  %s\n", std::string(known.name).c_str(), std::string(known.reads).c_str());
    return 2;
  }
  if (count == 2) return riffle::Replay(*target);
  for (int i = 2; i < count; ++i) target->check(riffle::Read(arguments[i]));
  return 0;
}
