#include "dist/mesh_communicator.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <numeric>

namespace riffle {
namespace {

// What all ranks together send of no more than this many bytes goes in one round instead of two: each has it whole.
constexpr size_t kOneRoundBytes = 64 << 10;

/// sum := the sum of values[begin, begin + sum.size()) of each row, in the order of the rows, which may begin anywhere
/// in memory.
template <class T>
void SumRows(const std::vector<const std::byte*>& rows, size_t begin, std::span<T> sum) {
  std::ranges::fill(sum, T{});
  for (const std::byte* row : rows)
    for (size_t i = 0; i < sum.size(); ++i) {
      T value;
      std::memcpy(&value, row + (begin + i) * sizeof(T), sizeof(T));
      sum[i] += value;
    }
}

/// The same for all values of the rows; `sum` may be one of them.
template <class T>
void SumWholeRows(const std::vector<const std::byte*>& rows, std::span<T> sum) {
  std::array<T, 1024> block;  // stays in the first cache
  for (size_t begin = 0; begin < sum.size(); begin += block.size()) {
    const std::span<T> part(block.data(), std::min(block.size(), sum.size() - begin));
    SumRows(rows, begin, part);
    std::ranges::copy(part, sum.begin() + begin);
  }
}

}  // namespace

MeshCommunicator::MeshCommunicator(std::shared_ptr<Transport> transport)
    : transport_(std::move(transport)),
      places_(std::make_shared<Places>()),
      channels_(std::make_shared<std::atomic<int64_t>>(1)),
      channel_(0) {}

MeshCommunicator::MeshCommunicator(const MeshCommunicator& parent, int64_t channel)
    : transport_(parent.transport_),
      places_(parent.places_),
      channels_(parent.channels_),
      channel_(static_cast<int>(channel)) {}

std::string MeshCommunicator::NameOf(int rank) const {
  return places_->names.empty() ? fmt::format("rank {}", rank) : places_->names[rank];
}

template <class T>
std::span<T> MeshCommunicator::PartOf(std::span<T> values, int r) const {
  const size_t begin = values.size() * r / size(), end = values.size() * (r + 1) / size();
  return values.subspan(begin, end - begin);
}

// Everyone begins with the rank behind its own, so that no rank is spoken to by all others first.
template <class T>
void MeshCommunicator::SpreadParts(std::span<T> values) {
  std::vector<Outgoing> out;
  std::vector<Incoming> in;
  for (int k = 1; k < size(); ++k) {
    out.push_back({(rank() + k) % size(), std::as_bytes(PartOf(values, rank()))});
    const int from = (rank() + size() - k) % size();
    in.push_back({from, std::as_writable_bytes(PartOf(values, from))});
  }
  transport_->Exchange(channel_, out, in);
}

void MeshCommunicator::GatherBytes(std::span<const std::byte> own, const std::vector<size_t>& sizes,
                                   std::span<std::byte> all) {
  std::vector<Outgoing> out;
  std::vector<Incoming> in;
  for (int k = 1; k < size(); ++k) out.push_back({(rank() + k) % size(), own});
  size_t begin = 0;
  for (int r = 0; r < size(); begin += sizes[r++]) {
    const std::span<std::byte> place = all.subspan(begin, sizes[r]);
    if (r == rank())
      std::ranges::copy(own, place.begin());
    else
      in.push_back({r, place});
  }
  transport_->Exchange(channel_, out, in);
}

// Each rank receives the others' values of its own part, adds them up and hands out the sum.
template <class T>
Status MeshCommunicator::SumOf(std::span<T> values) {
  const bool one_round = values.size_bytes() * size() <= kOneRoundBytes;
  const std::span<T> own = one_round ? values : PartOf(values, rank());
  if (scratch_.size() < own.size_bytes() * size()) scratch_ = AlignedArray<std::byte>(own.size_bytes() * size());
  std::vector<Outgoing> out;
  std::vector<Incoming> in;
  std::vector<const std::byte*> rows(size(), std::as_bytes(own).data());
  for (int k = 1; k < size(); ++k) {
    const int to = (rank() + k) % size(), from = (rank() + size() - k) % size();
    out.push_back({to, std::as_bytes(one_round ? values : PartOf(values, to))});
    in.push_back({from, {scratch_.data() + from * own.size_bytes(), own.size_bytes()}});
    rows[from] = in.back().bytes.data();
  }
  transport_->Exchange(channel_, out, in);
  SumWholeRows(rows, own);
  if (!one_round) SpreadParts(values);
  return {};
}

Status MeshCommunicator::Sum(std::span<float> values) { return SumOf(values); }
Status MeshCommunicator::Sum(std::span<double> values) { return SumOf(values); }
Status MeshCommunicator::Sum(std::span<int64_t> values) { return SumOf(values); }

Status MeshCommunicator::Broadcast(std::span<std::byte> values) {
  const bool one_round = values.size() * size() <= kOneRoundBytes;
  const auto part = [&](int r) { return one_round ? values : PartOf(values, r); };
  std::vector<Outgoing> out;
  std::vector<Incoming> in;
  if (first())
    for (int r = 1; r < size(); ++r) out.push_back({r, part(r)});
  else
    in.push_back({0, part(rank())});
  transport_->Exchange(channel_, out, in);
  if (!one_round) SpreadParts(values);
  return {};
}

Status MeshCommunicator::Gather(std::span<const std::byte> own, std::span<std::byte> all) {
  GatherBytes(own, std::vector<size_t>(size(), own.size()), all);
  return {};
}

Result<std::vector<std::string>> MeshCommunicator::GatherTexts(std::string_view own) {
  const size_t own_size = own.size();
  std::vector<size_t> sizes(size());
  RIFFLE_TRY(Gather(std::as_bytes(std::span(&own_size, 1)), std::as_writable_bytes(std::span(sizes))));
  std::vector<std::byte> all(std::accumulate(sizes.begin(), sizes.end(), size_t{0}));
  GatherBytes(std::as_bytes(std::span(own)), sizes, all);
  std::vector<std::string> texts;
  const char* text = reinterpret_cast<const char*>(all.data());
  for (const size_t n : sizes) {
    texts.emplace_back(text, n);
    text += n;
  }
  return texts;
}

Result<std::unique_ptr<Communicator>> MeshCommunicator::Duplicate() {
  int64_t channel = first() ? channels_->fetch_add(1) : 0;
  RIFFLE_TRY(Broadcast(std::as_writable_bytes(std::span(&channel, 1))));
  return std::unique_ptr<Communicator>(new MeshCommunicator(*this, channel));
}

// What Agree found, or said of a rank that is lost, has a name already.
Status MeshCommunicator::Leave(const Status& own) {
  Transport::Farewell farewell = transport_->Leave(own);
  const std::string& why = farewell.status.message();
  const bool named =
      std::ranges::any_of(places_->names, [&](const std::string& n) { return why.starts_with(n + ": "); });
  return named || !farewell.rank ? farewell.status : std::move(farewell.status).In(NameOf(*farewell.rank));
}

}  // namespace riffle
