#include "train/parallel/synced_statistics.h"

#include <cstring>

namespace riffle {
namespace {

template <class T>
T Read(const std::byte* at, size_t index = 0) {
  T value;
  std::memcpy(&value, at + index * sizeof(T), sizeof(T));
  return value;
}

}  // namespace

bool SyncedStatistics::Gather(std::span<const std::byte> own) {
  if (!status_.ok()) return false;
  all_.resize(own.size() * world_.size());
  status_ = world_.Gather(own, all_);
  return status_.ok();
}

// A rank's message: its pixels, then its moments.
int64_t SyncedStatistics::Combine(int64_t pixels, std::span<Moments<float>> moments) {
  const size_t size = sizeof(pixels) + moments.size_bytes();
  own_.resize(size);
  std::memcpy(own_.data(), &pixels, sizeof(pixels));
  std::memcpy(own_.data() + sizeof(pixels), moments.data(), moments.size_bytes());
  if (!Gather(own_)) return pixels;
  const auto pixels_of = [&](int rank) { return Read<int64_t>(all_.data() + rank * size); };
  const auto moments_of = [&](int rank, size_t row) {
    return Read<Moments<float>>(all_.data() + rank * size + sizeof(pixels), row);
  };
  int64_t all = 0;
  for (int rank = 0; rank < world_.size(); ++rank) all += pixels_of(rank);
  const auto mean_of = [&](const auto& value) {  // over the pixels of those ranks that have some
    double sum = 0;
    for (int rank = 0; rank < world_.size(); ++rank)
      if (const int64_t own = pixels_of(rank); own > 0) sum += static_cast<double>(own) * value(rank);
    return sum / static_cast<double>(all);
  };
  for (size_t row = 0; row < moments.size(); ++row) {
    const double mean = mean_of([&](int rank) { return double{moments_of(rank, row).mean}; });
    const double variance = mean_of([&](int rank) {
      const Moments<float> own = moments_of(rank, row);
      return own.variance + (own.mean - mean) * (own.mean - mean);
    });
    moments[row] = {static_cast<float>(mean), static_cast<float>(variance)};
  }
  return all;
}

void SyncedStatistics::Add(std::span<GradientSums<float>> sums) {
  if (!Gather(std::as_bytes(sums))) return;
  for (size_t row = 0; row < sums.size(); ++row) {
    double dz = 0, dz_centred = 0;
    for (int rank = 0; rank < world_.size(); ++rank) {
      const auto own = Read<GradientSums<float>>(all_.data() + rank * sums.size_bytes(), row);
      dz += own.dz;
      dz_centred += own.dz_centred;
    }
    sums[row] = {static_cast<float>(dz), static_cast<float>(dz_centred)};
  }
}

}  // namespace riffle
