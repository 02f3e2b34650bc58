#include "bench/data_stages.h"

#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <thread>

#include "base/text.h"
#include "picture/decode.h"
#include "picture/normalise.h"
#include "picture/resize.h"
#include "report/table.h"

namespace riffle {
namespace {

using Clock = std::chrono::steady_clock;

double Seconds(Clock::duration duration) { return std::chrono::duration<double>(duration).count(); }

/// The stages of one picture after another.
class Stages {
 public:
  Stages(const Dataset& dataset, const Transform& transform, uint64_t seed)
      : dataset_(dataset),
        transform_(transform),
        seed_(seed),
        plane_(int64_t{transform.image_size()} * transform.image_size()),
        out_(static_cast<size_t>(plane_ * transform.channels())) {}

  /// Picture i in an epoch, which decides the crop. One that cannot be read is noted, and its time is not.
  void Run(int64_t i, uint32_t epoch) {
    took_ = {};
    if (!RunStages(i, epoch).ok()) {
      unreadable_.emplace(i, dataset_.NameOf(i));
      return;
    }
    for (size_t stage = 0; stage < took_.size(); ++stage) seconds_[stage] += took_[stage];
    ++pictures_;
  }

  /// Their names, by their numbers.
  const std::map<int64_t, std::string>& unreadable() const { return unreadable_; }

  /// Adds this one's rates to those of others.
  void AddTo(std::vector<DataBench::Stage>& stages) const {
    size_t at = 0;
    const auto add = [&](std::string key, std::string what, double seconds) {
      if (seconds <= 0) return;
      if (at == stages.size()) stages.push_back({std::move(key), std::move(what)});
      stages[at++].images_per_second += static_cast<double>(pictures_) / seconds;
    };
    add("read", "read the file, or find the picture in memory", seconds_[kRead]);
    add("decode", "decode the whole picture", seconds_[kDecode]);
    add("decode_needed", "decode what the crop needs", seconds_[kDecodeRegion]);
    add("resize", "resize the crop, bilinear", seconds_[kResize]);
    if (transform_.colours()) add("colour", "policy and colour jitter", seconds_[kColour]);
    add("normalise", "flip and normalise", seconds_[kNormalise]);
    add("transform", "resize, augment, flip and normalise", seconds_[kTransform]);
    add("pipeline", "all of that from memory: decode what is needed, transform",
        seconds_[kDecodeRegion] + seconds_[kTransform]);
  }

 private:
  enum Stage { kRead, kDecode, kDecodeRegion, kResize, kColour, kNormalise, kTransform, kStages };

  Status RunStages(int64_t i, uint32_t epoch) {
    const RandomStream start(seed_, RandomPurpose::kAugmentation, epoch, static_cast<uint32_t>(i));
    RandomStream random = start;
    const auto choose = [&](int height, int width) { return transform_.Choose(height, width, random); };
    Region region;
    begin_ = Clock::now();
    if (const auto file = dataset_.Encoded(i); file.ok()) {
      Took(kRead);
      RIFFLE_TRY(Decode(*file, transform_.channels(), picture_));
      Took(kDecode);
      RIFFLE_ASSIGN(region, DecodeRegion(*file, transform_.channels(), choose, picture_));
      Took(kDecodeRegion);
    } else {
      if (file.status().code() != ErrorCode::kUnavailable) return file.status();
      begin_ = Clock::now();
      RIFFLE_ASSIGN(region, dataset_.ReadRegion(i, choose, picture_));
      Took(kRead);
    }
    const int size = transform_.image_size();
    Resize(region.pixels, {region.top, region.left, region.height, region.width}, size, size, {0, 0, size, size},
           Interpolation::kBilinear, scratch_.view.resize, resized_);
    Took(kResize);
    if (transform_.colours()) {
      RandomStream draws = random;
      transform_.Draw(draws, scratch_.draw);
      transform_.Colour(resized_, scratch_.draw.versions[0], scratch_.augment);
    }
    Took(kColour);
    const std::vector<float> ones(transform_.channels(), 1);
    WriteNormalised(resized_.View(), true, false, ones, ones, out_.data(), plane_);
    Took(kNormalise);
    RIFFLE_TRY(transform_.Apply(region, random, scratch_, out_.data(), plane_));
    Took(kTransform);
    return {};
  }

  void Took(Stage stage) {
    const Clock::time_point now = Clock::now();
    took_[stage] += Seconds(now - begin_);
    begin_ = Clock::now();
  }

  const Dataset& dataset_;
  const Transform& transform_;
  const uint64_t seed_;
  const int64_t plane_;
  std::vector<float> out_;
  Picture picture_, resized_;
  TransformScratch scratch_;
  Clock::time_point begin_;
  std::array<double, kStages> took_{};  // by the picture at hand
  std::array<double, kStages> seconds_{};
  std::map<int64_t, std::string> unreadable_;
  int64_t pictures_ = 0;
};

/// Threads that run the stages side by side, each with pictures of its own.
Result<std::vector<DataBench::Stage>> StageRates(const Dataset& dataset, const Transform& transform,
                                                 const DataBenchOptions& options, int threads, int64_t pictures,
                                                 std::map<int64_t, std::string>* unreadable) {
  const auto number = [&](int64_t k) { return k * dataset.size() / pictures; };
  const int64_t each = std::max<int64_t>(1, pictures / threads);
  std::vector<Stages> stages(threads, Stages(dataset, transform, options.loader.seed));
  const auto work = [&](int thread) {
    Stages warm_up(dataset, transform, options.loader.seed);
    warm_up.Run(0, 0);
    const Clock::time_point begin = Clock::now();
    for (uint32_t epoch = 0; epoch == 0 || Seconds(Clock::now() - begin) < options.seconds; ++epoch)
      for (int64_t k = 0; k < each; ++k) stages[thread].Run(number((thread * each + k) % pictures), epoch);
  };
  std::vector<std::thread> others;
  others.reserve(threads - 1);
  for (int thread = 1; thread < threads; ++thread) others.emplace_back(work, thread);
  work(0);
  for (std::thread& other : others) other.join();
  std::vector<DataBench::Stage> rates;
  for (const Stages& one : stages) {
    one.AddTo(rates);
    unreadable->insert(one.unreadable().begin(), one.unreadable().end());
  }
  if (rates.empty())
    return DataLoss("no picture can be read, such as {}; 'riffle data check' tells why", unreadable->begin()->second);
  return rates;
}

Status MeasureLoader(const Dataset& dataset, const Transform& transform, const LoaderOptions& options,
                     double least_seconds, DataBench::Run& run) {
  RIFFLE_ASSIGN(const std::unique_ptr<Loader> loader, Loader::Create(dataset, transform, options));
  // Workers, memory, and all that is in flight while they begin.
  for (int batch = 0; batch <= options.prefetch_batches; ++batch) RIFFLE_TRY(loader->Next().status());
  rusage before = {}, after = {};
  getrusage(RUSAGE_SELF, &before);
  const Clock::time_point begin = Clock::now();
  int64_t images = 0;
  double seconds = 0;
  while (seconds < least_seconds || images == 0) {
    RIFFLE_ASSIGN(const Batch* const batch, loader->Next());
    images += batch->images;
    seconds = Seconds(Clock::now() - begin);
  }
  getrusage(RUSAGE_SELF, &after);
  const auto per_image = [&](int64_t count) { return static_cast<double>(count) / static_cast<double>(images); };
  run.workers = options.workers;
  run.loader_images_per_second = static_cast<double>(images) / seconds;
  run.page_faults = per_image(after.ru_minflt - before.ru_minflt);
  run.waits = per_image(after.ru_nvcsw - before.ru_nvcsw + after.ru_nivcsw - before.ru_nivcsw);
  return {};
}

}  // namespace

Result<DataBench> MeasureData(const Dataset& dataset, const Transform& transform, const DataBenchOptions& options) {
  const int64_t tried = std::min(dataset.size(), options.most_pictures);
  DataBench bench;
  std::vector<int> threads = options.threads;
  if (threads.empty()) threads = {1};
  for (const int count : threads) {
    DataBench::Run run{.threads = count};
    RIFFLE_ASSIGN(run.stages, StageRates(dataset, transform, options, count, tried, &bench.unreadable));
    LoaderOptions loader = options.loader;
    if (!options.threads.empty()) loader.workers = count;
    RIFFLE_TRY(MeasureLoader(dataset, transform, loader, options.seconds, run));
    bench.runs.push_back(std::move(run));
  }
  bench.pictures = tried - static_cast<int64_t>(bench.unreadable.size());
  return bench;
}

std::string TextOf(const DataBench& bench) {
  const DataBench::Run &first = bench.runs.front(), &last = bench.runs.back();
  // What the last run does of what its threads would do if each were as fast as one of the first.
  const auto share = [&](double rate, double first_rate) {
    return fmt::format("{:.0f} %", 100 * rate * first.threads / (first_rate * last.threads));
  };
  std::vector<std::string> headings = {"stage"};
  for (const DataBench::Run& run : bench.runs) headings.push_back("pictures/s on " + Counted(run.threads, "core"));
  headings.emplace_back(bench.runs.size() == 1 ? "ms" : "of ideal");
  Table table(headings);
  for (size_t s = 0; s < first.stages.size(); ++s) {
    std::vector<std::string> row = {first.stages[s].what};
    for (const DataBench::Run& run : bench.runs) row.push_back(fmt::format("{:.0f}", run.stages[s].images_per_second));
    const double rate = first.stages[s].images_per_second;
    row.push_back(bench.runs.size() == 1 ? fmt::format("{:.3f}", 1000 * first.threads / rate)
                                         : share(last.stages[s].images_per_second, rate));
    table.AddRow(row);
  }
  std::string text = table.Text() + '\n';
  for (const DataBench::Run& run : bench.runs)
    text += fmt::format("Loader with {}: {:.0f} pictures/s; {:.2f} page faults and {:.2f} waits a picture\n",
                        Counted(run.workers, "worker"), run.loader_images_per_second, run.page_faults, run.waits);
  if (bench.runs.size() > 1)
    text += fmt::format("The loader is at {} of ideal\n",
                        share(last.loader_images_per_second, first.loader_images_per_second));
  text += fmt::format("{} measured\n", GroupedCount(bench.pictures, "picture"));
  if (!bench.unreadable.empty())
    text += fmt::format("Cannot be read, and left out: {} (such as {}); 'riffle data check' tells why\n",
                        bench.unreadable.size(), OneLine(bench.unreadable.begin()->second));
  return text;
}

nlohmann::ordered_json JsonOf(const DataBench& bench) {
  nlohmann::ordered_json json = {{"mode", "data"},
                                 {"pictures", bench.pictures},
                                 {"unreadable", bench.unreadable.size()},
                                 {"runs", nlohmann::ordered_json::array()}};
  for (const DataBench::Run& run : bench.runs) {
    nlohmann::ordered_json& row = json["runs"].emplace_back();
    row["threads"] = run.threads;
    for (const DataBench::Stage& stage : run.stages) row["stages"][stage.key] = stage.images_per_second;
    row["workers"] = run.workers;
    row["loader_images_per_second"] = run.loader_images_per_second;
    row["page_faults_per_image"] = run.page_faults;
    row["waits_per_image"] = run.waits;
  }
  return json;
}

}  // namespace riffle
