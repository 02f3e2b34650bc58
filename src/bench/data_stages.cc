#include "bench/data_stages.h"

#include <algorithm>
#include <chrono>

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

  /// Picture i in an epoch, which decides the crop.
  Status Run(int64_t i, uint32_t epoch) {
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
    const std::vector<float> ones(transform_.channels(), 1);
    WriteNormalised(resized_.View(), true, false, ones, ones, out_.data(), plane_);
    Took(kNormalise);
    RIFFLE_TRY(transform_.Apply(region, random, scratch_, out_.data(), plane_));
    Took(kTransform);
    ++pictures_;
    return {};
  }

  std::vector<DataBench::Stage> Rates() const {
    std::vector<DataBench::Stage> stages;
    const auto add = [&](std::string key, std::string what, double seconds) {
      if (seconds > 0) stages.push_back({std::move(key), std::move(what), static_cast<double>(pictures_) / seconds});
    };
    add("read", "read the file, or find the picture in memory", seconds_[kRead]);
    add("decode", "decode the whole picture", seconds_[kDecode]);
    add("decode_needed", "decode what the crop needs", seconds_[kDecodeRegion]);
    add("resize", "resize the crop, bilinear", seconds_[kResize]);
    add("normalise", "flip and normalise", seconds_[kNormalise]);
    add("transform", "resize, augment, flip and normalise", seconds_[kTransform]);
    add("pipeline", "all of that from memory: decode what is needed, transform",
        seconds_[kDecodeRegion] + seconds_[kTransform]);
    return stages;
  }

 private:
  enum Stage { kRead, kDecode, kDecodeRegion, kResize, kNormalise, kTransform, kStages };

  void Took(Stage stage) {
    const Clock::time_point now = Clock::now();
    seconds_[stage] += Seconds(now - begin_);
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
  std::array<double, kStages> seconds_{};
  int64_t pictures_ = 0;
};

Result<double> LoaderRate(const Dataset& dataset, const Transform& transform, const DataBenchOptions& options) {
  RIFFLE_ASSIGN(const std::unique_ptr<Loader> loader, Loader::Create(dataset, transform, options.loader));
  RIFFLE_TRY(loader->Next().status());  // workers, memory and the first batches
  const Clock::time_point begin = Clock::now();
  int64_t images = 0;
  double seconds = 0;
  while (seconds < options.seconds || images == 0) {
    RIFFLE_ASSIGN(const Batch* const batch, loader->Next());
    images += batch->images;
    seconds = Seconds(Clock::now() - begin);
  }
  return static_cast<double>(images) / seconds;
}

}  // namespace

Result<DataBench> MeasureData(const Dataset& dataset, const Transform& transform, const DataBenchOptions& options) {
  DataBench bench{.pictures = std::min(dataset.size(), options.most_pictures), .workers = options.loader.workers};
  const auto number = [&](int64_t k) { return k * dataset.size() / bench.pictures; };
  {
    Stages warm_up(dataset, transform, options.loader.seed);
    RIFFLE_TRY(warm_up.Run(0, 0));
  }
  Stages stages(dataset, transform, options.loader.seed);
  const Clock::time_point begin = Clock::now();
  for (uint32_t epoch = 0; epoch == 0 || Seconds(Clock::now() - begin) < options.seconds; ++epoch)
    for (int64_t k = 0; k < bench.pictures; ++k) RIFFLE_TRY(stages.Run(number(k), epoch));
  bench.stages = stages.Rates();
  RIFFLE_ASSIGN(bench.loader_images_per_second, LoaderRate(dataset, transform, options));
  return bench;
}

std::string TextOf(const DataBench& bench) {
  Table table({"stage", "pictures/s on one core", "ms"});
  for (const DataBench::Stage& stage : bench.stages)
    table.AddRow({stage.what, fmt::format("{:.0f}", stage.images_per_second),
                  fmt::format("{:.3f}", 1000 / stage.images_per_second)});
  return table.Text() + fmt::format("\nLoader with {} worker{}: {:.0f} pictures/s. {} pictures were measured\n",
                                    bench.workers, bench.workers == 1 ? "" : "s", bench.loader_images_per_second,
                                    bench.pictures);
}

nlohmann::ordered_json JsonOf(const DataBench& bench) {
  nlohmann::ordered_json json = {{"mode", "data"}, {"pictures", bench.pictures}};
  for (const DataBench::Stage& stage : bench.stages) json["stages"][stage.key] = stage.images_per_second;
  json["workers"] = bench.workers;
  json["loader_images_per_second"] = bench.loader_images_per_second;
  return json;
}

}  // namespace riffle
