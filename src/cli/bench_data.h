// `riffle bench data`: the data side of training, as the options set it.
#pragma once

#include "bench/data_stages.h"
#include "settings/settings.h"

namespace riffle {

/// Measures the training split's pictures on their way into batches.
Result<DataBench> RunDataBench(const Settings& settings, double seconds);

}  // namespace riffle
