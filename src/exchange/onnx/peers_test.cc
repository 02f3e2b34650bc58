// Exported networks in the programs that are to run them, where they are installed: ONNX's checker, ONNX Runtime,
// OpenVINO, ncnn.
#include <gmock/gmock.h>

#include <cstdlib>

#include "base/file.h"
#include "base/testing/test_folder.h"
#include "exchange/onnx/testing/networks.h"

namespace riffle {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

// The Pythons that may have the peers: the environments of bench/peers, then the system's.
std::vector<std::string> Pythons() {
  return {RIFFLE_SOURCE_DIR "/build/peers/runtimes/bin/python", "/usr/bin/python3", "python3"};
}

struct Option {
  std::string name;
  OnnxOptions options;
};
const std::vector<Option>& Options() {
  static const std::vector<Option> options = {
      {"default", {}},
      {"kept", {.fold_batch_norm = false}},
      {"folded", {.shuffle = OnnxShuffle::kFolded}},
      {"kept_folded", {.fold_batch_norm = false, .shuffle = OnnxShuffle::kFolded}},
      {"bytes", {.preprocess = true}},
      {"probabilities", {.probabilities = true}},
      {"batch2", {.batch = 2}},
  };
  return options;
}

// The files of all networks, the options in turn, and of one with each option.
fs::path ExportedFolder() {
  static const fs::path folder = [] {
    fs::path made = TestFolder();
    size_t turn = 0;
    for (const NamedModel& named : TestModels()) {
      const TestNetwork network(named.model);
      for (size_t i = 0; i < Options().size(); ++i) {
        if (i != turn % Options().size() && named.name != "g3_mindcv_small_stride2") continue;
        const std::string file = named.name + "_" + Options()[i].name + ".onnx";
        EXPECT_EQ(ExportOnnx(made / file, network.exportable(), Options()[i].options).message(), "") << file;
      }
      ++turn;
    }
    return made;
  }();
  return folder;
}

class OnnxPeer : public testing::TestWithParam<const char*> {};

TEST_P(OnnxPeer, ComputesWhatTheTestVectorsSay) {
  const fs::path messages = TestFolder() / "messages";
  for (const std::string& python : Pythons()) {
    const std::string command =
        fmt::format("{} {}/src/exchange/onnx/onnx_peers.py {} '{}' > '{}' 2>&1", python, RIFFLE_SOURCE_DIR, GetParam(),
                    ExportedFolder().string(), messages.string());
    const int code = WEXITSTATUS(std::system(command.c_str()));
    if (code == 3 || code == 127) continue;
    const std::string told = *ReadTextFile(messages);
    EXPECT_EQ(code, 0) << told;
    EXPECT_THAT(told, HasSubstr("ok  g3_mindcv_"));
    if (std::getenv("RIFFLE_SHOW_DIFFERENCES")) std::puts(told.c_str());
    return;
  }
  GTEST_SKIP() << GetParam() << " is not installed: scripts/peers-venv makes an environment that has it";
}

INSTANTIATE_TEST_SUITE_P(All, OnnxPeer, testing::Values("onnx", "onnxruntime", "openvino", "ncnn"),
                         [](const auto& test) { return test.param; });

TEST(CheckOnnx, FindsTheDifferenceOfARuntimeThatIsInstalled) {
  ModelDescription model = TestModels().front().model;
  const TestNetwork network(model);
  const fs::path path = TestFolder() / "m.onnx";
  for (const Option& option : Options()) {
    ASSERT_EQ(ExportOnnx(path, network.exportable(), option.options).message(), "");
    for (const std::string& python : Pythons()) {
      const Result<double> difference = CheckOnnx(path, network.exportable(), option.options, python);
      if (!difference.ok() && difference.status().code() == ErrorCode::kUnavailable) continue;
      ASSERT_EQ(difference.status().message(), "");
      EXPECT_LT(*difference, 1e-5) << option.name;
      TestNetwork another(model);
      FillRandom(another.plan.registry, 2, &another.values);
      EXPECT_GT(*CheckOnnx(path, another.exportable(), option.options, python), 1e-2) << option.name;
      break;
    }
  }
}

TEST(CheckOnnx, SaysWhatIsMissing) {
  const TestNetwork network(TestModels().front().model);
  const Result<double> difference = CheckOnnx("m.onnx", network.exportable(), {}, "no-such-python");
  EXPECT_EQ(difference.status().code(), ErrorCode::kUnavailable);
  EXPECT_THAT(difference.status().message(), HasSubstr("no-such-python cannot be started"));
}

}  // namespace
}  // namespace riffle
