#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <sstream>

#include "backend/threads.h"
#include "base/file.h"
#include "cli/run.h"
#include "picture/testing/pictures.h"

namespace riffle {
namespace {

using testing::AllOf;
using testing::HasSubstr;

struct Outcome {
  int exit_code;
  std::string out, err;
};
Outcome Riffle(std::vector<std::string> words) {
  std::ostringstream out, err;
  const int exit_code = RunCommandLine(words, {out}, err);
  return {exit_code, out.str(), err.str()};
}

class BenchCommandTest : public testing::Test {
 protected:
  const std::string json_file_ = TestFolder() / "bench.json";
  const std::vector<std::string> small_ = {"--model=shufflenet_v1_g3_x0_25", "--image_resize=32", "--num_classes=10",
                                           "--seconds=0", "--json=" + json_file_};

  nlohmann::json Run(std::vector<std::string> words) {
    words.insert(words.begin(), "bench");
    words.insert(words.end(), small_.begin(), small_.end());
    const Outcome outcome = Riffle(words);
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
    EXPECT_THAT(outcome.out, HasSubstr("shufflenet_v1_g3_x0_25"));
    return nlohmann::json::parse(*ReadTextFile(json_file_));
  }
};

TEST_F(BenchCommandTest, InferAndTrainTellRateAndShareOfThePeak) {
  for (const std::string kind : {"infer", "train"}) {
    const nlohmann::json json = Run({kind, "--batch_size=3", "--threads=1"});
    EXPECT_EQ(json["mode"], kind);
    EXPECT_EQ(json["batch_size"], 3);
    EXPECT_EQ(json["threads"], 1);
    for (const char* key : {"images_per_second", "latency_ms_median", "latency_ms_p90", "latency_ms_p99", "gflops",
                            "peak_gflops", "percent_of_peak", "resident_bytes"})
      EXPECT_GT(json[key].get<double>(), 0) << key;
    EXPECT_LE(json["percent_of_peak"].get<double>(), 100);
  }
}

TEST_F(BenchCommandTest, OpsHasARowForEachStepAndBothPassesInTraining) {
  const nlohmann::json infer = Run({"ops"}), train = Run({"ops", "--mode", "train", "--batch_size=2"});
  EXPECT_EQ(infer["steps"][0]["name"], "stem.conv");
  EXPECT_EQ(train["steps"].back()["name"], "stem.conv");
  EXPECT_EQ(train["steps"].back()["pass"], "backward");
  for (const char* key : {"ms", "gflops", "gbps", "floor_ms"})
    EXPECT_GT(infer["steps"][0][key].get<double>(), 0) << key;
}

/// The kernels of a step, forward and backward.
std::vector<std::string> KernelsOf(const nlohmann::json& bench, std::string_view step) {
  std::vector<std::string> kernels;
  for (const nlohmann::json& each : bench["steps"])
    if (each["name"] == step) kernels.push_back(each["kernel"]);
  return kernels;
}

TEST_F(BenchCommandTest, OpsTellWhichKernelsRun) {
  const nlohmann::json infer = Run({"ops"}), train = Run({"ops", "--mode=train", "--batch_size=2"});
  EXPECT_EQ(KernelsOf(infer, "stage2.1.conv3"), std::vector<std::string>{"within the caches"});
  EXPECT_EQ(KernelsOf(train, "stage2.1.conv3"), (std::vector<std::string>{"chain", "with stage2.2.conv1"}));
  EXPECT_EQ(KernelsOf(train, "stage2.2.conv1"), (std::vector<std::string>{"with stage2.1.conv3", "chain"}));
  EXPECT_EQ(KernelsOf(train, "stage2.1.depthwise"), (std::vector<std::string>{"", ""})) << "it has but one";
}

TEST_F(BenchCommandTest, APlanOfKernelsMeasuresNothingAndNeedsNoCard) {
  const Outcome outcome = Riffle({"bench", "ops", "--plan", "--mode=train", "--device_target=GPU", "--amp_level=O1",
                                  "--model=shufflenet_v1_g3_x1_0", "--batch_size=512", "--json=" + json_file_});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, AllOf(HasSubstr("a training step: batch 512, 224 × 224 px, GPU, maps in bfloat16"),
                                 HasSubstr("stage2.1.conv3")));
  const nlohmann::json json = nlohmann::json::parse(*ReadTextFile(json_file_));
  EXPECT_EQ(json["target"], "gpu");
  EXPECT_EQ(KernelsOf(json, "stage2.1.conv3"), (std::vector<std::string>{"chain", "with stage2.2.conv1"}));
  EXPECT_FALSE(json["steps"][0].contains("ms"));
  Riffle({"bench", "ops", "--plan", "--device_target=CPU", "--json=" + json_file_});
  EXPECT_EQ(KernelsOf(nlohmann::json::parse(*ReadTextFile(json_file_)), "stage2.1.conv3"),
            std::vector<std::string>{"within the caches"});
}

TEST_F(BenchCommandTest, PeakTellsBothRoofs) {
  const Outcome outcome = Riffle({"bench", "peak", "--seconds=0.05", "--threads=1", "--json=" + json_file_});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  const nlohmann::json json = nlohmann::json::parse(*ReadTextFile(json_file_));
  EXPECT_EQ(json["peaks"][0]["gflops"], json["peak_gflops"]) << "the widest vectors come first and are used";
  EXPECT_GT(json["bandwidths"][0]["gbps"].get<double>(), 0);
}

TEST_F(BenchCommandTest, CommAloneSaysHowToStartIt) {
  const Outcome outcome = Riffle({"bench", "comm"});
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_THAT(outcome.err, HasSubstr("start it by mpirun -n 2 riffle bench comm"));
}

TEST_F(BenchCommandTest, DataTellsTheStagesOfAFolder) {
  const std::filesystem::path folder = TestFolder();
  for (const char* name : {"a.bmp", "b.bmp"}) WriteBytes(folder / "train/sun" / name, Bmp(1, 1, 0));
  const Outcome outcome = Riffle({"bench", "data", "--data_dir", folder.string(), "--image_resize=16", "--batch_size=2",
                                  "--seconds=0", "--num_parallel_workers=1", "--json=" + json_file_});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("Loader with 1 worker:"));
  const nlohmann::json json = nlohmann::json::parse(*ReadTextFile(json_file_));
  EXPECT_EQ(json["pictures"], 2);
  const nlohmann::json run = json["runs"][0];
  for (const char* key : {"read", "decode", "decode_needed", "resize", "normalise", "transform", "pipeline"})
    EXPECT_GT(run["stages"][key].get<double>(), 0) << key;
  EXPECT_GT(run["loader_images_per_second"].get<double>(), 0);
}

TEST_F(BenchCommandTest, DataLeavesOutPicturesThatCannotBeReadAndCountsThem) {
  const std::filesystem::path folder = TestFolder();
  for (const char* name : {"a.bmp", "c.bmp", "d.bmp"}) WriteBytes(folder / "train/sun" / name, Bmp(9, 9, 0));
  WriteText(folder / "train/sun/b.jpg", "no picture");
  const std::vector<std::string> words = {
      "bench",          "data",        "--data_dir",          folder.string(), "--image_resize=16",
      "--batch_size=2", "--seconds=0", "--json=" + json_file_};
  const Outcome outcome = Riffle(words);
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, AllOf(HasSubstr("3 pictures measured\nCannot be read, and left out: 1 (such as "),
                                 HasSubstr("b.jpg); 'riffle data check' tells why\n")));
  const nlohmann::json json = nlohmann::json::parse(*ReadTextFile(json_file_));
  EXPECT_EQ(json["pictures"], 3);
  EXPECT_EQ(json["unreadable"], 1);
  for (const char* name : {"a.bmp", "c.bmp", "d.bmp"}) WriteText(folder / "train/sun" / name, "no picture");
  const Outcome none = Riffle(words);
  EXPECT_EQ(none.exit_code, 4);
  EXPECT_THAT(none.err, HasSubstr("no picture can be read, such as "));
}

TEST_F(BenchCommandTest, DataTellsWhatSeveralThreadsGain) {
  if (UsableCores() < 2) GTEST_SKIP() << "one core";
  const std::filesystem::path folder = TestFolder();
  for (const char* name : {"a.bmp", "b.bmp", "c.bmp"}) WriteBytes(folder / "train/sun" / name, Bmp(9, 9, 0));
  const Outcome outcome = Riffle({"bench", "data", "--data_dir", folder.string(), "--image_resize=16", "--batch_size=2",
                                  "--seconds=0", "--threads=1,2", "--color_jitter=0.4", "--json=" + json_file_});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, AllOf(HasSubstr("on 1 core "), HasSubstr("on 2 cores"), HasSubstr("of ideal"),
                                 HasSubstr("Loader with 2 workers:"), HasSubstr("policy and colour jitter")));
  const nlohmann::json json = nlohmann::json::parse(*ReadTextFile(json_file_));
  ASSERT_EQ(json["runs"].size(), 2u);
  EXPECT_EQ(json["runs"][1]["threads"], 2);
  EXPECT_EQ(json["runs"][1]["workers"], 2);
  EXPECT_GT(json["runs"][1]["stages"]["colour"].get<double>(), 0);
}

TEST(BenchCommandErrors, NameWhatWasExpected) {
  EXPECT_THAT(Riffle({"bench"}).err, HasSubstr("infer, train, ops, peak, comm and data"));
  EXPECT_THAT(Riffle({"bench", "inver"}).err, HasSubstr("did you mean 'infer'"));
  EXPECT_THAT(Riffle({"bench", "infer", "--batch_size=many"}).err, HasSubstr("batch_size"));
  EXPECT_THAT(Riffle({"bench", "infer", "--seconds=-1"}).err, HasSubstr("from 0 to 3600"));
  for (const char* threads : {"--threads=0", "--threads=1,2", "--threads=x"})
    EXPECT_THAT(Riffle({"bench", "infer", threads}).err,
                HasSubstr("option threads (command line): expected an integer"));
  for (const char* threads : {"--threads=1,,2", "--threads=2,", "--threads=0,1", "--threads=1,1", "--threads=2,1"})
    EXPECT_THAT(Riffle({"bench", "data", threads}).err, HasSubstr("expected increasing numbers with commas between"));
  const std::string cores = std::to_string(UsableCores()), more = std::to_string(UsableCores() + 1);
  EXPECT_THAT(Riffle({"bench", "data", "--threads=" + more}).err,
              HasSubstr("from 1 to " + cores + " (the cores that this process may use), found '" + more + "'"))
      << "rates are added up as if each thread had a core";
  EXPECT_THAT(Riffle({"bench", "data", "--threads=1", "--num_parallel_workers=2"}).err, HasSubstr("leave out one"));
  EXPECT_THAT(Riffle({"bench", "ops", "--mode=test"}).err, HasSubstr("infer or train"));
  EXPECT_THAT(Riffle({"bench", "infer", "--exchange=-"}).err, HasSubstr("expected a folder, found '-'"));
}

TEST(BenchCommandErrors, NoOptionIsReadAndIgnored) {
  EXPECT_THAT(Riffle({"bench", "infer", "--mode=train"}).err, HasSubstr("'riffle bench infer' does not use it"));
  EXPECT_THAT(Riffle({"bench", "ops", "--exchange=x"}).err, HasSubstr("exchange"));
  EXPECT_THAT(Riffle({"bench", "train", "--plan"}).err, HasSubstr("'riffle bench train' does not use it"));
  EXPECT_THAT(Riffle({"bench", "ops", "--plan", "--seconds=1"}).err, HasSubstr("--plan measures nothing"));
  EXPECT_THAT(Riffle({"bench", "ops", "--plan", "--device_target=GPU", "--device_id=99"}).err,
              HasSubstr("option device_target=GPU"))
      << "a card that was named must be there";
  EXPECT_THAT(Riffle({"bench", "peak", "--model=shufflenet_v1_g3_x0_5"}).err, HasSubstr("model"));
  EXPECT_THAT(Riffle({"bench", "infer", "--data_dir=x"}).err, HasSubstr("data_dir"));
  EXPECT_THAT(Riffle({"bench", "data", "--stem=small"}).err, HasSubstr("stem"));
  EXPECT_THAT(Riffle({"bench", "peak", "--batch_size=2"}).err, HasSubstr("batch_size"));
}

}  // namespace
}  // namespace riffle
