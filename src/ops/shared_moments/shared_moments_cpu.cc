// Moments of shared batches (shared_moments.h): a few numbers a row.
#include <algorithm>

#include "ops/cpu.h"

namespace riffle::cpu {

void SumsOfMoments(const Execution&, const SharedMomentsShape& shape, const riffle::SumsOfMoments<float>& args) {
  const auto n = static_cast<double>(shape.pixels);
  for (int row = 0; row < shape.channels; ++row) {
    args.sums[row] = {};
    if (shape.pixels == 0) continue;
    const double mean = args.moments[row].mean;
    args.sums[row] = {n * mean, n * (args.moments[row].variance + mean * mean)};
  }
}

void MomentsOfSums(const Execution&, const SharedMomentsShape& shape, const riffle::MomentsOfSums<float>& args) {
  const auto n = static_cast<double>(shape.pixels);
  for (int row = 0; row < shape.channels; ++row) {
    const double mean = args.sums[row].values / n;
    const double variance = std::max(0.0, args.sums[row].squares / n - mean * mean);
    args.moments[row] = {static_cast<float>(mean), static_cast<float>(variance)};
  }
}

}  // namespace riffle::cpu
