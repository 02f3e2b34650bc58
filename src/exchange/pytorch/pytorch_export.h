// A network as PyTorch's state dict, under the names that another implementation's module has.
#pragma once

#include <filesystem>
#include <string_view>
#include <vector>

#include "exchange/exportable.h"
#include "exchange/weight_source.h"

namespace riffle {

/// The sources whose names PyTorch's modules have: those that export can write.
std::vector<std::string_view> StateDictNames();

/// Writes parameters and statistics in the order of the network, and num_batches_tracked, as torch.load(FILE,
/// weights_only=True) reads them. Values and shapes are our own: the weights fit a module of the same conventions, and
/// take red, green, blue, normalised. The extra record (WritePyTorch) holds "names", the source, and as JSON texts
/// "model", "preprocessing" and "classes", from which import knows again what it is.
/// Errors: those of WritePyTorch. REQUIRES: `names` is one of StateDictNames.
Status ExportPyTorch(const std::filesystem::path& path, const Exportable& network, const WeightSource& names);

/// Its tensors: views on the network's values. For tests, too.
std::vector<TensorView> StateDict(const Exportable& network, const WeightSource& names);

}  // namespace riffle
