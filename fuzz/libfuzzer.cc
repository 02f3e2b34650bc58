// The fuzzer, of clang's libFuzzer: --target=NAME chooses what it reads, the rest of the command line is libFuzzer's.
// --list names the targets; --write=FOLDER writes a target's seeds to FOLDER/NAME and its words to FOLDER/NAME.dict.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>

#include "fuzz/target.h"

extern "C" size_t LLVMFuzzerMutate(uint8_t* data, size_t size, size_t max_size);

namespace riffle {
namespace {

namespace fs = std::filesystem;

const FuzzTarget* chosen = nullptr;

[[noreturn]] void Usage() {
  std::fprintf(stderr, "fuzz --target=NAME [--write=FOLDER] [libFuzzer's options and folders]; fuzz --list\n");
  std::exit(2);
}

[[noreturn]] void List() {
  for (const FuzzTarget& target : FuzzTargets())
    std::printf("%s %zu\n", std::string(target.name).c_str(), target.max_bytes);
  std::exit(0);
}

/// A word as libFuzzer's dictionaries have it.
std::string QuotedWord(std::string_view word) {
  std::string text = "\"";
  for (const char c : word) text += fmt::format("\\x{:02X}", static_cast<uint8_t>(c));
  return text + "\"\n";
}

bool Write(const fs::path& folder) {
  const fs::path seeds = folder / chosen->name;
  fs::create_directories(seeds);
  const std::vector<std::string> contents = chosen->seeds();
  for (size_t i = 0; i < contents.size(); ++i)
    std::ofstream(seeds / fmt::format("seed-{:03}", i), std::ios::binary) << contents[i];
  std::ofstream words(folder / fmt::format("{}.dict", chosen->name));
  words << "# of " << chosen->name << '\n';  // an empty file is none to libFuzzer
  for (const std::string& word : chosen->words()) words << QuotedWord(word);
  words.close();
  return words.good();
}

void ReadArguments(int count, char** arguments) {
  const char* folder = nullptr;
  for (int i = 1; i < count; ++i) {
    const std::string_view argument = arguments[i];
    if (argument == "--list") List();
    if (argument.starts_with("--target=")) chosen = FindFuzzTarget(argument.substr(std::strlen("--target=")));
    if (argument.starts_with("--write=")) folder = arguments[i] + std::strlen("--write=");
  }
  if (!chosen) Usage();
  if (folder) std::exit(Write(folder) ? 0 : 1);
}

}  // namespace
}  // namespace riffle

extern "C" int LLVMFuzzerInitialize(int* count, char*** arguments) {
  riffle::ReadArguments(*count, *arguments);
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  riffle::chosen->check({reinterpret_cast<const char*>(data), size});
  return 0;
}

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size, unsigned /*seed*/) {
  std::string input(reinterpret_cast<const char*>(data), LLVMFuzzerMutate(data, size, max_size));
  riffle::chosen->repair(input);
  input.resize(std::min(input.size(), max_size));
  std::memcpy(data, input.data(), input.size());
  return input.size();
}
