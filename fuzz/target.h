// A fuzz target: one reader of bytes from elsewhere, what has to hold for every input, and inputs to begin with. One
// file each; targets.cc lists them. libfuzzer.cc and replay.cc are the two programs that run them (docs/fuzzing.md).
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/arena.h"
#include "base/status.h"

namespace riffle {

struct FuzzTarget {
  std::string_view name;   ///< "safetensors"; its inputs that once failed are in corpus/NAME
  std::string_view reads;  ///< for people: what the bytes are taken for
  /// Reads an input. Aborts, saying why, where something does not hold that has to.
  void (*check)(std::string_view input);
  /// Small whole inputs.
  std::vector<std::string> (*seeds)();
  /// Words of the format, for mutations.
  std::vector<std::string> (*words)() = [] { return std::vector<std::string>(); };
  /// Puts right what no chance would: checksums, without which a changed input is refused at its door. Sizes that would
  /// take minutes are cut down.
  void (*repair)(std::string& input) = [](std::string&) {};
  size_t max_bytes = 4096;  ///< of an input that a fuzzer makes
};

/// All of them, sorted by name.
std::span<const FuzzTarget> FuzzTargets();

/// Null if there is none of that name.
const FuzzTarget* FindFuzzTarget(std::string_view name);

/// Aborts and says what does not hold.
void Require(bool holds, std::string_view what);

/// Whether it is no error. Of an error requires that its message is one for people: there is one, in one line without
/// control characters, and not many times as long as the input.
bool IsFine(const Status& status, std::string_view input);
template <class T>
bool IsFine(const Result<T>& result, std::string_view input) {
  return IsFine(result.status(), input);
}

/// The input as readers take it.
std::span<const uint8_t> BytesOf(std::string_view input);
AlignedArray<uint8_t> CopyOf(std::string_view input);

/// What comes before the first NUL, and the rest behind it: two files in one input.
std::pair<std::string_view, std::string_view> AtNul(std::string_view input);

/// A folder in memory for readers that take paths; the same one in every call of a process, and removed at its end.
const std::filesystem::path& FuzzFolder();
/// Writes a file of that name there.
std::filesystem::path FuzzFile(std::string_view name, std::string_view content);

// One in each file of that name.
FuzzTarget CheckpointTarget();
FuzzTarget ChecksumsTarget();
FuzzTarget CifarTarget();
FuzzTarget CommandLineTarget();
FuzzTarget HttpTarget();
FuzzTarget IdxTarget();
FuzzTarget JsonTarget();
FuzzTarget ListsTarget();
FuzzTarget MetricsTarget();
FuzzTarget MindSporeTarget();
FuzzTarget OnnxTarget();
FuzzTarget OptionTextsTarget();
FuzzTarget OptionsYamlTarget();
FuzzTarget PackTarget();
FuzzTarget PickleTarget();
FuzzTarget PictureTarget();
FuzzTarget PyTorchTarget();
FuzzTarget SafetensorsTarget();
FuzzTarget ShardIndexTarget();
FuzzTarget ShardsTarget();
FuzzTarget UnpackTarget();
FuzzTarget ZipTarget();

}  // namespace riffle
