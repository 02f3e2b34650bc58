// Batches of transformed pictures, made ahead of time by worker threads.
#pragma once

#include <algorithm>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "backend/device_array.h"
#include "base/random.h"
#include "base/status.h"
#include "data/batch.h"
#include "data/dataset.h"
#include "data/kept_pictures.h"
#include "data/transform.h"

namespace riffle {

inline constexpr int kMaxLoaderWorkers = 1024;

struct LoaderOptions {
  /// Samples of this process's share of a batch, which holds Transform::splits() versions of each.
  int batch_size = 128;
  /// Processes that share each batch, and which of them this is: the r-th one's share of the ranks · batch_size samples
  /// is the r-th part. A last batch that is not full is shared out, too: shares differ by one sample at most, and may
  /// be empty.
  int ranks = 1, rank = 0;
  bool shuffle = true;         ///< another order in each epoch; otherwise the data set's
  bool drop_remainder = true;  ///< leave out the last pictures of an epoch where they do not fill a batch of all ranks
  /// Pictures that are shuffled among one another where they are read shard after shard (order.h); 0: all of them.
  int64_t shuffle_buffer = 0;
  int aug_repeats = 0;            ///< each picture that an epoch takes comes so often, augmented anew; 0 and 1: once
  uint64_t seed = 1;              ///< of the order and of the augmentation
  int workers = 1;                ///< threads; 0: Next() does the work itself. No output depends on it
  int prefetch_batches = 3;       ///< batches in memory, the one that the caller reads among them; at least 2
  int64_t end_epoch = INT64_MAX;  ///< the first epoch that is not made
  /// Whether pictures that are cut off or damaged after some pixels are used as far as they go; otherwise such a
  /// picture is as good as unreadable.
  bool allow_incomplete = true;
  /// Share of the data set that may turn out to be unreadable, each such picture being replaced; where it is not 0, one
  /// picture always may. 0: the first one is an error.
  double max_unreadable_share = 0;
  /// Batches lie in its staging memory; it must outlive the loader. Where it does not read the host's memory, they are
  /// pictures for its ops to make (Batch::unmade).
  Device* device = &CpuDevice();
  /// The pictures of data sets that take no more bytes than this stay on the device (kept_pictures.h).
  int64_t kept_bytes = 0;
};

/// The threads within stop when it is destroyed. What a batch holds is a function of (data, transform, options,
/// position); of the options, those of time and memory are none of it: workers, prefetch_batches.
///
/// A picture that cannot be read or transformed is, where options tolerate it, replaced by another one of the data set,
/// drawn from (seed, epoch, its index), and keeps its own augmentation: the replacement differs from epoch to epoch.
///
/// The shares of all ranks, one after another by rank, are the batches of one process with ranks times the batch_size.
class Loader : public BatchSource {
 public:
  /// Errors: InvalidArgument for options that give no batch. `dataset` must outlive the loader.
  static Result<std::unique_ptr<Loader>> Create(const Dataset& dataset, const Transform& transform,
                                                const LoaderOptions& options);
  ~Loader() override;
  Loader(const Loader&) = delete;
  Loader& operator=(const Loader&) = delete;

  int64_t BatchesPerEpoch() const override { return batches_per_epoch_; }
  int64_t ImagesPerEpoch() const override;
  int image_size() const override { return transform_.image_size(); }

  /// What was prefetched is thrown away, unless that is where it goes on anyway.
  void Seek(LoaderPosition position) override;

  /// Workers begin with the first call. The error of a picture that cannot be read or transformed, and may not be
  /// replaced, is that of the first such picture of the batch; DataLoss for more unreadable pictures than are
  /// tolerated.
  Result<const Batch*> Next() override;

  /// Pictures that others met count from then on here, too, and are not said again.
  Status CheckUnreadable(Communicator& world) override;

  /// With no workers: the time that Next() worked.
  double WaitedSeconds() const override { return waited_seconds_; }

 private:
  /// What belongs to one place of a batch, whatever its picture turns out to be.
  struct Place {
    int64_t index;              // of its picture in the data set
    RandomStream augmentation;  // of whichever picture stands there in the end
    RandomStream replacement;   // chooses another picture if this one is unreadable
  };
  struct Slot {
    Batch batch;
    std::vector<Place> places;   // of its samples
    StagingArray<float> memory;  // or, where a device makes the pictures:
    StagingArray<uint8_t> bytes;
    StagingArray<int32_t> taps;
    StagingArray<PictureSource> sources;
    StagingArray<PictureFinish> finishes;
    int64_t used_bytes = 0, used_taps = 0;
    /// Pictures that are to be kept from this batch on, one after another at the end of `bytes`, the last one first.
    struct ToKeep {
      int64_t index;
      const uint8_t* pixels;
    };
    std::vector<ToKeep> to_keep;
    int64_t to_keep_bytes = 0;
    int64_t number = 0;
    int claimed = 0;  // samples that a worker has taken
    int done = 0;     // samples that are ready, or failed
    int failed_at = 0;
    Status status;  // of the picture at failed_at
    // Pictures that were replaced, and why; pictures that were used, and what is wrong with them.
    std::map<int64_t, std::string> unreadable, flawed;
  };
  struct Claim {
    Slot* slot;
    int begin, end;
  };

  Loader(const Dataset& dataset, const Transform& transform, const LoaderOptions& options);
  LoaderPosition PositionOf(int64_t number) const;
  bool DeviceMakes() const { return !options_.device->ReadsHostMemory(); }
  int64_t MostImages() const {  // of a batch
    return std::min<int64_t>(options_.batch_size, dataset_.size()) * transform_.splits();
  }
  void Allocate(Slot& slot);  // throws std::bad_alloc
  Status Start();
  void Stop();
  int64_t GlobalBatchSize() const { return int64_t{options_.batch_size} * options_.ranks; }
  /// Places of an epoch.
  struct Places {
    int64_t begin, end;
    int64_t count() const { return end - begin; }
  };
  Places GlobalPlacesOf(int64_t batch) const;
  Places PlacesOf(int64_t batch) const;  // this process's
  std::vector<int64_t> OrderOf(int64_t epoch) const;
  Place PlaceOf(int64_t epoch, int64_t place);  // REQUIRES: mutex_ is held, as for the next three
  void Open(int64_t number);
  std::optional<Claim> ClaimPictures();  // nothing left that may be made now: none
  void Finish(const Claim& claim, int failed_at, Status status);
  bool MadeAll() const;
  Status WritePicture(Slot& slot, int i, int64_t index, const Region& region, RandomStream& random,
                      TransformScratch& scratch);
  Result<Region> ReadFor(Slot& slot, int64_t index, RandomStream& random, Picture& picture);
  std::optional<Region> ReadToKeep(Slot& slot, int64_t index, RandomStream& random, Picture& picture);
  UnmadePictures UnmadeOf(const Slot& slot) const;
  void PutUnmade(Slot& slot, int64_t n, int64_t index, const DevicePicture& picture);
  Status MakePicture(Slot& slot, int i, int64_t index, TransformScratch& scratch, Picture& picture);
  Status MakeOrReplace(Slot& slot, int i, TransformScratch& scratch, Picture& picture);
  void Make(const Claim& claim, TransformScratch& scratch, Picture& picture);
  Status Note(Slot& slot);  // what was replaced, what is wrong with what was used
  Status CheckTolerated() const;
  void Work();

  const Dataset& dataset_;
  const Transform transform_;
  const LoaderOptions options_;
  int64_t batches_per_epoch_ = 0;
  int claim_size_ = 1;
  int64_t tolerated_ = 0;                               // unreadable pictures
  std::map<int64_t, std::string> unreadable_, flawed_;  // those met in batches that Next() has given
  double waited_seconds_ = 0;
  std::unique_ptr<KeptPictures> kept_;  // from the first Next() on, where a device makes the pictures
  TransformScratch own_scratch_;        // of the caller's thread, where there are no workers
  Picture own_picture_;

  // Batches are numbered through all epochs; batch n lives in slot n % slots.
  std::vector<std::thread> workers_;
  std::mutex mutex_;
  std::condition_variable room_, ready_;
  std::vector<Slot> slots_;
  int64_t next_ = 0;      // the batch that Next() gives
  int64_t held_ = 0;      // batches before this one have been given back
  int64_t opened_ = 0;    // batches before this one have a slot
  int64_t claiming_ = 0;  // the batch from which workers take pictures
  int64_t order_epoch_ = -1;
  std::vector<int64_t> order_;  // of order_epoch_
  bool stopping_ = false;
  bool failed_ = false;  // the last Next() did
};

}  // namespace riffle
