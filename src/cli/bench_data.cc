#include "cli/bench_data.h"

#include <algorithm>

#include "cli/data_options.h"

namespace riffle {

Result<DataBench> RunDataBench(const Settings& asked, const std::vector<int>& threads, double seconds) {
  if (!threads.empty() && asked.IsSet("num_parallel_workers"))
    return InvalidArgument("options threads and num_parallel_workers: both say how many threads read; leave out one");
  Settings settings = asked;
  Options& options = settings.options;
  RIFFLE_ASSIGN(const DatasetInfo* const info, FindDataset(options.dataset));
  UseDefaultsOf(*info, settings);
  ResolveAutomatic(options);
  RIFFLE_ASSIGN(const std::unique_ptr<Dataset> data, OpenDataset(TrainDataset(options)));
  RIFFLE_ASSIGN(const Preprocessing preprocessing, PreprocessingFrom(options));
  RIFFLE_ASSIGN(const Augmentation augmentation, AugmentationFrom(options, *info));
  RIFFLE_ASSIGN(const Transform transform, Transform::ForTraining(preprocessing, augmentation));
  DataBenchOptions bench{.seconds = seconds, .threads = threads, .loader = TrainLoader(options)};
  bench.loader.batch_size = static_cast<int>(std::min<int64_t>(options.batch_size, data->size()));
  bench.loader.end_epoch = INT64_MAX;
  return MeasureData(*data, transform, bench);
}

}  // namespace riffle
