#include "train/parallel/gradient_reducer.h"

#include <algorithm>
#include <chrono>

namespace riffle {
namespace {

using Clock = std::chrono::steady_clock;

double SecondsSince(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

/// Where the arena is cut from `from` on: at parameters, into parts of about the same size.
std::vector<int64_t> Cuts(const ParameterRegistry& registry, int64_t from) {
  const int64_t end = registry.trainable_arena_values(), size = (end - from) / GradientReducer::kBuckets;
  std::vector<int64_t> cuts = {from};
  for (const Parameter& p : registry.trainable())
    if (p.offset > from && p.offset - cuts.back() >= size) cuts.push_back(p.offset);
  cuts.push_back(end);
  return cuts;
}

}  // namespace

Result<std::unique_ptr<GradientReducer>> GradientReducer::Create(Communicator& world, Device& device,
                                                                 const ParameterRegistry& registry, int64_t from) {
  RIFFLE_ASSIGN(std::unique_ptr<Communicator> own, world.Duplicate());
  return std::unique_ptr<GradientReducer>(new GradientReducer(std::move(own), device, Cuts(registry, from)));
}

GradientReducer::GradientReducer(std::unique_ptr<Communicator> own, Device& device, std::vector<int64_t> cuts)
    : communicator_(std::move(own)), device_(device), cuts_(std::move(cuts)), thread_([this] { Work(); }) {
  if (!device.ReadsHostMemory()) gradients_on_host_.resize(cuts_.back());
}

GradientReducer::~GradientReducer() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void GradientReducer::Begin(DeviceArray<float>* gradients) {
  gradients_ = gradients;
  unsent_ = cuts_.size() - 1;
}

void GradientReducer::OnFinal(int64_t from) {
  for (; unsent_ > 0 && from <= cuts_[unsent_ - 1]; --unsent_) {
    const int64_t begin = cuts_[unsent_ - 1], size = cuts_[unsent_] - begin;
    float* values = gradients_->data() + begin;
    if (!gradients_on_host_.empty()) {
      device_.Download(gradients_on_host_.data() + begin, values, size * sizeof(float));
      values = gradients_on_host_.data() + begin;
    }
    device_.Synchronize();
    Send({values, static_cast<size_t>(size)});
  }
}

void GradientReducer::Average(DeviceArray<float>* values, double weight) {
  averaged_ = values;
  average_.resize(values->size());
  values->Download(average_);
  for (float& value : average_) value = static_cast<float>(weight * value);
  Send(average_);
}

Status GradientReducer::Wait() {
  const Clock::time_point start = Clock::now();
  {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return queue_.empty(); });
    RIFFLE_TRY(failure_);
  }
  waiting_seconds_ += SecondsSince(start);
  if (gradients_ && !gradients_on_host_.empty()) {
    const int64_t begin = cuts_.front();
    device_.Upload(gradients_->data() + begin, gradients_on_host_.data() + begin,
                   (cuts_.back() - begin) * sizeof(float));
    device_.Synchronize();
  }
  if (averaged_) averaged_->Upload(average_);
  gradients_ = averaged_ = nullptr;
  return {};
}

double GradientReducer::communicating_seconds() const {
  const std::lock_guard lock(mutex_);
  return communicating_seconds_;
}

void GradientReducer::Send(std::span<float> values) {
  {
    const std::lock_guard lock(mutex_);
    queue_.push(values);
  }
  changed_.notify_all();
}

void GradientReducer::Work() {
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
