// For the end-to-end tests: runs the binary, and makes the small data that it works on.
#pragma once

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <sys/wait.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/random.h"
#include "base/testing/test_folder.h"
#include "built_tree.h"
#include "formats/safetensors.h"

namespace riffle {

namespace fs = std::filesystem;
using Words = std::vector<std::string>;

inline constexpr const char* kModelName = "shufflenet_v1_g3_x0_25";

/// How a process ended, and what it wrote.
struct Outcome {
  int exit_code = -1;  ///< -1: a signal ended it
  std::string out, err;
};

/// An empty folder for each test, with the binary at hand.
class EndToEnd : public testing::Test {
 protected:
  /// Runs `riffle words...`, whatever comes of it.
  Outcome Run(const Words& words) const {
    std::string command;
    for (const std::string& word : launcher_) command += Quoted(word) + ' ';
    command += Quoted(RIFFLE_BINARY);
    for (const std::string& word : words) command += ' ' + Quoted(word);
    const fs::path out = folder_ / "stdout", err = folder_ / "stderr";
    command += " >" + Quoted(out) + " 2>" + Quoted(err) + " </dev/null";
    const int status = std::system(command.c_str());
    return {.exit_code = WIFEXITED(status) && WEXITSTATUS(status) < 126 ? WEXITSTATUS(status) : -1,
            .out = Text(out),
            .err = Text(err)};
  }
  /// Runs what must succeed; its standard output.
  std::string Riffle(const Words& words) const {
    const Outcome outcome = Run(words);
    EXPECT_EQ(outcome.exit_code, 0) << testing::PrintToString(words) << outcome.err;
    EXPECT_EQ(outcome.err, "");
    return outcome.out;
  }
  /// Runs what must fail with this exit code, and one line on stderr that contains `text`.
  void Fails(const Words& words, int exit_code, const std::string& text) const {
    const Outcome outcome = Run(words);
    EXPECT_EQ(outcome.exit_code, exit_code) << testing::PrintToString(words) << outcome.err;
    EXPECT_THAT(outcome.err, testing::AllOf(testing::StartsWith("riffle: error: "), testing::HasSubstr(text)))
        << testing::PrintToString(words);
    EXPECT_EQ(std::ranges::count(outcome.err, '\n'), 1) << outcome.err;
  }

  /// `riffle train` on folder_/data at 32 px into folder_/out: a suite's options, then those of one run.
  Words TrainOn(const std::string& data, const std::string& out, const Words& suite, const Words& more) const {
    Words words = {"train",
                   "--dataset=folder",
                   "--data_dir=" + (folder_ / data).string(),
                   std::string("--model=") + kModelName,
                   "--image_resize=32",
                   "--stem=small",
                   "--warmup_epochs=0",
                   "--ckpt_save_dir=" + (folder_ / out).string()};
    words.insert(words.end(), suite.begin(), suite.end());
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }
  /// What `riffle validate` finds on folder_/colours; `said`: what it prints.
  nlohmann::json Validate(const fs::path& checkpoint, const Words& more = {}, std::string* said = nullptr) const {
    const fs::path json = folder_ / "validate.json";
    Words words = {"validate",
                   "--dataset=folder",
                   "--data_dir=" + (folder_ / "colours").string(),
                   "--ckpt_path=" + checkpoint.string(),
                   "--json",
                   json.string()};
    words.insert(words.end(), more.begin(), more.end());
    const std::string out = Riffle(words);
    if (said) *said = out;
    return nlohmann::json::parse(Text(json));
  }
  /// The checkpoint that a run saved after an epoch.
  fs::path Numbered(const std::string& out, int epoch, int steps_per_epoch) const {
    return folder_ / out / fmt::format("{}-{}_{}.safetensors", kModelName, epoch, epoch * steps_per_epoch);
  }

  static std::string Text(const fs::path& path) {
    const Result<std::string> text = ReadTextFile(path);
    EXPECT_TRUE(text.ok()) << text.status().message();
    return text.ok() ? *text : "";
  }
  /// One JSON value a line.
  static std::vector<nlohmann::json> JsonLines(const std::string& text) {
    std::vector<nlohmann::json> lines;
    for (size_t begin = 0; begin < text.size(); begin = text.find('\n', begin) + 1)
      lines.push_back(nlohmann::json::parse(text.substr(begin, text.find('\n', begin) - begin)));
    return lines;
  }

  const fs::path folder_ = TestFolder();
  Words launcher_;  ///< what starts the binary; none: itself

 private:
  static std::string Quoted(const std::string& word) { return "'" + word + "'"; }
};

/// Whether two checkpoints hold the same tensors, bit by bit, whatever their metadata.
inline bool SameTensors(const fs::path& a, const fs::path& b) {
  const Result<SafetensorsFile> first = SafetensorsFile::Open(a), second = SafetensorsFile::Open(b);
  EXPECT_TRUE(first.ok() && second.ok()) << first.status().message() << second.status().message();
  return first.ok() && second.ok() && !first->tensors().empty() &&
         std::ranges::equal(first->tensors(), second->tensors(), [](const TensorView& x, const TensorView& y) {
           return x.name == y.name && x.dtype == y.dtype && x.shape == y.shape && std::ranges::equal(x.bytes, y.bytes);
         });
}

/// A 24-bit BMP of noise in which one of blue, green, red is strong.
inline void WriteBmp(const fs::path& path, int size, int strong_channel, RandomStream& random) {
  std::string bytes = "BM";
  const auto number = [&](uint32_t value, int count) {
    for (int i = 0; i < count; ++i) bytes += static_cast<char>(value >> (8 * i));
  };
  const int row_bytes = (3 * size + 3) / 4 * 4;
  for (uint32_t value : {54 + row_bytes * size, 0, 54, 40, size, size}) number(value, 4);
  number(1, 2);
  number(24, 2);
  for (uint32_t value : {0, row_bytes * size, 2835, 2835, 0, 0}) number(value, 4);
  for (int y = 0; y < size; ++y)
    for (int x = 0; x < row_bytes; ++x)
      number(x < 3 * size ? random.Below(120) + (x % 3 == strong_channel ? 130 : 0) : 0, 1);
  std::ofstream(path, std::ios::binary) << bytes;
}

/// A folder of pictures: root/{train,val}/{blue,green,red}/N.bmp, a third of the pictures each.
inline void WriteColours(const fs::path& root, int train_pictures, int val_pictures) {
  RandomStream random(1, RandomPurpose::kTest, 0, 0);
  const Words classes = {"blue", "green", "red"};
  for (const auto& [split, pictures] : {std::pair{"train", train_pictures}, {"val", val_pictures}})
    for (int i = 0; i < pictures; ++i) {
      const fs::path folder = root / split / classes[i % 3];
      fs::create_directories(folder);
      WriteBmp(folder / (std::to_string(i) + ".bmp"), 32 + i % 5, i % 3, random);
    }
}

}  // namespace riffle
