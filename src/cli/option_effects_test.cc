// What each option of `riffle train` changes, and that it changes nothing else: a small run with the option beside the
// same run without it, one test a row. Every option of the table has its row here, or the test at the end says which
// one has not.
#include <gtest/gtest.h>

#include <algorithm>
#include <iterator>
#include <set>
#include <sstream>

#include "cli/testing/small_run.h"
#include "settings/option_table.h"

namespace riffle {
namespace {

/// A row: what the option changes, of these words.
///   first     the loss of the first batch, before any update: the weights at the start, the pictures, the loss
///   batches   how many lines tell of a batch
///   rate      the learning rate of each epoch
///   weights   those of the last checkpoint, statistics included
///   state     the names of all its tensors: averages and the optimizer's slots are among them
///   network   its description of the network
///   use       its preprocessing
///   classes   their names
///   figures   what validations found
///   files     the names of what the run left
struct Effect {
  std::string option, value, changes;
  Words context = {};  ///< options of both runs
  Words others = {};   ///< options whose record follows from this one
};

void PrintTo(const Effect& effect, std::ostream* out) { *out << effect.option << '=' << effect.value; }

// JPEG is a data set of large photographs whose EXIF says that the camera was held upright, SHARDS the usual one
// packed, BOTH the usual one beside Fashion-MNIST, BODY a checkpoint, FILE a file of options.
const std::vector<Effect>& Effects() {
  const std::string pictures = "first weights figures";  // what training sees
  const std::string updates = "weights figures";         // what it makes of it
  static const std::vector<Effect> effects = {
      {"config", "FILE", pictures, {}, {"label_smoothing"}},
      {"seed", "7", pictures},
      {"threads", "1", "", {"--threads=2"}},
      {"distribute", "True", ""},  // of one process; tests/mpi trains in several

      {"dataset",
       "fashion_mnist",
       "first weights network use classes",
       {"--data_dir=BOTH", "--val_while_train=False", "--num_samples=12", "--color_jitter=0", "--hflip=0"},
       {"in_channels", "num_classes", "mean", "std", "crop_pct"}},
      {"data_dir", "JPEG", pictures},
      {"train_split", "more", pictures},
      {"val_split", "more", "figures"},
      {"num_parallel_workers", "1", "", {"--num_parallel_workers=2"}},
      {"shuffle", "False", pictures},
      {"num_samples", "8", "batches rate files " + pictures},
      {"batch_size", "6", "batches rate files " + pictures},
      {"drop_remainder", "False", "batches rate files " + updates, {"--batch_size=5"}},
      {"shuffle_buffer", "2", pictures, {"--data_dir=SHARDS"}},
      {"aug_repeats", "3", pictures},
      {"device_data_mb", "0", ""},  // on a card: train/batch_input_test.cc

      {"image_resize", "40", "network use " + pictures},
      {"scale", "0.9,1", pictures},
      {"ratio", "1,1", pictures},
      {"hflip", "1", pictures},
      {"vflip", "1", pictures},
      {"color_jitter", "0.4", pictures},
      {"auto_augment", "autoaug", pictures},
      {"aug_splits", "3", pictures, {"--auto_augment=augmix-m5-w2-d1"}},
      {"re_prob", "1", pictures},
      {"re_scale", "0.5,0.6", pictures, {"--re_prob=1"}},
      {"re_ratio", "1,1", pictures, {"--re_prob=1"}},
      {"re_value", "random", pictures, {"--re_prob=1"}},
      {"re_max_attempts", "100", pictures, {"--re_prob=1", "--re_scale=0.8,1", "--re_ratio=0.1,9"}},
      {"interpolation", "bicubic", "use " + pictures},
      {"exact_decode", "True", pictures, {"--data_dir=JPEG", "--scale=1,1"}},
      {"exif_orientation", "True", "use " + pictures, {"--data_dir=JPEG"}},
      {"mean", "1,2,3", "use " + pictures},
      {"std", "50,60,70", "use " + pictures},
      {"crop_pct", "0.5", "use figures"},
      {"val_resize", "48", "network use figures"},
      {"resolution_schedule", "0:16,1:32", pictures},

      {"model", "shufflenet_v1_g3_x0_5", "network files " + pictures},
      {"num_classes", "5", "network classes " + pictures},
      {"in_channels", "1", "network use " + pictures, {}, {"mean", "std"}},
      {"stem", "imagenet", "network " + pictures},
      {"stage2_stride", "1", "network " + pictures},
      {"conventions", "megvii", "network " + pictures},
      {"zero_init_residual", "False", pictures},
      {"bn_eps", "0.01", "network " + pictures},
      {"bn_momentum", "0.3", "network " + updates},

      {"ckpt_path", "BODY", pictures},
      {"resume_opt",
       "True",
       "batches rate files " + pictures,  // the last of three epochs, the others are BODY's
       {"--ckpt_path=BODY", "--epoch_size=3"},
       {"ckpt_path"}},
      {"resume", "auto", ""},  // in a new folder; tests/e2e/workflow_test.cc goes on in another
      {"ckpt_save_interval", "2", "files"},
      {"ckpt_save_steps", "2", "files"},
      {"ckpt_save_minutes", "1e-9", "files"},
      {"ckpt_save_policy", "all", "files", {"--keep_checkpoint_max=1"}},
      {"keep_checkpoint_max", "1", "files"},

      {"epoch_size", "3", "batches rate files " + updates},
      {"max_minutes", "1e-9", "batches rate files " + updates},
      {"opt", "adamw", "state " + updates},
      {"momentum", "0.5", updates},
      {"use_nesterov", "True", updates},
      {"betas", "0.5,0.6", updates, {"--opt=adam"}},
      {"eps", "0.1", updates, {"--opt=adam"}},
      {"weight_decay", "0.1", updates},
      {"weight_decay_filter", "auto", updates, {"--weight_decay=0.1"}},
      {"layer_decay", "0.5", updates},
      {"freeze", "body", pictures},
      {"gradient_accumulation_steps", "3", "rate " + updates},
      {"clip_grad", "True", updates, {"--clip_value=0.01"}},
      {"clip_value", "0.01", updates, {"--clip_grad"}},
      {"on_nan", "skip", ""},  // where losses are numbers; train/loop/not_finite_test.cc has others
      {"ema", "True", "state figures"},
      {"ema_decay", "0.5", "figures", {"--ema"}},
      {"bn_recalibration", "2", updates},
      {"nccl", "off", ""},      // of one process on the CPU; train/parallel/card_sums_test.cc has others
      {"tf32", "True", ""},     // on the CPU; ops/group_conv/group_conv_cpu_test.cc has cards
      {"sync_bn", "True", ""},  // of one process

      {"scheduler", "linear_decay", "rate " + updates},
      {"lr", "0.05", "rate " + updates},
      {"scale_lr", "True", ""},  // of one process
      {"min_lr", "0.01", "rate " + updates},
      {"warmup_epochs", "1", "rate " + updates},
      {"warmup_factor", "0.5", "rate " + updates, {"--warmup_epochs=1"}},
      {"decay_epochs", "1", "rate " + updates},
      {"decay_rate", "0.5", "rate " + updates, {"--scheduler=exponential_decay"}},
      {"multi_step_decay_milestones", "1", "rate " + updates, {"--scheduler=multi_step_decay"}},
      {"num_cycles", "4", "rate " + updates, {"--scheduler=cyclic"}},
      {"cycle_decay", "0.5", "rate " + updates, {"--scheduler=cyclic", "--num_cycles=2"}},
      {"lr_epoch_stair", "True", "rate " + updates},

      {"loss", "BCE", pictures},
      {"label_smoothing", "0.1", pictures},
      {"class_weights", "1,2,3", pictures},
      {"reduction", "sum", updates},
      {"mixup", "1", pictures},
      {"cutmix", "1", pictures},
      {"cutmix_prob", "0", pictures, {"--mixup=1"}},
      {"teacher_ckpt", "BODY", pictures},
      {"distill_type", "decoupled", pictures, {"--teacher_ckpt=BODY"}},
      {"distill_weight", "0.9", pictures, {"--teacher_ckpt=BODY"}},
      {"distill_temperature", "1", pictures, {"--teacher_ckpt=BODY"}},
      {"distill_alpha", "3", pictures, {"--teacher_ckpt=BODY", "--distill_type=decoupled"}},
      {"distill_beta", "1", pictures, {"--teacher_ckpt=BODY", "--distill_type=decoupled"}},

      {"val_while_train", "False", "figures files"},
      {"val_interval", "2", "figures"},
      {"patience", "1", "batches rate files " + updates, {"--lr=0", "--min_lr=0", "--epoch_size=4"}},
      {"tta_flip", "True", "figures"},
      {"log_interval", "3", "batches"},
  };
  return effects;
}

/// Options that make a run an error here, or say where it leaves its files: the tests that show what they do.
const std::set<std::string_view> kElsewhere = {
    "device_target",  // machine_test.cc, with the next three
    "device_id",
    "amp_level",
    "val_amp_level",
    "max_unreadable_share",  // small_run_test.cc, with the next
    "allow_incomplete",
    "dataset_download",  // download_test.cc, with the next two
    "dataset_url",
    "dataset_checksums",
    "pretrained",  // tests/e2e/errors_test.cc, exchange/pretrained_test.cc, with the next
    "pretrained_url",
    "ckpt_key",       // cli/weights_test.cc
    "ckpt_save_dir",  // each run here has its own
};

/// The options whose lines in two records differ.
std::set<std::string> Differences(const std::string& a, const std::string& b) {
  std::set<std::string> names;
  const auto lines = [](const std::string& record) {
    std::set<std::string> found;
    std::istringstream text(record);
    for (std::string line; std::getline(text, line);)
      if (!line.starts_with('#')) found.insert(line);  // what was before a resume
    return found;
  };
  std::vector<std::string> differing;
  std::ranges::set_symmetric_difference(lines(a), lines(b), std::back_inserter(differing));
  for (const std::string& line : differing) names.insert(line.substr(0, line.find(':')));
  names.erase("ckpt_save_dir");
  return names;
}

class OptionEffect : public SmallRun, public testing::WithParamInterface<Effect> {};

TEST_P(OptionEffect, IsWhatItShouldBeAndNothingElse) {
  const Effect& effect = GetParam();
  Words without = effect.context, with = effect.context;
  with.push_back(fmt::format("--{}={}", effect.option, effect.value));
  const auto before = Train("without", without, {});
  const std::string record_before = record_;
  const auto after = Train("with", with, {});

  std::set<std::string> changed, expected;
  for (const auto& [what, value] : before)
    if (!after.contains(what) || after.at(what) != value) changed.insert(what);
  for (const auto& [what, value] : after)
    if (!before.contains(what)) changed.insert(what);
  std::istringstream words(effect.changes);
  for (std::string word; words >> word;) expected.insert(word);
  EXPECT_EQ(changed, expected);

  std::set<std::string> recorded(effect.others.begin(), effect.others.end());
  const bool is_recorded = effect.option != "config" && effect.option != "resume_opt";  // which counts once
  if (is_recorded) recorded.insert(effect.option);
  EXPECT_EQ(Differences(record_before, record_), recorded);
}

INSTANTIATE_TEST_SUITE_P(All, OptionEffect, testing::ValuesIn(Effects()),
                         [](const auto& instance) { return instance.param.option; });

TEST(OptionEffectTable, HasARowForEveryOption) {
  std::multiset<std::string_view> rows(kElsewhere.begin(), kElsewhere.end());
  for (const Effect& effect : Effects()) rows.insert(effect.option);
  for (const OptionRow& row : OptionTable())
    EXPECT_EQ(rows.count(row.name), 1) << "a row is missing for option " << row.name;
  EXPECT_EQ(rows.size(), OptionTable().size());
}

}  // namespace
}  // namespace riffle
