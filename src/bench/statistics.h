// Order statistics of measurements.
#pragma once

#include <vector>

namespace riffle {

/// The value below which a share `q` in [0, 1] of the values lies, linear between neighbours: 0.5 is the median.
/// REQUIRES: values is not empty.
double Quantile(std::vector<double> values, double q);

inline double Median(std::vector<double> values) { return Quantile(std::move(values), 0.5); }

}  // namespace riffle
