#include "bench/statistics.h"

#include <algorithm>
#include <cmath>

namespace riffle {

double Quantile(std::vector<double> values, double q) {
  std::ranges::sort(values);
  const double place = q * static_cast<double>(values.size() - 1);
  const size_t low = static_cast<size_t>(place), high = std::min(low + 1, values.size() - 1);
  return std::lerp(values[low], values[high], place - static_cast<double>(low));
}

}  // namespace riffle
