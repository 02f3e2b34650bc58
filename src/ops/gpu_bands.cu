#include "ops/gpu_bands.h"

namespace riffle::RIFFLE_GPU {
namespace {

// A block a row.
struct MomentsOfParts {
  static constexpr int kThreads = 256;
  using Shared = BlockSums<double, kThreads>;
  int64_t parts;
  const PartMoments* of_parts;
  Moments<float>* moments;

  RIFFLE_KERNEL void operator()(Shared& shared) const {
    const PartMoments* of_row = of_parts + blockIdx.x * parts;
    double count = 0, sum = 0, squares = 0;
    for (int64_t i = BlockThread(); i < parts; i += kThreads) {
      count += static_cast<double>(of_row[i].count);
      sum += static_cast<double>(of_row[i].count) * static_cast<double>(of_row[i].mean);
    }
    count = BlockSum<double, kThreads>(count, shared);
    const double mean = BlockSum<double, kThreads>(sum, shared) / count;
    for (int64_t i = BlockThread(); i < parts; i += kThreads) {
      const double distance = static_cast<double>(of_row[i].mean) - mean;
      squares += static_cast<double>(of_row[i].squares) + distance * distance * static_cast<double>(of_row[i].count);
    }
    squares = BlockSum<double, kThreads>(squares, shared);
    if (BlockThread() == 0) moments[blockIdx.x] = {static_cast<float>(mean), static_cast<float>(squares / count)};
  }
};

}  // namespace

void CombineMoments(const Execution& execution, int64_t rows, int64_t parts, const PartMoments* of_parts,
                    Moments<float>* moments) {
  Launch(execution, {rows}, MomentsOfParts{parts, of_parts, moments});
}

}  // namespace riffle::RIFFLE_GPU
