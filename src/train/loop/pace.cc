#include "train/loop/pace.h"

#include <chrono>

namespace riffle {
namespace {

constexpr int kUncounted = 2, kFewest = 3;
constexpr double kSeconds = 2;

}  // namespace

Result<Pace> MeasurePace(BatchSource& source, const std::function<Status(const Batch&)>& work) {
  const auto now = std::chrono::steady_clock::now;
  auto start = now();
  double waited = 0, seconds = 0;
  int64_t images = 0;
  int batches = -kUncounted;
  source.Seek({});
  while (batches < kFewest || seconds < kSeconds) {
    RIFFLE_ASSIGN(const Batch* batch, source.Next());
    if (batch == nullptr) {  // after the last epoch
      source.Seek({});
      continue;
    }
    RIFFLE_TRY(work(*batch));
    images += batch->images;
    if (++batches == 0) start = now(), waited = source.WaitedSeconds(), images = 0;
    seconds = std::chrono::duration<double>(now() - start).count();
  }
  return Pace{.seconds_per_batch = seconds / batches,
              .images_per_second = static_cast<double>(images) / seconds,
              .waiting_share = (source.WaitedSeconds() - waited) / seconds};
}

}  // namespace riffle
