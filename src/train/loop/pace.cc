#include "train/loop/pace.h"

#include <array>
#include <chrono>

namespace riffle {
namespace {

constexpr int kUncounted = 2, kFewest = 3;
constexpr double kSeconds = 2;

}  // namespace

Result<Pace> MeasurePace(BatchSource& source, const std::function<Status(const Batch&)>& work, Communicator& world) {
  const auto now = std::chrono::steady_clock::now;
  auto start = now();
  double waited = 0, seconds = 0;
  int64_t images = 0;
  int batches = -kUncounted;
  source.Seek({});
  while (true) {
    std::array<int64_t, 1> goes_on = {world.first() && (batches < kFewest || seconds < kSeconds)};
    RIFFLE_TRY(world.Sum(goes_on));
    if (!goes_on[0]) break;
    Result<const Batch*> next = source.Next();
    if (next.ok() && *next == nullptr) {  // after the last epoch
      source.Seek({});
      next = source.Next();
    }
    RIFFLE_TRY(world.Agree(next.status()));
    const Batch* const batch = *next;
    RIFFLE_TRY(world.Agree(work(*batch)));
    images += batch->global_images();
    if (++batches == 0) start = now(), waited = source.WaitedSeconds(), images = 0;
    seconds = std::chrono::duration<double>(now() - start).count();
  }
  return Pace{.seconds_per_batch = seconds / batches,
              .images_per_second = static_cast<double>(images) / seconds,
              .waiting_share = (source.WaitedSeconds() - waited) / seconds};
}

}  // namespace riffle
