#include "cli/weights.h"

#include <gmock/gmock.h>

#include <memory>
#include <sstream>

#include "checkpoint/testing/tiny.h"
#include "exchange/pytorch/pytorch_export.h"
#include "model/plan.h"
#include "model/testing/random_network.h"

namespace riffle {
namespace {

namespace fs = std::filesystem;

using testing::AllOf;
using testing::HasSubstr;

Settings With(std::initializer_list<std::pair<const char*, std::string>> values) {
  Settings settings;
  for (const auto& [name, value] : values) EXPECT_EQ(settings.Set(name, value, "test").message(), "");
  return settings;
}

class AskedWeights : public testing::Test {
 protected:
  Result<Checkpoint> Open(const Settings& settings) { return OpenAskedWeights(settings, "to test", log_); }

  const fs::path folder_ = TestFolder();
  std::ostringstream out_;
  Log log_{out_, 0};
};

TEST_F(AskedWeights, NoneIsAnErrorThatSaysHowToNameSome) {
  EXPECT_FALSE(AsksForWeights(Settings().options));
  EXPECT_THAT(Open(Settings()).status().message(),
              AllOf(HasSubstr("expected weights to test, found none"), HasSubstr("--ckpt_path=FILE")));
}

TEST_F(AskedWeights, AnotherFileThanTheOneNamedIsTold) {
  const fs::path file = folder_ / "a.safetensors", asked = folder_ / "a.ckpt";
  const Plan plan = *MakePlan(TinyModel());
  ASSERT_TRUE(SaveCheckpoint(file, TinyInfo(), plan.registry, Snapshot(plan.registry)).ok());
  ASSERT_TRUE(Open(With({{"ckpt_path", asked.string()}})).ok());
  EXPECT_THAT(out_.str(), AllOf(HasSubstr(asked.string() + " is not there"), HasSubstr("using " + file.string())));
  out_.str("");
  ASSERT_TRUE(Open(With({{"ckpt_path", file.string()}})).ok());
  EXPECT_EQ(out_.str(), "") << "of a checkpoint of ours there is nothing to say";
}

TEST_F(AskedWeights, AForeignFileIsSaidWhatItWasTakenFor) {
  CheckpointInfo info = TinyInfo();
  info.model.head_bias = true;
  info.model.conventions = kConventions[4].conventions;
  const Plan plan = *MakePlan(info.model);
  ParameterValues<float> values(plan.registry);
  FillRandom(plan.registry, 1, &values);
  const fs::path file = folder_ / "theirs.pth";
  ASSERT_TRUE(ExportPyTorch(file, {info, plan, values}, *FindWeightSource("pytorchcv")).ok());
  const auto checkpoint = Open(With({{"ckpt_path", file.string()}}));
  ASSERT_TRUE(checkpoint.ok()) << checkpoint.status().message();
  EXPECT_EQ(checkpoint->info().model, info.model);
  EXPECT_THAT(out_.str(), HasSubstr("under pytorchcv's names"));
}

TEST_F(AskedWeights, OfSeveralNetworksTheOneUnderTheKeyIsTaken) {
  const CheckpointInfo info = TinyInfo();
  const Plan plan = *MakePlan(info.model);
  std::vector<TensorView> tensors;
  std::vector<std::unique_ptr<ParameterValues<float>>> values;
  for (const std::string prefix : {"student.", "teacher."}) {
    FillRandom(plan.registry, 1 + static_cast<int>(tensors.size()),
               values.emplace_back(std::make_unique<ParameterValues<float>>(plan.registry)).get());
    const auto add = [&](std::span<const Parameter> parameters, const AlignedArray<float>& arena) {
      for (const Parameter& p : parameters)
        tensors.push_back(
            ViewOf<float>(prefix + p.name, p.shape, std::span(arena.data() + p.offset, static_cast<size_t>(p.size))));
    };
    add(plan.registry.trainable(), values.back()->trainable);
    add(plan.registry.statistics(), values.back()->statistics);
  }
  const fs::path file = folder_ / "two.safetensors";
  ASSERT_TRUE(WriteSafetensors(file, tensors, {}).ok());
  EXPECT_THAT(Open(With({{"ckpt_path", file.string()}})).status().message(), HasSubstr("--ckpt_key=student"));
  const auto checkpoint = Open(With({{"ckpt_path", file.string()}, {"ckpt_key", "teacher"}}));
  ASSERT_TRUE(checkpoint.ok()) << checkpoint.status().message();
  ParameterValues<float> found(plan.registry);
  ASSERT_TRUE(checkpoint->Load(plan.registry, WeightSet::kOnline, &found).ok());
  EXPECT_TRUE(std::ranges::equal(found.trainable, values[1]->trainable));
  EXPECT_THAT(Open(With({{"ckpt_key", "teacher"}})).status().message(), HasSubstr("needs --ckpt_path"));
}

TEST_F(AskedWeights, PublishedOnesComeFromTheMirrorThatIsNamed) {
  const Settings settings =
      With({{"model", "shufflenet_v1_g3_10"}, {"pretrained", "mmpretrain"}, {"pretrained_url", folder_.string()}});
  EXPECT_TRUE(AsksForWeights(settings.options));
  EXPECT_THAT(Open(settings).status().message(),
              HasSubstr("expected shufflenet_v1_batch1024_imagenet_20200804-5d6cec73.pth there"));
}

TEST(Pretrained, IsAYesANoOrAPublisher) {
  for (const auto& [text, value] : {std::pair{"True", "any"},
                                    {"yes", "any"},
                                    {"False", ""},
                                    {"0", ""},
                                    {"MindCV", "mindcv"},
                                    {"any", "any"},
                                    {"", ""}})
    EXPECT_EQ(With({{"pretrained", text}}).options.pretrained, value) << text;
  EXPECT_FALSE(Settings().Set("pretrained", "timm", "test").ok());
}

TEST(ImportOptionsFrom, HasWhatTheUserSetAndNothingElse) {
  const ImportOptions none = ImportOptionsFrom(Settings());
  EXPECT_EQ(none.conventions, "auto");
  EXPECT_FALSE(none.stem || none.stage2_stride || none.image_size || none.crop_pct || none.interpolation);
  EXPECT_TRUE(none.mean.empty() && none.std.empty() && none.classes.empty());
  const ImportOptions all = ImportOptionsFrom(With({{"conventions", "paper"},
                                                    {"stem", "small"},
                                                    {"stage2_stride", "1"},
                                                    {"image_resize", "32"},
                                                    {"crop_pct", "1"},
                                                    {"interpolation", "bicubic"},
                                                    {"mean", "1,2,3"},
                                                    {"std", "4,5,6"}}));
  EXPECT_EQ(all.conventions, "paper");
  EXPECT_EQ(all.stem, Stem::kSmall);
  EXPECT_EQ(all.stage2_stride, 1);
  EXPECT_EQ(all.image_size, 32);
  EXPECT_EQ(all.crop_pct, 1);
  EXPECT_EQ(all.interpolation, Interpolation::kBicubic);
  EXPECT_EQ(all.mean, (std::vector<float>{1, 2, 3}));
  EXPECT_EQ(all.std, (std::vector<float>{4, 5, 6}));
}

TEST(CheckOtherFile, KnowsAFileByAnyOfItsNames) {
  const fs::path folder = TestFolder(), file = folder / "a";
  EXPECT_TRUE(CheckOtherFile("out", folder / "b", "ckpt_path", file).ok());
  for (const fs::path& same : {file, folder / "." / "a", folder / "x" / ".." / "a"})
    EXPECT_THAT(CheckOtherFile("out", same, "ckpt_path", file).message(),
                HasSubstr("option out (command line): expected another file than that of ckpt_path, found "));
}

TEST(TakeStructure, LeavesWhatTheUserSet) {
  ModelDescription theirs = TinyModel();
  theirs.head_bias = true;
  theirs.conventions = kConventions[4].conventions;
  ModelDescription ours = TinyModel();
  TakeStructure(theirs, Settings(), &ours);
  EXPECT_EQ(ours, theirs);
  ours = TinyModel();
  TakeStructure(theirs, With({{"conventions", "mindcv"}}), &ours);
  EXPECT_TRUE(ours.head_bias) << "there is no option for it";
  EXPECT_EQ(ours.conventions, TinyModel().conventions);
}

}  // namespace
}  // namespace riffle
