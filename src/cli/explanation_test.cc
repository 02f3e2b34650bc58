// The drawings of `riffle explain`: their files, their size, what they say of the picture's own pixels.
#include "cli/explanation.h"

#include <gmock/gmock.h>

#include "backend/testing/execution.h"
#include "checkpoint/testing/tiny.h"
#include "cli/explanation_sheet.h"
#include "model/testing/random_network.h"
#include "ops/cpu.h"
#include "picture/decode.h"
#include "picture/draw/draw.h"
#include "picture/testing/pictures.h"
#include "runtime/likeliest.h"

namespace riffle {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

ActivationMap Ramp() { return {.height = 2, .width = 2, .values = {-1, 0, 1, 2}}; }

TEST(ExplanationSheet, HasAPanelForEachClassWhateverItsName) {
  const Picture seen = SomePicture(64, 64, 3);
  const std::string long_name(500, 'W'), odd = "\xFF\n\x01 Ä";
  const auto width = [&](const std::vector<ExplainedMap>& maps, std::string_view title = "x.jpg") {
    return DrawExplanation(seen.View(), title, maps).width;
  };
  const ExplainedMap one = {"ants", 0.5, Ramp()};
  const int step = width({one, one}) - width({one});
  EXPECT_GT(step, 300);
  EXPECT_EQ(width({one, one, one}) - width({one, one}), step);
  EXPECT_EQ(width({{long_name, 1, Ramp()}}), width({one}));
  EXPECT_EQ(width({{odd, 0, Ramp()}}, long_name), width({one}));
}

TEST(ExplanationSheet, TakesGreyPicturesAndMapsThatAreEven) {
  const Picture seen = SomePicture(28, 28, 1);
  const std::vector<ExplainedMap> even = {{"7", 1, {.height = 1, .width = 1, .values = {3}}}};
  const std::vector<ExplainedMap> ramp = {{"7", 1, Ramp()}};
  EXPECT_NE(DrawExplanation(seen.View(), "x", even).pixels, DrawExplanation(seen.View(), "x", ramp).pixels);
}

class ExplainerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    info_.classes = {"da/rk", "br\xC3\xADght"};
    info_.model.image_size = info_.preprocessing.image_size = 64;
    info_.model.stem = Stem::kImagenet;
    const Plan plan = *MakePlan(info_.model);
    Snapshot snapshot(plan.registry);
    FillRandom(plan.registry, 1, &snapshot.values);
    ASSERT_TRUE(SaveCheckpoint(folder_ / "x.safetensors", info_, plan.registry, snapshot).ok());
    classifier_ =
        std::move(*BatchClassifier::Create(OnThreads(2), *Checkpoint::Open(folder_ / "x.safetensors"), CpuOps()));
    for (const char* name : {"a/cat.png", "b/cat.png", "b/cat.jpg", "b/dog\n.png"}) {
      const std::string png = *EncodePng(SomePicture(128, 256, 3, static_cast<uint32_t>(pictures_.size())).View());
      WriteText(folder_ / name, png);
      pictures_.push_back({(folder_ / name).string(), {}});
    }
  }
  /// All pictures but the unreadable ones, each with both classes.
  std::vector<Explanation> Explain(Explainer& explainer) const {
    EXPECT_TRUE(classifier_->Classify(pictures_).ok());
    std::vector<std::vector<ClassProbability>> classes(pictures_.size());
    for (size_t i = 0; i < pictures_.size(); ++i)
      if (classifier_->outcome(i).status.ok()) classes[i] = Likeliest(classifier_->logits(i), info_.classes, 2);
    const auto explanations = explainer.Explain(pictures_, classes);
    EXPECT_TRUE(explanations.ok()) << explanations.status().message();
    return *explanations;
  }

  const fs::path folder_ = TestFolder();
  CheckpointInfo info_ = TinyInfo();
  std::unique_ptr<BatchClassifier> classifier_;
  std::vector<PictureInput> pictures_;
};

TEST_F(ExplainerTest, WritesAPngForEachPictureUnderANameOfItsOwn) {
  pictures_.insert(pictures_.begin() + 1, {(folder_ / "missing/cat.png").string(), {}});
  for (int run = 0; run < 2; ++run) {  // the second replaces the first one's
    const auto explainer = std::move(*Explainer::Create(*classifier_, folder_ / "seen/here"));
    std::vector<std::string> names;
    for (const Explanation& explanation : Explain(*explainer)) {
      names.push_back(explanation.file.filename());
      if (explanation.classes.empty()) continue;
      Picture png;
      ASSERT_TRUE(Decode(ReadBytes(explanation.file), 3, png).ok());
      EXPECT_GT(png.width, 3 * png.height / 2);
      EXPECT_EQ(explanation.classes.size(), 2u);
    }
    EXPECT_THAT(names, testing::ElementsAre("cat.explain.png", "", "cat-2.explain.png", "cat-3.explain.png",
                                            "dog\n.explain.png"));
  }
}

TEST_F(ExplainerTest, TellsPlacesInPixelsOfThePicture) {
  const auto explainer = std::move(*Explainer::Create(*classifier_, folder_ / "seen"));
  const auto explained = Explain(*explainer);
  for (const ExplainedClass& c : explained[0].classes) {
    // 128 × 256 pixels become 64 × 128, of which the middle 64 columns are seen by 2 × 2 places: 64 pixels each.
    EXPECT_THAT(c.x, testing::AnyOf(64 + 32, 64 + 96));
    EXPECT_THAT(c.y, testing::AnyOf(32, 96));
    EXPECT_THAT(c.left, testing::AnyOf(64, 128));
    EXPECT_THAT(c.top, testing::AnyOf(0, 64));
    EXPECT_LE(c.left + c.width, 192);
    EXPECT_LE(c.top + c.height, 128);
    EXPECT_TRUE(c.x >= c.left && c.x < c.left + c.width && c.y >= c.top && c.y < c.top + c.height);
  }
}

TEST_F(ExplainerTest, AFolderThatCannotBeMadeIsNamed) {
  WriteText(folder_ / "file", "x");
  const auto explainer = Explainer::Create(*classifier_, folder_ / "file/seen");
  ASSERT_FALSE(explainer.ok());
  EXPECT_THAT(explainer.status().message(), HasSubstr("file/seen"));
}

TEST(ClassNamed, ByNameOrByNumber) {
  CheckpointInfo info = TinyInfo();
  EXPECT_EQ(*ClassNamed("bright", info), 1);
  EXPECT_EQ(*ClassNamed("0", info), 0);
  for (const char* wrong : {"2", "-1", "brigt", ""}) {
    ASSERT_FALSE(ClassNamed(wrong, info).ok()) << wrong;
    EXPECT_THAT(ClassNamed(wrong, info).status().message(), HasSubstr("option class"));
  }
  EXPECT_THAT(ClassNamed("brigt", info).status().message(), HasSubstr("the nearest name is 'bright'"));
  info.classes = {"1", "0"};
  EXPECT_EQ(*ClassNamed("1", info), 0) << "a name comes first";
  info.classes.clear();
  EXPECT_EQ(*ClassNamed("class 1", info), 1);
}

}  // namespace
}  // namespace riffle
