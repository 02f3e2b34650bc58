// A card as a Device: memory and one stream.
#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <new>
#include <vector>

#include "backend/cuda/device_stream.h"
#include "backend/gpu.h"
#include "base/text.h"

namespace riffle {
namespace cuda {
namespace {

constexpr int kOldestMajor = 8;  // Ampere: the oldest that kernels are compiled for

class Card;

class Graph : public Recording {
 public:
  Graph(Card& card, cudaGraphExec_t graph) : card_(card), graph_(graph) {}
  ~Graph() override { cudaGraphExecDestroy(graph_); }
  void Enqueue() override;

 private:
  Card& card_;
  const cudaGraphExec_t graph_;
};

/// A stream, and what it and the card's own wait with for one another.
class SideStream : public SideQueue {
 public:
  explicit SideStream(Card& card);
  ~SideStream() override;
  void Follow() override;
  void Upload(void* to, const void* from, size_t bytes) override;
  void Join() override;
  void* handle() override { return stream_; }

  cudaEvent_t uploaded() const { return uploaded_; }

 private:
  void Wait(cudaStream_t later, cudaStream_t earlier, cudaEvent_t event);

  Card& card_;
  cudaStream_t stream_ = nullptr;
  cudaEvent_t followed_ = nullptr, uploaded_ = nullptr, joined_ = nullptr;
};

class Card : public Device {
 public:
  explicit Card(const Gpu& gpu) : id_(gpu.id), name_(Described(gpu)) {
    Note(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking));
    Note(cudaDeviceGetAttribute(&most_shared_bytes_, cudaDevAttrMaxSharedMemoryPerBlockOptin, id_));
    Note(cudaEventCreateWithFlags(&uploaded_, cudaEventDisableTiming));
  }
  ~Card() override {
    Use();
    cudaEventDestroy(uploaded_);
    for (void* memory : scratch_) Note(cudaFree(memory));
    cudaStreamDestroy(stream_);
  }

  void* Allocate(size_t bytes) override {
    Use();
    void* memory = nullptr;
    if (cudaMalloc(&memory, bytes) != cudaSuccess) {
      cudaGetLastError();  // or the next launch would find it
      size_t free_bytes = 0, all_bytes = 0;
      cudaMemGetInfo(&free_bytes, &all_bytes);
      throw DeviceOutOfMemory(fmt::format("GPU {} was asked for {}, and has {} of {} free", id_, BytesText(bytes),
                                          BytesText(free_bytes), BytesText(all_bytes)));
    }
    const size_t now = bytes_ += bytes;
    for (size_t most = most_bytes_; most < now && !most_bytes_.compare_exchange_weak(most, now);) {
    }
    Zero(memory, bytes);
    return memory;
  }
  void Free(void* memory, size_t bytes) override {
    Use();
    bytes_ -= bytes;
    Note(cudaDeviceSynchronize());  // whichever queue uses it
    Note(cudaFree(memory));
  }
  void* AllocateStaging(size_t bytes) override {
    Use();
    void* memory = nullptr;
    if (cudaMallocHost(&memory, bytes) != cudaSuccess) {
      cudaGetLastError();
      throw std::bad_alloc();
    }
    std::memset(memory, 0, bytes);
    return memory;
  }
  void FreeStaging(void* memory, size_t) override {
    Use();
    Note(cudaFreeHost(memory));
  }
  bool ReadsHostMemory() const override { return false; }
  void Upload(void* to, const void* from, size_t bytes) override {
    Transfer(to, from, bytes, cudaMemcpyHostToDevice, stream_);
    Note(cudaEventRecord(uploaded_, stream_));
  }
  void FinishUploads() override {
    Use();
    const std::lock_guard lock(mutex_);
    for (const SideStream* side : sides_) Note(cudaEventSynchronize(side->uploaded()));
    Note(cudaEventSynchronize(uploaded_));
  }
  void Download(void* to, const void* from, size_t bytes) override {
    Transfer(to, from, bytes, cudaMemcpyDeviceToHost, stream_);
  }
  void Copy(void* to, const void* from, size_t bytes) override {
    Transfer(to, from, bytes, cudaMemcpyDeviceToDevice, stream_);
  }
  void Zero(void* memory, size_t bytes) override {
    Use();
    Note(cudaMemsetAsync(memory, 0, bytes, stream_));
  }
  void Synchronize() override {
    FinishUploads();
    Note(cudaStreamSynchronize(stream_));
  }
  bool BeginRecording() override {
    Use();
    return cudaStreamBeginCapture(stream_, cudaStreamCaptureModeThreadLocal) == cudaSuccess;
  }
  std::unique_ptr<Recording> EndRecording() override {
    cudaGraph_t graph = nullptr;
    cudaGraphExec_t exec = nullptr;
    if (cudaStreamEndCapture(stream_, &graph) == cudaSuccess && graph != nullptr)
      if (cudaGraphInstantiate(&exec, graph, 0) != cudaSuccess) exec = nullptr;
    if (graph != nullptr) cudaGraphDestroy(graph);
    cudaGetLastError();  // what was not recorded is done as ever
    if (exec == nullptr) return nullptr;
    return std::make_unique<Graph>(*this, exec);
  }
  std::unique_ptr<SideQueue> OpenSideQueue() override { return std::make_unique<SideStream>(*this); }
  // CUDA has a current card in each thread.
  void Use() const override { cudaSetDevice(id_); }
  std::string Name() const override { return name_; }
  size_t MostBytes() const override { return most_bytes_; }
  Status Health() const override {
    const cudaError_t error = first_error_;
    if (error == cudaSuccess) return {};
    return Unavailable("GPU {} failed: {}; what it computed since is lost, start again from the last checkpoint", id_,
                       cudaGetErrorString(error));
  }

  cudaStream_t stream() const {
    Use();
    return stream_;
  }
  int64_t most_shared_bytes() const { return most_shared_bytes_; }
  void* Scratch(size_t bytes) {
    if (scratch_.empty() || bytes > scratch_bytes_) {
      // The smaller ones stay: kernels that are not done use them, and recorded graphs do whenever they are launched.
      scratch_bytes_ = std::max(bytes, 2 * scratch_bytes_);
      scratch_.push_back(Allocate(scratch_bytes_));
    }
    return scratch_.back();
  }
  void Note(cudaError_t error) {
    cudaError_t none = cudaSuccess;
    if (error != cudaSuccess) first_error_.compare_exchange_strong(none, error);
  }
  void Transfer(void* to, const void* from, size_t bytes, cudaMemcpyKind kind, cudaStream_t stream) {
    Use();
    Note(cudaMemcpyAsync(to, from, bytes, kind, stream));
  }
  void Add(SideStream* side) {
    const std::lock_guard lock(mutex_);
    sides_.push_back(side);
  }
  void Remove(SideStream* side) {
    const std::lock_guard lock(mutex_);
    std::erase(sides_, side);
  }

 private:
  const int id_;
  const std::string name_;
  cudaStream_t stream_ = nullptr;
  int most_shared_bytes_ = 0;
  cudaEvent_t uploaded_ = nullptr;
  std::mutex mutex_;
  std::vector<SideStream*> sides_;
  std::atomic<size_t> bytes_ = 0, most_bytes_ = 0;
  std::vector<void*> scratch_;  // the last is the largest
  size_t scratch_bytes_ = 0;    // of the last
  std::atomic<cudaError_t> first_error_ = cudaSuccess;
};

void Graph::Enqueue() { card_.Note(cudaGraphLaunch(graph_, card_.stream())); }

SideStream::SideStream(Card& card) : card_(card) {
  card_.Use();
  card_.Note(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking));
  for (cudaEvent_t* event : {&followed_, &uploaded_, &joined_})
    card_.Note(cudaEventCreateWithFlags(event, cudaEventDisableTiming));
  card_.Add(this);
}
SideStream::~SideStream() {
  card_.Use();
  card_.Remove(this);
  for (cudaEvent_t event : {followed_, uploaded_, joined_}) card_.Note(cudaEventDestroy(event));
  card_.Note(cudaStreamDestroy(stream_));
}
void SideStream::Follow() { Wait(stream_, card_.stream(), followed_); }
void SideStream::Upload(void* to, const void* from, size_t bytes) {
  card_.Transfer(to, from, bytes, cudaMemcpyHostToDevice, stream_);
  card_.Note(cudaEventRecord(uploaded_, stream_));
}
void SideStream::Join() { Wait(card_.stream(), stream_, joined_); }
void SideStream::Wait(cudaStream_t later, cudaStream_t earlier, cudaEvent_t event) {
  card_.Note(cudaEventRecord(event, earlier));
  card_.Note(cudaStreamWaitEvent(later, event));
}

Card& CardOf(const Execution& execution) { return static_cast<Card&>(execution.device); }

std::string Version(int version) { return fmt::format("{}.{}", version / 1000, version % 1000 / 10); }

Status DriverIsThere() {
  int driver = 0;
  if (cudaDriverGetVersion(&driver) != cudaSuccess || driver == 0)
    return Unavailable("no NVIDIA driver was found (libcuda.so.1): install one, or compute on the CPU");
  if (driver < CUDART_VERSION / 1000 * 1000)
    return Unavailable(
        "the NVIDIA driver is for CUDA {}, and this build needs {}: update the driver, or build with an older CUDA",
        Version(driver), Version(CUDART_VERSION));
  return {};
}

// All cards, but for what is free of their memory.
Result<std::vector<Gpu>> Cards() {
  RIFFLE_TRY(DriverIsThere());
  int count = 0;
  const cudaError_t error = cudaGetDeviceCount(&count);
  if (error != cudaSuccess && error != cudaErrorNoDevice)
    return Unavailable("CUDA finds no GPU: {}", cudaGetErrorString(error));
  if (count == 0) {
    const char* visible = std::getenv("CUDA_VISIBLE_DEVICES");
    if (visible) return Unavailable("CUDA finds no GPU: CUDA_VISIBLE_DEVICES is '{}'; change it or unset it", visible);
    return Unavailable("CUDA finds no GPU in this machine; compute on the CPU");
  }
  std::vector<Gpu> gpus;
  for (int id = 0; id < count; ++id) {
    cudaDeviceProp properties{};
    if (cudaGetDeviceProperties(&properties, id) != cudaSuccess) continue;
    char bus_id[32] = "";  // of 13 characters, says cudaDeviceGetPCIBusId
    cudaDeviceGetPCIBusId(bus_id, sizeof(bus_id), id);
    gpus.push_back({.id = id,
                    .name = properties.name,
                    .bus_id = bus_id,
                    .major = properties.major,
                    .minor = properties.minor,
                    .memory_bytes = static_cast<int64_t>(properties.totalGlobalMem),
                    .processors = properties.multiProcessorCount});
  }
  return gpus;
}

// To ask takes a context on the card: some hundred megabytes of it, and a part of a second.
cudaError_t AskForFreeMemory(Gpu& gpu) {
  size_t free_bytes = 0, all_bytes = 0;
  cudaError_t error = cudaSetDevice(gpu.id);
  if (error == cudaSuccess) error = cudaMemGetInfo(&free_bytes, &all_bytes);
  gpu.free_bytes = static_cast<int64_t>(free_bytes);
  return error;
}

}  // namespace

cudaStream_t StreamOf(const Execution& execution) { return CardOf(execution).stream(); }
void* ScratchOf(const Execution& execution, size_t bytes) { return CardOf(execution).Scratch(bytes); }
int64_t MostSharedBytes(const Execution& execution) { return SharedBytesOf(execution.device); }
void CheckLaunch(const Execution& execution) { CardOf(execution).Note(cudaGetLastError()); }

}  // namespace cuda

std::string_view CudaVersion() {
  static const std::string version = cuda::Version(CUDART_VERSION);
  return version;
}

Result<std::vector<Gpu>> ListGpus() { return cuda::Cards(); }

Result<std::vector<Gpu>> Gpus() {
  RIFFLE_ASSIGN(std::vector<Gpu> gpus, cuda::Cards());
  for (Gpu& gpu : gpus) cuda::AskForFreeMemory(gpu);
  cudaGetLastError();
  return gpus;
}

int64_t SharedBytesOf(const Device& card) { return static_cast<const cuda::Card&>(card).most_shared_bytes(); }

Result<std::unique_ptr<Device>> OpenGpu(int id) {
  RIFFLE_ASSIGN(std::vector<Gpu> gpus, cuda::Cards());
  std::string list;
  for (Gpu& gpu : gpus) {
    list += fmt::format("{}{} ({})", list.empty() ? "" : ", ", gpu.id, gpu.name);
    if (gpu.id != id) continue;
    if (gpu.major < cuda::kOldestMajor)
      return Unavailable("GPU {} ({}) is too old: its compute capability is {}.{}, needed is {}.0", id, gpu.name,
                         gpu.major, gpu.minor, cuda::kOldestMajor);
    if (const cudaError_t error = cuda::AskForFreeMemory(gpu); error != cudaSuccess)
      return Unavailable("GPU {} ({}) cannot be used: {}", id, gpu.name, cudaGetErrorString(error));
    std::unique_ptr<Device> card = std::make_unique<cuda::Card>(gpu);
    RIFFLE_TRY(card->Health());
    return card;
  }
  return Unavailable("there is no GPU {}: there are {}", id, list);
}

}  // namespace riffle
