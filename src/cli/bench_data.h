// `riffle bench data`: the data side of training, as the options set it.
#pragma once

#include <span>
#include <string_view>

#include "bench/data_stages.h"
#include "settings/settings.h"

namespace riffle {

/// The options that only this kind of benchmark has.
std::span<const std::string_view> DataBenchOptionNames();

/// Measures the training split's pictures on their way into batches.
Result<DataBench> RunDataBench(const Settings& settings, double seconds);

}  // namespace riffle
