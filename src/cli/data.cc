// `riffle data`: what is in a data set and what is wrong with it; packing it into a few large files.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>

#include "backend/threads.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/interruption.h"
#include "cli/own_number.h"
#include "data/check.h"
#include "data/left_out.h"
#include "data/pack.h"
#include "data/splits.h"
#include "report/log.h"
#include "report/picture_progress.h"
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

// Names of classes that a person may take for one.
std::vector<std::pair<std::string, std::string>> AlikeClasses(const std::vector<std::string>& classes) {
  std::vector<std::string> lower;
  for (const std::string& name : classes) lower.push_back(Lowercase(name));
  const auto is_ascii = [](const std::string& name) { return Escaped(name) == name; };
  std::vector<std::pair<std::string, std::string>> alike;
  for (size_t i = 0; i < classes.size(); ++i)
    for (size_t k = i + 1; k < classes.size(); ++k)
      if (lower[i] == lower[k] || (!is_ascii(lower[i]) && LookAlike(lower[i], lower[k])))
        alike.emplace_back(classes[i], classes[k]);
  return alike;
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
  for (size_t i = 0; i < std::min(problems.size(), kRowsShown); ++i) text += "  " + OneLine(problems[i].reason) + '\n';
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
      for (const DataCheck::Place& place : set.places) text += ' ' + OneLine(place.name);
      text += '\n';
    }
  return text + More(shown);
}

std::string CountText(const std::string& title, const DataCheck::Count& count) {
  if (count.pictures == 0) return "";
  return fmt::format("{}: {} ({}{})\n", title, Grouped(count.pictures), count.pictures > 1 ? "such as " : "",
                     OneLine(count.example));
}

bool IsFlawless(const DataCheck& check) {
  return check.unreadable.empty() && check.incomplete.empty() && check.vanished.empty() && check.duplicates.empty() &&
         check.unusable.empty() && check.apart.empty() && check.splits.size() > 1 && check.classes.size() > 1 &&
         std::ranges::all_of(check.splits, [](const DataCheck::Split& split) { return split.left_out.empty(); });
}

std::string TextOf(const DataCheck& check) {
  std::string text = CountsText(check);
  const auto range = [](const DataCheck::Range& r) { return fmt::format("{} / {} / {}", r.min, r.median, r.max); };
  text +=
      fmt::format("\nWidth {}, height {} pixels (least / median / most)\n", range(check.width), range(check.height));
  const auto missing = MissingClasses(check);
  for (size_t i = 0; i < std::min(missing.size(), kRowsShown); ++i)
    text +=
        fmt::format("No pictures in split '{}': class '{}'\n", OneLine(missing[i].first), OneLine(missing[i].second));
  text += More(missing.size());
  const auto alike = AlikeClasses(check.classes);
  for (const auto& [a, b] : alike)
    text += fmt::format("Two classes, or one? '{}' and '{}' differ only in case or in what does not show\n",
                        Escaped(OneLine(a)), Escaped(OneLine(b)));
  if (check.classes.size() == 1)
    text += fmt::format("Only one class, '{}', from which a network learns nothing{}\n", OneLine(check.classes[0]),
                        check.below_the_only_class);
  for (const std::string& where : check.apart) text += fmt::format("Not beside each other: {}\n", OneLine(where));
  for (const std::string& why : check.unusable) text += fmt::format("Not used: {}\n", OneLine(why));
  if (check.splits.size() == 1)
    text +=
        fmt::format("Only the split '{}' is there; a validation needs another one\n", OneLine(check.splits[0].name));
  for (const DataCheck::Split& split : check.splits)
    if (!split.left_out.empty())
      text += fmt::format("Left out of '{}': {}\n", OneLine(split.name), Described(split.left_out));
  text += CountText("Turned by EXIF orientation, which is ignored unless --exif_orientation is set", check.turned);
  text += CountText("With 16 bits a value, of which the high 8 are used", check.deep);
  text += ProblemsText("Unreadable", check.unreadable);
  text += ProblemsText("Read only in part", check.incomplete);
  text += ProblemsText("Black or nearly so as they are read", check.vanished);
  text += DuplicatesText(check);
  if (IsFlawless(check) && missing.empty() && alike.empty())
    text += "Every picture can be read, none is there twice, every class is in every split\n";
  return text;
}

nlohmann::ordered_json JsonOf(const std::vector<DataCheck::Problem>& problems) {
  nlohmann::ordered_json rows = nlohmann::ordered_json::array();
  for (const DataCheck::Problem& p : problems)
    rows.push_back({{"split", p.split}, {"name", p.name}, {"reason", p.reason}});
  return rows;
}

nlohmann::ordered_json JsonOf(const DataCheck::Count& count) {
  return {{"pictures", count.pictures}, {"example", count.example}};
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
  json["black"] = JsonOf(check.vanished);
  json["left_out"] = nlohmann::ordered_json::array();
  for (const DataCheck::Split& split : check.splits)
    for (const LeftOut& kind : split.left_out)
      json["left_out"].push_back(
          {{"split", split.name}, {"why", kind.why}, {"files", kind.files}, {"example", kind.example}});
  json["alike_classes"] = AlikeClasses(check.classes);
  json["unusable"] = check.unusable;
  json["apart"] = check.apart;
  json["exif_orientation"] = JsonOf(check.turned);
  json["sixteen_bits"] = JsonOf(check.deep);
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

/// Shows how far the work on pictures is.
class Live {
 public:
  Live(const Console& console, bool quiet) : log_(console.out, quiet ? 0 : console.terminal_width) {}
  ~Live() { log_.Live(""); }

  void Report(int64_t done, int64_t total) {
    const auto now = std::chrono::steady_clock::now();
    if (now < next_ && done < total) return;
    next_ = now + std::chrono::milliseconds(100);
    log_.Live(fmt::format("{} of {}, {:.0f} a second", Grouped(done), GroupedCount(total, "picture"),
                          static_cast<double>(done) / std::chrono::duration<double>(now - start_).count()));
  }

 private:
  Log log_;
  const std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  std::chrono::steady_clock::time_point next_;
};

Status RunCheck(const Invocation& invocation, const DatasetInfo& info, const std::string& data_dir,
                const Console& console) {
  DataCheck check;
  {
    Live live(console, invocation.Has("json"));
    ThreadPool pool(ThreadsOf(invocation.settings.options));
    RIFFLE_TRY(pool.Started());
    RIFFLE_ASSIGN(check,
                  CheckData(pool, info, data_dir, [&](int64_t done, int64_t total) { live.Report(done, total); }));
  }
  if (invocation.Has("json"))
    console.out << JsonOf(check).dump(1, ' ', false, nlohmann::json::error_handler_t::replace) << '\n';
  else
    console.out << TextOf(check);
  const size_t unreadable = check.unreadable.size(), incomplete = check.incomplete.size();
  if (!invocation.Has("strict") || unreadable + incomplete == 0) return {};
  return DataLoss("{} of {} cannot be read, {} only in part (--strict)", unreadable,
                  Counted(check.pictures(), "picture"), incomplete);
}

// What is passed over, before it is missed.
void TellLeftOut(const std::vector<NamedSplit>& splits, const std::string& data_dir, const Console& console) {
  for (const NamedSplit& split : splits)
    if (!split.data->left_out().empty())
      console.out << fmt::format("Left out of '{}': {}\n", OneLine(split.name), Described(split.data->left_out()));
  for (const std::string& other : FoldersThatAreNoSplit(data_dir))
    console.out << fmt::format("Not used: {}\n", OneLine(other));
}

// The files as they are, in tar files.
Status PackAsTheyAre(const std::vector<NamedSplit>& splits, const PackOptions& options, const Console& console) {
  {
    Live live(console, false);
    const SignalWatch watch;
    RIFFLE_TRY(Pack(splits, options, [&](int64_t done, int64_t total) {
      live.Report(done, total);
      if (NotedSignal() == 0) return Status();
      return Interrupted("stopped by {} after {} of {} of a split; nothing was written", SignalText(NotedSignal()),
                         done, Counted(total, "picture"));
    }));
  }
  for (const NamedSplit& split : splits)
    console.out << fmt::format(
        "{}-{}: {} in {}\n", OneLine(options.prefix), OneLine(split.name), GroupedCount(split.data->size(), "picture"),
        GroupedCount((split.data->size() + options.shard_size - 1) / options.shard_size, "shard"));
  return {};
}

// Made ready for training, in packs.
Status PackForSpeed(const Invocation& invocation, const std::vector<NamedSplit>& splits, const PackOptions& options,
                    const Console& console) {
  PackForm form;
  RIFFLE_ASSIGN(form.max_side, OwnNumber(invocation, "max_side", form.max_side, {.low = 1, .high = 1 << 16}));
  RIFFLE_ASSIGN(const int quality, OwnNumber(invocation, "quality", 90, {.low = 1, .high = 100}));
  if (!invocation.Has("raw")) form.quality = quality;
  RIFFLE_ASSIGN(form.interpolation, ParseInterpolation(invocation.settings.options.interpolation));
  ThreadPool pool(ThreadsOf(invocation.settings.options));
  RIFFLE_TRY(pool.Started());
  Log log(console.out, console.terminal_width);
  PictureProgress progress(log);
  const SignalWatch watch;
  const auto packed = PackResized(
      pool, splits, options, form,
      {.begin =
           [&](const PackNeeds& needs) {
             if (needs.files_kept > 0)
               console.out << fmt::format("Whole files of an earlier run that stay: {}\n", Grouped(needs.files_kept));
             if (needs.bytes > 0)  // else none of those that were tried can be read: the end tells of them
               console.out << fmt::format("{} will take about {}; {} are free\n",
                                          GroupedCount(needs.pictures, "picture"),
                                          BytesText(static_cast<int64_t>(needs.bytes)),
                                          BytesText(static_cast<int64_t>(needs.bytes_free)))
                           << std::flush;
           },
       .progress =
           [&](int64_t done, int64_t total) {
             progress.Report(done, total);
             if (NotedSignal() == 0) return Status();
             return Interrupted("stopped by {} after {} of {}; the same command goes on from the last whole file",
                                SignalText(NotedSignal()), done, Counted(total, "picture"));
           }});
  log.Live("");
  if (!packed.ok()) return packed.status();
  for (size_t s = 0; s < splits.size(); ++s) {
    const PackReport& report = (*packed)[s];
    const std::string grey = report.grey > 0 ? fmt::format("; {} of them without colour", Grouped(report.grey)) : "";
    console.out << fmt::format("{}-{}: {} in {}, {}{}\n", OneLine(options.prefix), OneLine(splits[s].name),
                               GroupedCount(report.pictures, "picture"), GroupedCount(report.files, "pack"),
                               BytesText(static_cast<int64_t>(report.bytes)), grey);
    if (report.unreadable > 0)
      console.out << fmt::format(
          "Cannot be read, and packed as such: {} (such as {}); 'riffle data check' of the originals tells why\n",
          Grouped(report.unreadable), OneLine(report.unreadable_example));
  }
  return {};
}

Status RunPack(const Invocation& invocation, const DatasetInfo& info, const std::string& data_dir,
               const Console& console) {
  const std::string* out = invocation.Own("out");
  if (out == nullptr) return InvalidArgument("expected where to write shards, found nothing; add --out=PREFIX");
  if (!info.splits.empty())
    return InvalidArgument("option dataset: 'pack' is for folders of pictures; {} is few files already: train on them",
                           info.name);
  const bool resized = invocation.Has("max_side");
  for (const char* option : {"quality", "raw"})
    if (invocation.Has(option) && !resized)
      return InvalidArgument("option {} (command line): without --max_side pictures are packed as they are", option);
  if (invocation.settings.IsSet("interpolation") && !resized)
    return InvalidArgument("option interpolation: without --max_side pictures are packed as they are");
  if (invocation.Has("quality") && invocation.Has("raw"))
    return InvalidArgument(
        "options quality and raw: a JPEG has a quality, raw pixels have none; leave out one of them");
  PackOptions options{.prefix = *out,
                      .seed = static_cast<uint64_t>(invocation.settings.options.seed),
                      .overwrite = invocation.Has("overwrite")};
  RIFFLE_ASSIGN(options.shard_size, OwnNumber(invocation, "shard_size", options.shard_size, {.low = 1}));
  RIFFLE_ASSIGN(const std::vector<NamedSplit> splits,
                OpenAllSplits(info, data_dir, ThreadsOf(invocation.settings.options)));
  TellLeftOut(splits, data_dir, console);
  return resized ? PackForSpeed(invocation, splits, options, console) : PackAsTheyAre(splits, options, console);
}

Status Run(const Invocation& invocation, const Console& console) {
  const std::vector<std::string>& words = invocation.arguments;
  const std::string what = words.empty() ? "" : words[0];
  if (what != "check" && what != "pack")
    return InvalidArgument("expected 'riffle data check FOLDER' or 'riffle data pack FOLDER', found {}",
                           words.empty() ? "nothing after 'data'" : fmt::format("'{}'", what));
  if (words.size() > 2 || (words.size() == 2 && invocation.settings.IsSet("data_dir")))
    return InvalidArgument("expected one folder after 'data {}', found more than one", what);
  for (const char* option : {"json", "strict"})
    if (what == "pack" && invocation.Has(option))
      return InvalidArgument("option {} (command line): 'riffle data pack' does not use it", option);
  for (const char* option : {"out", "shard_size", "overwrite", "max_side", "quality", "raw"})
    if (what == "check" && invocation.Has(option))
      return InvalidArgument("option {} (command line): 'riffle data check' does not use it", option);
  if (what == "check" && invocation.settings.IsSet("interpolation"))
    return InvalidArgument("option interpolation: 'riffle data check' does not use it");
  const Options& options = invocation.settings.options;
  RIFFLE_ASSIGN(const DatasetInfo* info, FindDataset(options.dataset));
  return (what == "check" ? RunCheck : RunPack)(invocation, *info, words.size() == 2 ? words[1] : options.data_dir,
                                                console);
}

}  // namespace

Command DataCommand() {
  using enum OptionGroup;
  return {
      .name = "data",
      .summary = "checks a dataset: counts, sizes, unreadable pictures, duplicates; packs it into a few large files",
      .options = {.groups = {kDataset}, .names = {"threads", "seed", "interpolation"}},
      .own_options =
          {{.name = "json",
            .value_name = "",
            .help = "of check: an object instead: pictures, splits, width, height, missing_classes, unreadable, "
                    "incomplete, black, left_out, alike_classes, unusable, apart, exif_orientation, sixteen_bits, "
                    "duplicates",
            .prints = true},
           {.name = "strict",
            .value_name = "",
            .help =
                "of check: exit code 4 if a picture cannot be read, or only in part; otherwise 0, whatever was found"},
           {.name = "out",
            .value_name = "PREFIX",
            .help = "of pack: files are called PREFIX-train-000000.tar, ..., with PREFIX-train.json beside them",
            .value = OwnValue::kPath},
           {.name = "shard_size", .value_name = "N", .help = "of pack: pictures in a file [1000]"},
           {.name = "max_side",
            .value_name = "N",
            .help = "of pack: pictures made ready for training, the shorter side at most N pixels, in files .pack; "
                    "what stopped goes on with the same command; without it they are packed as they are"},
           {.name = "quality", .value_name = "Q", .help = "of pack with max_side: JPEG of that quality, 1 to 100 [90]"},
           {.name = "raw",
            .value_name = "",
            .help = "of pack with max_side: pixels in place of JPEG, some ten times as large, read without decoding"},
           {.name = "overwrite",
            .value_name = "",
            .help = "of pack: replace what an earlier pack left under PREFIX; without it that is an error"}},
      .argument_name = "check|pack FOLDER",
      .examples = {{"data check photos", "photos/train/CLASS/*.jpg, photos/val/CLASS/*.jpg"},
                   {"data check --dataset=cifar10 --data_dir=data --json", "everything, for a program"},
                   {"data pack photos --out packed/photos", "then train with --data_dir=packed"},
                   {"data pack photos --out packed/photos --max_side 256 --raw", "the same, for speed"}},
      .run = Run,
  };
}

}  // namespace riffle
