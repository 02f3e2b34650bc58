// Pictures of a data set that stay in a device's memory, so that no byte of them goes up twice and none is decoded
// twice.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "backend/device_array.h"
#include "data/dataset.h"
#include "data/transform.h"

namespace riffle {

/// Those that lie in the host's memory as they are read go up at once; of others each when it has been decoded first,
/// if all of it may be left to the device (Transform::LeavesWholeToDevice): of those a crop is the same pixels, whether
/// it is cut from the whole picture or decoded alone, so that no bit of a batch depends on what is kept.
///
/// Batches are numbered. What one of them has decoded is there for it and those with higher numbers: they are given to
/// the device in this order.
class KeptPictures {
 public:
  /// Nothing is kept where the data set takes more than `most_bytes`, as far as a few of its pictures tell, where the
  /// transform leaves too little to the device, and where that has no room. All three must outlive it.
  KeptPictures(const Dataset& dataset, const Transform& transform, Device& device, int64_t most_bytes);

  /// A decoded picture for the device's ops to read and nobody else; none unless it is there for the batch.
  /// Thread-safe, as the next three.
  std::optional<PictureView> WholeFor(int64_t index, int64_t batch) const;
  /// Whether the picture is to be decoded as a whole and kept, if its size allows that.
  bool Wants(int64_t index) const;
  /// Makes room for a picture of which `whole` is all, from this batch on: where it will be. None: there is no room, or
  /// it has some.
  std::optional<PictureView> MakeRoom(int64_t index, int64_t batch, const PictureView& whole);
  /// It is not asked for again.
  void Refuse(int64_t index);

  /// Of what a view shows of a picture.
  struct Place {
    int64_t begin;  ///< of its first byte, from base() on
    int64_t row_bytes;
  };
  /// None unless the picture is kept, and where the view is of other memory: it was resized.
  std::optional<Place> PlaceOf(int64_t index, const PictureView& view) const;
  const uint8_t* base() const { return bytes_.data(); }

  /// Sends the pixels of a picture that there is room for, row after row without gaps, beside the ops of the device.
  void Upload(int64_t index, const uint8_t* pixels);
  /// What is called on the device from now on finds what was sent.
  void Join();

  /// The batches before this one were given to the device, and the others thrown away: their pictures did not come.
  void Settle(int64_t batch);

 private:
  static constexpr int64_t kNever = INT64_MAX, kAlways = -1;
  struct Kept {
    PictureView view;             // of memory of the host, or of the device
    int64_t begin = -1;           // of its bytes there; −1: it has no room
    int64_t from_batch = kNever;  // that it is there for
    bool refused = false;
  };

  bool KeepInPlace(int64_t most_bytes);
  void MakeRoomForAll(int64_t most_bytes);

  const Dataset& dataset_;
  const Transform& transform_;
  Device& device_;
  mutable std::mutex mutex_;
  std::vector<Kept> pictures_;  // empty where none are kept
  bool in_place_ = false;       // pictures of the host's memory
  int64_t used_ = 0;            // bytes
  DeviceArray<uint8_t> bytes_;
  std::unique_ptr<SideQueue> uploads_;
};

}  // namespace riffle
