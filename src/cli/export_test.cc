// What `riffle export` writes, says and refuses. What the files hold is tested beside their writers.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <sstream>

#include "base/file.h"
#include "checkpoint/testing/tiny.h"
#include "cli/run.h"
#include "formats/safetensors.h"
#include "model/testing/random_network.h"

namespace riffle {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

struct Outcome {
  int exit_code;
  std::string out, err;
};

/// A trained network's checkpoint, with its average and an optimizer's state, and a folder to write to.
class ExportCommandTest : public testing::Test {
 protected:
  ExportCommandTest() {
    CheckpointInfo info = TinyInfo();
    info.epoch = 3;
    info.ema_updates = 7;
    info.top1_percent = info.best_top1_percent = 91;
    info.unvalidated = TrainedEpoch();
    const Plan plan = *MakePlan(info.model);
    Snapshot snapshot(plan.registry, std::vector<std::string_view>{"velocity"}, true);
    FillRandom(plan.registry, 1, &snapshot.values);
    FillRandom(plan.registry, 2, &*snapshot.average);
    EXPECT_TRUE(SaveCheckpoint(checkpoint_, info, plan.registry, snapshot).ok());
  }

  Outcome Export(std::vector<std::string> words) const {
    words.insert(words.begin(), {"export", "--ckpt_path=" + checkpoint_.string()});
    std::ostringstream out, err;
    const int exit_code = RunCommandLine(words, {out}, err);
    return {exit_code, out.str(), err.str()};
  }
  std::string Done(const std::vector<std::string>& words) const {
    const Outcome outcome = Export(words);
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
    return outcome.out;
  }
  std::string File(const char* name) const { return (folder_ / name).string(); }
  std::string Out(const char* name) const { return "--out=" + File(name); }

  const fs::path folder_ = TestFolder();
  const fs::path checkpoint_ = folder_ / "in.safetensors";
};

TEST_F(ExportCommandTest, SafetensorsIsACheckpointOfTheWeightsToUse) {
  EXPECT_THAT(Done({Out("a.safetensors")}),
              AllOf(HasSubstr("a.safetensors: a checkpoint without optimizer of shufflenet_v1_g3_x0_25, "
                              "averaged weights, 8 × 8 pixels, 2 classes, "),
                    HasSubstr("KiB")));
  const Result<Checkpoint> original = Checkpoint::Open(checkpoint_), copy = Checkpoint::Open(File("a.safetensors"));
  ASSERT_TRUE(copy.ok()) << copy.status().message();
  EXPECT_EQ(copy->info().model, original->info().model);
  EXPECT_EQ(copy->info().classes, original->info().classes);
  EXPECT_EQ(copy->info().preprocessing, original->info().preprocessing);
  EXPECT_EQ(copy->info().epoch, 3);
  EXPECT_EQ(copy->info().top1_percent, 91);
  EXPECT_FALSE(copy->info().unvalidated) << "nobody goes on with it";
  EXPECT_EQ(copy->best_weights(), WeightSet::kOnline);

  const Plan plan = *MakePlan(copy->info().model);
  ParameterValues<float> values(plan.registry), average(plan.registry);
  ASSERT_TRUE(copy->Load(plan.registry, WeightSet::kOnline, &values).ok());
  ASSERT_TRUE(original->Load(plan.registry, WeightSet::kEma, &average).ok());
  EXPECT_TRUE(std::ranges::equal(values.trainable, average.trainable));
  EXPECT_TRUE(std::ranges::equal(values.statistics, average.statistics));
  EXPECT_LT(fs::file_size(File("a.safetensors")), fs::file_size(checkpoint_) * 2 / 5);
}

TEST_F(ExportCommandTest, OnlineWeightsAndOtherSizesHaveNoFiguresOfTheAverage) {
  EXPECT_THAT(Done({Out("online.safetensors"), "--online"}), Not(HasSubstr("averaged")));
  Done({Out("size.safetensors"), "--image_resize=16"});
  const Result<Checkpoint> original = Checkpoint::Open(checkpoint_),
                           online = Checkpoint::Open(File("online.safetensors")),
                           size = Checkpoint::Open(File("size.safetensors"));
  ASSERT_TRUE(online.ok() && size.ok());
  EXPECT_EQ(online->info().top1_percent, std::nullopt);
  EXPECT_EQ(size->info().top1_percent, std::nullopt);
  EXPECT_EQ(size->info().model.image_size, 16);
  EXPECT_EQ(size->info().preprocessing.image_size, 16);
  const Plan plan = *MakePlan(online->info().model);
  ParameterValues<float> found(plan.registry), expected(plan.registry);
  ASSERT_TRUE(online->Load(plan.registry, WeightSet::kOnline, &found).ok());
  ASSERT_TRUE(original->Load(plan.registry, WeightSet::kOnline, &expected).ok());
  EXPECT_TRUE(std::ranges::equal(found.trainable, expected.trainable));
}

TEST_F(ExportCommandTest, CIsCheckedByTheCompiler) {
  EXPECT_THAT(Done({Out("net.c"), "--prefix=net", "--check"}),
              AllOf(HasSubstr("net.c: C99 of shufflenet_v1_g3_x0_25, averaged weights, 8 × 8 pixels, 2 classes, "),
                    HasSubstr("; net_run needs an arena of "), HasSubstr("Checked: the largest difference is ")));
  EXPECT_THAT(Done({Out("other.c"), "--weights=" + File("w.bin"), "--image_resize=13", "--check"}),
              AllOf(HasSubstr("13 × 13"), HasSubstr(fmt::format("; with {} (", File("w.bin"))), HasSubstr("Checked")));
}

TEST_F(ExportCommandTest, WhatWasExportedForPyTorchIsExportedAgain) {
  Done({Out("net.pth"), "--names=pytorchcv"});
  EXPECT_THAT(Done({Out("again.c"), "--ckpt_path=" + File("net.pth"), "--check"}),
              HasSubstr("8 × 8 pixels, 2 classes"));
}

TEST_F(ExportCommandTest, OnnxHasLabelsAndATestVectorBesideIt) {
  const std::string said = Done({Out("net.onnx")});
  EXPECT_THAT(said,
              AllOf(HasSubstr("net.onnx: ONNX of shufflenet_v1_g3_x0_25, averaged weights, 8 × 8 pixels, 2 classes"),
                    HasSubstr("net.test.json ("), Not(HasSubstr("replaced"))));
  EXPECT_EQ(*ReadTextFile(File("net.labels.txt")), "dark\nbright\n");
  const nlohmann::json json = nlohmann::json::parse(Done({Out("net.onnx"), "--json"}));
  ASSERT_EQ(json["files"].size(), 6u);
  for (const nlohmann::json& file : json["files"])
    EXPECT_EQ(file["bytes"], fs::file_size(file["path"].get<std::string>())) << file["path"];
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_), fs::directory_iterator()), 1 + 6)
      << "no file is not told of";
  EXPECT_THAT(
      Done({Out("net.onnx")}),
      HasSubstr("; replaced net.labels.txt, net.test.png, net.test.json, net.test.input.bin, net.test.output.bin"));
}

TEST_F(ExportCommandTest, OnnxOfClassesWithoutNamesHasNoLabels) {
  CheckpointInfo info = TinyInfo();
  info.classes.clear();
  const Checkpoint nameless = SavedCheckpoint(info, 1);
  EXPECT_THAT(Done({Out("net.onnx"), "--ckpt_path=" + nameless.path()}), Not(HasSubstr("labels")));
  EXPECT_FALSE(fs::exists(File("net.labels.txt")));
}

TEST_F(ExportCommandTest, OnnxTakesItsOptions) {
  const auto written = [&](const std::vector<std::string>& options) {
    std::vector<std::string> words = {Out("net.onnx")};
    words.insert(words.end(), options.begin(), options.end());
    Done(words);
    return *ReadFile(File("net.onnx"));
  };
  const std::vector<uint8_t> usual = written({});
  EXPECT_EQ(written({"--bn=fold", "--shuffle=nodes"}), usual);
  for (const char* option :
       {"--batch=2", "--bn=keep", "--shuffle=folded", "--preprocess", "--probabilities", "--online"})
    EXPECT_NE(written({option}), usual) << option;
  EXPECT_THAT(Export({Out("net.onnx"), "--bn=drop"}).err,
              HasSubstr("option bn (command line): expected fold or keep, found 'drop'"));
  EXPECT_THAT(Export({Out("net.onnx"), "--batch=0"}).err,
              HasSubstr("option batch (command line): expected an integer from 1"));
}

TEST_F(ExportCommandTest, TorchIsReadByPyTorch) {
  const std::string path = std::getenv("PATH");
  ::setenv("PATH", ("/usr/bin:" + path).c_str(), 1);  // Debian's Python, which has it
  const std::string said = Done({Out("net.pth"), "--check"});
  ::setenv("PATH", path.c_str(), 1);
  EXPECT_THAT(said, AllOf(HasSubstr("net.pth: a state dict of PyTorch of shufflenet_v1_g3_x0_25"),
                          HasSubstr("; names as Megvii's"), HasSubstr("the largest difference is 0.0e+00")));
  EXPECT_THAT(Done({Out("net.pt"), "--names=torchvision"}), HasSubstr("; names as torchvision's"));
  EXPECT_THAT(
      Export({Out("net.pth"), "--names=mindcv"}).err,
      HasSubstr("option names (command line): expected megvii, mmpretrain, pytorchcv or torchvision, found 'mindcv'"));
}

TEST_F(ExportCommandTest, CheckFindsWhatIsWrong) {
  // A compiler that gives another program: one that adds 1 to the first logit.
  ASSERT_TRUE(WriteFileAtomically(folder_ / "bin/cc", "").code() == ErrorCode::kNotFound);
  fs::create_directory(folder_ / "bin");
  const auto fake = [&](const std::string& script) {
    ASSERT_TRUE(WriteFileAtomically(folder_ / "bin/cc", "#!/bin/sh\n" + script).ok());
    fs::permissions(folder_ / "bin/cc", fs::perms::owner_all);
  };
  const std::string path = std::getenv("PATH");
  ::setenv("PATH", ((folder_ / "bin").string() + ":" + path).c_str(), 1);
  fake("while [ \"$1\" != -o ]; do shift; done\nprintf '#!/bin/sh\\necho 1\\necho 2\\n' >\"$2\"; chmod +x \"$2\"\n");
  const Outcome wrong = Export({Out("net.c"), "--check"});
  fake("echo first >&2; echo last >&2; exit 3\n");
  const Outcome failed = Export({Out("net.c"), "--check"});
  fake("echo \"No module named 'torch'\" >&2; exit 99\n");
  fs::rename(folder_ / "bin/cc", folder_ / "bin/python3");
  const Outcome no_torch = Export({Out("net.pth"), "--check"});
  fake("echo 'w [3]'\n");
  fs::rename(folder_ / "bin/cc", folder_ / "bin/python3");
  const Outcome other_tensors = Export({Out("net.pth"), "--check"});
  ::setenv("PATH", folder_.c_str(), 1);
  const Outcome missing = Export({Out("net.c"), "--check"}), no_python = Export({Out("net.onnx"), "--check"});
  ::setenv("PATH", path.c_str(), 1);

  EXPECT_EQ(wrong.exit_code, 4);
  EXPECT_THAT(wrong.err, HasSubstr("to 1e-4 of its largest number, found a difference of "));
  EXPECT_EQ(failed.exit_code, 4);
  EXPECT_THAT(failed.err, HasSubstr("net.c is written, but not checked: cc ended with exit code 3: last"));
  EXPECT_EQ(missing.exit_code, 6);
  EXPECT_EQ(no_python.exit_code, 6);
  EXPECT_THAT(no_python.err, HasSubstr("net.onnx is written, but not checked: python3 cannot be started"));
  EXPECT_EQ(no_torch.exit_code, 6);
  EXPECT_THAT(no_torch.err,
              HasSubstr("python3: No module named 'torch'; install PyTorch for it, or leave --check out"));
  EXPECT_EQ(other_tensors.exit_code, 4);
  EXPECT_THAT(other_tensors.err, HasSubstr("PyTorch finds other names or shapes of tensors in it"));
  EXPECT_THAT(missing.err, HasSubstr("expected a program cc, found none; install a C compiler, or leave --check out"));
}

TEST_F(ExportCommandTest, JsonIsOneObject) {
  const std::string out = Done({Out("net.c"), "--weights=" + File("w.bin"), "--online", "--check", "--json"});
  const nlohmann::json json = nlohmann::json::parse(out);
  EXPECT_EQ(json["format"], "c");
  EXPECT_EQ(json["files"][0]["path"], File("net.c"));
  EXPECT_EQ(json["files"][1]["bytes"], fs::file_size(File("w.bin")));
  EXPECT_EQ(json["model"], "shufflenet_v1_g3_x0_25");
  EXPECT_EQ(json["num_classes"], 2);
  EXPECT_EQ(json["image_size"], 8);
  EXPECT_EQ(json["weights"], "online");
  EXPECT_LE(json["largest_difference"].get<double>(), 1e-4);
}

TEST_F(ExportCommandTest, FormatComesFromTheOptionOrTheEnding) {
  EXPECT_THAT(Done({Out("weights.bin"), "--format=safetensors"}), HasSubstr("a checkpoint without optimizer of"));
  EXPECT_THAT(Done({Out("NET.C")}), HasSubstr("C99"));
  EXPECT_THAT(Export({Out("net.tflite")}).err, HasSubstr("its ending tells no format"));
  EXPECT_THAT(Export({Out("net.c"), "--format=h5"}).err, HasSubstr("option format (command line): expected "));
}

TEST_F(ExportCommandTest, AnOptionOfAnotherFormatIsAnError) {
  const Outcome outcome = Export({Out("a.safetensors"), "--prefix=net"});
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_THAT(outcome.err, HasSubstr("option prefix (command line): --format=c has it, safetensors has not"));
  EXPECT_FALSE(fs::exists(File("a.safetensors")));
}

TEST_F(ExportCommandTest, WritesToFilesOfTheirOwn) {
  EXPECT_THAT(Export({"--out=" + checkpoint_.string()}).err, HasSubstr("expected another file than that of ckpt_path"));
  EXPECT_THAT(Export({Out("a.c"), "--weights=" + File("./a.c")}).err,
              HasSubstr("expected another file than that of out"));
  EXPECT_THAT(Export({"--out=/dev/null", "--format=c", "--check"}).err,
              HasSubstr("expected --out to be a file, which can be read, found /dev/null"));
  EXPECT_TRUE(Checkpoint::Open(checkpoint_).ok());
}

TEST_F(ExportCommandTest, NeedsACheckpointAndAFile) {
  EXPECT_THAT(Export({}).err, HasSubstr("expected weights and a file to write"));
  EXPECT_THAT(Export({Out("a.c"), "--ckpt_path="}).err, HasSubstr("expected weights and a file to write"));
  EXPECT_THAT(Export({Out("a.c"), "--ckpt_path=" + File("none.safetensors")}).err, HasSubstr("none.safetensors"));
  EXPECT_THAT(Export({Out("a.c"), "--prefix=a-b"}).err, HasSubstr("expected the beginning of C names"));
}

}  // namespace
}  // namespace riffle
