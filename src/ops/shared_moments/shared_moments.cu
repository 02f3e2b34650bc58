// A thread a row, in double, as shared_moments_cpu.cc is.
#include "ops/gpu.h"

namespace riffle::RIFFLE_GPU {

void SumsOfMoments(const Execution& execution, const SharedMomentsShape& shape, const riffle::SumsOfMoments<float>& a) {
  const auto n = static_cast<double>(shape.pixels);
  ForEach(execution, shape.channels, [=] RIFFLE_LAMBDA(int64_t row) {
    a.sums[row] = {};
    if (n == 0) return;
    const double mean = a.moments[row].mean;
    a.sums[row] = {n * mean, n * (a.moments[row].variance + mean * mean)};
  });
}

void MomentsOfSums(const Execution& execution, const SharedMomentsShape& shape, const riffle::MomentsOfSums<float>& a) {
  const auto n = static_cast<double>(shape.pixels);
  ForEach(execution, shape.channels, [=] RIFFLE_LAMBDA(int64_t row) {
    const double mean = a.sums[row].values / n, variance = a.sums[row].squares / n - mean * mean;
    a.moments[row] = {static_cast<float>(mean), static_cast<float>(variance > 0 ? variance : 0)};
  });
}

}  // namespace riffle::RIFFLE_GPU
