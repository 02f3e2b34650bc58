// `riffle data`: what is in a data set and what is wrong with it.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>

#include "base/threads.h"
#include "cli/command.h"
#include "data/check.h"
#include "report/log.h"
#include "report/table.h"

namespace riffle {
namespace {

constexpr size_t kRowsShown = 40;  // of a table or list; --json has all

std::string More(size_t rows) {
  return rows > kRowsShown ? fmt::format("  ... and {} more (--json tells all)\n", rows - kRowsShown) : "";
}

// Classes without pictures in a split that has others.
std::vector<std::pair<std::string, std::string>> MissingClasses(const DataCheck& check) {
  std::vector<std::pair<std::string, std::string>> missing;
  for (const DataCheck::Split& split : check.splits)
    for (size_t k = 0; k < check.classes.size(); ++k)
      if (split.pictures[k] == 0) missing.emplace_back(split.name, check.classes[k]);
  return missing;
}

std::string CountsText(const DataCheck& check) {
  std::vector<std::string> headings = {"class"};
  for (const DataCheck::Split& split : check.splits) headings.push_back(split.name);
  Table table(headings);
  for (size_t k = 0; k < std::min(check.classes.size(), kRowsShown); ++k) {
    std::vector<std::string> row = {check.classes[k]};
    for (const DataCheck::Split& split : check.splits) row.push_back(Grouped(split.pictures[k]));
    table.AddRow(row);
  }
  std::vector<std::string> sums = {"all"};
  for (const DataCheck::Split& split : check.splits) {
    int64_t sum = 0;
    for (int64_t pictures : split.pictures) sum += pictures;
    sums.push_back(Grouped(sum));
  }
  table.AddRow(sums);
  return table.Text() + More(check.classes.size());
}

std::string ProblemsText(const std::string& title, const std::vector<DataCheck::Problem>& problems) {
  if (problems.empty()) return "";
  std::string text = fmt::format("\n{}: {}\n", title, Grouped(static_cast<int64_t>(problems.size())));
  for (size_t i = 0; i < std::min(problems.size(), kRowsShown); ++i) text += "  " + problems[i].reason + '\n';
  return text + More(problems.size());
}

std::string DuplicatesText(const DataCheck& check) {
  if (check.duplicates.empty()) return "";
  const auto leaks = std::ranges::count_if(check.duplicates, &DataCheck::Duplicates::across_splits);
  std::string text = fmt::format("\nPictures that are there more than once: {}", check.duplicates.size());
  if (leaks > 0) text += fmt::format("; {} of them in more than one split: validation then measures memory", leaks);
  text += '\n';
  size_t shown = 0;
  for (const bool leak : {true, false})  // the worse ones first
    for (const DataCheck::Duplicates& set : check.duplicates) {
      if (set.across_splits != leak || ++shown > kRowsShown) continue;
      text += fmt::format("  {}{}:", set.across_splits ? "across splits" : "same split",
                          set.across_classes ? ", with different classes" : "");
      for (const DataCheck::Place& place : set.places) text += ' ' + place.name;
      text += '\n';
    }
  return text + More(shown);
}

std::string TextOf(const DataCheck& check) {
  std::string text = CountsText(check);
  const auto range = [](const DataCheck::Range& r) { return fmt::format("{} / {} / {}", r.min, r.median, r.max); };
  text +=
      fmt::format("\nWidth {}, height {} pixels (least / median / most)\n", range(check.width), range(check.height));
  const auto missing = MissingClasses(check);
  for (size_t i = 0; i < std::min(missing.size(), kRowsShown); ++i)
    text += fmt::format("No pictures in split '{}': class '{}'\n", missing[i].first, missing[i].second);
  text += More(missing.size());
  text += ProblemsText("Unreadable", check.unreadable);
  text += ProblemsText("Read only in part", check.incomplete);
  text += DuplicatesText(check);
  if (check.unreadable.empty() && check.incomplete.empty() && check.duplicates.empty() && missing.empty())
    text += "Every picture can be read, none is there twice, every class is in every split\n";
  return text;
}

nlohmann::ordered_json JsonOf(const std::vector<DataCheck::Problem>& problems) {
  nlohmann::ordered_json rows = nlohmann::ordered_json::array();
  for (const DataCheck::Problem& p : problems)
    rows.push_back({{"split", p.split}, {"name", p.name}, {"reason", p.reason}});
  return rows;
}

nlohmann::ordered_json JsonOf(const DataCheck& check) {
  nlohmann::ordered_json json = {{"pictures", check.pictures()}};
  for (const DataCheck::Split& split : check.splits)
    for (size_t k = 0; k < check.classes.size(); ++k) json["splits"][split.name][check.classes[k]] = split.pictures[k];
  for (const auto& [name, range] : {std::pair("width", check.width), {"height", check.height}})
    json[name] = {{"min", range.min}, {"median", range.median}, {"max", range.max}};
  json["missing_classes"] = nlohmann::ordered_json::array();
  for (const auto& [split, name] : MissingClasses(check))
    json["missing_classes"].push_back({{"split", split}, {"class", name}});
  json["unreadable"] = JsonOf(check.unreadable);
  json["incomplete"] = JsonOf(check.incomplete);
  json["duplicates"] = nlohmann::ordered_json::array();
  for (const DataCheck::Duplicates& set : check.duplicates) {
    nlohmann::ordered_json places = nlohmann::ordered_json::array();
    for (const DataCheck::Place& place : set.places)
      places.push_back({{"split", place.split}, {"name", place.name}, {"class", check.classes[place.label]}});
    json["duplicates"].push_back(
        {{"across_splits", set.across_splits}, {"across_classes", set.across_classes}, {"pictures", places}});
  }
  return json;
}

Status RunCheck(const Invocation& invocation, const std::string& data_dir, const Console& console) {
  const Options& options = invocation.settings.options;
  RIFFLE_ASSIGN(const DatasetInfo* info, FindDataset(options.dataset));
  Log log(console.out, invocation.Has("json") ? 0 : console.terminal_width);
  const auto start = std::chrono::steady_clock::now();
  const auto progress = [&](int64_t done, int64_t total) {
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    log.Live(fmt::format("{} of {} pictures, {:.0f} a second", Grouped(done), Grouped(total),
                         static_cast<double>(done) / seconds.count()));
  };
  RIFFLE_ASSIGN(const DataCheck check, CheckData(*info, data_dir, progress));
  log.Live("");
  if (invocation.Has("json"))
    console.out << JsonOf(check).dump(1, ' ', false, nlohmann::json::error_handler_t::replace) << '\n';
  else
    console.out << TextOf(check);
  if (!invocation.Has("strict") || check.unreadable.empty()) return {};
  return DataLoss("{} of {} pictures cannot be read (--strict)", check.unreadable.size(), check.pictures());
}

Status Run(const Invocation& invocation, const Console& console) {
  const std::vector<std::string>& words = invocation.arguments;
  if (words.empty() || words[0] != "check")
    return InvalidArgument("expected 'riffle data check FOLDER', found {}",
                           words.empty() ? "nothing after 'data'" : fmt::format("'{}'", words[0]));
  if (words.size() > 2 || (words.size() == 2 && invocation.settings.IsSet("data_dir")))
    return InvalidArgument("expected one folder after 'data check', found more than one");
  if (invocation.settings.options.threads > 0) SetThreads(invocation.settings.options.threads);
  return RunCheck(invocation, words.size() == 2 ? words[1] : invocation.settings.options.data_dir, console);
}

}  // namespace

Command DataCommand() {
  return {
      .name = "data",
      .summary = "checks a dataset: counts, sizes, unreadable pictures, duplicates",
      .options = {"dataset", "data_dir", "threads"},
      .own_options = {{.name = "json",
                       .value_name = "",
                       .help = "an object instead: pictures, splits, width, height, missing_classes, unreadable, "
                               "incomplete, duplicates"},
                      {.name = "strict",
                       .value_name = "",
                       .help = "exit code 4 if a picture cannot be read; otherwise 0, whatever was found"}},
      .argument_name = "check FOLDER",
      .examples = {{"data check photos", "photos/train/CLASS/*.jpg, photos/val/CLASS/*.jpg"},
                   {"data check --dataset=cifar10 --data_dir=data --json", "everything, for a program"}},
      .run = Run,
  };
}

}  // namespace riffle
