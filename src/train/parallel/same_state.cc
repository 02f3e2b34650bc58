#include "train/parallel/same_state.h"

#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <vector>

namespace riffle {
namespace {

uint32_t ChecksumOf(const Snapshot& snapshot) {
  uLong crc = crc32_z(0, nullptr, 0);
  const auto add = [&](const AlignedArray<float>& values) {
    crc = crc32_z(crc, reinterpret_cast<const Bytef*>(values.data()), values.size() * sizeof(float));
  };
  const auto add_both = [&](const ParameterValues<float>& values) {
    add(values.trainable);
    add(values.statistics);
  };
  add_both(snapshot.values);
  if (snapshot.average) add_both(*snapshot.average);
  for (const Snapshot::Slot& slot : snapshot.slots) add(slot.values);
  return static_cast<uint32_t>(crc);
}

}  // namespace

Result<std::string> BroadcastText(Communicator& world, std::string text) {
  std::array<int64_t, 1> size = {static_cast<int64_t>(text.size())};
  RIFFLE_TRY(world.Broadcast(std::as_writable_bytes(std::span(size))));
  text.resize(size[0]);
  RIFFLE_TRY(world.Broadcast(std::as_writable_bytes(std::span(text))));
  return text;
}

Status CheckSameState(Communicator& world, const Snapshot& own, std::string_view when) {
  const std::array checksum = {ChecksumOf(own)};
  std::vector<uint32_t> all(world.size());
  RIFFLE_TRY(world.Gather(std::as_bytes(std::span(checksum)), std::as_writable_bytes(std::span(all))));
  const auto other = std::ranges::find_if(all, [&](uint32_t theirs) { return theirs != all.front(); });
  if (other == all.end()) return {};
  return DataLoss(
      "{} no longer has the parameters of {} {}: the processes must run the same build on processors of the same kind, "
      "and memory without errors",
      world.NameOf(static_cast<int>(other - all.begin())), world.NameOf(0), when);
}

}  // namespace riffle
