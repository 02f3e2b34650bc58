#include "model/description.h"

#include <gmock/gmock.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <utility>

#include "model/zoo.h"

namespace riffle {
namespace {

using nlohmann::json;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

// The description with one member changed; Check's message on it, empty if it passes.
template <class Change>
std::string CheckAfter(Change change) {
  ModelDescription model;
  change(model);
  return Check(model).message();
}

// The default description's JSON with one change; ModelFromJson's message on it, empty if it passes.
template <class Change>
std::string ReadAfter(Change change) {
  json object = json::parse(ToJson(ModelDescription{}));
  change(object);
  return ModelFromJson(object.dump()).status().message();
}

TEST(Conventions, OfMindCvAreTheDefault) {
  EXPECT_EQ(kConventions[0].name, "mindcv");
  EXPECT_EQ(kConventions[0].conventions, Conventions{});
}

TEST(Conventions, DifferWhereThePublishedCodeDiffers) {
  const Conventions mindcv = kConventions[0].conventions, megvii = kConventions[1].conventions,
                    paper = kConventions[2].conventions;
  EXPECT_EQ(mindcv, (Conventions{ShuffleDirection::kInverse, ShufflePlace::kBeforeDepthwise, PoolPadding::kSame,
                                 AverageDivisor::kTruePixels}));
  EXPECT_EQ(megvii, (Conventions{ShuffleDirection::kInverse, ShufflePlace::kAfterDepthwise, PoolPadding::kSymmetric,
                                 AverageDivisor::kNine}));
  EXPECT_EQ(paper, (Conventions{ShuffleDirection::kPaper, ShufflePlace::kBeforeDepthwise, PoolPadding::kSymmetric,
                                AverageDivisor::kNine}));
}

TEST(Conventions, OfMmpretrainAndPytorchcvPadPoolsAsThePaperDoes) {
  Conventions mmpretrain = kConventions[3].conventions, pytorchcv = kConventions[4].conventions;
  EXPECT_EQ(std::exchange(mmpretrain.shuffle_place, ShufflePlace::kBeforeDepthwise), ShufflePlace::kAfterDepthwise);
  EXPECT_EQ(std::exchange(pytorchcv.concat_order, ConcatOrder::kShortcutFirst), ConcatOrder::kUnitFirst);
  for (const Conventions& rest : {mmpretrain, pytorchcv}) EXPECT_EQ(rest, kConventions[2].conventions);
}

TEST(Bottleneck, IsAQuarterRoundedUpToTheGroups) {
  ModelDescription model;
  model.groups = 4;
  EXPECT_EQ(model.BottleneckChannels(272), 68);
  EXPECT_EQ(model.BottleneckChannels(68), 20);
}

TEST(Check, AcceptsTheExtremes) {
  EXPECT_EQ(CheckAfter([](auto& m) { m.image_size = 8; }), "");
  EXPECT_EQ(CheckAfter([](auto& m) { m.image_size = 8192; }), "");
  EXPECT_EQ(CheckAfter([](auto& m) { m.num_classes = 1; }), "");
  EXPECT_EQ(CheckAfter([](auto& m) { m.num_classes = 1'000'000; }), "");
  EXPECT_EQ(CheckAfter([](auto& m) { m.in_channels = 1; }), "");
  EXPECT_EQ(CheckAfter([](auto& m) { m.bn_momentum = 0; }), "");
  EXPECT_EQ(CheckAfter([](auto& m) { m.bn_momentum = 1; }), "");
  EXPECT_EQ(CheckAfter([](auto& m) { m.stem = Stem::kSmall, m.stage2_stride = 1; }), "");
}

TEST(Check, NamesWhatIsOutOfRange) {
  EXPECT_EQ(CheckAfter([](auto& m) { m.image_size = 7; }), "image_size: expected a value from 8 to 8192, found 7");
  EXPECT_THAT(CheckAfter([](auto& m) { m.image_size = 8193; }), HasSubstr("image_size"));
  EXPECT_THAT(CheckAfter([](auto& m) { m.num_classes = 0; }), HasSubstr("num_classes"));
  EXPECT_THAT(CheckAfter([](auto& m) { m.num_classes = 1'000'001; }), HasSubstr("num_classes"));
  EXPECT_THAT(CheckAfter([](auto& m) { m.in_channels = 2; }), HasSubstr("in_channels: expected 1 (grey) or 3"));
  EXPECT_THAT(CheckAfter([](auto& m) { m.groups = 0; }), HasSubstr("groups"));
  EXPECT_THAT(CheckAfter([](auto& m) { m.stem_channels = 0; }), HasSubstr("stem_channels"));
  EXPECT_THAT(CheckAfter([](auto& m) { m.stage2_channels = 3; }), HasSubstr("stage2_channels"));
  EXPECT_THAT(CheckAfter([](auto& m) { m.stage2_channels = 8193; }), HasSubstr("stage2_channels"));
  EXPECT_THAT(CheckAfter([](auto& m) { m.stage2_stride = 3; }), HasSubstr("stage2_stride"));
  EXPECT_THAT(CheckAfter([](auto& m) { m.stage2_stride = 1; }), HasSubstr("needs the small stem"));
  EXPECT_THAT(CheckAfter([](auto& m) { m.bn_eps = 0; }), HasSubstr("bn_eps"));
  EXPECT_THAT(CheckAfter([](auto& m) { m.bn_eps = std::nan(""); }), HasSubstr("bn_eps"));
  EXPECT_THAT(CheckAfter([](auto& m) { m.bn_eps = HUGE_VAL; }), HasSubstr("bn_eps"));
  EXPECT_THAT(CheckAfter([](auto& m) { m.bn_momentum = 1.01; }), HasSubstr("bn_momentum"));
  EXPECT_THAT(CheckAfter([](auto& m) { m.bn_momentum = std::nan(""); }), HasSubstr("bn_momentum"));
}

TEST(Check, NamesChannelsThatTheGroupsDoNotDivide) {
  EXPECT_EQ(CheckAfter([](auto& m) { m.groups = 7; }),
            "stage2_channels: expected a multiple of the 7 groups, found 240");
  EXPECT_THAT(CheckAfter([](auto& m) { m.stem_channels = 25; }),
              HasSubstr("multiple of the 3 groups, found 240 - 25 = 215"));
  EXPECT_THAT(CheckAfter([](auto& m) { m.stem_channels = 240; }), HasSubstr("expected fewer than the 240 of stage 2"));
}

TEST(ModelJson, ComesBackAsItWas) {
  for (const ZooEntry& entry : Zoo())
    for (const NamedConventions& named : kConventions) {
      ModelDescription model = *FindModel(entry.name);
      model.conventions = named.conventions;
      model.num_classes = 37;
      model.in_channels = 1;
      model.image_size = 33;
      model.stem = Stem::kSmall;
      model.stage2_stride = 1;
      model.head_bias = true;
      model.bn_eps = 0.1 + 0.2;  // no short decimal
      model.bn_momentum = 1.0 / 3;
      const Result<ModelDescription> back = ModelFromJson(ToJson(model));
      ASSERT_TRUE(back.ok()) << back.status().message();
      EXPECT_EQ(*back, model);
    }
}

TEST(ModelJson, WritesEnumerationsAsWords) {
  const json object = json::parse(ToJson(ModelDescription{}));
  EXPECT_EQ(object.size(), 12u);
  EXPECT_EQ(object["stem"], "imagenet");
  EXPECT_EQ(object["conventions"], json::parse(R"({"shuffle_direction": "inverse", "shuffle_place": "before_depthwise",
                                                   "pool_padding": "same", "average_divisor": "true_pixels"})"));
}

// Files of versions that did not know them have neither, and those versions read what has no need of them.
TEST(ModelJson, LeavesOutABiasAndAnOrderThatAreTheUsualOnes) {
  EXPECT_THAT(ToJson({}), Not(HasSubstr("head_bias")));
  EXPECT_THAT(ToJson({}), Not(HasSubstr("concat_order")));
  EXPECT_EQ(ReadAfter([](json& j) { j["head_bias"] = 1; }),
            "model description: \"head_bias\": expected true or false, found 1");
  EXPECT_THAT(ReadAfter([](json& j) { j["conventions"]["concat_order"] = "other"; }),
              HasSubstr("expected \"shortcut_first\" or \"unit_first\""));
}

TEST(ModelJson, NamesTheMissingKey) {
  const json keys = json::parse(ToJson(ModelDescription{}));
  for (const auto& [key, value] : keys.items())
    EXPECT_EQ(ReadAfter([&](json& o) { o.erase(key); }), "model description: the key \"" + key + "\" is missing");
  EXPECT_THAT(ReadAfter([](json& o) { o["conventions"].erase("pool_padding"); }),
              HasSubstr("\"conventions.pool_padding\" is missing"));
}

TEST(ModelJson, NamesTheUnknownKeyAndTheNearest) {
  EXPECT_THAT(ReadAfter([](json& o) { o["group"] = 3; }),
              AllOf(HasSubstr("unknown key \"group\""), HasSubstr("\"groups\"")));
  EXPECT_THAT(ReadAfter([](json& o) { o["conventions"]["pool_pading"] = "same"; }),
              AllOf(HasSubstr("unknown key \"conventions.pool_pading\""), HasSubstr("\"conventions.pool_padding\"")));
}

TEST(ModelJson, NamesTheKeyOfAWrongType) {
  EXPECT_THAT(ReadAfter([](json& o) { o["groups"] = "3"; }),
              HasSubstr("\"groups\": expected a whole number of 32 bits, found \"3\""));
  for (const json& wrong :
       {json(3.5), json(true), json(nullptr), json(int64_t{1} << 32), json(UINT64_MAX), json(INT64_MIN)})
    EXPECT_THAT(ReadAfter([&](json& o) { o["groups"] = wrong; }),
                HasSubstr("\"groups\": expected a whole number of 32 bits, found " + wrong.dump()));
  EXPECT_THAT(ReadAfter([](json& o) { o["name"] = 1; }), HasSubstr("\"name\": expected a string, found 1"));
  EXPECT_THAT(ReadAfter([](json& o) { o["bn_eps"] = json::array(); }),
              HasSubstr("\"bn_eps\": expected a number, found an array"));
  EXPECT_THAT(ReadAfter([](json& o) { o["conventions"] = "mindcv"; }),
              HasSubstr("\"conventions\": expected an object"));
  EXPECT_THAT(ReadAfter([](json& o) { o["stem"] = "big"; }),
              HasSubstr("\"stem\": expected \"imagenet\" or \"small\", found \"big\""));
  EXPECT_THAT(ReadAfter([](json& o) { o["stem"] = 0; }),
              HasSubstr("\"stem\": expected \"imagenet\" or \"small\", found 0"));
  EXPECT_THAT(ReadAfter([](json& o) { o["conventions"]["shuffle_place"] = "never"; }),
              HasSubstr("\"conventions.shuffle_place\": expected"));
}

TEST(ModelJson, RefusesWhatCannotBeANetwork) {
  EXPECT_THAT(ReadAfter([](json& o) { o["groups"] = 0; }), HasSubstr("groups: expected a value from 1"));
  EXPECT_THAT(ModelFromJson("[]").status().message(), HasSubstr("expected a JSON object, found an array"));
  EXPECT_THAT(ModelFromJson("{\"name\": ").status().message(), HasSubstr("invalid JSON"));
  EXPECT_THAT(ModelFromJson(R"({"groups": 3, "groups": 8})").status().message(),
              HasSubstr("\"groups\" stands there twice"));
}

TEST(ModelJson, SurvivesANameThatIsNotUtf8) {
  ModelDescription model;
  model.name = "\xff";
  EXPECT_TRUE(ModelFromJson(ToJson(model)).ok());
}

}  // namespace
}  // namespace riffle
