// `riffle models`: the zoo with what each network costs.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "cli/command.h"
#include "model/plan.h"
#include "model/zoo.h"
#include "report/table.h"

namespace riffle {
namespace {

Status Run(const Invocation& invocation, const Console& console) {
  nlohmann::ordered_json json = nlohmann::ordered_json::array();
  Table table({"name", "also", "groups", "width", "parameters", "with statistics", "MACs"});
  for (const ZooEntry& entry : Zoo()) {
    RIFFLE_ASSIGN(const ModelDescription model, FindModel(entry.name));
    RIFFLE_ASSIGN(const Plan plan, MakePlan(model));
    const int64_t trainable = plan.registry.trainable_count();
    const int64_t total = trainable + plan.registry.statistics_count();
    table.AddRow({std::string(entry.name), std::string(entry.alias), fmt::format("{}", entry.groups),
                  fmt::format("{:.2f}", entry.width), Grouped(trainable), Grouped(total), Grouped(plan.Macs())});
    json.push_back({{"name", entry.name},
                    {"groups", entry.groups},
                    {"width", entry.width},
                    {"params_trainable", trainable},
                    {"params_total", total},
                    {"macs", plan.Macs()}});
  }
  if (invocation.Has("json")) {
    console.out << json.dump(1) << '\n';
    return {};
  }
  console.out << table.Text()
              << "\nFor pictures of 224 px and 1,000 classes. 'with statistics' adds batch norm's running mean and "
                 "variance, as MindCV counts; MACs are the multiply-accumulates of one picture.\n";
  return {};
}

}  // namespace

Command ModelsCommand() {
  return {
      .name = "models",
      .summary = "lists the networks with their parameters and multiply-accumulates",
      .own_options = {{.name = "json",
                       .value_name = "",
                       .help = "an array of objects: name, groups, width, params_trainable, params_total, macs"}},
      .examples = {{"models", "a table of all variants"}},
      .run = Run,
  };
}

}  // namespace riffle
