#include "settings/option_rules.h"

#include <gmock/gmock.h>

#include "settings/option_table.h"

namespace riffle {
namespace {

using testing::AllOf;
using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;

/// What breaks one rule, and what is nearest to it and breaks none.
struct Case {
  Options broken;
  std::string message;
  std::vector<Options> kept;
};

// In the order of the rules.
const std::vector<Case>& Cases() {
  static const std::vector<Case> cases = {
      {{.ckpt_save_dir = ""}, "option ckpt_save_dir: expected a folder, found ''", {{.ckpt_save_dir = "ckpt"}}},
      {{.scheduler = "one_cycle"},
       "options scheduler and warmup_epochs: one_cycle begins low by itself, found 3 epochs of warm-up; add "
       "--warmup_epochs=0",
       {{.scheduler = "cyclic", .warmup_epochs = 0}, {.scheduler = "cosine_decay"}}},
      {{.lr = 1e-7},
       "options lr and min_lr: expected min_lr at most lr, found min_lr 1e-06 and lr 1e-07; set --min_lr",
       {{.lr = 1e-6}, {.scheduler = "constant", .lr = 1e-7}, {.scheduler = "step_decay", .lr = 1e-7}}},
      {{.opt = "adam", .use_nesterov = true},
       "options opt and use_nesterov: Nesterov's form is one of sgd and momentum, found adam",
       {{.opt = "sgd", .use_nesterov = true}, {.opt = "momentum", .use_nesterov = true}}},
      {{.opt = "adan", .betas = std::vector{0.9, 0.99}},
       "options opt and betas: adan has 3 betas, found 2",
       {{.opt = "adan", .betas = std::vector{0.9, 0.9, 0.9}}, {.opt = "adam", .betas = std::vector{0.9, 0.99}}}},
      {{.opt = "nesterov", .momentum = 0},
       "options momentum and use_nesterov: Nesterov's form needs a momentum above 0, found 0",
       {{.opt = "sgd", .momentum = 0}, {.opt = "nesterov", .momentum = 0.1}}},
      {{.model = "shufflenet_v1_g3_x1_0", .ckpt_path = "a.safetensors", .pretrained = "any"},
       "options pretrained and ckpt_path: both say where the weights come from; leave one out",
       {{.ckpt_path = "a.safetensors"}}},
      {{.model = "shufflenet_v1_g4_x2_0", .pretrained = "any"},
       "options pretrained and model: there are no published weights of shufflenet_v1_g4_x2_0; of these there are: "
       "shufflenet_v1_g1_x0_25, shufflenet_v1_g1_x0_5, shufflenet_v1_g1_x0_75, shufflenet_v1_g1_x1_0, "
       "shufflenet_v1_g2_x1_0, shufflenet_v1_g3_x0_25, shufflenet_v1_g3_x0_5, shufflenet_v1_g3_x0_75, "
       "shufflenet_v1_g3_x1_0, shufflenet_v1_g3_x1_5, shufflenet_v1_g3_x2_0, shufflenet_v1_g4_x1_0, "
       "shufflenet_v1_g8_x1_0",
       {{.model = "shufflenet_v1_g3_x2_0", .pretrained = "any"},
        {.model = "shufflenet_v1_g4_10", .pretrained = "pytorchcv"}}},
      {{.model = "shufflenet_v1_g3_x1_0", .pretrained_url = "http://mirror"},
       "option pretrained_url: needs --pretrained, whose files the mirror has",
       {{.model = "shufflenet_v1_g3_x1_0", .pretrained = "any", .pretrained_url = "http://mirror"}}},
      {{.ckpt_key = "ema", .pretrained = ""},
       "option ckpt_key: needs --ckpt_path, the file that holds several networks",
       {{.ckpt_path = "a.pth", .ckpt_key = "ema"}}},
      {{.resume_opt = true},
       "option resume_opt: expected --ckpt_path=FILE, from which to go on",
       {{.ckpt_path = "a.safetensors", .resume_opt = true}}},
      {{.ckpt_save_policy = "top_k"},
       "option ckpt_save_policy: 'top_k' orders checkpoints by their validation; add --val_while_train",
       {{.ckpt_save_policy = "top_k", .val_while_train = true}, {.ckpt_save_policy = "latest_k"}}},
      {{.freeze = "body", .bn_recalibration = 1},
       "options bn_recalibration and freeze: a frozen body keeps its batch-norm statistics; leave one out",
       {{.freeze = "body"}, {.bn_recalibration = 1}}},
      {{.resolution_schedule = "1:32"},
       "option resolution_schedule: expected pairs epoch:size such as 0:128,60:160,80:224, from epoch 0 on and rising, "
       "sizes 8 to 4096; found epoch 1 in '1:32'",
       {}},
      {{.resolution_schedule = "0:128,5:160"},
       "options resolution_schedule and image_resize: expected the same size at the end, found 160 and 224",
       {{.resolution_schedule = "0:128,5:224"}, {.image_resize = 160, .resolution_schedule = "0:128,5:160"}}},
      {{.dataset_url = "http://localhost"},
       "options dataset_url and dataset_checksums: they say where from and with which sums to fetch, and nothing is to "
       "be fetched; add --dataset_download",
       {{.dataset_download = true, .dataset_url = "http://localhost", .dataset_checksums = "sums"}}},
      {{.aug_splits = 1},
       "option aug_splits: expected 0 (one version of each picture) or at least 2, found 1",
       {{.aug_splits = 2}}},
      {{.aug_splits = 3, .cutmix = 0.5},
       "options aug_splits, mixup and cutmix: versions of a picture are compared with one another and cannot be mixed "
       "with other pictures; set --mixup=0 --cutmix=0, or --aug_splits=0",
       {{.mixup = 0.5, .cutmix = 0.5}}},
      {{.color_jitter = 0, .aug_splits = 3},
       "options aug_splits and auto_augment: the 3 versions of a picture would be the same; add "
       "--auto_augment=augmix-m5-w4-d2",
       {{.aug_splits = 3}, {.color_jitter = 0, .auto_augment = "augmix", .aug_splits = 3}}},
      {{.mean = {1, 2}, .std = {1, 2}},
       "options mean and std: expected one or three numbers in each, found 2 and 2",
       {{.mean = {1}, .std = {1}}, {.mean = {1, 2, 3}, .std = {1, 2, 3}}}},
  };
  return cases;
}

TEST(OptionRules, EachIsBrokenByItsCaseAndKeptByWhatIsNearest) {
  ASSERT_EQ(Cases().size(), OptionRules().size()) << "one case for each rule, in their order";
  for (size_t i = 0; i < Cases().size(); ++i) {
    const Case& c = Cases()[i];
    const Status status = CheckTogether(c.broken);
    EXPECT_EQ(status.message(), c.message);
    EXPECT_EQ(status.code(), ErrorCode::kInvalidArgument) << c.message;
    EXPECT_THAT(c.message, EndsWith(OptionRules()[i].broken(c.broken))) << "the case of another rule";
    for (const Options& kept : c.kept) EXPECT_EQ(CheckTogether(kept).message(), "") << "near " << c.message;
  }
}

TEST(OptionRules, AreKeptByTheDefaults) { EXPECT_EQ(CheckTogether(Options{}).message(), ""); }

TEST(OptionRules, AreAboutOptionsThatThereAre) {
  for (const OptionRule& rule : OptionRules()) {
    EXPECT_FALSE(rule.options.empty());
    for (const std::string_view option : rule.options) EXPECT_NE(FindOption(option), nullptr) << option;
  }
}

TEST(OptionRules, TheFirstThatIsBrokenIsTheError) {
  const Options all{.mean = {1}, .model = "shufflenet_v1_g4_x2_0", .pretrained = "any", .lr = 1e-7};
  EXPECT_THAT(CheckTogether(all).message(), StartsWith("options lr and min_lr: "));
  EXPECT_THAT(CheckTogether({.mean = {1}, .model = "shufflenet_v1_g4_x2_0", .pretrained = "any"}).message(),
              StartsWith("options pretrained and model: "));
  EXPECT_THAT(CheckTogether({.mean = {1}}).message(), StartsWith("options mean and std: "));
}

TEST(OptionRules, OfOneOptionTheOthersDoNotMatter) {
  const Options all{.mean = {1}, .model = "shufflenet_v1_g4_x2_0", .pretrained = "any", .lr = 1e-7};
  EXPECT_THAT(CheckRulesOf("pretrained", all).message(), StartsWith("options pretrained and model: "));
  EXPECT_THAT(CheckRulesOf("std", all).message(), StartsWith("options mean and std: "));
  EXPECT_EQ(CheckRulesOf("opt", all).message(), "");
}

}  // namespace
}  // namespace riffle
