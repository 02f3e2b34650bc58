// Graphics cards: which there are, and memory and a queue of one of them. A build without CUDA has none, and says so.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "backend/device.h"
#include "base/status.h"

namespace riffle {

struct Gpu {
  int id = 0;  ///< among those that CUDA_VISIBLE_DEVICES leaves
  std::string name;
  std::string bus_id;        ///< where it is in its host: "0000:3b:00.0"
  int major = 0, minor = 0;  ///< compute capability
  int64_t memory_bytes = 0, free_bytes = 0;
  int processors = 0;  ///< streaming multiprocessors
};

/// "GPU 0 (NVIDIA H100 80GB HBM3, 79.6 of 80.0 GB free)"
std::string Described(const Gpu& gpu);

/// What this build and machine have of them, in lines for people.
std::vector<std::string> AboutGpus();

/// What this build has of CUDA: the toolkit's version, say "13.0", or "" where it was built without.
std::string_view CudaVersion();

/// All cards, usable or not. Unavailable: why none can be asked for: no CUDA in this build, no driver, a driver that is
/// older than the toolkit, no card.
Result<std::vector<Gpu>> Gpus();

/// The same but for what is free of their memory: to ask for that takes a context on each, some hundred megabytes.
Result<std::vector<Gpu>> ListGpus();

/// A card to compute on, which ops are enqueued on in order. Unavailable where there is none of this number (it lists
/// those that there are) or it is too old.
Result<std::unique_ptr<Device>> OpenGpu(int id);

/// Bytes of memory that the threads of a kernel's block can share on a card of OpenGpu.
int64_t SharedBytesOf(const Device& card);

}  // namespace riffle
