#include "train/parallel/synced_statistics.h"

#include <vector>

namespace riffle {

template <class T>
void SyncedStatistics::SumOf(std::span<T> values) {
  if (!status_.ok()) return;
  std::vector<T> sums(values.size());
  device_.Download(sums.data(), values.data(), values.size_bytes());
  device_.Synchronize();
  status_ = world_.Sum(std::span(sums));
  device_.Upload(values.data(), sums.data(), values.size_bytes());
}

template void SyncedStatistics::SumOf(std::span<float>);
template void SyncedStatistics::SumOf(std::span<double>);

}  // namespace riffle
