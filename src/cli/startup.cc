#include "cli/startup.h"

#include <fmt/format.h>

#include "base/text.h"
#include "report/table.h"
#include "settings/processes.h"

namespace riffle {
namespace {

/// "8 processes × 64 = 512": the pictures of an update.
std::string EffectiveBatchText(const Options& o, int processes) {
  const int steps = o.gradient_accumulation_steps;
  return fmt::format("{} processes × {}{} = {}", processes, o.batch_size,
                     steps > 1 ? fmt::format(" × {} batches an update", steps) : "",
                     int64_t{processes} * o.batch_size * steps);
}

}  // namespace

std::string EssentialConfigurations(const Options& o, const RunFacts& facts) {
  std::string text = "Essential Experiment Configurations:\n";
  const auto add = [&](std::string_view key, const auto& value) { text += fmt::format("{}: {}\n", key, value); };
  add("Dataset", fmt::format("{} in {}", o.dataset.empty() ? "class folders" : o.dataset, o.data_dir));
  add("Number of training samples", facts.train_images);
  add("Number of validation samples", facts.val_images);
  add("Number of classes", facts.num_classes);
  add("Number of batches", facts.batches_per_epoch);
  add("Batch size", o.batch_size);
  if (facts.processes > 1) add("Effective batch size", EffectiveBatchText(o, facts.processes));
  add("Model", o.model);
  add("Model parameters", facts.parameters);
  add("Number of epochs", o.epoch_size);
  add("Optimizer", o.opt);
  const double factor = LearningRateFactor(o, facts.processes);
  add("Learning rate",
      factor == 1 ? fmt::to_string(o.lr) : fmt::format("{} × {} = {:.6g}", o.lr, factor, factor * o.lr));
  add("LR Scheduler", fmt::format("{}, {} of warm-up", o.scheduler, Counted(o.warmup_epochs, "epoch")));
  add("Momentum", o.momentum);
  add("Weight decay", fmt::format("{} (filter: {})", o.weight_decay, o.weight_decay_filter));
  add("Loss", o.loss);
  add("Label smoothing", o.label_smoothing);
  add("Picture", fmt::format("{} × {} × {}, {} stem", o.in_channels, o.image_resize, o.image_resize, o.stem));
  add("Conventions", o.conventions);
  add("Seed", o.seed);
  add("Threads", fmt::format("{} compute, {} read data", o.threads, o.num_parallel_workers));
  add("Memory of a training step", BytesText(facts.memory_bytes));
  return text;
}

}  // namespace riffle
