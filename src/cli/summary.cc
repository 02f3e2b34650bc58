// `riffle summary`: one network step by step, and the memory it takes.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/text.h"
#include "cli/command.h"
#include "model/fold.h"
#include "model/plan.h"
#include "model/training_memory.h"
#include "report/table.h"
#include "runtime/session.h"

namespace riffle {
namespace {

struct Memory {
  int64_t inference_bytes = 0;
  int64_t training_bytes = 0;
};

/// What a batch of pictures takes: pictures, maps and parameters; in training also gradients and momentum.
Memory MemoryFor(const Plan& plan, int64_t batch_size, int threads) {
  constexpr int64_t kFloat = sizeof(float);
  const ModelDescription& model = plan.model;
  const int64_t pictures = kFloat * model.in_channels * RowStride(batch_size * model.image_size * model.image_size);
  return {.inference_bytes = pictures + SessionBytes(FoldBatchNorm(plan), batch_size, threads),
          .training_bytes = TrainingMemoryBytes(plan, batch_size)};
}

nlohmann::ordered_json JsonOf(const Plan& plan, const Memory& memory) {
  nlohmann::ordered_json steps = nlohmann::ordered_json::array();
  for (const Step& step : plan.steps) {
    const Map& y = plan.maps[step.y];
    steps.push_back({{"name", step.name},
                     {"op", OpName(step.op)},
                     {"channels", step.channels},
                     {"height", y.height},
                     {"width", y.width},
                     {"params", plan.Parameters(step)},
                     {"macs", plan.Macs(step)}});
  }
  const int64_t trainable = plan.registry.trainable_count();
  return {{"params_trainable", trainable},
          {"params_total", trainable + plan.registry.statistics_count()},
          {"macs", plan.Macs()},
          {"inference_memory_bytes", memory.inference_bytes},
          {"training_memory_bytes", memory.training_bytes},
          {"steps", steps}};
}

std::string TextOf(const Plan& plan, const Memory& memory, int batch_size, int threads) {
  Table table({"step", "op", "output", "parameters", "MACs", "share"});
  const auto share = [&](const Step& step) { return 100.0 * plan.Macs(step) / plan.Macs(); };
  for (const Step& step : plan.steps) {
    const Map& y = plan.maps[step.y];
    table.AddRow({step.name, std::string(OpName(step.op)),
                  fmt::format("{} × {} × {}", step.channels, y.height, y.width),
                  plan.Parameters(step) > 0 ? Grouped(plan.Parameters(step)) : "-",
                  plan.Macs(step) > 0 ? Grouped(plan.Macs(step)) : "-",
                  plan.Macs(step) > 0 ? fmt::format("{:.1f} %", share(step)) : "-"});
  }
  const ModelDescription& model = plan.model;
  const int64_t trainable = plan.registry.trainable_count();
  return fmt::format(
      "{}: {}, {} × {} × {}\n\n{}\nParameters  {} ({} with batch norm's statistics)\n"
      "MACs        {} for one picture\n"
      "Memory      inference {}, training {} (batches of {}, {})\n",
      model.name, GroupedCount(model.num_classes, "class"), model.in_channels, model.image_size, model.image_size,
      table.Text(), Grouped(trainable), Grouped(trainable + plan.registry.statistics_count()), Grouped(plan.Macs()),
      BytesText(memory.inference_bytes), BytesText(memory.training_bytes), batch_size, Counted(threads, "thread"));
}

Status Run(const Invocation& invocation, const Console& console) {
  const Options& options = invocation.settings.options;
  const int threads = ThreadsOf(options);
  RIFFLE_ASSIGN(const ModelDescription model, ModelFromOptions(options, kClassesWithoutData));
  RIFFLE_ASSIGN(const Plan plan, MakePlan(model));
  const Memory memory = MemoryFor(plan, options.batch_size, threads);
  if (invocation.Has("json")) {
    console.out << JsonOf(plan, memory).dump(1) << '\n';
  } else {
    console.out << TextOf(plan, memory, options.batch_size, threads);
  }
  return {};
}

}  // namespace

Command SummaryCommand() {
  using enum OptionGroup;
  return {
      .name = "summary",
      .summary = "shows a network step by step: shapes, parameters, multiply-accumulates, memory",
      .options = {.groups = {kNetwork, kStructure}, .names = {"config", "threads", "batch_size", "image_resize"}},
      .own_options = {{.name = "json",
                       .value_name = "",
                       .help = "an object: params_trainable, params_total, macs, inference_memory_bytes, "
                               "training_memory_bytes, steps",
                       .prints = true}},
      .examples = {{"summary --model shufflenet_v1_g3_x0_5", "the network for ImageNet"},
                   {"summary --model shufflenet_v1_g3_x0_5 --image_resize 32 --stem small --batch_size 64",
                    "and for CIFAR-10's small pictures"}},
      .run = Run,
  };
}

}  // namespace riffle
