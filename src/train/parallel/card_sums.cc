#include "train/parallel/card_sums.h"

#include <utility>

namespace riffle {

Result<std::unique_ptr<CardSums>> CardSums::Open(Communicator& world, Device& device, NcclUse use, std::string* note,
                                                 const std::string& file) {
  std::unique_ptr<CardSums> none;
  if (use == NcclUse::kOff || (use == NcclUse::kAuto && world.size() == 1)) return none;
  std::unique_ptr<SideQueue> queue = device.OpenSideQueue();
  Result<std::shared_ptr<const nccl::Library>> library =
      Unavailable("NCCL sums between graphics cards, and {} computes", device.Name());
  if (queue) library = nccl::Library::Load(file);
  if (const Status everywhere = world.Agree(library.status()); !everywhere.ok()) {
    if (use == NcclUse::kOn) return Status(everywhere).In("option nccl=on");
    if (queue) *note = "Gradients are summed by MPI, through the host's memory: " + everywhere.message();
    return none;
  }
  RIFFLE_ASSIGN(std::unique_ptr<nccl::Sums> sums, nccl::Sums::Create(*library, world, [&device] { device.Use(); }));
  return std::unique_ptr<CardSums>(new CardSums(std::move(sums), std::move(queue)));
}

// A queue that has followed nothing is no part of a recording, and must not be joined there.
void CardSums::Join() {
  if (std::exchange(begun_, false)) queue_->Join();
}

}  // namespace riffle
