#include "train/parallel/same_state.h"

#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <vector>

namespace riffle {
namespace {

/// The first rank that says something else than rank 0; 0: none does.
Result<int> FirstOther(Communicator& world, std::string_view own) {
  RIFFLE_ASSIGN(const std::vector<std::string> all, world.GatherTexts(own));
  const auto other = std::ranges::find_if(all, [&](const std::string& theirs) { return theirs != all.front(); });
  return other == all.end() ? 0 : static_cast<int>(other - all.begin());
}

}  // namespace

std::string ChecksumOf(const Snapshot& snapshot) {
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
  return fmt::format("{:08x}", crc);
}

Result<std::string> BroadcastText(Communicator& world, std::string text) {
  std::array<int64_t, 1> size = {static_cast<int64_t>(text.size())};
  RIFFLE_TRY(world.Broadcast(std::as_writable_bytes(std::span(size))));
  text.resize(size[0]);
  RIFFLE_TRY(world.Broadcast(std::as_writable_bytes(std::span(text))));
  return text;
}

Result<Checkpoint> BroadcastCheckpoint(Communicator& world, Result<std::string> bytes) {
  RIFFLE_TRY(world.Agree(bytes.status()));
  RIFFLE_ASSIGN(const std::string text, BroadcastText(world, std::move(*bytes)));
  Result<Checkpoint> checkpoint = Checkpoint::FromBytes({reinterpret_cast<const uint8_t*>(text.data()), text.size()},
                                                        "the checkpoint of " + world.NameOf(0));
  RIFFLE_TRY(world.Agree(checkpoint.status()));
  return checkpoint;
}

Status CheckSame(Communicator& world, std::string_view own, std::string_view what) {
  RIFFLE_ASSIGN(const int other, FirstOther(world, own));
  if (other == 0) return {};
  return InvalidArgument("{0} has other {1} than {2}: each process must find the same {1}", world.NameOf(other), what,
                         world.NameOf(0));
}

Status CheckSameState(Communicator& world, const Snapshot& own, std::string_view when) {
  RIFFLE_ASSIGN(const int other, FirstOther(world, ChecksumOf(own)));
  if (other == 0) return {};
  return DataLoss(
      "{} no longer has the parameters of {} {}: the processes must run the same build on processors of the same kind, "
      "and memory without errors",
      world.NameOf(other), world.NameOf(0), when);
}

}  // namespace riffle
