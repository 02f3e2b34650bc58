// Options: every way to write a value, what is refused and how, who wins, and that the table covers every field.
#include "settings/settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "backend/threads.h"
#include "base/file.h"
#include "settings/option_table.h"

namespace riffle {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;

Settings After(std::string_view name, std::string_view text) {
  Settings settings;
  const Status status = settings.Set(name, text, "command line");
  EXPECT_TRUE(status.ok()) << status.message();
  return settings;
}

std::string Refused(std::string_view name, std::string_view text) {
  Settings settings;
  const Status status = settings.Set(name, text, "command line");
  EXPECT_FALSE(status.ok()) << name << " took '" << text << "'";
  EXPECT_EQ(settings.options, Options{}) << "a refused value changed something";
  EXPECT_FALSE(settings.IsSet(name));
  return status.message();
}

// How many fields an aggregate has: the most initialisers that it takes.
struct Anything {
  template <class T>
  operator T() const;
};
template <class T, class... Args>
constexpr size_t FieldCount() {
  if constexpr (!requires { T{Args{}..., Anything{}}; }) {
    return sizeof...(Args);
  } else {
    return FieldCount<T, Args..., Anything>();
  }
}

TEST(OptionTableTest, HasOneRowForEachFieldAndEveryNameOnce) {
  std::set<std::string_view> names;
  std::vector<OptionField> fields;
  for (const OptionRow& row : OptionTable()) {
    EXPECT_TRUE(names.insert(row.name).second) << row.name << " stands twice";
    EXPECT_EQ(std::ranges::count(fields, row.field), 0) << row.name << " shares its field";
    fields.push_back(row.field);
    EXPECT_FALSE(row.help.empty()) << row.name;
  }
  EXPECT_EQ(names.size(), FieldCount<Options>());
}

TEST(OptionTableTest, RowsOfAHeadingStandTogether) {
  std::set<std::string_view> headings;
  std::string_view heading;
  for (const OptionRow& row : OptionTable()) {
    if (Title(row.group) == heading) continue;
    heading = Title(row.group);
    EXPECT_FALSE(heading.empty()) << row.name;
    EXPECT_TRUE(headings.insert(heading).second) << row.name << " begins '" << heading << "' a second time";
  }
}

TEST(OptionTableTest, ASetHasItsGroupsAndItsNames) {
  const OptionSet set = {.groups = {OptionGroup::kCrops, OptionGroup::kErasing}, .names = {"seed"}};
  for (const char* name : {"scale", "ratio", "re_prob", "seed"}) EXPECT_TRUE(set.Contains(name)) << name;
  for (const char* name : {"threads", "image_resize", "no_option", ""}) EXPECT_FALSE(set.Contains(name)) << name;
  EXPECT_TRUE(std::ranges::all_of(OptionTable(), [](const OptionRow& row) { return AllOptions().Contains(row); }));
}

TEST(OptionTableTest, EveryDefaultIsARightValueThatReadsBack) {
  for (const OptionRow& row : OptionTable()) {
    Options read;
    ASSERT_TRUE(ParseValue(row, ShowValue(row, Options{}), read)) << row.name << ": " << ShowValue(row, Options{});
    EXPECT_EQ(read, Options{}) << row.name;
  }
}

TEST(OptionsTest, NumbersAreReadWhole) {
  EXPECT_EQ(After("lr", "0.35").options.lr, 0.35);
  EXPECT_EQ(After("lr", "1e-3").options.lr, 1e-3);
  EXPECT_EQ(After("lr", "+.5").options.lr, 0.5);
  EXPECT_EQ(After("epoch_size", " 250 ").options.epoch_size, 250);
  EXPECT_EQ(After("seed", "9000000000").options.seed, 9000000000);
  for (const char* text : {"fast", "", "0.1x", "nan", "inf", "1e999", "0,1", "+-1"}) Refused("lr", text);
  for (const char* text : {"1.5", "3e2", "0x10", "99999999999", "", "--3"}) Refused("epoch_size", text);
}

TEST(OptionsTest, BooleansAreThoseOfStr2Bool) {
  for (const char* text : {"yes", "True", "t", "y", "1", "TRUE", "on"}) {
    EXPECT_TRUE(After("val_while_train", text).options.val_while_train) << text;
  }
  for (const char* text : {"no", "False", "f", "n", "0", "off"}) {
    EXPECT_FALSE(After("shuffle", text).options.shuffle) << text;
  }
  EXPECT_THAT(Refused("shuffle", "maybe"), HasSubstr("expected yes or no"));
}

TEST(OptionsTest, TuplesAndListsAreReadWithAnyBracketsOrNone) {
  for (const char* text : {"(0.1, 0.9)", "[0.1,0.9]", "0.1,0.9", " 0.1 , 0.9 ", "(0.1,0.9,)"}) {
    EXPECT_THAT(After("scale", text).options.scale, ElementsAre(0.1, 0.9)) << text;
  }
  EXPECT_THAT(After("mean", "[127.5]").options.mean, ElementsAre(127.5));
  for (const char* text : {"[30,60,90]", "30,60,90", "(30, 60, 90)"}) {
    EXPECT_THAT(After("multi_step_decay_milestones", text).options.multi_step_decay_milestones,
                ElementsAre(30, 60, 90));
  }
  EXPECT_EQ(After("betas", "(0.8,0.99)").options.betas, (std::vector{0.8, 0.99}));
  EXPECT_EQ(After("betas", "None").options.betas, std::nullopt);
  Refused("betas", "0.9,1");
  EXPECT_THAT(After("mean", "127.5").options.mean, ElementsAre(127.5));
  for (const char* text : {"", "()", "(0.1", "0.1,0.9]", "(0.1,0.9]", "0.1", "0.1,0.5,0.9", "0.1,,0.9", "0.1 0.9"}) {
    Refused("scale", text);
  }
  EXPECT_THAT(Refused("scale", "0.9,0.1"), HasSubstr("the lower one first"));
  Refused("scale", "0.5,1.5");
  Refused("std", "1,0,1");
}

TEST(OptionsTest, TextWithARuleOfItsOwnIsChecked) {
  EXPECT_EQ(After("re_value", "random").options.re_value, "random");
  EXPECT_THAT(Refused("re_value", "rnd"),
              AllOf(HasSubstr("option re_value (command line): expected a number"), EndsWith("found 'rnd'")));
  EXPECT_EQ(After("auto_augment", "randaug-m7-n2-mstd0.5").options.auto_augment, "randaug-m7-n2-mstd0.5");
  EXPECT_EQ(After("auto_augment", "None").options.auto_augment, "None");
  EXPECT_THAT(Refused("auto_augment", "randaug-x3"),
              AllOf(HasSubstr("option auto_augment (command line): 'x3' is no part of randaug"),
                    HasSubstr("such as randaug-m7-n2-mstd0.5")));
}

TEST(OptionsTest, OptionalNumbersMayBeNone) {
  EXPECT_EQ(After("num_samples", "1024").options.num_samples, 1024);
  for (const char* text : {"None", "none", "null", "~", ""}) {
    const Settings settings = After("num_samples", text);
    EXPECT_EQ(settings.options.num_samples, std::nullopt) << text;
    EXPECT_TRUE(settings.IsSet("num_samples"));
  }
  EXPECT_THAT(Refused("num_classes", "ten"), HasSubstr("expected an integer from 1 to 10000000, or None, found 'ten'"));
  EXPECT_EQ(After("layer_decay", "0.75").options.layer_decay, 0.75);
  EXPECT_EQ(After("layer_decay", "None").options.layer_decay, std::nullopt);
  Refused("layer_decay", "0");
  Refused("batch_size", "None");
}

TEST(OptionsTest, ChoicesIgnoreCaseAndNameTheNearest) {
  EXPECT_EQ(After("loss", "ce").options.loss, "CE");
  EXPECT_EQ(After("stage2_stride", "1").options.stage2_stride, 1);
  EXPECT_EQ(After("resume", "").options.resume, "");
  EXPECT_EQ(After("device_target", "cpu").options.device_target, "CPU");
  EXPECT_EQ(Refused("opt", "momentun"),
            "option opt (command line): expected one of sgd, momentum, nesterov, adam, adamw, nadam, lion, rmsprop, "
            "adagrad, lamb, adan, found 'momentun'; the nearest one is 'momentum'");
  EXPECT_THAT(Refused("model", "shufflenet_v1_g3_x3_0"), EndsWith("the nearest one is 'shufflenet_v1_g3_x1_0'"));
  EXPECT_EQ(After("model", "shufflenet_v1_g3_05").options.model, "shufflenet_v1_g3_05");
  EXPECT_THAT(Refused("dataset", "cifar"), HasSubstr("'cifar10'"));
  EXPECT_EQ(After("dataset", "").options.dataset, "");
  EXPECT_EQ(After("freeze", "").options.freeze, "");
  Refused("in_channels", "2");
  Refused("stage2_stride", "01");
}

TEST(OptionsTest, RangesAreKeptAtTheirBorders) {
  EXPECT_EQ(Refused("epoch_size", "-1"),
            "option epoch_size (command line): expected an integer of at least 1, found '-1'");
  Refused("batch_size", "0");
  Refused("image_resize", "7");
  After("image_resize", "8");
  After("hflip", "0");
  After("hflip", "1");
  Refused("hflip", "1.0001");
  Refused("crop_pct", "0");
  After("crop_pct", "1");
  Refused("label_smoothing", "1");
  After("label_smoothing", "0");
  EXPECT_THAT(Refused("bn_eps", "0"), HasSubstr("a number above 0"));
}

TEST(OptionsTest, AnUnknownNameNamesTheNearestAndItsPlace) {
  EXPECT_EQ(Refused("momentun", "0.9"), "unknown option 'momentun' (command line); the nearest one is 'momentum'");
}

TEST(OptionsTest, TheLastOneWinsAndIsRemembered) {
  Settings settings;
  ASSERT_TRUE(ReadOptionsYaml("lr: 0.4\nepoch_size: 90\n", "a.yaml", settings).ok());
  ASSERT_TRUE(settings.Set("lr", "0.1", "command line").ok());
  EXPECT_EQ(settings.options.lr, 0.1);
  EXPECT_EQ(settings.origins.at("lr"), "command line");
  EXPECT_EQ(settings.origins.at("epoch_size"), "a.yaml line 2") << "a default that was asked for counts as set";
  EXPECT_FALSE(settings.IsSet("seed"));
}

TEST(OptionsYamlTest, ReadsEachKindOfValue) {
  Settings s;
  const Status status = ReadOptionsYaml(
      "# a recipe\n"
      "model: 'shufflenet_v1_g3_x0_5'\nval_while_train: True\nscale: [0.2, 1.0]\nratio: (0.8,1.25)\n"
      "mean:\n  - 1\n  - 2\n  - 3\nnum_classes: null\nnum_samples: None\nckpt_path:\nlr: 4e-1\n",
      "c.yaml", s);
  ASSERT_TRUE(status.ok()) << status.message();
  EXPECT_EQ(s.options.model, "shufflenet_v1_g3_x0_5");
  EXPECT_TRUE(s.options.val_while_train);
  EXPECT_THAT(s.options.scale, ElementsAre(0.2, 1.0));
  EXPECT_THAT(s.options.ratio, ElementsAre(0.8, 1.25));
  EXPECT_THAT(s.options.mean, ElementsAre(1, 2, 3));
  EXPECT_EQ(s.options.num_classes, std::nullopt);
  EXPECT_EQ(s.options.ckpt_path, "");
  EXPECT_EQ(s.options.lr, 0.4);
}

TEST(OptionsYamlTest, ErrorsNameTheFileAndTheLine) {
  const auto error = [](const std::string& yaml) {
    Settings settings;
    const Status status = ReadOptionsYaml(yaml, "bad.yaml", settings);
    EXPECT_FALSE(status.ok()) << yaml;
    return status.message();
  };
  EXPECT_EQ(error("lr: 1\nmodell: x\n"), "unknown option 'modell' (bad.yaml line 2); the nearest one is 'model'");
  EXPECT_THAT(error("\n\nlr: fast\n"), AllOf(HasSubstr("option lr (bad.yaml line 3)"), EndsWith("found 'fast'")));
  EXPECT_THAT(error("lr:\n"), HasSubstr("expected a number"));
  EXPECT_THAT(error("lr: {a: 1}\n"), HasSubstr("found a nested value"));
  EXPECT_THAT(error("mean: [[1], 2]\n"), HasSubstr("found a nested value"));
  EXPECT_THAT(error("lr: 1\nseed: 3\nlr: 2\n"), AllOf(HasSubstr("bad.yaml line 3"), HasSubstr("twice")));
  EXPECT_THAT(error("config: other.yaml\n"), HasSubstr("cannot name another"));
  EXPECT_THAT(error("- lr\n"), HasSubstr("expected lines of 'option: value'"));
  EXPECT_THAT(error("lr: [1\n"), AllOf(HasSubstr("bad.yaml line 1"), HasSubstr("expected a closing bracket")));
  EXPECT_THAT(error("[a]: 1\n"), HasSubstr("a key that is no word"));
}

TEST(OptionsYamlTest, NoLineIsPassedOverOrTakenIntoAnother) {
  struct Case {
    std::string yaml;
    int line;
    std::string message;
  };
  const Case cases[] = {
      {"ckpt_save_dir: 'ckpt\nlr: banana\n", 1, "expected a quote that ends in its line, found 'ckpt"},
      {"ckpt_save_dir: \"ckpt\nlr: banana\n", 1, "expected a quote that ends in its line"},
      {"lr: 1\nckpt_save_dir: 'ckpt", 2, "expected a quote"},
      {"lr: 1\nopt: 'sgd\nmodel: 'x'\nseed: 1\n", 2, "expected a quote"},
      {"ckpt_save_dir: 'it''s\nlr: 1'\n", 1, "expected a quote"},
      {"'lr: 1\nseed: 2\n", 1, "expected a quote"},
      {",2 , 6]\n", 1, "expected 'option: value', found ',2 , 6]'"},
      {"# of a list\n, 3", 2, "expected 'option: value', found ', 3'"},
      {"lr: 0.1\n---\nepoch_sise: 3\n", 2, "a second document begins here"},
      {"---\nlr: 0.1\n---\n", 3, "a second document begins here"},
      {"lr: 0.1\n...\nepoch_size: 3\n", 2, "a second document begins here"},
      {"seed: 1\nlr:0.1\nepoch_size: 3\n", 2, "expected a blank after 'lr:', found 'lr:0.1'; write 'lr: 0.1'"},
      {"lr:0.1\n", 1, "write 'lr: 0.1'"},
      {"seed: 1\nlr:0.1\n", 2, "write 'lr: 0.1'"},
      {"seed: 1\nlr = 0.1\n", 2, "expected 'lr: VALUE', found 'lr = 0.1'"},
      {"seed: 1\nlr=0.1\nepoch_size: 3\n", 2, "expected 'lr: VALUE'"},
      {"seed: 1\nlr 0.1\nepoch_size: 3\n", 2, "expected 'option: value', found 'lr 0.1'"},
      {"ckpt_save_dir: ckpt\n  lr 0.1\nseed: 3\n", 2, "found 'lr 0.1', which YAML would take into the value above it"},
      {"ckpt_save_dir: |\n  lr: 0.1\nseed: 3\n", 2, "found 'lr: 0.1', which YAML would take"},
      {"ckpt_save_dir: >\n  ckpt\n", 2, "which YAML would take"},
      {"%lr 0.1\n---\nseed: 3\n", 1, "pass over"},
      {"seed: 1\ndata_dir: !photos\n", 2, "!photos means something of its own in YAML; put it in quotes"},
      {"data_dir: &photos\nseed: 1\n", 1, "put it in quotes"},
      {"data_dir: *photos\nseed: 1\n", 1, "not YAML"},
      {"lr: 1\n\tseed: 3\n", 2, "expected 'seed' to begin below the options above it"},
      {"lr: 1\n  seed: 3\nopt: sgd\n", 2, "found blanks before it: '  seed: 3'"},
      {"lr: 1\n\n  seed: 3\n", 3, "found blanks before it: '  seed: 3'"},
      {"seed: 1\n--lr=0.1\nopt: sgd\n", 2, "expected 'option: value', found '--lr=0.1'; write 'lr: 0.1'"},
      {"seed: 1\n--lr:0.1\nopt: sgd\n", 2, "write 'lr: 0.1'"},
      {"--lr 0.1\nopt: sgd\n", 1, "write 'lr: 0.1'"},
      {"seed: 1\n--lr: 0.1\n", 2, "write 'lr: 0.1'"},
      {"seed: 1\n-lr 0.1\nopt: sgd\n", 2, "write 'lr: 0.1'"},
      {"seed: 1\n--ema\nopt: sgd\n", 2, "write 'ema: VALUE'"},
      {"seed: 1\n--lrr=0.1\nopt: sgd\n", 2, "expected 'option: value', found '--lrr=0.1'"},
      {"seed: 1\n\"lr\":0.1\nopt: sgd\n", 2, "write 'lr: 0.1'"},
      {"seed: 1\n'lr':0.1\n", 2, "write 'lr: 0.1'"},
      {"seed: 1\n\"lrr\":0.1\nopt: sgd\n", 2, "expected 'option: value', found '\"lrr\":0.1'"},
      {"seed: 1\n----\nopt: sgd\n", 2, "expected 'option: value', found '----'"},
      {"----\nopt: sgd\n", 1, "found '----'"},
      {"seed: 1\nscale: [\"0.1, 0.2]\nlr: 1\n", 2, "expected a quote that ends in its line, found \"0.1, 0.2]"},
      {"seed: 1\nscale: [0.1, '0.2]\nlr: 1\n", 2, "expected a quote that ends in its line, found '0.2]"},
      {"scale:\n- \"0.1\n- 0.9\nlr: 1\n", 2, "expected a quote that ends in its line"},
      {"lr: \"a\": 1\n", 1, "each option has a line of its own"},
      {"scale: [0.1,\n  '0.2]\nlr: '1'\n", 2, "expected a quote that ends in its line"},
      {"{lr: 1, opt: 'sgd}\n", 1, "expected a quote that ends in its line, found 'sgd}"},
      {"seed: 1\n%foo\nlr: 1\n", 2, "expected 'option: value', found '%foo'"},
      {"seed: 1\n%foo\n", 2, "found '%foo'"},
      {"seed: 1\n%YAML 1.2\n", 2, "found '%YAML 1.2'"},
      {"seed: 1\nopt: \"momentum\" lr: 0.1\n", 2, "each option has a line of its own"},
      {"seed: 1\nlr: 0.1 seed: 4\n", 2, "found 'lr: 0.1 seed: 4'; each option has a line of its own"},
      {"lr: 0.1, seed: 4\n", 1, "each option has a line of its own"},
      {"data_dir: a: b\n", 1, "a value with ': ' stands in quotes"},
      {"# a\rlr: 0.1\rseed: 4\r", 1, "found a line end of old Macs (CR)"},
      {"# a\rlr: 0.1\nseed: 4\n", 1, "save it with LF"},
      {"seed: 4\n# a\rlr: 0.1\n", 2, "save it with LF"},
      {"seed: 4\r\r\nlr: 1\r\r\n", 1, "save it with LF"},
      {"scale: [0.2,\nseed: 3\nlr: 1\n", 1, "expected a closing bracket after 'scale: [0.2,', found none"},
      {"lr: 1\nscale: {a: 0.2\nseed: 3\n", 2, "expected a closing bracket"},
      {"lr: 1\nscale: 0.2]\nseed: 3\n", 2, "option scale"},
      {"lr: 1\nseed: 3\nlr: 2\n", 3, "twice"},
      {"base: &b {lr: 1}\n<<: *b\n", 1, "unknown option 'base'"},
      {std::string("lr: 1\0\nseed: 2\n", 14), 1, "expected text in UTF-8"},
      {std::string("\xff\xfel\0r\0:\0 \0001\0", 12), 1, "found UTF-16"},
      {"lr: 1\ndata_dir: K\xe4"
       "fer\n",
       2, "expected text in UTF-8, found bytes that are none"},
  };
  for (const Case& c : cases) {
    Settings settings;
    const Status status = ReadOptionsYaml(c.yaml, "bad.yaml", settings);
    ASSERT_FALSE(status.ok()) << c.yaml;
    EXPECT_THAT(status.message(), AllOf(HasSubstr(fmt::format("bad.yaml line {}", c.line)), HasSubstr(c.message)))
        << c.yaml;
  }
}

TEST(OptionsYamlTest, WhatYamlAllowsBesidesIsRead) {
  const auto read = [](const std::string& yaml) {
    Settings settings;
    const Status status = ReadOptionsYaml(yaml, "good.yaml", settings);
    EXPECT_TRUE(status.ok()) << yaml << status.message();
    return settings.options;
  };
  for (const std::string yaml :
       {"\xef\xbb\xbflr: 0.5\nseed: 3\n", "lr: 0.5\r\nseed: 3\r\n", "---\nlr: 0.5\nseed: 3\n...\n",
        "%YAML 1.2\n---\nlr: 0.5\nseed: 3\n", "# one\n\nlr:\t0.5   # a comment's 'quote\n  # two\nseed: 3",
        "{lr: 0.5,\n seed: 3\n}\n", "{\n\"lr\":0.5,\n\"seed\":3\n}\n", "  lr: 0.5\n  seed: 3\n", "lr : 0.5\nseed: 3\n",
        "lr: 0.5\r\nseed: 3\r", "lr: '0.5' # it's: one\nseed: 3 # a: b\n", "'lr': 0.5\n\"seed\": 3\n",
        "'lr': \"0.5\"\nseed: !!int 3\n", "lr: &a 0.5\nwarmup_factor: *a\nseed: 3\n"}) {
    EXPECT_EQ(read(yaml).lr, 0.5) << yaml;
    EXPECT_EQ(read(yaml).seed, 3) << yaml;
  }
  EXPECT_THAT(read("scale: [0.2,\n  0.9\n]\n").scale, ElementsAre(0.2, 0.9));
  EXPECT_THAT(read("scale:\n- 0.2\n- 0.9\n").scale, ElementsAre(0.2, 0.9));
  EXPECT_EQ(read("data_dir: it's # here\nseed: 1\n").data_dir, "it's");
  EXPECT_EQ(read("data_dir: 'it''s'\n").data_dir, "it's");
  EXPECT_EQ(read("data_dir: \"a\\\"b\"\n").data_dir, "a\"b");
  EXPECT_EQ(read("data_dir: ''\nckpt_path: ~\n").data_dir, "");
  EXPECT_EQ(read("data_dir: Käfer:1\n").data_dir, "Käfer:1");
  EXPECT_EQ(read("data_dir: a[1, 'b\nseed: 1\n").data_dir, "a[1, 'b");
  EXPECT_THAT(read("scale: ['0.2', \"0.9\"]  # it's\n").scale, ElementsAre(0.2, 0.9));
}

TEST(OptionsYamlTest, PathsMayBeginInTheHomeFolder) {
  const std::string home = *ExpandHome("~");
  for (const OptionRow& row : OptionTable()) {
    if (!row.limits.is_path || row.name == "config") continue;
    Settings settings;
    ASSERT_TRUE(ReadOptionsYaml(fmt::format("{}: ~/x\n", row.name), "a.yaml", settings).ok()) << row.name;
    EXPECT_EQ(ShowValue(row, settings.options), home + "/x") << row.name;
    EXPECT_THAT(ReadOptionsYaml(fmt::format("{}: ~ada/x\n", row.name), "a.yaml", settings).message(),
                HasSubstr(fmt::format("option {} (a.yaml line 1)", row.name)));
  }
  for (const char* path : {"data_dir", "ckpt_path", "ckpt_save_dir", "teacher_ckpt", "dataset_checksums", "config"})
    EXPECT_TRUE(FindOption(path)->limits.is_path) << path;
}

TEST(OptionsYamlTest, ATildeAloneIsTheHomeFolderWhereAPathStandsAndNothingElsewhere) {
  const auto read = [](const std::string& yaml) {
    Settings settings;
    const Status status = ReadOptionsYaml(yaml, "a.yaml", settings);
    EXPECT_TRUE(status.ok()) << yaml << status.message();
    return settings.options;
  };
  for (const char* yaml : {"seed: 1\ndata_dir: ~\n", "data_dir:   ~ # home", "{seed: 1, data_dir: ~}", "data_dir: '~'"})
    EXPECT_EQ(read(yaml).data_dir, *ExpandHome("~")) << yaml;
  EXPECT_EQ(read("ckpt_path:\nckpt_save_dir: null\n").ckpt_save_dir, "");
  for (const char* yaml : {"data_dir:", "data_dir: \n", "data_dir: # none\n", "seed: 1\ndata_dir:\n\n"})
    EXPECT_EQ(read(yaml).data_dir, "") << "the value that is not there has its place behind the last line: " << yaml;
  EXPECT_EQ(read("num_samples: ~\nauto_augment: ~\n").num_samples, std::nullopt);
}

TEST(OptionsYamlTest, ANegatedNameSaysHowItIsWritten) {
  const auto error = [](const std::string& yaml) {
    Settings settings;
    return ReadOptionsYaml(yaml, "a.yaml", settings).message();
  };
  EXPECT_EQ(error("seed: 1\nno-ema: true\n"), "unknown option 'no-ema' (a.yaml line 2); it is written 'ema: false'");
  EXPECT_THAT(error("no_val-while-train: true\n"), EndsWith("it is written 'val_while_train: false'"));
  EXPECT_THAT(error("noema: true\n"), EndsWith("it is written 'ema: false'"));
  EXPECT_THAT(error("no_mixup: true\n"), EndsWith("mixup is no yes-or-no option: leave it out, or give its value"));
}

TEST(OptionsYamlTest, AnEmptyFileSetsNothingAndAMissingOneIsNamed) {
  Settings settings;
  EXPECT_TRUE(ReadOptionsYaml("# nothing\n", "empty.yaml", settings).ok());
  EXPECT_EQ(settings.options, Options{});
  const Status missing = ReadOptionsFile("/nowhere/recipe.yaml", settings);
  EXPECT_EQ(missing.code(), ErrorCode::kNotFound);
  EXPECT_THAT(missing.message(), HasSubstr("/nowhere/recipe.yaml"));
}

TEST(OptionsYamlTest, TheRecordReadsBackToTheSameOptions) {
  Options options;
  options.lr = 0.1 + 0.2;  // needs all 17 digits
  options.min_lr = 1e-300;
  options.num_samples = 5;
  options.decay_epochs = 7;
  options.scale = {1.0 / 3, 1};
  options.shuffle = false;
  options.dataset = "";
  options.interpolation = "bicubic";
  options.resume = "auto";
  for (const char* text : {"", "null", "a: b", "# no", "it's \"quoted\"\n\tand odd", "- x", "./~", "12", "a b",
                           "d/\xC3\xBC", "a\rb", "a\r", "\x1b[2J", "a\u0085"}) {
    options.data_dir = text;
    Settings read;
    const Status status = ReadOptionsYaml(ToYaml(options), "record", read);
    ASSERT_TRUE(status.ok()) << status.message() << "\n" << ToYaml(options);
    EXPECT_EQ(read.options, options) << ToYaml(options);
  }
  EXPECT_THAT(ToYaml(options), HasSubstr("\nepoch_size: 90\n"));
}

TEST(OptionsTest, AutomaticValuesBecomeNumbers) {
  Options options{.epoch_size = 20, .warmup_epochs = 4};
  ResolveAutomatic(options);
  EXPECT_EQ(options.decay_epochs, 16);
  EXPECT_EQ(options.threads, DefaultThreads());
  EXPECT_EQ(options.num_parallel_workers, UsableCores());

  const auto decay = [](const Options& o) {
    Options resolved = o;
    ResolveAutomatic(resolved);
    return *resolved.decay_epochs;
  };
  EXPECT_EQ(decay({.epoch_size = 20, .warmup_epochs = 4, .num_cycles = 3}), 5);
  EXPECT_EQ(decay({.epoch_size = 20, .scheduler = "linear_decay", .warmup_epochs = 4, .num_cycles = 3}), 16);
  EXPECT_EQ(decay({.epoch_size = 94, .scheduler = "step_decay", .warmup_epochs = 4}), 30);
  EXPECT_EQ(decay({.epoch_size = 2, .scheduler = "step_decay", .warmup_epochs = 0}), 1);

  Options given{.threads = 3, .num_parallel_workers = 5, .epoch_size = 1, .warmup_epochs = 3};
  ResolveAutomatic(given);
  EXPECT_EQ(given.decay_epochs, 1) << "a warm-up longer than the run leaves a decay of one epoch";
  EXPECT_EQ(given.threads, 3);
  EXPECT_EQ(given.num_parallel_workers, 5);
}

TEST(OptionsTest, DescribeTheNetworkThatIsAskedFor) {
  Options options{.image_resize = 32,
                  .model = "shufflenet_v1_g8_x0_5",
                  .in_channels = 1,
                  .stem = "small",
                  .stage2_stride = 1,
                  .conventions = "megvii",
                  .bn_eps = 1e-3,
                  .bn_momentum = 0.8};
  const Result<ModelDescription> model = ModelFromOptions(options, 17);
  ASSERT_TRUE(model.ok()) << model.status().message();
  EXPECT_EQ(model->name, "shufflenet_v1_g8_x0_5");
  EXPECT_EQ(model->groups, 8);
  EXPECT_EQ(model->num_classes, 17);
  EXPECT_EQ(model->in_channels, 1);
  EXPECT_EQ(model->image_size, 32);
  EXPECT_EQ(model->stem, Stem::kSmall);
  EXPECT_EQ(model->stage2_stride, 1);
  EXPECT_EQ(model->conventions.shuffle_place, ShufflePlace::kAfterDepthwise);
  EXPECT_EQ(model->bn_eps, 1e-3);
  EXPECT_EQ(model->bn_momentum, 0.8);

  options.num_classes = 5;
  EXPECT_EQ(ModelFromOptions(options, 17)->num_classes, 5);
  options.model = "shufflenet_v1_g3_x3_0";
  EXPECT_FALSE(ModelFromOptions(options, 17).ok());
}

}  // namespace
}  // namespace riffle
