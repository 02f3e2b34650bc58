#include "data/kept_pictures.h"

#include <algorithm>
#include <new>
#include <utility>

namespace riffle {

KeptPictures::KeptPictures(const Dataset& dataset, const Transform& transform, Device& device, int64_t most_bytes)
    : dataset_(dataset), transform_(transform), device_(device) {
  if (device.ReadsHostMemory() || most_bytes == 0 || !transform.LeavesAllToDevice()) return;
  try {
    if (!KeepInPlace(most_bytes)) MakeRoomForAll(most_bytes);
  } catch (const std::bad_alloc&) {  // then they go up batch by batch
    pictures_.clear();
  }
}

// Whether all lie in the host's memory; then they are kept, if they fit.
bool KeptPictures::KeepInPlace(int64_t most_bytes) {
  int64_t bytes = 0;
  for (int64_t i = 0; i < dataset_.size(); ++i) {
    const std::optional<int64_t> in_place = dataset_.BytesInPlace(i);
    if (!in_place) return false;
    if ((bytes += *in_place) > most_bytes) return true;
  }
  Picture unused;
  std::vector<Kept> kept;
  std::vector<uint8_t> all(bytes);
  for (int64_t i = 0, begin = 0; i < dataset_.size(); ++i) {
    const Result<PictureView> picture = dataset_.Read(i, unused);
    if (!picture.ok()) return true;
    CopyRows(all.data() + begin, *picture);
    kept.push_back({.view = *picture, .begin = begin, .from_batch = kAlways});
    begin += BytesOf(*picture);
  }
  bytes_ = DeviceArray<uint8_t>(device_, all);
  pictures_ = std::move(kept);
  in_place_ = true;
  return true;
}

// By what a few of them take, spread over the data set: those that are too large to be kept take nothing.
void KeptPictures::MakeRoomForAll(int64_t most_bytes) {
  constexpr int64_t kLooks = 32;
  const int64_t looks = std::min(kLooks, dataset_.size());
  int64_t read = 0, bytes = 0;
  Picture unused;
  for (int64_t k = 0; k < looks; ++k) {
    int64_t own_bytes = 0;
    const auto choose = [&](int height, int width) {
      if (transform_.LeavesWholeToDevice(height, width)) own_bytes = int64_t{height} * width * transform_.channels();
      return Need{.box = {0, 0, 1, 1}};
    };
    if (!dataset_.ReadRegion(k * dataset_.size() / looks, choose, unused).ok()) continue;
    ++read;
    bytes += own_bytes;
  }
  if (bytes == 0) return;
  const double all = static_cast<double>(bytes) / static_cast<double>(read) * static_cast<double>(dataset_.size());
  if (all > static_cast<double>(most_bytes)) return;
  constexpr double kMore = 1.25;  // than the looks tell
  const auto room = static_cast<size_t>(std::min(kMore * all, static_cast<double>(most_bytes)));
  bytes_ = DeviceArray<uint8_t>(device_, room);
  pictures_.resize(dataset_.size());
  uploads_ = device_.OpenSideQueue();
  uploads_->Follow();  // the clearing of the memory
}

std::optional<PictureView> KeptPictures::WholeFor(int64_t index, int64_t batch) const {
  if (pictures_.empty() || in_place_) return std::nullopt;
  const std::lock_guard lock(mutex_);
  const Kept& picture = pictures_[index];
  return picture.from_batch <= batch ? std::optional(picture.view) : std::nullopt;
}

bool KeptPictures::Wants(int64_t index) const {
  if (pictures_.empty() || in_place_) return false;
  const std::lock_guard lock(mutex_);
  return !pictures_[index].refused && pictures_[index].from_batch == kNever;
}

std::optional<PictureView> KeptPictures::MakeRoom(int64_t index, int64_t batch, const PictureView& whole) {
  const std::lock_guard lock(mutex_);
  Kept& picture = pictures_[index];
  if (picture.from_batch != kNever) return std::nullopt;  // a repeat of it came first
  if (picture.begin < 0) {
    const int64_t bytes = BytesOf(whole);
    picture.refused = used_ + bytes > static_cast<int64_t>(bytes_.size());
    if (picture.refused) return std::nullopt;
    picture.begin = std::exchange(used_, used_ + bytes);
    picture.view = {bytes_.data() + picture.begin, whole.height, whole.width, whole.channels,
                    int64_t{whole.width} * whole.channels};
  }
  picture.from_batch = batch;
  return picture.view;
}

void KeptPictures::Refuse(int64_t index) {
  const std::lock_guard lock(mutex_);
  pictures_[index].refused = true;
}

std::optional<KeptPictures::Place> KeptPictures::PlaceOf(int64_t index, const PictureView& view) const {
  if (pictures_.empty()) return std::nullopt;
  const std::lock_guard lock(mutex_);
  const auto& [whole, begin, from_batch, refused] = pictures_[index];
  if (from_batch == kNever) return std::nullopt;
  const auto distance =
      static_cast<int64_t>(reinterpret_cast<uintptr_t>(view.pixels) - reinterpret_cast<uintptr_t>(whole.pixels));
  if (distance < 0 || distance >= whole.height * whole.row_bytes) return std::nullopt;
  const int64_t y = distance / whole.row_bytes, row_bytes = int64_t{whole.width} * whole.channels;
  return Place{begin + y * row_bytes + distance % whole.row_bytes, row_bytes};
}

void KeptPictures::Upload(int64_t index, const uint8_t* pixels) {
  const std::lock_guard lock(mutex_);
  const Kept& picture = pictures_[index];
  uploads_->Upload(bytes_.data() + picture.begin, pixels, static_cast<size_t>(BytesOf(picture.view)));
}

void KeptPictures::Join() { uploads_->Join(); }

void KeptPictures::Settle(int64_t batch) {
  const std::lock_guard lock(mutex_);
  for (Kept& picture : pictures_) picture.from_batch = picture.from_batch < batch ? kAlways : kNever;
}

}  // namespace riffle
