// The tensors of what torch.save wrote: looked for in its pickle, with their numbers from beside it.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string_view>

#include "exchange/pytorch/pickle.h"
#include "exchange/pytorch/storage_type.h"
#include "exchange/tensor_file.h"

namespace riffle {

/// A storage as a pickle refers to it: ('storage', type, key, location, numbers[, view]).
struct StorageId {
  std::string_view key;
  StorageType type;
  int64_t count = 0;       ///< numbers of the whole storage
  int64_t view_begin = 0;  ///< of them, those that tensors see: files of before PyTorch 0.4 have storages in storages
  int64_t view_count = 0;
};

/// nullopt for a reference to another thing than a storage. DataLoss if it is damaged or of an unknown type.
Result<std::optional<StorageId>> StorageIdOf(const Pickle& pickle, const PickleValue& persistent);

/// The bytes of a whole storage: `count` numbers of `type`. Owned by the file.
using StorageBytes = std::function<Result<std::span<const uint8_t>>(const StorageId&)>;

/// Adds to `file` the tensors of a state dict: the pickle's dictionary, or the one in it under `key`, without such a
/// one that under "state_dict" or "model" (state_dict.cc has the list), and says where it was and where others are.
/// Names of dictionaries within it are joined by '.'; "module.", which data parallel training puts before all of them,
/// is taken away. A tensor with strides is copied into rows, others are views on their storage. Texts beside the state
/// dict become metadata, everything else is passed over. InvalidArgument, saying what the file holds, if it has no
/// tensors with names; DataLoss if it is damaged: numbers beyond their storage, a dictionary in itself, or views of
/// which copies would be many times the file.
Status ReadStateDict(const Pickle& pickle, std::string_view key, const StorageBytes& storage_bytes, uint64_t file_bytes,
                     TensorFile* file);

}  // namespace riffle
