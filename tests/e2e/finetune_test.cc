// Starting from another run's checkpoint: a new head, a frozen body, grey pictures, the optimizer's state.
#include "riffle_run.h"

namespace riffle {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class FineTuning : public EndToEnd {
 protected:
  FineTuning() {
    WriteColours(folder_ / "colours", 24, 12);
    fs::copy(folder_ / "colours", folder_ / "two", fs::copy_options::recursive);
    for (const char* split : {"train", "val"}) fs::remove_all(folder_ / "two" / split / "red");
    Train("colours", "body", {"--lr=0.02"});
  }
  std::string Train(const std::string& data, const std::string& out, const Words& more) const {
    return Riffle(TrainOn(data, out, {"--batch_size=8", "--epoch_size=1", "--opt=momentum"}, more));
  }
  fs::path Numbered(const std::string& out, int steps) const { return EndToEnd::Numbered(out, 1, steps); }
  std::string Start() const { return "--ckpt_path=" + Numbered("body", 3).string(); }
  // The bytes of one tensor.
  static std::string Tensor(const fs::path& path, std::string_view name) {
    const Result<SafetensorsFile> file = SafetensorsFile::Open(path);
    const Result<TensorView> tensor = file->Find(name);
    EXPECT_TRUE(tensor.ok()) << tensor.status().message();
    if (!tensor.ok()) return "";
    return {reinterpret_cast<const char*>(tensor->bytes.data()), tensor->bytes.size()};
  }
};

TEST_F(FineTuning, OtherClassesGetANewHeadOnAFrozenBody) {
  EXPECT_THAT(Train("two", "next", {Start(), "--freeze=body", "--lr=0.1"}),
              HasSubstr("its body; the head is new, since it knows 3 classes and the data have 2"));
  for (const char* kept :
       {"stem.conv.weight", "stage3.1.depthwise.weight", "stage4.3.bn3.gamma", "stage4.3.bn3.running_mean"})
    EXPECT_EQ(Tensor(Numbered("next", 2), kept), Tensor(Numbered("body", 3), kept)) << kept;
  EXPECT_THAT(
      Riffle({"predict", (folder_ / "two/val/blue/0.bmp").string(), "--ckpt_path=" + Numbered("next", 2).string()}),
      AllOf(HasSubstr("blue"), HasSubstr("green"), Not(HasSubstr("red"))));
}

TEST_F(FineTuning, TheSameClassesKeepTheHead) {
  EXPECT_THAT(Train("colours", "next", {Start(), "--lr=0", "--min_lr=0"}), HasSubstr("its body and head\n"));
  EXPECT_EQ(Tensor(Numbered("next", 3), "head.weight"), Tensor(Numbered("body", 3), "head.weight"));
}

TEST_F(FineTuning, GreyPicturesTakeTheSumOfTheColours) {
  EXPECT_THAT(Train("two", "next", {Start(), "--in_channels=1", "--mean=128", "--std=64"}),
              HasSubstr("summed over the colours"));
}

// Weights bring their conventions with them; a run that goes on has them from its own files.
TEST_F(FineTuning, FromAnotherToolsFileGoesOnWithoutIt) {
  const std::string theirs = (folder_ / "theirs.pth").string(), start = "--ckpt_path=" + theirs;
  Train("colours", "other", {"--conventions=pytorchcv"});
  Riffle(
      {"export", "--format=torch", "--names=pytorchcv", "--ckpt_path=" + Numbered("other", 3).string(), "-o", theirs});
  EXPECT_THAT(Train("colours", "next", {start, "--lr=0", "--min_lr=0"}),
              AllOf(HasSubstr("under pytorchcv's names"), HasSubstr("Conventions: pytorchcv"),
                    HasSubstr("its body and head\n")));
  EXPECT_EQ(Tensor(Numbered("next", 3), "head.weight"), Tensor(Numbered("other", 3), "head.weight"));
  fs::remove(theirs);
  EXPECT_THAT(Train("colours", "next", {start, "--resume=auto", "--epoch_size=2"}),
              AllOf(HasSubstr("Conventions: pytorchcv"), HasSubstr("Resuming after epoch 1")));
}

}  // namespace
}  // namespace riffle
