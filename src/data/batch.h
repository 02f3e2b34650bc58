// Batches of pictures, and where training and evaluation take them from.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/rows.h"
#include "base/status.h"
#include "dist/communicator.h"
#include "ops/pictures/pictures.h"

namespace riffle {

/// A place in the endless sequence of batches; the order says nothing of how one came there.
struct LoaderPosition {
  int64_t epoch = 0;
  int64_t batch = 0;  ///< in [0, BatchesPerEpoch())
  bool operator==(const LoaderPosition&) const = default;
};

/// Pictures of a batch that a device's ops are to make (ops/pictures/pictures.h), in memory of the host.
struct UnmadePictures {
  std::span<const uint8_t> bytes;
  const uint8_t* kept = nullptr;  ///< in the device's memory: the data set's pictures, where they stay there
  std::span<const int32_t> taps;
  std::span<const PictureSource> sources;   ///< [images]
  std::span<const PictureFinish> finishes;  ///< [images]
  FinishOptions options;
};

/// What training or evaluation takes in one step.
struct Batch {
  LoaderPosition position;
  int images = 0;  ///< splits · samples; 0 where a batch has fewer samples than processes that share it
  /// Of the same batch at the other processes that train on it. A mean over the batch is one over global_images().
  int64_t images_elsewhere = 0;
  /// Versions of each sample, one after another: pictures [s · images / splits, (s + 1) · images / splits) are version
  /// s of all samples in the same order, with the same labels and indices; version 0 is the clean one.
  int splits = 1;
  int image_size = 0;  ///< height and width of each picture
  int channels = 0;
  /// [channels][RowStride(images · image_size · image_size)], as base/rows.h says; padding is zero. Null where
  /// they are to be made: BatchInput (train/batch_input.h) has them in either case.
  Rows<const float> pixels;
  std::optional<UnmadePictures> unmade;
  std::vector<int32_t> labels;   ///< [images]
  std::vector<int64_t> indices;  ///< [images] of the data set
  int samples() const { return images / splits; }
  int64_t global_images() const { return images + images_elsewhere; }
  /// What a mean over this process's pictures counts in that over the batch.
  double share() const { return static_cast<double>(images) / static_cast<double>(global_images()); }
  /// Why pictures of this batch were replaced, each said once in the life of a source; the text names the picture.
  std::vector<std::string> unreadable;
  /// What is wrong with pictures of this batch that were used all the same (FlawOf); in the same way.
  std::vector<std::string> flawed;
};

/// The batches of all epochs, one after another. Not thread-safe: one thread calls it. Every batch is a function of its
/// position: however one came there, it holds the same bits.
class BatchSource {
 public:
  virtual ~BatchSource() = default;

  virtual int64_t BatchesPerEpoch() const = 0;
  /// Pictures of the data set that one epoch visits, at all processes together, each counted once however many versions
  /// of it a batch holds.
  virtual int64_t ImagesPerEpoch() const = 0;
  /// Height and width of the pictures in its batches.
  virtual int image_size() const = 0;

  /// The next Next() gives this batch.
  virtual void Seek(LoaderPosition position) = 0;

  /// The next batch, valid until the next call of Next() or Seek(); null after the last one of the last epoch. An error
  /// stays until Seek().
  virtual Result<const Batch*> Next() = 0;

  /// Where each process has a source for its share of every batch, whether all of them together may go on: DataLoss
  /// where they have met more unreadable pictures than are tolerated. Collective.
  virtual Status CheckUnreadable(Communicator& /*world*/) { return {}; }

  /// Time that calls of Next() waited for data since the source was made.
  virtual double WaitedSeconds() const { return 0; }
};

}  // namespace riffle
