// `riffle bench`: how fast the network runs here, and what this machine would allow.
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>

#include "backend/cuda/card.h"
#include "backend/gpu.h"
#include "backend/threads.h"
#include "base/file.h"
#include "base/text.h"
#include "bench/exchange.h"
#include "bench/report.h"
#include "bench/roofs.h"
#include "cli/bench_comm.h"
#include "cli/bench_data.h"
#include "cli/command.h"
#include "cli/machine.h"
#include "cli/own_number.h"
#include "cli/together.h"
#include "data/loader.h"
#include "report/log.h"
#include "report/table.h"

namespace riffle {
namespace {

/// What `riffle bench KIND` measures, and the options that it uses.
struct Kind {
  std::string_view name;
  OptionSet options;
  std::vector<std::string_view> own_options = {};  ///< beside --seconds, --threads and --json
};

const std::vector<Kind>& Kinds() {
  using enum OptionGroup;
  const OptionSet network = {.groups = {kNetwork, kStructure},
                             .names = {"config", "device_target", "device_id", "amp_level", "tf32", "batch_size",
                                       "image_resize", "bn_eps", "bn_momentum"}};
  static const std::vector<Kind> kinds = {
      {"infer", network, {"exchange"}},
      {"train", network, {"exchange"}},
      {"ops", network, {"mode", "plan"}},
      {"peak", {.names = {"device_target", "device_id"}}},
      {"comm", network},
      {"data",
       {.groups = {kDataset, kBatches, kCrops, kAugmentation},
        .names = {"seed", "train_split", "image_resize", "interpolation", "in_channels", "re_prob"}}}};
  return kinds;
}

/// How long to measure.
Result<double> SecondsOf(const Invocation& invocation) {
  return OwnNumber(invocation, "seconds", 2.0, {.low = 0, .high = 3600});
}

/// The numbers of --threads: of data several, from few to many, which are cores there, as rates of threads are added
/// up; of the other kinds one. None: it was not given.
Result<std::vector<int>> ThreadsAsked(const Invocation& invocation, std::string_view kind) {
  const bool of_data = kind == "data";
  const int most = of_data ? UsableCores() : kMaxLoaderWorkers;
  std::vector<int> threads;
  const std::string* const text = invocation.Own("threads");
  for (size_t begin = 0; text != nullptr && begin <= text->size();) {
    const size_t end = std::min(text->find(',', begin), text->size());
    const auto number = ParseNumber<int>(std::string_view(*text).substr(begin, end - begin));
    const bool in_range = number && *number >= 1 && *number <= most;
    if (of_data && (!in_range || (!threads.empty() && *number <= threads.back())))
      return InvalidArgument(
          "option threads (command line): expected increasing numbers with commas between them, from 1 to {} (the "
          "cores that this process may use), found '{}'",
          most, *text);
    if (!of_data && (!in_range || !threads.empty()))
      return InvalidArgument("option threads (command line): expected an integer from 1 to {}, found '{}'", most,
                             *text);
    threads.push_back(*number);
    begin = end + 1;
  }
  return threads;
}

/// Which kind was asked for; InvalidArgument for a word that is none, and for options that the kind has no use for.
Result<std::string_view> KindOf(const Invocation& invocation) {
  if (invocation.arguments.size() != 1)
    return InvalidArgument("expected one of infer, train, ops, peak, comm and data after 'bench', found {} words",
                           invocation.arguments.size());
  const std::string& word = invocation.arguments[0];
  const auto kind = std::ranges::find(Kinds(), word, &Kind::name);
  if (kind == Kinds().end()) {
    std::vector<std::string_view> names;
    for (const Kind& known : Kinds()) names.push_back(known.name);
    return InvalidArgument(
        "unknown benchmark '{}': there are infer, train, ops, peak, comm and data; did you mean '{}'?", word,
        Nearest(word, names));
  }
  const auto reject = [&](std::string_view option) {
    return InvalidArgument("option {} (command line): 'riffle bench {}' does not use it", option, word);
  };
  for (const std::string_view option : {"mode", "plan", "exchange"})
    if (invocation.Has(option) && std::ranges::find(kind->own_options, option) == kind->own_options.end())
      return reject(option);
  if (invocation.Has("plan") && invocation.Has("seconds"))
    return InvalidArgument("option seconds (command line): --plan measures nothing; leave out one of them");
  if (const std::string* folder = invocation.Own("exchange"); folder != nullptr && IsStream(*folder))
    return InvalidArgument("option exchange (command line): expected a folder, found '{}'", *folder);
  for (const auto& [option, origin] : invocation.settings.origins)
    if (origin == kCommandLine && !kind->options.Contains(option)) return reject(option);
  return kind->name;
}

/// The text to the console, the JSON to the file of --json.
Status Say(const Invocation& invocation, const Console& console, const std::string& text,
           const nlohmann::ordered_json& json) {
  console.out << text;
  const std::string* file = invocation.Own("json");
  return file == nullptr ? Status() : WriteFileAtomically(*file, json.dump(1) + '\n');
}

/// "infer" or "train": what a benchmark of this kind runs.
Result<std::string> ModeOf(const Invocation& invocation, std::string_view kind) {
  const std::string* mode = invocation.Own("mode");
  if (kind != "ops") return std::string(kind);
  if (mode == nullptr) return std::string("infer");
  if (*mode != "infer" && *mode != "train")
    return InvalidArgument("option mode (command line): expected infer or train, found '{}'", *mode);
  return *mode;
}

/// What infer, train and ops say of what they run, where maps are of this type.
Result<BenchSetting> SettingOf(const Invocation& invocation, std::string_view kind, MapType maps) {
  BenchSetting setting;
  RIFFLE_ASSIGN(setting.mode, ModeOf(invocation, kind));
  RIFFLE_ASSIGN(setting.model, ModelFromOptions(invocation.settings.options, kClassesWithoutData));
  setting.maps = maps == MapType::kBfloat16 ? "bfloat16" : "float32";
  setting.batch_size = invocation.settings.options.batch_size;
  return setting;
}

/// A benchmark of the network: what infer, train and ops share.
class Bench {
 public:
  Bench(Machine& machine, const Invocation& invocation, const Console& console)
      : machine_(machine),
        invocation_(invocation),
        console_(console),
        log_(console.out, console.terminal_width),
        maps_(MapsAt(invocation.settings.options.amp_level, machine)) {}

  Status Run(std::string_view kind) {
    RIFFLE_ASSIGN(setting_, SettingOf(invocation_, kind, maps_));
    setting_.threads = machine_.pool.threads();
    for (const std::string& note : {machine_.choice, NoteOnDeviceId(invocation_.settings, machine_),
                                    NoteOnAmpLevel(invocation_.settings.options.amp_level, machine_),
                                    NoteOnTf32(invocation_.settings.options.tf32, {maps_}, machine_)})
      if (!note.empty()) log_.Line(note);
    setting_.card = machine_.gpu != nullptr;
    setting_.device = machine_.gpu.get();
    RIFFLE_ASSIGN(measure_.seconds, SecondsOf(invocation_));
    measure_.most_seconds = std::max(measure_.most_seconds, measure_.seconds);
    measure_.progress = [&](int rounds, double seconds) {
      log_.Live(fmt::format("{} rounds, {:.1f} s", rounds, seconds));
    };
    RIFFLE_ASSIGN(const Plan plan, MakePlan(setting_.model));
    if (kind == "ops")
      setting_.kernels = StepKernels(plan, setting_.mode, setting_.batch_size, KernelTargetOf(machine_, maps_));
    if (invocation_.Has("plan")) return Say(invocation_, console_, PlanText(setting_), PlanJson(setting_));
    return setting_.mode == "train" ? Train(kind, plan) : Infer(kind, plan);
  }

 private:
  Status Infer(std::string_view kind, const Plan& plan) {
    InferenceWorkload workload(machine_.execution, plan, machine_.ops, setting_.batch_size, maps_);
    if (const std::string* folder = invocation_.Own("exchange"))
      RIFFLE_TRY(WriteInferenceExchange(*folder, plan, machine_.ops, workload));
    return kind == "ops" ? Tell(ProfileInference(workload, measure_))
                         : Tell(Measure(machine_.execution, workload.AsWorkload(), measure_));
  }

  Status Train(std::string_view kind, const Plan& plan) {
    TrainingWorkload workload(machine_.execution, plan, machine_.ops, setting_.batch_size, maps_);
    if (const std::string* folder = invocation_.Own("exchange"))
      RIFFLE_TRY(WriteTrainingExchange(*folder, plan, workload));
    return kind == "ops" ? Tell(ProfileTraining(workload, plan, measure_))
                         : Tell(Measure(machine_.execution, workload.AsWorkload(), measure_));
  }

  template <class Findings>
  Status Tell(const Findings& findings) {
    log_.Live("");
    return Say(invocation_, console_, TextOf(setting_, findings), JsonOf(setting_, findings));
  }

  Machine& machine_;
  const Invocation& invocation_;
  const Console& console_;
  Log log_;
  BenchSetting setting_;
  const MapType maps_;
  MeasureOptions measure_;
};

/// The kernels of a card where there is none.
Status PlanForAbsentCard(const Invocation& invocation, const Console& console) {
  const Options& options = invocation.settings.options;
  const MapType maps = options.amp_level == "O0" ? MapType::kFloat : MapType::kBfloat16;
  RIFFLE_ASSIGN(BenchSetting setting, SettingOf(invocation, "ops", maps));
  setting.threads = ThreadsOf(options);
  setting.card = true;
  RIFFLE_ASSIGN(const Plan plan, MakePlan(setting.model));
  setting.kernels =
      StepKernels(plan, setting.mode, setting.batch_size, KernelTarget{maps, options.tf32, LargeCard::kSharedOfBlock});
  Log(console.out, console.terminal_width)
      .Line(fmt::format("There is no GPU here: this is the plan for one whose blocks share {}, as an H100's do",
                        BytesText(LargeCard::kSharedOfBlock)));
  return Say(invocation, console, PlanText(setting), PlanJson(setting));
}

Status RunComm(const Invocation& invocation, const Console& console, Communicator& ranks) {
  RIFFLE_ASSIGN(const double seconds, SecondsOf(invocation));
  RIFFLE_ASSIGN(const CommBench bench, RunCommBench(invocation.settings, ranks, seconds));
  return ranks.first() ? Say(invocation, console, TextOf(bench), JsonOf(bench)) : Status();
}

Status Run(const Invocation& asked, const Console& console) {
  RIFFLE_ASSIGN(const std::string_view kind, KindOf(asked));
  RIFFLE_ASSIGN(const std::vector<int> threads, ThreadsAsked(asked, kind));
  Invocation invocation = asked;
  if (threads.size() == 1)
    RIFFLE_TRY(invocation.settings.Set("threads", std::to_string(threads[0]), std::string(kCommandLine)));
  if (kind == "comm")
    return RunTogether(console,
                       [&](Communicator& ranks, const Console& own) { return RunComm(invocation, own, ranks); });
  RIFFLE_TRY(RequireOneProcess(fmt::format("riffle bench {}", kind)));
  if (kind == "data") {
    RIFFLE_ASSIGN(const double seconds, SecondsOf(invocation));
    RIFFLE_ASSIGN(const DataBench bench, RunDataBench(invocation.settings, threads, seconds));
    return Say(invocation, console, TextOf(bench), JsonOf(bench));
  }
  const Options& options = invocation.settings.options;
  if (invocation.Has("plan") && options.device_target == "GPU" && !options.device_id && !ListGpus().ok())
    return PlanForAbsentCard(invocation, console);
  RIFFLE_ASSIGN(const std::unique_ptr<Machine> machine, OpenMachine(options));
  if (kind != "peak") return Bench(*machine, invocation, console).Run(kind);
  if (const std::string note = NoteOnDeviceId(invocation.settings, *machine); !note.empty())
    Log(console.out, console.terminal_width).Line(note);
  RIFFLE_ASSIGN(const double seconds, SecondsOf(invocation));
  RIFFLE_ASSIGN(Roofs roofs, MeasureRoofs(machine->pool, seconds));
  roofs.gpus = AboutGpus();
  if (machine->gpu) roofs.copy_gbps = MeasureCopyGbps(*machine->gpu, 1e3 * seconds / 4);
  return Say(invocation, console, TextOf(roofs), JsonOf(roofs));
}

}  // namespace

Command BenchCommand() {
  OptionSet options;
  for (const Kind& kind : Kinds()) {
    options.groups.insert(options.groups.end(), kind.options.groups.begin(), kind.options.groups.end());
    options.names.insert(options.names.end(), kind.options.names.begin(), kind.options.names.end());
  }
  return {
      .name = "bench",
      .summary = "measures speed here, as a share of what this machine can do",
      .options = std::move(options),
      .own_options =
          {{.name = "mode", .value_name = "MODE", .help = "of ops: the steps of infer (default) or train"},
           {.name = "plan",
            .value_name = "",
            .help = "of ops: which kernels run, and no times; of --device_target=GPU also where there is none"},
           {.name = "threads",
            .value_name = "N",
            .help = "threads that compute [the cores that this process may use]; of data: threads that read "
                    "and transform, in place of num_parallel_workers, also several numbers, up to those cores: 1,2,4"},
           {.name = "seconds", .value_name = "S", .help = "how long to measure at least [2]"},
           {.name = "json",
            .value_name = "FILE",
            .help = "also writes an object: images_per_second, latency_ms_median, gflops, peak_gflops, "
                    "percent_of_peak, ...; of ops: steps; of data: stages; of comm: sums, step",
            .value = OwnValue::kOutput},
           {.name = "exchange",
            .value_name = "FOLDER",
            .help = "of infer and train: also writes weights, pictures and what came out, for comparison "
                    "with other programs",
            .value = OwnValue::kPath}},
      .argument_name = "infer|train|ops|peak|comm|data",
      .examples = {{"bench infer --batch_size 1 --threads 1", "latency of one picture on one thread"},
                   {"bench train --batch_size 64", "training steps: forward, loss, backward, optimizer"},
                   {"bench ops --mode train --batch_size 64", "each step's time beside the least that it needs"},
                   {"bench ops --plan --mode train --device_target GPU --amp_level O1 --batch_size 512",
                    "which kernels a card runs, here or elsewhere"},
                   {"bench peak", "multiply-adds and memory: what the machine can do"},
                   {"bench comm --batch_size 32",
                    "under mpirun -n N: what it costs that N processes sum their gradients, and what backward hides"},
                   {"bench data --data_dir photos", "reading, decoding, cropping: pictures/s of one core"},
                   {"bench data --data_dir photos --threads 1,2,4", "the same on several, and what is lost"}},
      .runs_together = true,
      .run = Run,
  };
}

}  // namespace riffle
