// NVIDIA's collectives, NCCL: what of its library is called, as its header nccl.h declares it. Neither header nor
// library is needed to build; the library is loaded where it is.
#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "base/status.h"

namespace riffle::nccl {

// The header's types, by the names and values that it has in all versions 2 (github.com/NVIDIA/nccl, src/nccl.h.in).
using Comm = struct CommOfNccl*;  // ncclComm_t
using Stream = void*;             // cudaStream_t
struct UniqueId {                 // ncclUniqueId, which is passed by value
  char bytes[128] = {};
};
enum class Error : int { kSuccess = 0, kInProgress = 7 };  // ncclResult_t; all others are errors
enum class DataType : int { kFloat32 = 7, kFloat64 = 8 };  // ncclDataType_t
enum class Operation : int { kSum = 0 };                   // ncclRedOp_t

/// NCCL_VERSION(2, 9, 6): the first that Ampere's cards and asynchronous errors can be relied on with, and whose
/// versions are counted in ten thousands.
inline constexpr int kOldestVersion = 20906;

/// The functions that are called. Thread-safe, but for those of one communicator.
class Library {
 public:
  /// Loads it; for all of the process's life. Unavailable where it is not there, lacks a function or is too old.
  static Result<std::shared_ptr<const Library>> Load(const std::string& file = "libnccl.so.2");

  /// "2.21.5"
  std::string Version() const;
  /// Ok for kSuccess; else Unavailable, in NCCL's words: "NCCL: unhandled system error".
  Status Check(Error error) const;

  Error (*get_unique_id)(UniqueId*) = nullptr;
  Error (*init_rank)(Comm*, int ranks, UniqueId, int rank) = nullptr;
  Error (*all_reduce)(const void* from, void* to, size_t count, DataType, Operation, Comm, Stream) = nullptr;
  Error (*async_error)(Comm, Error*) = nullptr;
  Error (*destroy)(Comm) = nullptr;
  Error (*abort)(Comm) = nullptr;

 private:
  Error (*get_version_)(int*) = nullptr;
  const char* (*error_string_)(Error) = nullptr;
  int version_ = 0;
};

}  // namespace riffle::nccl
