// A device as a card is to NCCL, which is the library of dist/testing/nccl then: what is enqueued on its queue is done
// when the device's own waits for it.
#pragma once

#include <memory>
#include <utility>

#include "backend/testing/guarded_device.h"
#include "dist/testing/nccl/fake_nccl.h"

namespace riffle {

/// Its memory is open to the host, whose sums are the library's.
class CardWithNccl : public GuardedDevice {
 public:
  class Queue : public GuardedDevice::Queue, public nccl::FakeStream {
   public:
    explicit Queue(CardWithNccl& card) : GuardedDevice::Queue(card), card_(card) {}
    void* handle() override { return static_cast<nccl::FakeStream*>(this); }
    void Enqueue(std::function<void()> work) override { GuardedDevice::Queue::Enqueue(std::move(work)); }
    bool IsRecorded() const override { return card_.is_recording(); }

   private:
    const CardWithNccl& card_;
  };
  using GuardedDevice::GuardedDevice;

  std::unique_ptr<SideQueue> OpenSideQueue() override { return std::make_unique<Queue>(*this); }

 private:
  const Opening open_{*this};
};

}  // namespace riffle
