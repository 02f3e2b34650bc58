// Graphics cards of hosts, shared out among the processes of a world: one each.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "dist/communicator.h"

namespace riffle {

/// Which of the `cards` that a process sees is its own: the one that was asked for; else of its host's processes the
/// first takes the first one, and so on. One that its launcher shows it alone is that. REQUIRES: a card.
int CardOf(int local_rank, int cards, std::optional<int64_t> asked);

/// Where a process will compute.
struct ComputePlace {
  std::string host;     ///< HostIdentity
  std::string card;     ///< where it is in its host, its PCI bus id; "": the CPU
  int cards = 0;        ///< that the process sees
  bool asked = false;   ///< for this one, by its number
  std::string why_cpu;  ///< why not a card; "": because that was asked for
};

/// Ok if each process has a card of its own, or all compute on the CPU. Unavailable says of the first two processes
/// that have one card together, or of which one has none, what to do. `names`: as Communicator::NameOf, by rank.
Status CheckPlaces(std::span<const ComputePlace> places, std::span<const std::string> names);

/// The same of all processes of a world, at each. Collective.
Status CheckPlacesOf(Communicator& ranks, const ComputePlace& own);

}  // namespace riffle
