// `riffle bench`: how fast the network runs here, and what this machine would allow.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/file.h"
#include "base/text.h"
#include "base/threads.h"
#include "bench/exchange.h"
#include "bench/report.h"
#include "bench/roofs.h"
#include "cli/bench_data.h"
#include "cli/command.h"
#include "ops/backends.h"
#include "report/log.h"

namespace riffle {
namespace {

constexpr int kImagenetClasses = 1000;  // where num_classes is None: there is no dataset to ask
constexpr double kSeconds = 2;
constexpr std::string_view kSharedOptions[] = {"batch_size", "image_resize", "in_channels"};
constexpr std::string_view kKinds[] = {"infer", "train", "ops", "peak", "data"};

/// The number that an own option gives, or `otherwise`.
Result<double> NumberOf(const Invocation& invocation, std::string_view option, double otherwise, double low,
                        double high) {
  const auto own = invocation.own.find(option);
  if (own == invocation.own.end()) return otherwise;
  const std::string& text = own->second;
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || !(number >= low && number <= high))
    return InvalidArgument("option {} (command line): expected a number from {} to {}, found '{}'", option, low, high,
                           text);
  return number;
}

/// Which kind was asked for; InvalidArgument for a word that is none, and for options that the kind has no use for.
Result<std::string> KindOf(const Invocation& invocation) {
  if (invocation.arguments.size() != 1)
    return InvalidArgument("expected one of infer, train, ops, peak and data after 'bench', found {} words",
                           invocation.arguments.size());
  const std::string& kind = invocation.arguments[0];
  if (std::ranges::find(kKinds, kind) == std::end(kKinds))
    return InvalidArgument("unknown benchmark '{}': there are infer, train, ops, peak and data; did you mean '{}'?",
                           kind, Nearest(kind, kKinds));
  const auto reject = [&](std::string_view option) {
    return InvalidArgument("option {} (command line): 'riffle bench {}' does not use it", option, kind);
  };
  if (kind != "ops" && invocation.Has("mode")) return reject("mode");
  if (kind != "infer" && kind != "train" && invocation.Has("exchange")) return reject("exchange");
  if (const auto folder = invocation.own.find("exchange"); folder != invocation.own.end() && IsStream(folder->second))
    return InvalidArgument("option exchange (command line): expected a folder, found '{}'", folder->second);
  const auto is_for = [&](std::string_view option) {
    if (std::ranges::find(kSharedOptions, option) != std::end(kSharedOptions)) return kind != "peak";
    const bool of_data = std::ranges::find(DataBenchOptionNames(), option) != DataBenchOptionNames().end();
    return option == "threads" ? kind != "data" : of_data ? kind == "data" : kind != "data" && kind != "peak";
  };
  for (const auto& [option, origin] : invocation.settings.origins)
    if (origin == kCommandLine && !is_for(option)) return reject(option);
  return kind;
}

/// The text to the console, the JSON to the file of --json.
Status Say(const Invocation& invocation, const Console& console, const std::string& text,
           const nlohmann::ordered_json& json) {
  console.out << text;
  const auto file = invocation.own.find("json");
  if (file == invocation.own.end()) return {};
  return WriteFileAtomically(file->second, json.dump(1) + '\n');
}

/// A benchmark of the network: what all kinds but `peak` share.
class Bench {
 public:
  Bench(const Invocation& invocation, const Console& console, const OpTable<float>& ops)
      : invocation_(invocation), console_(console), ops_(ops), log_(console.out, console.terminal_width) {}

  Status Run(const std::string& kind) {
    const auto own_mode = invocation_.own.find("mode");
    setting_.mode = kind != "ops" ? kind : own_mode == invocation_.own.end() ? "infer" : own_mode->second;
    if (setting_.mode != "infer" && setting_.mode != "train")
      return InvalidArgument("option mode (command line): expected infer or train, found '{}'", setting_.mode);
    RIFFLE_ASSIGN(setting_.model, ModelFromOptions(invocation_.settings.options, kImagenetClasses));
    setting_.batch_size = invocation_.settings.options.batch_size;
    RIFFLE_ASSIGN(measure_.seconds, NumberOf(invocation_, "seconds", kSeconds, 0, 3600));
    measure_.most_seconds = std::max(measure_.most_seconds, measure_.seconds);
    measure_.progress = [&](int rounds, double seconds) {
      log_.Live(fmt::format("{} rounds, {:.1f} s", rounds, seconds));
    };
    RIFFLE_ASSIGN(const Plan plan, MakePlan(setting_.model));
    return setting_.mode == "train" ? Train(kind, plan) : Infer(kind, plan);
  }

 private:
  Status Infer(const std::string& kind, const Plan& plan) {
    InferenceWorkload workload(plan, ops_, setting_.batch_size);
    if (invocation_.Has("exchange"))
      RIFFLE_TRY(WriteInferenceExchange(invocation_.own.find("exchange")->second, plan, ops_, workload));
    return kind == "ops" ? Tell(ProfileInference(workload, measure_)) : Tell(Measure(workload.AsWorkload(), measure_));
  }

  Status Train(const std::string& kind, const Plan& plan) {
    TrainingWorkload workload(plan, ops_, setting_.batch_size);
    if (invocation_.Has("exchange"))
      RIFFLE_TRY(WriteTrainingExchange(invocation_.own.find("exchange")->second, plan, workload));
    return kind == "ops" ? Tell(ProfileTraining(workload, plan, measure_))
                         : Tell(Measure(workload.AsWorkload(), measure_));
  }

  template <class Findings>
  Status Tell(const Findings& findings) {
    log_.Live("");
    return Say(invocation_, console_, TextOf(setting_, findings), JsonOf(setting_, findings));
  }

  const Invocation& invocation_;
  const Console& console_;
  const OpTable<float>& ops_;
  Log log_;
  BenchSetting setting_;
  MeasureOptions measure_;
};

Status Run(const Invocation& invocation, const Console& console) {
  RIFFLE_ASSIGN(const std::string kind, KindOf(invocation));
  if (kind == "data") {
    RIFFLE_ASSIGN(const double seconds, NumberOf(invocation, "seconds", kSeconds, 0, 3600));
    RIFFLE_ASSIGN(const DataBench bench, RunDataBench(invocation.settings, seconds));
    return Say(invocation, console, TextOf(bench), JsonOf(bench));
  }
  RIFFLE_TRY(StartThreads(invocation.settings.options.threads));
  RIFFLE_ASSIGN(const OpTable<float>* const ops, FindBackend(""));
  if (kind != "peak") return Bench(invocation, console, *ops).Run(kind);
  RIFFLE_ASSIGN(const double seconds, NumberOf(invocation, "seconds", kSeconds, 0, 3600));
  RIFFLE_ASSIGN(const Roofs roofs, MeasureRoofs(seconds));
  return Say(invocation, console, TextOf(roofs), JsonOf(roofs));
}

}  // namespace

Command BenchCommand() {
  std::vector<std::string_view> options = {"config",        "threads",     "batch_size",  "image_resize",
                                           "model",         "num_classes", "in_channels", "stem",
                                           "stage2_stride", "conventions", "bn_eps",      "bn_momentum"};
  std::ranges::copy(DataBenchOptionNames(), std::back_inserter(options));
  return {
      .name = "bench",
      .summary = "measures speed here, as a share of what this machine can do",
      .options = std::move(options),
      .own_options = {{.name = "mode", .value_name = "MODE", .help = "of ops: the steps of infer (default) or train"},
                      {.name = "seconds", .value_name = "S", .help = "how long to measure at least [2]"},
                      {.name = "json",
                       .value_name = "FILE",
                       .help = "also writes an object: images_per_second, latency_ms_median, gflops, peak_gflops, "
                               "percent_of_peak, ...; of ops: steps; of data: stages",
                       .value = OwnValue::kOutput},
                      {.name = "exchange",
                       .value_name = "FOLDER",
                       .help = "of infer and train: also writes weights, pictures and what came out, for comparison "
                               "with other programs",
                       .value = OwnValue::kPath}},
      .argument_name = "infer|train|ops|peak|data",
      .examples = {{"bench infer --batch_size 1 --threads 1", "latency of one picture on one thread"},
                   {"bench train --batch_size 64", "training steps: forward, loss, backward, optimizer"},
                   {"bench ops --mode train --batch_size 64", "each step's time beside the least that it needs"},
                   {"bench peak", "multiply-adds and memory: what the machine can do"},
                   {"bench data --data_dir photos", "reading, decoding, cropping: pictures/s of one core"}},
      .run = Run,
  };
}

}  // namespace riffle
