#include "exchange/import.h"

#include <gmock/gmock.h>

#include <deque>

#include "data/imagenet_classes.h"
#include "model/plan.h"
#include "model/testing/random_network.h"
#include "model/zoo.h"

namespace riffle {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

/// A file of one source's network, as its own program would have written it.
class Theirs {
 public:
  explicit Theirs(std::string_view source_name, int classes = 7, int in_channels = 3)
      : source_(*FindWeightSource(source_name)), model_(*FindModel("shufflenet_v1_g3_x0_25")) {
    model_.num_classes = classes;
    model_.in_channels = in_channels;
    model_.head_bias = source_name == "mmpretrain" || source_name == "pytorchcv";
    model_.conventions = std::ranges::find(kConventions, source_.conventions, &NamedConventions::name)->conventions;
    plan_ = *MakePlan(model_);
    values_.emplace(plan_.registry);
    FillRandom(plan_.registry, 3, &*values_);
    file.path = "theirs";
    file.format = "file";
    for (const Parameter& p : plan_.registry.trainable()) Add(p, values_->trainable);
    for (const Parameter& p : plan_.registry.statistics()) Add(p, values_->statistics);
  }

  void Add(std::string name, std::vector<int64_t> shape, std::vector<float> values) {
    const std::vector<float>& kept = own_.emplace_back(std::move(values));
    file.tensors.push_back(ViewOf<float>(std::move(name), std::move(shape), kept));
  }
  TensorView& Tensor(std::string_view our_name) {
    return *std::ranges::find(file.tensors, NameAt(source_, our_name), &TensorView::name);
  }
  void Remove(std::string_view our_name) {
    const std::string name = NameAt(source_, our_name);
    std::erase_if(file.tensors, [&](const TensorView& t) { return t.name == name; });
  }
  void Rename(const std::function<std::string(const std::string&)>& rename) {
    for (TensorView& tensor : file.tensors) tensor.name = rename(tensor.name);
  }
  std::vector<float> ValuesOf(std::string_view our_name) const {
    const Parameter& p = *std::ranges::find(plan_.registry.trainable(), our_name, &Parameter::name);
    return {values_->trainable.data() + p.offset, values_->trainable.data() + p.offset + p.size};
  }
  std::string Error(const ImportOptions& options = {}) const {
    const auto imported = ImportTensors(file, options);
    return imported.ok() ? "" : imported.status().message();
  }

  TensorFile file;
  const ModelDescription& model() const { return model_; }
  const Plan& plan() const { return plan_; }
  const ParameterValues<float>& values() const { return *values_; }

 private:
  void Add(const Parameter& p, const AlignedArray<float>& arena) {
    file.tensors.push_back(ViewOf<float>(NameAt(source_, p.name), p.shape,
                                         std::span(arena.data() + p.offset, static_cast<size_t>(p.size))));
  }

  const WeightSource& source_;
  ModelDescription model_;
  Plan plan_;
  std::optional<ParameterValues<float>> values_;
  std::deque<std::vector<float>> own_;
};

void ExpectEqual(const AlignedArray<float>& a, const AlignedArray<float>& b) {
  ASSERT_EQ(a.size(), b.size());
  EXPECT_TRUE(std::equal(a.begin(), a.end(), b.begin()));
}

TEST(Import, TakesEachSourceForWhatItIs) {
  for (const WeightSource& source : WeightSources()) {
    SCOPED_TRACE(source.name);
    const Theirs theirs(source.name);
    const auto imported = ImportTensors(theirs.file, {});
    ASSERT_TRUE(imported.ok()) << imported.status().message();
    EXPECT_EQ(imported->info.model, theirs.model());
    EXPECT_EQ(imported->bgr, source.name == "megvii");
    EXPECT_THAT(imported->notes[0], HasSubstr(fmt::format("Taken for {}'s network", source.title)));
    EXPECT_TRUE(imported->info.classes.empty()) << "nobody knows what seven classes are";
    ExpectEqual(imported->weights.values.statistics, theirs.values().statistics);
    if (!imported->bgr) ExpectEqual(imported->weights.values.trainable, theirs.values().trainable);
  }
}

TEST(Import, TurnsRoundColoursThatComeBlueFirst) {
  const Theirs theirs("megvii");
  const auto imported = ImportTensors(theirs.file, {});
  const std::vector<float> before = theirs.ValuesOf("stem.conv.weight");
  const float* after = imported->weights.values.trainable.data() + theirs.plan().registry.trainable()[0].offset;
  for (int out = 0; out < 6; ++out)
    for (int c = 0; c < 3; ++c)
      for (int k = 0; k < 9; ++k)
        EXPECT_EQ(after[(out * 3 + c) * 9 + k], before[(out * 3 + (2 - c)) * 9 + k]) << out << ' ' << c << ' ' << k;
  EXPECT_FALSE(ImportTensors(Theirs("megvii", 7, 1).file, {})->bgr) << "grey has no order";
  EXPECT_FALSE(ImportTensors(theirs.file, {.bgr = false})->bgr) << "the user knows better";
  EXPECT_TRUE(ImportTensors(Theirs("mmpretrain").file, {.bgr = true})->bgr);
}

TEST(Import, AThousandClassesAreImageNets) {
  const auto imported = ImportTensors(Theirs("pytorchcv", 1000).file, {});
  ASSERT_TRUE(imported.ok());
  EXPECT_EQ(imported->info.classes, ImageNetNames());
}

TEST(Import, KnowsNamesBehindAPrefix) {
  Theirs theirs("megvii");
  theirs.Rename([](const std::string& name) { return "module." + name; });
  EXPECT_EQ(theirs.Error(), "");
  theirs.Rename([](const std::string& name) { return "x" + name; });
  EXPECT_EQ(theirs.Error(), "");
}

TEST(Import, PutsGroupsOfAConvolutionTogether) {
  Theirs theirs("mindcv");
  TensorView whole = theirs.Tensor("stage2.1.conv1.weight");
  theirs.Remove("stage2.1.conv1.weight");
  for (const size_t group : {2, 0, 1}) {
    TensorView part = whole;
    part.name = "features.1.branch_main_1.0.convs." + std::to_string(group) + ".weight";
    part.shape[0] /= 3;
    part.bytes = whole.bytes.subspan(group * whole.bytes.size() / 3, whole.bytes.size() / 3);
    theirs.file.tensors.push_back(part);
  }
  const auto imported = ImportTensors(theirs.file, {});
  ASSERT_TRUE(imported.ok()) << imported.status().message();
  ExpectEqual(imported->weights.values.trainable, theirs.values().trainable);
  theirs.file.tensors.pop_back();
  EXPECT_THAT(theirs.Error(), HasSubstr("of the groups of \"features.1.branch_main_1.0.weight\" number 1 is missing"));
}

TEST(Import, LeavesOutWhatBelongsToTraining) {
  Theirs theirs("mindcv");
  const TensorView weight = theirs.Tensor("stage2.0.conv1.weight");
  theirs.file.tensors.push_back(weight);
  theirs.file.tensors.back().name = "moments." + weight.name;
  theirs.Add("learning_rate", {}, {0.1f});
  theirs.Add("global_step", {1}, {5});
  const auto imported = ImportTensors(theirs.file, {});
  ASSERT_TRUE(imported.ok()) << imported.status().message();
  EXPECT_THAT(imported->notes, ElementsAre(HasSubstr("Taken for MindCV's"), HasSubstr("Taken for granted"),
                                           HasSubstr("Left out: 3 tensors of its training, such as \"global_step\"")));
}

TEST(Import, ListsWhatIsMissing) {
  Theirs theirs("mmpretrain");
  theirs.Remove("stage3.4.bn2.running_mean");
  EXPECT_THAT(theirs.Error(), AllOf(HasSubstr("1 of its tensors is missing"),
                                    HasSubstr("\"backbone.layers.1.4.depthwise_conv3x3_bn.bn.running_mean\"")));
  theirs.Remove("head.weight");
  EXPECT_THAT(theirs.Error(), HasSubstr("\"head.fc.weight\""));
}

TEST(Import, AHeadWithoutTheBiasThatItsSourceAlwaysHasIsIncomplete) {
  for (const char* source : {"mmpretrain", "pytorchcv"}) {
    Theirs theirs(source);
    theirs.Remove("head.bias");
    EXPECT_THAT(theirs.Error(), AllOf(HasSubstr("1 of its tensors is missing"),
                                      HasSubstr(NameAt(*FindWeightSource(source), "head.bias"))));
  }
  EXPECT_EQ(Theirs("mindcv").Error(), "") << "has none";
}

TEST(Import, SaysWhatItTakesForGrantedAndHowToSayOtherwise) {
  const auto notes = [](const Theirs& theirs, const ImportOptions& options = {}) {
    return ImportTensors(theirs.file, options)->notes;
  };
  EXPECT_THAT(notes(Theirs("mindcv"))[1],
              AllOf(HasSubstr("pictures of 224 × 224 pixels; red, green, blue; mean 123.675,116.28,103.53; std "),
                    HasSubstr("--channels"), testing::Not(HasSubstr("Of a network that Riffle trained"))));
  EXPECT_THAT(notes(Theirs("megvii"))[1],
              AllOf(HasSubstr("blue, green, red; mean 0,0,0; std 1,1,1"),
                    HasSubstr("Of a network that Riffle trained: --conventions=mindcv --channels=rgb "
                              "--mean=123.675,116.28,103.53 --std=58.395,57.12,57.375")));
  EXPECT_THAT(
      notes(Theirs("megvii"), {.image_size = 224, .bgr = false, .mean = {1, 2, 3}, .std = {1, 2, 3}}),
      ElementsAre(HasSubstr("Taken for Megvii's"), HasSubstr("As the options say it: mean 1,2,3 instead of 0,0,0")));
}

TEST(Import, GreyPicturesHaveNoOrderOfColours) {
  EXPECT_THAT(Theirs("megvii", 7, 1).Error({.bgr = false}), HasSubstr("pictures of 1 channel, which have no order"));
}

// Twice the same network, the second time under a prefix.
Theirs WithASecond(std::string_view source, const std::string& first, const std::string& second) {
  Theirs theirs(source);
  const size_t tensors = theirs.file.tensors.size();
  for (size_t i = 0; i < tensors; ++i) {
    theirs.file.tensors.push_back(theirs.file.tensors[i]);
    theirs.file.tensors.back().name.insert(0, second);
    theirs.file.tensors[i].name.insert(0, first);
  }
  return theirs;
}

TEST(Import, TellsWhichOfSeveralNetworksItTook) {
  for (const char* first : {"", "module.", "model."}) {
    const Theirs theirs = WithASecond("mindcv", first, "model_ema.");
    const auto imported = ImportTensors(theirs.file, {});
    ASSERT_TRUE(imported.ok()) << imported.status().message();
    EXPECT_THAT(imported->notes[1], AllOf(HasSubstr("It holds several networks: taken is the one "),
                                          HasSubstr("--ckpt_key=model_ema takes the other one")));
    EXPECT_EQ(imported->notes.size(), 3u) << "the other one is nothing of its training";
  }
}

TEST(Import, DoesNotGuessBetweenATeacherAndItsStudent) {
  EXPECT_THAT(WithASecond("mmpretrain", "student.", "teacher.").Error(),
              AllOf(HasSubstr("it holds several networks, under \"student\" and \"teacher\""),
                    HasSubstr("--ckpt_key=student")));
}

TEST(Import, AnAverageOfTheParametersAloneIsNoSecondNetwork) {
  Theirs theirs = WithASecond("mindcv", "", "ema.");
  std::erase_if(theirs.file.tensors, [](const TensorView& t) {
    return t.name.starts_with("ema.") && t.name.find("moving_") != std::string::npos;
  });
  EXPECT_THAT(ImportTensors(theirs.file, {})->notes,
              ElementsAre(HasSubstr("Taken for MindCV's"), HasSubstr("Taken for granted"), HasSubstr("Left out: ")));
}

TEST(Import, SaysOfAFileWithoutTensorsThatItHasNone) {
  TensorFile file;
  file.path = "a.safetensors";
  file.format = "safetensors file";
  EXPECT_EQ(ImportTensors(file, {}).status().message(),
            "a.safetensors: a safetensors file without tensors; was the network saved?");
}

TEST(Import, ListsWhatIsLeftOver) {
  Theirs theirs("megvii");
  theirs.Add("features.16.branch_main_1.0.weight", {4, 4, 1, 1}, std::vector<float>(16));
  EXPECT_THAT(theirs.Error(), AllOf(HasSubstr("1 tensor is left over: \"features.16.branch_main_1.0.weight\""),
                                    HasSubstr("ShuffleNetV1 has no such tensors")));
}

TEST(Import, ASingleNumberThatNobodyKnowsIsNoCounter) {
  Theirs theirs("pytorchcv");
  theirs.Add("features.stage1.unit1.gamma_scale", {1}, {5});
  EXPECT_THAT(theirs.Error(), HasSubstr("left over: \"features.stage1.unit1.gamma_scale\""));
}

TEST(Import, RefusesNetworksThatOnlyBearTheName) {
  Theirs biased("megvii");
  biased.Add("features.0.branch_main_1.0.bias", {15}, std::vector<float>(15));
  EXPECT_THAT(biased.Error(), HasSubstr("its convolutions have biases, ShuffleNetV1's have none"));
  Theirs projecting("megvii");
  projecting.Add("features.0.branch_proj.0.weight", {60, 6, 1, 1}, std::vector<float>(360));
  EXPECT_THAT(projecting.Error(), HasSubstr("it projects its shortcuts where ShuffleNetV1 concatenates"));
  Theirs wide("megvii");
  wide.Remove("stage2.0.conv3.weight");
  wide.Add("features.0.branch_main_2.2.weight", {60, 5, 1, 1}, std::vector<float>(300));
  EXPECT_THAT(wide.Error(), HasSubstr("compute all 60 channels and add a projection"));
}

TEST(Import, NamesATensorOfAnotherShape) {
  Theirs theirs("pytorchcv");
  theirs.Tensor("stage4.1.depthwise.weight").shape = {60, 1, 9, 1};
  EXPECT_THAT(theirs.Error(), AllOf(HasSubstr("\"features.stage3.unit2.dw_conv2.weight\" has shape [60, 1, 9, 1]"),
                                    HasSubstr("[60, 1, 3, 3]")));
}

TEST(Import, AHeadMayBeAConvolution) {
  Theirs theirs("megvii");
  theirs.Tensor("head.weight").shape = {7, 240, 1, 1};
  EXPECT_EQ(theirs.Error(), "");
}

TEST(Import, RefusesValuesThatAreNoNumbersAndNegativeVariances) {
  Theirs theirs("megvii");
  const std::vector<int64_t> shape = theirs.Tensor("stage2.0.bn1.running_variance").shape;
  theirs.Remove("stage2.0.bn1.running_variance");
  std::vector<float> variances(shape[0], 1);
  variances[3] = -1;
  theirs.Add("features.0.branch_main_1.1.running_var", shape, variances);
  EXPECT_THAT(theirs.Error(), HasSubstr("variances below zero"));
  theirs.file.tensors.pop_back();
  variances[3] = NAN;
  theirs.Add("features.0.branch_main_1.1.running_var", shape, variances);
  EXPECT_THAT(theirs.Error(), HasSubstr("not finite numbers"));
}

TEST(Import, RefusesNamesOfNobody) {
  TensorFile file;
  file.path = "resnet.pth";
  file.format = "PyTorch file";
  const std::vector<float> values(4);
  file.tensors.push_back(ViewOf<float>("layer1.0.conv1.weight", {2, 2}, values));
  const auto imported = ImportTensors(file, {});
  ASSERT_FALSE(imported.ok());
  EXPECT_THAT(imported.status().message(), AllOf(HasSubstr("resnet.pth"), HasSubstr("PyTorch file of 1 tensor "),
                                                 HasSubstr("MMPretrain"), HasSubstr("\"layer1.0.conv1.weight\"")));
}

TEST(Import, TakesWhatTheUserSays) {
  const Theirs theirs("riffle");
  const auto imported = ImportTensors(theirs.file, {.conventions = "paper",
                                                    .stem = Stem::kSmall,
                                                    .stage2_stride = 1,
                                                    .image_size = 32,
                                                    .crop_pct = 1.0,
                                                    .mean = {1, 2, 3},
                                                    .classes = {"a", "b", "c", "d", "e", "f", "g"}});
  ASSERT_TRUE(imported.ok()) << imported.status().message();
  const CheckpointInfo& info = imported->info;
  EXPECT_EQ(info.model.conventions, kConventions[2].conventions);
  EXPECT_EQ(info.model.stem, Stem::kSmall);
  EXPECT_EQ(info.model.stage2_stride, 1);
  EXPECT_EQ(info.model.image_size, 32);
  EXPECT_EQ(info.preprocessing.image_size, 32);
  EXPECT_EQ(info.preprocessing.crop_pct, 1);
  EXPECT_EQ(info.preprocessing.mean, (std::vector<float>{1, 2, 3}));
  EXPECT_EQ(info.classes[6], "g");
  EXPECT_THAT(imported->notes[1],
              testing::StartsWith("As the options say it: conventions paper instead of mindcv, stem small instead of "
                                  "imagenet, stage2_stride 1 instead of 2, image_resize 32 instead of 224, crop_pct 1 "
                                  "instead of 0.875, mean 1,2,3 instead of 123.675,116.28,103.53"));
  EXPECT_THAT(imported->notes[1], testing::EndsWith(", 7 names of classes instead of none"));
  EXPECT_THAT(
      theirs.Error({.conventions = "timm"}),
      HasSubstr("option conventions: expected auto, mindcv, megvii, paper, mmpretrain or pytorchcv, found \"timm\""));
  EXPECT_THAT(theirs.Error({.classes = {"a"}}), HasSubstr("1 name of classes for a head of 7"));
  EXPECT_THAT(theirs.Error({.mean = {1}}), HasSubstr("mean"));
}

}  // namespace
}  // namespace riffle
