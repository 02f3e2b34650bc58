// What disks and files do to a command while it runs: each ends as docs/training.md says, and costs no more than it
// says.
#include <sys/stat.h>

#include "riffle_run.h"

namespace riffle {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

constexpr int kInvalid = 2, kDamaged = 4, kRefused = 5;  // exit codes of cli/run.cc

class Faults : public EndToEnd {
 protected:
  Faults() {
    WriteColours(folder_ / "colours", 6, 3);
    Riffle(Train("out", {"--epoch_size=3"}));
  }
  Words Train(const std::string& out, const Words& more) const {
    return TrainOn("colours", out, {"--batch_size=6", "--lr=0.01", "--threads=1"}, more);
  }
  fs::path Trained(int epoch = 3) const { return Numbered("out", epoch, 1); }
  std::string Data() const { return "--data_dir=" + (folder_ / "colours").string(); }
  std::string Picture() const { return (folder_ / "colours/val/red/2.bmp").string(); }
  static std::string Weights(const fs::path& file) { return "--ckpt_path=" + file.string(); }

  /// Every command that reads weights, with those in a file.
  std::vector<Words> ReadersOf(const fs::path& weights) const {
    return {{"validate", Data(), Weights(weights)},
            {"predict", Picture(), Weights(weights)},
            {"export", Weights(weights), "--out=" + (folder_ / "x.onnx").string()},
            {"recalibrate", Weights(weights), "--out=" + (folder_ / "x.safetensors").string()},
            {"explain", Picture(), Weights(weights), "--out=" + (folder_ / "seen").string()},
            {"import", weights.string(), "--out=" + (folder_ / "x.safetensors").string()},
            Train("next", {"--epoch_size=1", Weights(weights)}),
            Train("next", {"--epoch_size=1", "--teacher_ckpt=" + weights.string()})};
  }

  /// Whether the tests may mount a file system of their own.
  static bool MayMount() { return std::system("unshare -rm true 2>/dev/null") == 0; }
  /// Runs a command in folder_/small, a file system of so many bytes (as mount has them) that the shell words `before`
  /// have prepared; then `after`. What the folder holds in the end, without the file `fill`, is copied to folder_/left.
  Outcome OnSmallDisk(const std::string& bytes, const std::string& before, const Words& words,
                      const std::string& after = "true") const {
    std::string command;
    for (const std::string& word : words) command += " '" + word + "'";
    std::ofstream(folder_ / "script") << "cd " << folder_
                                      << "; rm -rf left; mkdir -p small left; mount -t tmpfs -o size=" << bytes
                                      << " none small && cd small || exit 99; " << before << "; " RIFFLE_BINARY
                                      << command << " >../said 2>../told </dev/null; code=$?; " << after
                                      << "; rm -f fill; cp -r . ../left; exit $code";
    const int status = std::system(("unshare -rm bash " + (folder_ / "script").string()).c_str());
    return {.exit_code = WEXITSTATUS(status), .out = Text(folder_ / "said"), .err = Text(folder_ / "told")};
  }
  std::vector<std::string> Left() const {
    std::vector<std::string> names;
    for (const fs::directory_entry& entry : fs::recursive_directory_iterator(folder_ / "left"))
      if (entry.is_regular_file()) names.push_back(entry.path().filename());
    return names;
  }
};

/// Flips a bit of the last tensor's bytes; its name.
std::string FlipABit(const fs::path& file) {
  const std::string last = SafetensorsFile::Open(file)->tensors().back().name;
  std::string bytes = *ReadTextFile(file);
  bytes[bytes.size() - 2] ^= 4;
  std::ofstream(file, std::ios::binary) << bytes;
  return last;
}

TEST_F(Faults, AFlippedBitIsToldWithFileAndTensorWhoeverReadsIt) {
  const fs::path bad = folder_ / "bad.safetensors";
  fs::copy_file(Trained(), bad);
  const std::string tensor = FlipABit(bad);
  for (const Words& words : ReadersOf(bad))
    Fails(words, kDamaged, bad.string() + ": damaged: tensor \"" + tensor + "\": expected the checksum");
  EXPECT_FALSE(fs::exists(folder_ / "next"));
}

TEST_F(Faults, ARunGoesOnFromTheNewestWholeCheckpointToTheSameBits) {
  const std::string whole = Text(Trained());
  const struct {
    const char* fault;
    std::function<void(const fs::path&)> happens;
  } faults[] = {
      {"a flipped bit", [](const fs::path& file) { FlipABit(file); }},
      {"cut off", [](const fs::path& file) { fs::resize_file(file, fs::file_size(file) / 2); }},
      {"empty", [](const fs::path& file) { fs::resize_file(file, 0); }},
      {"zeros", [](const fs::path& file) { std::ofstream(file) << std::string(5000, '\0'); }},
  };
  for (const auto& [fault, happens] : faults) {
    happens(Trained());
    const std::string said = Riffle(Train("out", {"--epoch_size=3", "--resume=auto"}));
    EXPECT_THAT(said, HasSubstr("Passing over a checkpoint that cannot be read: " + Trained().string())) << fault;
    EXPECT_THAT(said, HasSubstr("Resuming after epoch 2: " + Trained(2).string())) << fault;
    EXPECT_TRUE(SafetensorsFile::Open(Trained()).ok()) << fault;
    EXPECT_EQ(Text(Trained()).size(), whole.size()) << fault;
  }
}

TEST_F(Faults, WhatIsNoFileIsRefusedAtOnce) {
  const fs::path fifo = folder_ / "fifo";
  ASSERT_EQ(mkfifo(fifo.c_str(), 0600), 0);  // nobody writes to it
  for (const fs::path& stream : {fifo, fs::path("/dev/zero")}) {
    const std::string file_expected = stream == fifo ? "is a pipe (FIFO), a file was" : "is a device, a file was";
    for (const Words& words : ReadersOf(stream)) Fails(words, kInvalid, stream.string() + ": ");
    Fails({"predict", stream.string(), Weights(Trained())}, kInvalid, file_expected);
    Fails({"train", "-c", stream.string()}, kInvalid, file_expected);
    Fails({"import", Trained().string(), "--out=x.safetensors", "--classes=" + stream.string()}, kInvalid,
          file_expected);
  }
  fs::rename(fifo, folder_ / "colours/val/red/9.bmp");
  Riffle({"validate", Data(), Weights(Trained())});  // it is no picture, and is left out
}

TEST_F(Faults, AFileOfOptionsMayBeHostile) {
  const fs::path yaml = folder_ / "hostile.yaml";
  const auto fails = [&](const std::string& text, const std::string& why) {
    std::ofstream(yaml) << text;
    Fails({"train", "-c", yaml.string()}, kInvalid, why);
    EXPECT_LT(Run({"train", "-c", yaml.string()}).err.size(), 3000u) << "an error is a line, not the file";
  };
  fails("lr: " + std::string(500'000, '['), "line 1: expected a closing bracket");
  fails(std::string(500'000, '-') + " x", "line 1");
  std::string dashes;
  for (int i = 0; i < 100'000; ++i) dashes += "- ";
  fails(dashes, "line 1: not YAML");
  fails("lr: " + std::string(900'000, '1') + "x", "option lr");
  std::string laughs = "betas: &a [0.5,0.5]\n";
  for (char c = 'a'; c < 'p'; ++c)
    laughs += fmt::format("{}: &{} [*{}]\n", c == 'a' ? "std" : "mean", char(c + 1),
                          fmt::join(std::vector(9, std::string(1, c)), ",*"));
  fails(laughs, "found a nested value");
  std::ofstream(yaml) << "lr: 1\n";
  fs::resize_file(yaml, 100 << 20);
  Fails({"train", "-c", yaml.string()}, kInvalid, "104857600 bytes, at most 1048576 were expected");
}

TEST_F(Faults, OnAFullDiskEveryOutputIsAnErrorThatNamesItAndLeavesNothing) {
  if (!MayMount()) GTEST_SKIP() << "a file system of one's own cannot be mounted here";
  const std::string ckpt = Weights(Trained());
  const std::vector<std::pair<std::string, Words>> writers = {
      {"v.json", {"validate", Data(), ckpt, "--json=v.json"}},
      {"p.csv", {"predict", Picture(), ckpt, "--csv=p.csv"}},
      {"2.bmp", {"predict", Picture(), ckpt, "--sort_into=sorted"}},
      {"2.explain.png", {"explain", Picture(), ckpt, "--out=seen"}},
      {"m.onnx", {"export", ckpt, "--out=m.onnx"}},
      {"m.pt", {"export", ckpt, "--out=m.pt", "--format=torch"}},
      {"m.c", {"export", ckpt, "--out=m.c", "--format=c"}},
      {"m.safetensors", {"export", ckpt, "--out=m.safetensors"}},
      {"i.safetensors", {"import", Trained().string(), "--out=i.safetensors"}},
      {"r.safetensors", {"recalibrate", ckpt, "--out=r.safetensors"}},
      {"a.png", {"augment", Data(), "--image_resize=32", "--num=1", "--versions=1", "--out=a.png"}},
      {"b.json", {"bench", "infer", "--seconds=0", "--image_resize=32", "--threads=1", "--json=b.json"}},
      {"photos-train-000000.tar", {"data", "pack", (folder_ / "colours").string(), "--out=packed/photos"}},
      {"", Train("small/run", {"--epoch_size=1"})}};
  for (const auto& [file, words] : writers) {
    const Outcome outcome = OnSmallDisk("64k", "dd if=/dev/zero of=fill 2>/dev/null", words);
    EXPECT_EQ(outcome.exit_code, kRefused) << words[0] << ": " << outcome.err;
    EXPECT_THAT(outcome.err,
                AllOf(HasSubstr(file + ": "), HasSubstr("No space left on device"), Not(HasSubstr(".part"))));
    for (const std::string& name : Left()) EXPECT_THAT(name, testing::EndsWith(".lock")) << words[0];
  }
}

TEST_F(Faults, WhereNothingMayBeWrittenThatIsToldBeforeTheWork) {
  if (!MayMount()) GTEST_SKIP() << "a file system of one's own cannot be mounted here";
  const std::string read_only = "mount -o remount,ro . || exit 98";
  for (const Words& words : {Words{"validate", Data(), Weights(Trained()), "--json=v.json"},
                             Words{"export", Weights(Trained()), "--out=m.onnx"},
                             Words{"data", "pack", (folder_ / "colours").string(), "--out=photos"},
                             Train("small/run", {"--epoch_size=1"}), Train("small", {"--epoch_size=1"})}) {
    const Outcome outcome = OnSmallDisk("64k", read_only, words);
    EXPECT_EQ(outcome.exit_code, kRefused) << words[0] << ": " << outcome.err;
    EXPECT_THAT(outcome.err, HasSubstr("Read-only file system")) << words[0];
    EXPECT_THAT(outcome.out, Not(HasSubstr("Epoch"))) << words[0];
  }
}

// The disk has room for one checkpoint and a half.
TEST_F(Faults, ADiskThatFillsUpCostsTheWorkSinceTheLastCheckpoint) {
  if (!MayMount()) GTEST_SKIP() << "a file system of one's own cannot be mounted here";
  const std::string room = std::to_string(fs::file_size(Trained()) * 3 / 2);
  const Outcome outcome = OnSmallDisk(room, "true", Train("small", {"--epoch_size=3", "--ckpt_save_policy=all"}));
  const std::string first = Trained(1).filename(), second = Trained(2).filename();
  EXPECT_EQ(outcome.exit_code, kRefused);
  EXPECT_THAT(outcome.err, AllOf(HasSubstr(second + ": cannot write: No space left on device"),
                                 HasSubstr("small/" + first), HasSubstr("--resume=auto goes on from there")));
  EXPECT_THAT(Left(), testing::Contains(first));
  for (const std::string& name : Left()) EXPECT_THAT(name, AllOf(Not(HasSubstr(".part")), testing::Ne(second)));
  EXPECT_TRUE(SameTensors(folder_ / "left" / first, Trained(1))) << "it is whole";
  EXPECT_THAT(Riffle(Train("left", {"--epoch_size=3", "--resume=auto"})), HasSubstr("Resuming after epoch 1"));
  EXPECT_TRUE(SameTensors(folder_ / "left" / Trained().filename(), Trained()))
      << "elsewhere it goes on to the same bits";
}

}  // namespace
}  // namespace riffle
