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

TEST(Synonyms, WordsOfOtherProgramsForAValueAreUnderstoodAndNotTheNearestByLetters) {
  Settings settings;
  const auto refused = [&](const char* name, const char* value) { return settings.Set(name, value, "x").message(); };
  EXPECT_EQ(refused("device_target", "CUDA"),
            "option device_target (x): expected one of auto, CPU, GPU, Ascend, found 'CUDA'; did you mean 'GPU'?");
  EXPECT_THAT(refused("scheduler", "cosine"), testing::EndsWith("did you mean 'cosine_decay'?"));
  EXPECT_THAT(refused("scheduler", "cuda"), testing::HasSubstr("the nearest one is")) << "a word of another option";
}

TEST(Synonyms, OfValuesAreNoValuesThemselvesAndMeanOne) {
  for (const OptionRow& row : OptionTable())
    for (const char* word : {"cuda", "nvidia", "bf16", "bfloat16", "fp32", "float32", "cosine", "exponential", "linear",
                             "multistep", "poly", "polynomial", "step", "cross_entropy", "binary_cross_entropy"}) {
      const std::string_view meant = ValueMeantBy(row.name, word);
      if (meant.empty()) continue;
      Options options;
      EXPECT_FALSE(ParseValue(row, word, options)) << row.name << '=' << word;
      EXPECT_TRUE(ParseValue(row, meant, options)) << row.name << '=' << meant;
    }
}

}  // namespace
}  // namespace riffle
