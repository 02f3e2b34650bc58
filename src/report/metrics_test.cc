// metrics.jsonl and result.log: what stands in them, after a run, after a resume and after a crash.
#include "report/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <cmath>
#include <csignal>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "base/file.h"
#include "base/testing/test_folder.h"

namespace riffle {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class MetricsTest : public ::testing::Test {
 protected:
  void Run(int resumed_epoch, int first, int last, double loss = 1.0) {
    Result<MetricsLog> log = MetricsLog::Open(folder_, resumed_epoch);
    ASSERT_TRUE(log.ok()) << log.status().message();
    for (int epoch = first; epoch <= last; ++epoch) {
      ASSERT_TRUE(log->Append({.epoch = epoch, .step = epoch * 10, .train_loss = loss}).ok());
    }
  }
  std::vector<std::string> Lines(const char* name) {
    std::vector<std::string> lines;
    std::ifstream file(folder_ / name);
    for (std::string line; std::getline(file, line);) lines.push_back(line);
    return lines;
  }
  std::vector<int> JsonEpochs() {
    std::vector<int> epochs;
    for (const std::string& line : Lines("metrics.jsonl")) epochs.push_back(nlohmann::json::parse(line)["epoch"]);
    return epochs;
  }
  std::vector<int> ResultEpochs() {
    std::vector<int> epochs;
    const std::vector<std::string> lines = Lines("result.log");
    for (size_t i = 1; i < lines.size(); ++i) epochs.push_back(std::stoi(lines[i]));
    return epochs;
  }
  void AppendText(const char* name, const std::string& text) { std::ofstream(folder_ / name, std::ios::app) << text; }

  const std::filesystem::path folder_ = TestFolder();
};

TEST_F(MetricsTest, CountsTheEpochsThatAreTrainedAgain) {
  Run(0, 1, 6);
  EXPECT_EQ(MetricsLog::Open(folder_, 6)->dropped(), 0);
  EXPECT_EQ(MetricsLog::Open(folder_, 4)->dropped(), 2);
}

TEST_F(MetricsTest, AnEpochIsOneObjectWhoseNumbersReadBackExactly) {
  Result<MetricsLog> log = MetricsLog::Open(folder_, 0);
  ASSERT_TRUE(log.ok());
  EXPECT_TRUE(Lines("metrics.jsonl").empty());
  ASSERT_TRUE(log->Append({.epoch = 1,
                           .step = 390,
                           .lr = 0.1 + 0.2,
                           .train_loss = 2.0 / 3,
                           .images_per_second = 1e-17,
                           .epoch_seconds = 12.5,
                           .validation = ValidationMetrics{57.05, 79.73, 1.0 / 3, 2}})
                  .ok());
  const std::vector<std::string> lines = Lines("metrics.jsonl");
  ASSERT_EQ(lines.size(), 1u) << "it was not flushed";
  const nlohmann::json expected = {{"epoch", 1},
                                   {"step", 390},
                                   {"lr", 0.1 + 0.2},
                                   {"train_loss", 2.0 / 3},
                                   {"images_per_second", 1e-17},
                                   {"epoch_seconds", 12.5},
                                   {"val_top1_percent", 57.05},
                                   {"val_top5_percent", 79.73},
                                   {"val_loss", 1.0 / 3}};
  EXPECT_EQ(nlohmann::json::parse(lines[0]), expected);
}

TEST_F(MetricsTest, WithoutValidationThereAreNoValidationKeys) {
  Run(0, 1, 1);
  const auto row = nlohmann::json::parse(Lines("metrics.jsonl")[0]);
  EXPECT_EQ(row.size(), 6u);
  EXPECT_FALSE(row.contains("val_loss"));
}

TEST_F(MetricsTest, ALossThatIsNoNumberIsNull) {
  Run(0, 1, 1, std::nan(""));
  EXPECT_TRUE(nlohmann::json::parse(Lines("metrics.jsonl")[0])["train_loss"].is_null());
}

TEST_F(MetricsTest, ResultLogHasMindCvsColumns) {
  Result<MetricsLog> log = MetricsLog::Open(folder_, 0);
  ASSERT_TRUE(log.ok());
  ASSERT_TRUE(log->Append({.epoch = 1, .train_loss = 2.5, .epoch_seconds = 10}).ok());
  ASSERT_TRUE(log->Append({.epoch = 2,
                           .train_loss = 1.25,
                           .epoch_seconds = 10,
                           .validation = ValidationMetrics{57.05, 79.73, 1.7, 2.5}})
                  .ok());
  EXPECT_THAT(
      Lines("result.log"),
      ElementsAre("Epoch               TrainLoss           Top_1_Accuracy      Top_5_Accuracy      TrainTime           "
                  "EvalTime            TotalTime           ",
                  "1                   2.500000            -                   -                   10.00               "
                  "-                   10.00               ",
                  "2                   1.250000            57.0500%            79.7300%            10.00               "
                  "2.50                12.50               "));
}

TEST_F(MetricsTest, ANewRunStartsNewFiles) {
  Run(0, 1, 3);
  Run(0, 1, 2);
  EXPECT_THAT(JsonEpochs(), ElementsAre(1, 2));
  EXPECT_THAT(ResultEpochs(), ElementsAre(1, 2));
}

TEST_F(MetricsTest, AResumedRunDropsWhatCameAfterItsCheckpoint) {
  Run(0, 1, 5);
  Run(3, 4, 6);
  EXPECT_THAT(JsonEpochs(), ElementsAre(1, 2, 3, 4, 5, 6));
  EXPECT_THAT(ResultEpochs(), ElementsAre(1, 2, 3, 4, 5, 6));
}

TEST_F(MetricsTest, RowsThatACrashCutShortAreDropped) {
  Run(0, 1, 2);
  AppendText("metrics.jsonl", "{\"epoch\":3,\"step\":30,\"lr");
  AppendText("result.log", "3                   1.00");
  Run(3, 4, 4);
  EXPECT_THAT(JsonEpochs(), ElementsAre(1, 2, 4));
  EXPECT_THAT(ResultEpochs(), ElementsAre(1, 2, 4));
}

TEST_F(MetricsTest, ARowOfNoEpochIsNone) {
  Run(0, 1, 1);
  for (const char* epoch : {"4294967298", "2.0", "true", "\"2\""})
    AppendText("metrics.jsonl", fmt::format("{{\"epoch\":{}}}\n", epoch));
  Run(2, 3, 3);
  EXPECT_THAT(JsonEpochs(), ElementsAre(1, 3)) << "4294967298 is 2 in 32 bits";
}

TEST_F(MetricsTest, ResumingWhereTheFilesAreMissingStartsThemAndCountsTheRowsThatLack) {
  Run(7, 8, 8);
  EXPECT_THAT(JsonEpochs(), ElementsAre(8));
  EXPECT_EQ(MetricsLog::Open(folder_, 8)->missing(), 7);
  Run(0, 1, 4);
  EXPECT_EQ(MetricsLog::Open(folder_, 4)->missing(), 0);
  std::filesystem::remove(folder_ / "metrics.jsonl");
  EXPECT_EQ(MetricsLog::Open(folder_, 3)->missing(), 3);
  EXPECT_EQ(MetricsLog::Open(folder_, 0)->missing(), 0);
}

TEST_F(MetricsTest, AFolderThatIsMissingIsAnErrorThatNamesIt) {
  const Result<MetricsLog> log = MetricsLog::Open(folder_ / "none", 0);
  ASSERT_FALSE(log.ok());
  EXPECT_THAT(log.status().message(), HasSubstr("none"));
}

TEST_F(MetricsTest, OfARowThatHasNoRoomNothingIsLeft) {
  Result<MetricsLog> log = MetricsLog::Open(folder_, 0);
  ASSERT_TRUE(log.ok());
  ASSERT_TRUE(log->Append({.epoch = 1}).ok());
  rlimit before = {};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);  // as main.cc does
  const rlimit half_a_row = {.rlim_cur = std::filesystem::file_size(folder_ / "metrics.jsonl") + 20,
                             .rlim_max = before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &half_a_row), 0);
  const Status status = log->Append({.epoch = 2});
  setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  EXPECT_EQ(status.code(), ErrorCode::kIo);
  EXPECT_THAT(JsonEpochs(), ElementsAre(1));
}

TEST_F(MetricsTest, ARowThatCannotBeWrittenIsAnError) {
  Result<MetricsLog> log = MetricsLog::Open(folder_, 0);
  ASSERT_TRUE(log.ok());
  std::filesystem::remove_all(folder_);
  const Status status = log->Append({.epoch = 1});
  EXPECT_EQ(status.code(), ErrorCode::kIo);
  EXPECT_THAT(status.message(), HasSubstr("metrics.jsonl"));
}

}  // namespace
}  // namespace riffle
