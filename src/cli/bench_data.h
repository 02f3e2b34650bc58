// `riffle bench data`: the data side of training, as the options set it.
#pragma once

#include <vector>

#include "bench/data_stages.h"
#include "settings/settings.h"

namespace riffle {

/// Measures the training split's pictures on their way into batches, with each number of `threads`
/// (DataBenchOptions).
Result<DataBench> RunDataBench(const Settings& settings, const std::vector<int>& threads, double seconds);

}  // namespace riffle
