#include "settings/accepted_options.h"

#include <gmock/gmock.h>

#include <set>

namespace riffle {
namespace {

using ::testing::HasSubstr;

Settings After(const std::string& yaml) {
  Settings settings;
  const Status status = ReadOptionsYaml(yaml, "recipe.yaml", settings);
  EXPECT_TRUE(status.ok()) << status.message();
  return settings;
}

TEST(AcceptedOptions, AreNoneOfOursAndEachSaysWhy) {
  std::set<std::string_view> names;
  for (const AcceptedOption& option : AcceptedOptions()) {
    EXPECT_EQ(FindOption(option.row.name), nullptr) << option.row.name;
    EXPECT_TRUE(names.insert(option.row.name).second) << option.row.name << " stands twice";
    EXPECT_FALSE(option.row.help.empty());
  }
}

TEST(AcceptedOptions, ChangeNothingButTheNote) {
  const Settings settings = After("mode: 0\ndataset_sink_mode: True\nloss_scale: 1024\n");
  EXPECT_EQ(settings.options, Options{});
  EXPECT_EQ(AcceptedNote(settings),
            "Options without effect here: mode (there is one way to execute), dataset_sink_mode (the loader feeds the "
            "network directly), loss_scale (gradients have the range of fp32 and need no scale)");
}

TEST(AcceptedOptions, AreNotWorthAWordAtTheirUsualValues) {
  EXPECT_EQ(AcceptedNote(After("amp_level: o0\nloss_scale: 1.0\ndrop_rate: null\n"
                               "drop_path_rate: 0.0\nsave_checkpoint: yes\namp_cast_list:\n")),
            "");
  EXPECT_EQ(AcceptedNote(Settings{}), "");
  EXPECT_THAT(AcceptedNote(After("amp_cast_list: softmax\n")),
              HasSubstr("amp_cast_list (amp_level says it for all ops)"));
}

TEST(AcceptedOptions, HaveValuesOfTheirTypeAndNoOther) {
  Settings settings;
  const auto refused = [&](std::string_view name, std::string_view text) {
    const Status status = settings.Set(name, text, "command line");
    EXPECT_FALSE(status.ok()) << name << " took " << text;
    return status.message();
  };
  EXPECT_EQ(refused("amp_level", "O4"),
            "option amp_level (command line): expected one of O0, O1, O2, O3, found 'O4'; the nearest one is 'O0'");
  EXPECT_THAT(refused("loss_scale", "big"), HasSubstr("a number"));
  EXPECT_THAT(refused("summary", "maybe"), HasSubstr("yes or no"));
  EXPECT_TRUE(settings.accepted.empty());
}

TEST(AcceptedOptions, TheFilterOf2022IsReadAsWhatItDid) {
  EXPECT_EQ(After("filter_bias_and_bn: False\n").options.weight_decay_filter, "auto");
  EXPECT_EQ(After("filter_bias_and_bn: True\n").options.weight_decay_filter, "disable");
  EXPECT_TRUE(After("filter_bias_and_bn: True\n").IsSet("weight_decay_filter"));
  EXPECT_EQ(AcceptedNote(After("filter_bias_and_bn: False\n")),
            "Read filter_bias_and_bn=false as weight_decay_filter=auto");
  EXPECT_EQ(AcceptedNote(After("mode: 0\nfilter_bias_and_bn: True\n")),
            "Options without effect here: mode (there is one way to execute). Read filter_bias_and_bn=true as "
            "weight_decay_filter=disable");
}

TEST(Synonyms, NameAnOptionThatIsThere) {
  Settings settings;
  EXPECT_EQ(settings.Set("epochs", "3", "command line").message(),
            "unknown option 'epochs' (command line); the nearest one is 'epoch_size'");
  EXPECT_EQ(SynonymOf("learning_rate"), "lr");
  EXPECT_EQ(SynonymOf("momentun"), "");
}

}  // namespace
}  // namespace riffle
