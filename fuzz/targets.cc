// The list of targets, and what they share.
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>

#include "fuzz/target.h"

namespace riffle {
namespace {

namespace fs = std::filesystem;

/// In memory where there is such a place: a disk would be the slowest part of a target.
class Folder {
 public:
  Folder() {
    std::error_code none;
    const fs::path memory = "/dev/shm";
    std::string name = ((fs::is_directory(memory, none) ? memory : fs::temp_directory_path()) / "riffle_fuzz_XXXXXX");
    Require(mkdtemp(name.data()) != nullptr, "a folder can be made");
    path = name;
  }
  ~Folder() {
    std::error_code ignored;
    fs::remove_all(path, ignored);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  fs::path path;
};

}  // namespace

std::span<const FuzzTarget> FuzzTargets() {
  static const std::vector<FuzzTarget> targets = {
      CheckpointTarget(), ChecksumsTarget(),   CifarTarget(),       CommandLineTarget(), HttpTarget(),
      IdxTarget(),        JsonTarget(),        ListsTarget(),       MetricsTarget(),     MindSporeTarget(),
      OnnxTarget(),       OptionTextsTarget(), OptionsYamlTarget(), PackTarget(),        PickleTarget(),
      PictureTarget(),    PyTorchTarget(),     SafetensorsTarget(), ShardIndexTarget(),  ShardsTarget(),
      UnpackTarget(),     ZipTarget()};
  return targets;
}

const FuzzTarget* FindFuzzTarget(std::string_view name) {
  const auto found = std::ranges::find(FuzzTargets(), name, &FuzzTarget::name);
  return found == FuzzTargets().end() ? nullptr : &*found;
}

void Require(bool holds, std::string_view what) {
  if (holds) return;
  std::fprintf(stderr, "does not hold: %.*s\n", static_cast<int>(what.size()), what.data());
  std::abort();
}

bool IsFine(const Status& status, std::string_view input) {
  constexpr size_t kOwnWords = 4096,
                   kTimesTheInput = 8;  // each byte may become \x07, and an example may stand beside it
  if (status.ok()) return true;
  const std::string& message = status.message();
  Require(!message.empty(), "an error has a message");
  Require(std::ranges::none_of(message, [](unsigned char c) { return c < ' ' || c == 0x7F; }),
          "an error's message has no control characters: " + message);
  Require(message.size() <= kOwnWords + kTimesTheInput * input.size(), "an error's message is short: " + message);
  return false;
}

std::span<const uint8_t> BytesOf(std::string_view input) {
  return {reinterpret_cast<const uint8_t*>(input.data()), input.size()};
}

AlignedArray<uint8_t> CopyOf(std::string_view input) {
  AlignedArray<uint8_t> copy(input.size());
  std::ranges::copy(BytesOf(input), copy.begin());
  return copy;
}

std::pair<std::string_view, std::string_view> AtNul(std::string_view input) {
  const size_t nul = std::min(input.find('\0'), input.size());
  return {input.substr(0, nul), input.substr(std::min(nul + 1, input.size()))};
}

const fs::path& FuzzFolder() {
  static const Folder folder;
  return folder.path;
}

fs::path FuzzFile(std::string_view name, std::string_view content) {
  fs::path path = FuzzFolder() / name;
  std::ofstream(path, std::ios::binary).write(content.data(), static_cast<std::streamsize>(content.size()));
  return path;
}

}  // namespace riffle
