#include "cli/dry_run.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "base/text.h"
#include "report/plot.h"
#include "report/progress.h"
#include "report/table.h"

namespace riffle {

std::string LearningRateCurve(const ScheduleOptions& options, int64_t steps_per_epoch, int width) {
  const int64_t steps = steps_per_epoch * options.epoch_size;
  std::vector<double> rates;
  for (int64_t step = 0; step < steps; ++step) rates.push_back(LearningRate(options, step, steps_per_epoch));
  std::string text =
      fmt::format("Learning rate of {}, {} an epoch, from {:.4g} over {:.4g} to {:.4g}:\n", GroupedCount(steps, "step"),
                  Grouped(steps_per_epoch), rates.front(), std::ranges::max(rates), rates.back());
  return text + PlotText({.values = rates,
                          .x_end = static_cast<double>(options.epoch_size),
                          .x_title = "epochs",
                          .y_title = "lr",
                          .width = width});
}

Result<std::string> TimeNeeded(const TrainerOptions& options, Trainer& trainer, EpochLoaders& loaders,
                               BatchSource* validation) {
  Table table({"epochs", "pictures", "pictures/s", "waiting for data", "time"});
  double total_seconds = 0;
  const auto add = [&](std::string epochs, int size, const Pace& pace, int64_t batches) {
    const double seconds = pace.seconds_per_batch * static_cast<double>(batches);
    total_seconds += seconds;
    table.AddRow({std::move(epochs), fmt::format("{0} × {0}", size), fmt::format("{:.0f}", pace.images_per_second),
                  fmt::format("{:.0f} %", 100 * pace.waiting_share), DurationText(seconds)});
  };

  const int first = trainer.info().epoch;
  int validations = 0;
  for (int begin = first, end = begin; begin < options.epochs(); begin = end) {
    const int size = loaders.SizeAt(begin);
    for (; end < options.epochs() && loaders.SizeAt(end) == size; ++end) validations += options.ValidatesAfter(end + 1);
    RIFFLE_ASSIGN(BatchSource* const loader, loaders.At(begin));
    RIFFLE_ASSIGN(const Pace pace, trainer.PaceOfTraining(*loader));
    add(begin + 1 == end ? fmt::format("{}", end) : fmt::format("{} to {}", begin + 1, end), size, pace,
        (end - begin) * loader->BatchesPerEpoch());
  }
  if (validation != nullptr && validations > 0) {
    RIFFLE_ASSIGN(const Pace pace, trainer.PaceOfValidation(*validation));
    add(Counted(validations, "validation"), validation->image_size(), pace,
        validations * validation->BatchesPerEpoch());
  }
  return fmt::format("{}About {} in all, if the machine stays as busy as now\n", table.Text(),
                     DurationText(total_seconds));
}

}  // namespace riffle
