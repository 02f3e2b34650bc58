// Collectives in which every rank speaks with every other one directly: two rounds of messages at most, however many
// ranks there are. A sum is computed by the rank whose part of the values it is, in the order of the ranks, so that its
// bits depend on nothing else: not on the number of values, on arrival, or on the library that carries the bytes.
#pragma once

#include <atomic>

#include "base/arena.h"
#include "dist/communicator.h"
#include "dist/transport.h"

namespace riffle {

/// How the ranks are called, and where they are.
struct Places {
  std::vector<std::string> names;  ///< by rank: "rank 2 on HOST"
  int local_rank = 0, local_size = 1;
};

/// The first communicator of a transport, which it owns; ranks have no names yet.
class MeshCommunicator : public Communicator {
 public:
  explicit MeshCommunicator(std::shared_ptr<Transport> transport);

  /// Gives names. Before that a rank is called "rank 2".
  void Introduce(Places places) { *places_ = std::move(places); }

  int rank() const override { return transport_->rank(); }
  int size() const override { return transport_->size(); }
  int local_rank() const override { return places_->local_rank; }
  int local_size() const override { return places_->local_size; }
  Status Sum(std::span<float> values) override;
  Status Sum(std::span<double> values) override;
  Status Sum(std::span<int64_t> values) override;
  Status Broadcast(std::span<std::byte> values) override;
  Status Gather(std::span<const std::byte> own, std::span<std::byte> all) override;
  Result<std::vector<std::string>> GatherTexts(std::string_view own) override;
  Result<std::unique_ptr<Communicator>> Duplicate() override;
  Status Leave(const Status& own) override;
  std::string NameOf(int rank) const override;

 private:
  MeshCommunicator(const MeshCommunicator& parent, int64_t channel);

  template <class T>
  Status SumOf(std::span<T> values);
  /// The share of `values` that rank r sums and hands out.
  template <class T>
  std::span<T> PartOf(std::span<T> values, int r) const;
  /// Each rank's own part of the values goes to all others.
  template <class T>
  void SpreadParts(std::span<T> values);
  /// sizes[r] bytes of each rank r, one after another.
  void GatherBytes(std::span<const std::byte> own, const std::vector<size_t>& sizes, std::span<std::byte> all);

  const std::shared_ptr<Transport> transport_;
  const std::shared_ptr<Places> places_;                  // one of all duplicates
  const std::shared_ptr<std::atomic<int64_t>> channels_;  // of all duplicates; rank 0 counts them
  const int channel_;
  AlignedArray<std::byte> scratch_;
};

}  // namespace riffle
