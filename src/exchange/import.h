// From the tensors of another tool's file to a network of ours: which implementation's they are, what network they
// make, and what nobody knows what to do with.
#pragma once

#include "exchange/import_options.h"
#include "exchange/tensor_file.h"

namespace riffle {

/// Finds out whose names these are and takes the network from them. Errors: InvalidArgument lists what is missing or
/// left over, and says so of networks that only bear the name, and of several of which none stands out; DataLoss for
/// values that are no numbers.
Result<ImportedNetwork> ImportTensors(const TensorFile& file, const ImportOptions& options);

}  // namespace riffle
