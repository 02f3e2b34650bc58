// `riffle models`: the zoo with what each network costs.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "cli/command.h"
#include "exchange/pretrained.h"
#include "model/plan.h"
#include "model/zoo.h"
#include "report/table.h"

namespace riffle {
namespace {

/// The networks of others.
Status ListPublished(bool as_json, const Console& console) {
  nlohmann::ordered_json json = nlohmann::ordered_json::array();
  Table table({"model", "source", "top-1", "licence", "file"});
  for (const PublishedNetwork& network : PublishedNetworks()) {
    table.AddRow({std::string(network.model), std::string(network.source),
                  fmt::format("{:.2f} %", network.top1_percent), std::string(network.licence),
                  std::string(network.file)});
    json.push_back({{"model", network.model},
                    {"source", network.source},
                    {"top1_percent", network.top1_percent},
                    {"licence", network.licence},
                    {"conventions", ConventionsOf(network)},
                    {"url", fmt::format("{}{}", network.folder, network.file)},
                    {std::string(NameOf(network.digest)), network.hash},
                    {"hash_is_of", network.hashed == HashedContent::kFile ? "the file" : "the unzipped file"}});
  }
  if (as_json) {
    console.out << json.dump(1) << '\n';
    return {};
  }
  console.out << table.Text()
              << "\nTrained on ImageNet by others; top-1 as they publish it. --pretrained takes the first of a model, "
                 "--pretrained=SOURCE chooses.\n";
  if (const Result<std::filesystem::path> folder = WeightsFolder(); folder.ok())
    console.out << fmt::format("They are fetched once, to {}.\n", folder->string());
  return {};
}

Status Run(const Invocation& invocation, const Console& console) {
  if (invocation.Has("pretrained")) return ListPublished(invocation.Has("json"), console);
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
      .own_options = {{.name = "pretrained",
                       .value_name = "",
                       .help = "the published ImageNet weights instead: model, source, accuracy, licence, file"},
                      {.name = "json",
                       .value_name = "",
                       .help = "an array of objects: name, groups, width, params_trainable, params_total, macs; of "
                               "weights: model, source, top1_percent, licence, conventions, url, their hash",
                       .prints = true}},
      .examples = {{"models", "a table of all variants"},
                   {"models --pretrained", "of which of them there are weights, and whose"}},
      .run = Run,
  };
}

}  // namespace riffle
