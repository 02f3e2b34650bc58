#include "bench/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

#include "backend/target.h"
#include "base/text.h"
#include "report/table.h"

namespace riffle {
namespace {

std::string Heading(const BenchSetting& setting) {
  const int size = setting.model.image_size, threads = setting.threads;
  const std::string where = setting.card ? fmt::format("GPU, maps in {}", setting.maps)
                                         : fmt::format("{}, {}", Counted(threads, "thread"), ActiveTarget());
  return fmt::format("{}, {}: batch {}, {} × {} px, {}\n\n", setting.model.name,
                     setting.mode == "train" ? "a training step" : "inference", setting.batch_size, size, size, where);
}

nlohmann::ordered_json Begin(const BenchSetting& setting) {
  return {{"model", setting.model.name},
          {"mode", setting.mode},
          {"batch_size", setting.batch_size},
          {"image_size", setting.model.image_size},
          {"threads", setting.threads},
          {"target", setting.card ? "gpu" : ActiveTarget()},
          {"maps", setting.maps}};
}

/// Of the device's memory, or of the host's: the most that was taken.
int64_t BytesTaken(const BenchSetting& setting) {
  return setting.device ? static_cast<int64_t>(setting.device->MostBytes()) : ResidentBytes();
}

std::string_view NameOf(Pass pass) { return pass == Pass::kForward ? "forward" : "backward"; }

/// A line of a profile's tables: what it is called, and its times and cost.
struct ProfileRow {
  std::vector<std::string> names;
  StepTime time;
};

std::vector<std::string> CellsOf(const ProfileRow& row, double total_ms) {
  const StepTime& time = row.time;
  std::vector<std::string> cells = row.names;
  cells.push_back(fmt::format("{:.3f}", time.ms));
  cells.push_back(fmt::format("{:.1f}", 100 * time.ms / total_ms));
  cells.push_back(fmt::format("{:.1f}", 1e-6 * time.cost.flops / time.ms));
  cells.push_back(fmt::format("{:.1f}", 1e-6 * time.cost.bytes / time.ms));
  cells.push_back(fmt::format("{:.3f}", time.floor_ms));
  cells.push_back(fmt::format("{:.0f}", 100 * time.floor_ms / time.ms));
  return cells;
}

void Add(const StepTime& step, StepTime& sum) {
  sum.ms += step.ms;
  sum.floor_ms += step.floor_ms;
  sum.cost += step.cost;
}

/// What a step's row begins with.
std::vector<std::string> NamesOf(const StepKernel& step) {
  return {step.name, std::string(OpName(step.op)), std::string(NameOf(step.pass)),
          step.kernel.empty() ? "-" : step.kernel};
}
nlohmann::ordered_json NamesInJson(const StepKernel& step) {
  return {{"name", step.name}, {"op", OpName(step.op)}, {"pass", NameOf(step.pass)}, {"kernel", step.kernel}};
}
const std::vector<std::string> kStepNames = {"step", "op", "pass", "kernel"};

/// Sums over the steps of an op and pass, the longest first, and over all.
std::vector<ProfileRow> RowsByOp(const Profile& profile) {
  std::map<std::pair<Op, Pass>, StepTime> ops;
  StepTime all{};
  for (const StepTime& step : profile.steps) {
    Add(step, ops[{step.op, step.pass}]);
    Add(step, all);
  }
  std::vector<ProfileRow> rows;
  for (const auto& [op, time] : ops)
    rows.push_back({{std::string(OpName(op.first)), std::string(NameOf(op.second))}, time});
  std::ranges::sort(rows, [](const ProfileRow& a, const ProfileRow& b) { return a.time.ms > b.time.ms; });
  rows.push_back({{"all steps", ""}, all});
  return rows;
}

}  // namespace

std::string TextOf(const BenchSetting& setting, const Measurement& m) {
  const std::string_view unit = setting.device ? "GB/s" : "GFLOP/s";
  const std::string_view roof = setting.device ? "that of a copy" : "the machine's peak";
  return Heading(setting) + fmt::format(
                                "pictures/s     {:.1f}\n"
                                "latency        {:.3f} ms (90 %: {:.3f}, 99 %: {:.3f}; {})\n"
                                "{:<15}{:.1f}, {} {:.1f}\n"
                                "share of it    {:.1f} % (half of {} rounds within {:.1f} and {:.1f})\n"
                                "{:<15}{}\n",
                                m.images_per_second, m.latency_ms_median, m.latency_ms_p90, m.latency_ms_p99,
                                Counted(m.runs, "run"), unit, m.rate, roof, m.roof, m.percent_of_roof, m.rounds,
                                m.percent_of_roof_low, m.percent_of_roof_high, setting.device ? "memory" : "resident",
                                BytesText(BytesTaken(setting)));
}

nlohmann::ordered_json JsonOf(const BenchSetting& setting, const Measurement& m) {
  nlohmann::ordered_json json = Begin(setting);
  json.update({{"images_per_second", m.images_per_second},
               {"latency_ms_median", m.latency_ms_median},
               {"latency_ms_p90", m.latency_ms_p90},
               {"latency_ms_p99", m.latency_ms_p99},
               {setting.device ? "gbps" : "gflops", m.rate},
               {setting.device ? "copy_gbps" : "peak_gflops", m.roof},
               {setting.device ? "percent_of_copy" : "percent_of_peak", m.percent_of_roof},
               {setting.device ? "percent_of_copy_quartiles" : "percent_of_peak_quartiles",
                {m.percent_of_roof_low, m.percent_of_roof_high}},
               {"rounds", m.rounds},
               {"runs", m.runs},
               {setting.device ? "device_bytes" : "resident_bytes", BytesTaken(setting)}});
  return json;
}

std::string TextOf(const BenchSetting& setting, const Profile& profile) {
  const std::vector<std::string> figures = {"ms", "share %", "GFLOP/s", "GB/s", "floor ms", "of floor %"};
  const auto table_of = [&](std::vector<std::string> names, const std::vector<ProfileRow>& rows) {
    names.insert(names.end(), figures.begin(), figures.end());
    Table table(std::move(names));
    for (const ProfileRow& row : rows) table.AddRow(CellsOf(row, profile.total_ms));
    return table.Text();
  };
  std::vector<ProfileRow> steps;
  for (size_t i = 0; i < profile.steps.size(); ++i) steps.push_back({NamesOf(setting.kernels[i]), profile.steps[i]});
  return fmt::format(
      "{}{}\n{}\nA whole run takes {:.3f} ms. Floor: {}.\n", Heading(setting), table_of(kStepNames, steps),
      table_of({"op", "pass"}, RowsByOp(profile)), profile.total_ms,
      setting.device
          ? fmt::format("bytes at {:.1f} GB/s, what a copy reaches", profile.bandwidth_gbps)
          : fmt::format("the longer of arithmetic at the peak, {:.1f} GFLOP/s, and bytes at {:.1f} GB/s, what updating "
                        "{} a thread in place reaches",
                        profile.peak_gflops, profile.bandwidth_gbps, BytesText(profile.bandwidth_bytes)));
}

nlohmann::ordered_json JsonOf(const BenchSetting& setting, const Profile& profile) {
  nlohmann::ordered_json json = Begin(setting), steps = nlohmann::ordered_json::array();
  for (size_t i = 0; i < profile.steps.size(); ++i) {
    const StepTime& step = profile.steps[i];
    steps.push_back(NamesInJson(setting.kernels[i]));
    steps.back().update({{"ms", step.ms},
                         {"flops", step.cost.flops},
                         {"bytes", step.cost.bytes},
                         {"gflops", 1e-6 * step.cost.flops / step.ms},
                         {"gbps", 1e-6 * step.cost.bytes / step.ms},
                         {"floor_ms", step.floor_ms}});
  }
  json.update({{"total_ms", profile.total_ms},
               {"peak_gflops", profile.peak_gflops},
               {"bandwidth_gbps", profile.bandwidth_gbps},
               {"bandwidth_bytes_per_thread", profile.bandwidth_bytes},
               {"steps", std::move(steps)}});
  return json;
}

std::string PlanText(const BenchSetting& setting) {
  Table table(kStepNames);
  for (const StepKernel& step : setting.kernels) table.AddRow(NamesOf(step));
  return Heading(setting) + table.Text();
}

nlohmann::ordered_json PlanJson(const BenchSetting& setting) {
  nlohmann::ordered_json json = Begin(setting), steps = nlohmann::ordered_json::array();
  for (const StepKernel& step : setting.kernels) steps.push_back(NamesInJson(step));
  json["steps"] = std::move(steps);
  return json;
}

std::string TextOf(const Roofs& roofs) {
  const std::string on_all = fmt::format("on {}", roofs.threads);
  Table peaks({"fp32 multiply-adds", "GFLOP/s on 1 thread", on_all});
  for (const Roofs::Peak& peak : roofs.peaks)
    peaks.AddRow({peak.target, fmt::format("{:.1f}", peak.one_thread_gflops), fmt::format("{:.1f}", peak.gflops)});
  Table bandwidths({"updated in place, a thread", fmt::format("GB/s on {}", roofs.threads)});
  for (const Roofs::Bandwidth& bandwidth : roofs.bandwidths)
    bandwidths.AddRow({BytesText(bandwidth.bytes_per_thread), fmt::format("{:.1f}", bandwidth.gbps)});
  std::string text = peaks.Text() + '\n' + bandwidths.Text();
  for (const std::string& gpu : roofs.gpus) text += '\n' + gpu;
  if (roofs.copy_gbps > 0) text += fmt::format("\nA copy on the card, read and written: {:.0f} GB/s", roofs.copy_gbps);
  return text + '\n';
}

nlohmann::ordered_json JsonOf(const Roofs& roofs) {
  nlohmann::ordered_json peaks = nlohmann::ordered_json::array(), bandwidths = nlohmann::ordered_json::array();
  for (const Roofs::Peak& peak : roofs.peaks)
    peaks.push_back({{"target", peak.target}, {"one_thread_gflops", peak.one_thread_gflops}, {"gflops", peak.gflops}});
  for (const Roofs::Bandwidth& bandwidth : roofs.bandwidths)
    bandwidths.push_back({{"bytes_per_thread", bandwidth.bytes_per_thread}, {"gbps", bandwidth.gbps}});
  return {{"threads", roofs.threads},
          {"target", ActiveTarget()},
          {"peak_gflops", roofs.peak_gflops},
          {"peaks", std::move(peaks)},
          {"bandwidths", std::move(bandwidths)},
          {"gpus", roofs.gpus},
          {"copy_gbps", roofs.copy_gbps}};
}

}  // namespace riffle
