#include "train/parallel/host_gradient_reducer.h"

#include <chrono>

namespace riffle {
namespace {

using Clock = std::chrono::steady_clock;

double SecondsSince(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

}  // namespace

Result<std::unique_ptr<HostGradientReducer>> HostGradientReducer::Create(Communicator& world, Device& device,
                                                                         const ParameterRegistry& registry,
                                                                         int64_t from) {
  RIFFLE_ASSIGN(std::unique_ptr<Communicator> own, world.Duplicate());
  return std::unique_ptr<HostGradientReducer>(new HostGradientReducer(std::move(own), device, registry, from));
}

HostGradientReducer::HostGradientReducer(std::unique_ptr<Communicator> own, Device& device,
                                         const ParameterRegistry& registry, int64_t from)
    : GradientReducer(registry, from), communicator_(std::move(own)), device_(device), thread_([this] { Work(); }) {
  if (!device.ReadsHostMemory()) gradients_on_host_ = StagingArray<float>(device, end());
}

HostGradientReducer::~HostGradientReducer() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void HostGradientReducer::Send(int64_t begin, int64_t size) {
  float* values = gradients()->data() + begin;
  if (!gradients_on_host_.empty()) {
    device_.Download(gradients_on_host_.data() + begin, values, size * sizeof(float));
    values = gradients_on_host_.data() + begin;
  }
  device_.Synchronize();
  Send({values, static_cast<size_t>(size)});
}

void HostGradientReducer::Average(DeviceArray<float>* values) {
  averaged_ = values;
  average_.resize(values->size());
  values->Download(average_);
  for (float& value : average_) value = static_cast<float>(share_ * value);
  Send(average_);
}

Status HostGradientReducer::Wait() {
  const Clock::time_point start = Clock::now();
  {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return queue_.empty(); });
    RIFFLE_TRY(failure_);
  }
  waiting_seconds_ += SecondsSince(start);
  if (gradients() && !gradients_on_host_.empty()) {
    device_.Upload(gradients()->data() + begin(), gradients_on_host_.data() + begin(),
                   (end() - begin()) * sizeof(float));
    device_.Synchronize();
  }
  if (averaged_) averaged_->Upload(average_);
  averaged_ = nullptr;
  Done();
  return {};
}

double HostGradientReducer::communicating_seconds() const {
  const std::lock_guard lock(mutex_);
  return communicating_seconds_;
}

void HostGradientReducer::Send(std::span<float> values) {
  {
    const std::lock_guard lock(mutex_);
    queue_.push(values);
  }
  changed_.notify_all();
}

void HostGradientReducer::Work() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [&] { return stopping_ || !queue_.empty(); });
    if (stopping_) return;
    const std::span<float> values = queue_.front();
    if (failure_.ok()) {
      lock.unlock();
      const Clock::time_point start = Clock::now();
      Status status = communicator_->Sum(values);
      lock.lock();
      communicating_seconds_ += SecondsSince(start);
      failure_ = std::move(status);
    }
    queue_.pop();
    changed_.notify_all();
  }
}

}  // namespace riffle
