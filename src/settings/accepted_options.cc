#include "settings/accepted_options.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"

namespace riffle {
namespace {

using O = Options;

// Fields that lend their types.
constexpr auto kFlag = &O::shuffle;
constexpr auto kNumber = &O::layer_decay;
constexpr auto kText = &O::data_dir;

constexpr std::string_view kCasts = "amp_level says it for all ops",
                           kNoScale = "gradients have the range of fp32 and need no scale";

std::vector<AcceptedOption> MakeTable() {
  const auto row = [](std::string_view name, OptionField type, std::string_view why, Limits limits = {}) {
    return OptionRow{name, OptionGroup::kAccepted, type, std::move(limits), why};
  };
  return {
      {row("mode", kText, "there is one way to execute", {.choices = {"0", "1"}}), {}},
      {row("dataset_sink_mode", kFlag, "the loader feeds the network directly"), {}},
      {row("amp_cast_list", kText, kCasts), {"", "None"}},
      {row("loss_scale", kNumber, kNoScale), {"1", "None"}},
      {row("loss_scale_type", kText, kNoScale, {.choices = {"fixed", "dynamic", "auto"}}), {"fixed"}},
      {row("drop_overflow_update", kFlag, "a loss that is not finite ends the run"), {"false"}},
      {row("drop_rate", kNumber, "ShuffleNetV1 has no dropout"), {"0", "None"}},
      {row("drop_path_rate", kNumber, "ShuffleNetV1 has no stochastic depth"), {"0", "None"}},
      {row("aux_factor", kNumber, "ShuffleNetV1 has no auxiliary head"), {"0", "None"}},
      {row("eval_shuffle", kFlag, "the order of validation changes nothing"), {"false"}},
      {row("save_checkpoint", kFlag, "checkpoints are always saved; see ckpt_save_interval"), {"true"}},
      {row("summary", kFlag, "metrics.jsonl holds the figures of each epoch"), {"false"}},
      {row("filter_bias_and_bn", kFlag,
           "MindCV's of 2022: False means weight_decay_filter 'auto', True 'disable', for it decayed batch norm, too"),
       {},
       {{"false", "weight_decay_filter", "auto"}, {"true", "weight_decay_filter", "disable"}}},
  };
}

struct Synonym {
  std::string_view word, option;
};

constexpr Synonym kSynonyms[] = {
    {"accumulation_steps", "gradient_accumulation_steps"},
    {"accum_iter", "gradient_accumulation_steps"},
    {"amp", "amp_level"},
    {"arch", "model"},
    {"beta1", "betas"},
    {"bs", "batch_size"},
    {"checkpoint", "ckpt_path"},
    {"classes", "num_classes"},
    {"clip_grad_norm", "clip_value"},
    {"data", "data_dir"},
    {"data_path", "data_dir"},
    {"dataset_path", "data_dir"},
    {"device", "device_target"},
    {"epochs", "epoch_size"},
    {"gamma", "decay_rate"},
    {"grad_accum", "gradient_accumulation_steps"},
    {"image_size", "image_resize"},
    {"img_size", "image_resize"},
    {"input_size", "image_resize"},
    {"learning_rate", "lr"},
    {"lr_scheduler", "scheduler"},
    {"lr_decay_milestones", "multi_step_decay_milestones"},
    {"milestones", "multi_step_decay_milestones"},
    {"model_name", "model"},
    {"net", "model"},
    {"nesterov", "use_nesterov"},
    {"num_epochs", "epoch_size"},
    {"num_workers", "num_parallel_workers"},
    {"optimizer", "opt"},
    {"out_dir", "ckpt_save_dir"},
    {"output", "ckpt_save_dir"},
    {"output_dir", "ckpt_save_dir"},
    {"resolution", "image_resize"},
    {"save_dir", "ckpt_save_dir"},
    {"sched", "scheduler"},
    {"smoothing", "label_smoothing"},
    {"wd", "weight_decay"},
    {"weights", "ckpt_path"},
    {"workers", "num_parallel_workers"},
};

constexpr ReadAs kValueSynonyms[] = {
    {"cuda", "device_target", "GPU"},
    {"nvidia", "device_target", "GPU"},
    {"bf16", "amp_level", "O2"},
    {"bfloat16", "amp_level", "O2"},
    {"fp32", "amp_level", "O0"},
    {"float32", "amp_level", "O0"},
    {"cosine", "scheduler", "cosine_decay"},
    {"exponential", "scheduler", "exponential_decay"},
    {"linear", "scheduler", "linear_decay"},
    {"multistep", "scheduler", "multi_step_decay"},
    {"poly", "scheduler", "polynomial_decay"},
    {"polynomial", "scheduler", "polynomial_decay"},
    {"step", "scheduler", "step_decay"},
    {"cross_entropy", "loss", "CE"},
    {"binary_cross_entropy", "loss", "BCE"},
};

}  // namespace

std::span<const AcceptedOption> AcceptedOptions() {
  static const std::vector<AcceptedOption> table = MakeTable();
  return table;
}

const AcceptedOption* FindAccepted(std::string_view name) {
  for (const AcceptedOption& option : AcceptedOptions())
    if (option.row.name == name) return &option;
  return nullptr;
}

const ReadAs* AcceptedOption::MeaningOf(std::string_view value) const {
  const auto meaning = std::ranges::find(read_as, value, &ReadAs::value);
  return meaning == read_as.end() ? nullptr : &*meaning;
}

std::string AcceptedNote(const Settings& settings) {
  std::string idle, translated;
  for (const AcceptedOption& option : AcceptedOptions()) {
    const auto set = settings.accepted.find(option.row.name);
    if (set == settings.accepted.end() || std::ranges::count(option.usual, set->second)) continue;
    const auto& [name, value] = *set;
    if (const ReadAs* meaning = option.MeaningOf(value)) {
      translated += fmt::format("{}{}={} as {}={}", translated.empty() ? "Read " : ", ", name, value, meaning->option,
                                meaning->option_value);
    } else {
      idle += fmt::format("{}{} ({})", idle.empty() ? "Options without effect here: " : ", ", name, option.row.help);
    }
  }
  return fmt::format("{}{}{}", idle, idle.empty() || translated.empty() ? "" : ". ", translated);
}

std::string_view SynonymOf(std::string_view word) {
  const auto* synonym = std::ranges::find(kSynonyms, word, &Synonym::word);
  return synonym == std::end(kSynonyms) ? "" : synonym->option;
}

std::string_view ValueMeantBy(std::string_view name, std::string_view word) {
  const std::string lower = Lowercase(word);
  for (const ReadAs& synonym : kValueSynonyms)
    if (synonym.option == name && synonym.value == lower) return synonym.option_value;
  return "";
}

}  // namespace riffle
