#include "dist/roll_call.h"

#include <algorithm>
#include <cstring>

namespace riffle {
namespace {

// A process that did not look for more than this part of the patience was stopped, or its machine slept.
constexpr int kOwnGapPart = 10;

constexpr int kAllRanks = -1;

struct BeatHeader {
  int64_t left, rank, failed, code, exchanges;
};

std::chrono::milliseconds PatienceOf(int rank, std::chrono::milliseconds patience) {
  return patience + std::chrono::seconds(std::min(rank, 10));
}

}  // namespace

std::string Beat::ToBytes() const {
  const Status& status = farewell.status;
  const BeatHeader header = {left, farewell.rank.value_or(kAllRanks), !status.ok(),
                             status.ok() ? 0 : static_cast<int64_t>(status.code()),
                             static_cast<int64_t>(exchanges.size())};
  std::string bytes(reinterpret_cast<const char*>(&header), sizeof header);
  bytes.append(reinterpret_cast<const char*>(exchanges.data()), exchanges.size() * sizeof exchanges[0]);
  return bytes + status.message();
}

Beat Beat::FromBytes(std::string_view bytes) {
  BeatHeader header;
  std::memcpy(&header, bytes.data(), sizeof header);
  bytes.remove_prefix(sizeof header);
  Beat beat{.left = header.left != 0, .exchanges = std::vector<int64_t>(header.exchanges)};
  const size_t counts_bytes = beat.exchanges.size() * sizeof beat.exchanges[0];
  if (counts_bytes > 0) std::memcpy(beat.exchanges.data(), bytes.data(), counts_bytes);
  bytes.remove_prefix(counts_bytes);
  if (header.rank != kAllRanks) beat.farewell.rank = static_cast<int>(header.rank);
  if (header.failed != 0) beat.farewell.status = {static_cast<ErrorCode>(header.code), std::string(bytes)};
  return beat;
}

RollCall::RollCall(int rank, int size, std::chrono::milliseconds patience, Time now)
    : rank_(rank), patience_(PatienceOf(rank, patience)), members_(size, Member{.heard = now}), checked_(now) {}

void RollCall::Heard(int from, Beat beat, Time now) {
  Member& member = members_[from];
  if (beat.left && !member.beat.left) leavers_.push_back(from);
  member = {.heard = now, .ever = true, .beat = std::move(beat)};
}

std::optional<RollCall::Loss> RollCall::FindLoss(Time now) {
  const auto gap = now - checked_;
  checked_ = now;
  const int size = static_cast<int>(members_.size());
  for (int r = 0; r < size; ++r) {
    Member& member = members_[r];
    if (gap > patience_ / kOwnGapPart) member.heard += gap;
    if (r == rank_ || !Follows(r) || now - member.heard <= patience_) continue;
    const int64_t seconds = std::chrono::duration_cast<std::chrono::seconds>(now - member.heard).count();
    if (member.ever)
      return Loss{
          r, Unavailable("has not answered for {} s: it has ended or is stopped, or its host is not reached", seconds)};
    return Loss{r, Unavailable("has never answered, for {} s: if its hosts have several networks, name the one that "
                               "joins them: mpirun --mca btl_tcp_if_include NETWORK",
                               seconds)};
  }
  if (rank_ != 0) return std::nullopt;
  for (const int leaver : leavers_) {
    const Beat& last = members_[leaver].beat;
    const bool awaited = std::ranges::any_of(members_, [&](const Member& other) {
      if (other.beat.left) return false;
      for (size_t channel = 0; channel < other.beat.exchanges.size(); ++channel)
        if (other.beat.exchanges[channel] > (channel < last.exchanges.size() ? last.exchanges[channel] : 0))
          return true;
      return false;
    });
    if (!awaited) continue;
    if (!last.farewell.status.ok()) return Loss{leaver, last.farewell.status};
    return Loss{leaver, Unavailable("has ended while others still wait for it")};
  }
  return std::nullopt;
}

bool RollCall::AllLeft() const { return rank_ == 0 ? leavers_.size() == members_.size() : members_[0].beat.left; }

Transport::Farewell RollCall::Outcome() const {
  if (rank_ != 0) return members_[0].beat.farewell;
  const auto failed =
      std::ranges::find_if(leavers_, [&](int leaver) { return !members_[leaver].beat.farewell.status.ok(); });
  if (failed == leavers_.end()) return {};
  Transport::Farewell first = members_[*failed].beat.farewell;
  const bool all_have_it = std::ranges::all_of(
      members_, [&](const Member& member) { return member.beat.farewell.status.message() == first.status.message(); });
  if (all_have_it) first.rank.reset();
  return first;
}

}  // namespace riffle
