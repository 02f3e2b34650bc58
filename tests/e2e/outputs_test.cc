// Where commands write: files, links, FIFOs, the standard output, and what is found out before the work.
#include <sys/stat.h>

#include "riffle_run.h"

namespace riffle {
namespace {

constexpr int kInvalid = 2, kNotFound = 3, kRefused = 5, kUnavailable = 6;

class Outputs : public EndToEnd {
 protected:
  Outputs() {
    WriteColours(folder_ / "colours", 6, 3);
    Riffle(TrainOn("colours", "out", {"--batch_size=6", "--epoch_size=1", "--lr=0.01"}, {}));
  }
  fs::path Trained() const { return Numbered("out", 1, 1); }
  Words Validation(const std::string& json) const {
    return {"validate", "--data_dir=" + (folder_ / "colours").string(), "--ckpt_path=" + Trained().string(),
            "--json=" + json};
  }
  Words Recalibration(const fs::path& from, const std::string& to) const {
    return {"recalibrate", "--ckpt_path=" + from.string(), "--out=" + to};
  }
  Words Sheet(const std::string& to) const {
    return {"augment",           "--data_dir=" + (folder_ / "colours").string(),
            "--image_resize=32", "--num=1",
            "--versions=1",      "--out=" + to};
  }
  /// AddressSanitizer reserves address space without end.
#ifdef __SANITIZE_ADDRESS__
  static constexpr bool kMemoryHasLimits = false;
#else
  static constexpr bool kMemoryHasLimits = true;
#endif
  /// Runs under a limit of `ulimit`: folder_/said and folder_/told have the outputs.
  int Limited(const std::string& limit, const Words& words) const {
    std::string command = "bash -c 'ulimit " + limit + "; exec \"$0\" \"$@\"' " RIFFLE_BINARY;
    for (const std::string& word : words) command += " '" + word + "'";
    command += " >" + (folder_ / "said").string() + " 2>" + (folder_ / "told").string();
    const int status = std::system(command.c_str());
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
  static bool IsPng(const std::string& bytes) { return bytes.starts_with("\x89PNG"); }
};

TEST_F(Outputs, ADashIsTheStandardOutputAndPeopleReadTheOther) {
  for (const char* name : {"-", "/dev/stdout", "/dev/fd/1"}) {
    const Outcome validated = Run(Validation(name));
    EXPECT_EQ(validated.exit_code, 0) << validated.err;
    EXPECT_EQ(nlohmann::json::parse(validated.out)["images"], 3) << validated.out;
    EXPECT_THAT(validated.err, testing::HasSubstr("Top-1"));
  }
  const Outcome bench = Run({"bench", "infer", "--model=shufflenet_v1_g3_x0_25", "--image_resize=32", "--batch_size=1",
                             "--seconds=0", "--json=-"});
  EXPECT_TRUE(nlohmann::json::parse(bench.out).contains("images_per_second")) << bench.out;
  EXPECT_TRUE(IsPng(Run(Sheet("-")).out));
  const std::string checkpoint = Run(Recalibration(Trained(), "-")).out;
  std::ofstream(folder_ / "piped.safetensors", std::ios::binary) << checkpoint;
  EXPECT_TRUE(SafetensorsFile::Open(folder_ / "piped.safetensors").ok());
  EXPECT_FALSE(fs::exists("-"));
}

TEST_F(Outputs, LinksStayAndWhatTheyLeadToIsReplaced) {
  fs::create_directory(folder_ / "real");
  const auto through = [&](const std::string& name) {
    fs::create_symlink("real/" + name, folder_ / name);
    return (folder_ / name).string();
  };
  Riffle(Validation(through("v.json")));
  Riffle(Sheet(through("sheet.png")));
  Riffle(Recalibration(Trained(), through("new.safetensors")));
  for (const char* name : {"v.json", "sheet.png", "new.safetensors"}) {
    EXPECT_TRUE(fs::is_symlink(folder_ / name)) << name;
    EXPECT_TRUE(fs::is_regular_file(folder_ / "real" / name)) << name;
  }
  EXPECT_EQ(nlohmann::json::parse(Text(folder_ / "real/v.json"))["images"], 3);
}

TEST_F(Outputs, ACheckpointMayBeRecalibratedOntoItself) {
  const std::string before = Text(Trained());
  Riffle(Recalibration(Trained(), Trained().string()));
  EXPECT_TRUE(SafetensorsFile::Open(Trained()).ok());
  EXPECT_NE(Text(Trained()), before);
}

TEST_F(Outputs, AProcessMayReadOrGiveThem) {
  const std::string riffle = RIFFLE_BINARY, ckpt = Trained().string(), data = (folder_ / "colours").string();
  const auto bash = [&](const std::string& script) {
    std::ofstream(folder_ / "script") << "set -eu; cd " << folder_ << "; " << script;
    return std::system(("bash " + (folder_ / "script").string()).c_str());
  };
  EXPECT_EQ(bash(riffle + " validate --data_dir=" + data + " --ckpt_path=" + ckpt +
                 " --json=>(cat >through.json) >/dev/null; sleep 1"),
            0);
  EXPECT_EQ(nlohmann::json::parse(Text(folder_ / "through.json"))["images"], 3);
  EXPECT_EQ(bash("mkfifo fifo; cat fifo >read.json & " + riffle + " validate --data_dir=" + data +
                 " --ckpt_path=<(cat " + ckpt + ") --json=fifo >/dev/null; wait"),
            0);
  EXPECT_EQ(nlohmann::json::parse(Text(folder_ / "read.json"))["images"], 3);
  EXPECT_TRUE(fs::is_fifo(folder_ / "fifo"));
  EXPECT_EQ(bash(riffle + " predict - --json --ckpt_path=" + ckpt + " <" + data + "/val/red/2.bmp >named.json"), 0);
  EXPECT_EQ(JsonLines(Text(folder_ / "named.json")).at(0)["predictions"].size(), 3u);
  EXPECT_EQ(
      bash(riffle + " predict /dev/stdin --ckpt_path=" + ckpt + " < <(cat " + data + "/val/red/2.bmp) >/dev/null"), 0);
  EXPECT_EQ(bash(riffle + " summary -c <(echo 'model: shufflenet_v1_g8_x0_5') >summary"), 0);
  EXPECT_THAT(Text(folder_ / "summary"), testing::HasSubstr("shufflenet_v1_g8_x0_5"));
}

TEST_F(Outputs, WhatCannotBeWrittenIsToldBeforeTheWork) {
  const std::string nowhere = (folder_ / "nowhere/v").string();
  for (const Words& words : {Validation(nowhere), Sheet(nowhere), Recalibration(Trained(), nowhere)}) {
    Fails(words, kNotFound, "there is no folder " + (folder_ / "nowhere").string());
    EXPECT_EQ(Run(words).out, "") << words[0] << " began";
  }
  Fails(Validation(folder_.string()), kInvalid, "is a folder");
  Fails(Validation(""), kInvalid, "option json (command line): expected a file to write");
  fs::create_symlink("loop", folder_ / "loop");
  Fails(Validation((folder_ / "loop").string()), kInvalid, "in a circle");
  Fails(Validation("/dev/full"), kRefused, "/dev/full: cannot write");
}

TEST_F(Outputs, ALimitOfTheSystemIsAnErrorAndLeavesNoParts) {
  if (!kMemoryHasLimits) GTEST_SKIP() << "built with AddressSanitizer";
  EXPECT_EQ(Limited("-f 50", Recalibration(Trained(), (folder_ / "new.safetensors").string())), kRefused);
  EXPECT_THAT(Text(folder_ / "told"), testing::AllOf(testing::HasSubstr("new.safetensors: cannot write"),
                                                     testing::Not(testing::HasSubstr(".part"))));
  for (const fs::directory_entry& entry : fs::directory_iterator(folder_))
    EXPECT_FALSE(entry.path().filename().string().starts_with("new.safetensors")) << entry.path();
  Words threads = Validation((folder_ / "v.json").string());
  threads.insert(threads.end(), {"--threads=1", "--num_parallel_workers=1000"});
  EXPECT_EQ(Limited("-v 3000000", threads), kUnavailable);
  EXPECT_THAT(Text(folder_ / "told"), testing::HasSubstr("lower --num_parallel_workers"));
  EXPECT_EQ(Limited("-v 1000000", {"bench", "infer", "--batch_size=4096", "--threads=1", "--seconds=0"}), kUnavailable);
  EXPECT_THAT(Text(folder_ / "told"), testing::HasSubstr("out of memory"));
}

TEST_F(Outputs, APictureThatNoMemoryCanHoldIsNamed) {
  if (!kMemoryHasLimits) GTEST_SKIP() << "built with AddressSanitizer";
  // A PNG that promises 16000 × 8000 pixels.
  const auto big_endian = [](uint32_t value) {
    std::string bytes;
    for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>(value >> shift);
    return bytes;
  };
  std::string header = "IHDR" + big_endian(16000) + big_endian(8000) + std::string("\x8\x2\0\0\0", 5);
  uint32_t crc = ~0U;
  for (const char c : header) {
    crc ^= static_cast<uint8_t>(c);
    for (int bit = 0; bit < 8; ++bit) crc = crc & 1 ? crc >> 1 ^ 0xEDB88320U : crc >> 1;
  }
  const fs::path picture = folder_ / "colours/val/red/huge.png";
  std::ofstream(picture, std::ios::binary) << "\x89PNG\r\n\x1a\n"
                                           << big_endian(13) << header << big_endian(~crc) << big_endian(100) << "IDAT";
  const std::string why = "huge.png: 16000 × 8000 pixels: no memory to decode it";
  const Words one = {"--threads=1", "--num_parallel_workers=0"};
  Words validation = Validation((folder_ / "v.json").string());
  validation.insert(validation.end(), one.begin(), one.end());
  EXPECT_EQ(Limited("-v 300000", validation), kUnavailable);
  EXPECT_THAT(Text(folder_ / "told"), testing::HasSubstr(why));
  EXPECT_EQ(Limited("-v 300000", {"predict", picture.string(), "--ckpt_path=" + Trained().string(), "--threads=1"}),
            kUnavailable);
  EXPECT_THAT(Text(folder_ / "told"), testing::HasSubstr(why));
  EXPECT_EQ(Limited("-v 300000", {"data", "check", (folder_ / "colours").string(), "--threads=1"}), 0);
  EXPECT_THAT(Text(folder_ / "said"), testing::AllOf(testing::HasSubstr("Unreadable: 1"), testing::HasSubstr(why)));
}

TEST_F(Outputs, APipeThatCloses) {
  Words train = TrainOn("colours", "next", {"--batch_size=6", "--epoch_size=100000", "--lr=0.01"}, {});
  std::string command = "bash -c '\"$0\" \"$@\" 2>" + (folder_ / "told").string() +
                        " | head -3 >/dev/null; exit ${PIPESTATUS[0]}' " RIFFLE_BINARY;
  for (const std::string& word : train) command += " '" + word + "'";
  const int status = std::system(command.c_str());
  EXPECT_EQ(WIFEXITED(status) ? WEXITSTATUS(status) : -1, 141);
  EXPECT_THAT(Text(folder_ / "told"), testing::AllOf(testing::HasSubstr("stopped by SIGPIPE (nobody reads its output"),
                                                     testing::HasSubstr("epoch")));
}

TEST_F(Outputs, TheMemoryOfAStepIsThatOfTheLargestBatchThatComes) {
  const auto memory = [&](const char* batch_size) {
    const std::string told = Riffle(TrainOn("colours", "next", {"--dry_run", "--no-drop_remainder"}, {batch_size}));
    const size_t begin = told.find("Memory of a training step: ");
    return told.substr(begin, told.find('\n', begin) - begin);
  };
  EXPECT_EQ(memory("--batch_size=65536"), memory("--batch_size=6"));
}

}  // namespace
}  // namespace riffle
