#include "dist/cards.h"

#include <algorithm>

#include "base/text.h"

namespace riffle {
namespace {

constexpr char kBetween = '\n';

std::string TextOf(const ComputePlace& place) {
  std::string why = place.why_cpu;
  std::ranges::replace(why, kBetween, ' ');
  return fmt::format("{1}{0}{2}{0}{3}{0}{4}{0}{5}", kBetween, place.host, place.card, place.cards, int{place.asked},
                     why);
}

ComputePlace PlaceFrom(std::string_view text) {
  const std::vector<std::string_view> parts = Split(text, kBetween);
  return {.host = std::string(parts[0]),
          .card = std::string(parts[1]),
          .cards = ParseNumber<int>(parts[2]).value_or(0),
          .asked = parts[3] == "1",
          .why_cpu = std::string(parts[4])};
}

/// What to do where two processes have one card.
std::string Advice(const ComputePlace& place, int64_t processes) {
  if (place.asked && place.cards >= processes) return "leave out --device_id, and each process takes a card of its own";
  if (place.cards > 1)
    return fmt::format(
        "of its {} processes each needs one, and it has {}: start no more than that on a host "
        "(mpirun --map-by ppr:{}:node)",
        processes, place.cards, place.cards);
  return fmt::format(
      "start one process on a host for each of its cards, and if CUDA_VISIBLE_DEVICES is set, let it "
      "name another card for each ({} processes see one card here)",
      processes);
}

}  // namespace

int CardOf(int local_rank, int cards, std::optional<int64_t> asked) {
  // Where there are fewer cards than processes some get the same one, which CheckPlaces finds.
  return asked ? static_cast<int>(*asked) : local_rank % cards;
}

Status CheckPlaces(std::span<const ComputePlace> places, std::span<const std::string> names) {
  for (size_t r = 1; r < places.size(); ++r) {
    const size_t on_cpu = places[r].card.empty() ? r : 0, on_card = r - on_cpu;
    if (places[0].card.empty() == places[r].card.empty()) continue;
    return Unavailable(
        "{} computes on a GPU and {} on the CPU{}{}: all must compute on the same; --device_target=CPU takes the CPU "
        "everywhere",
        names[on_card], names[on_cpu], places[on_cpu].why_cpu.empty() ? "" : ", since ", places[on_cpu].why_cpu);
  }
  for (size_t r = 0; r < places.size(); ++r)
    for (size_t other = 0; other < r; ++other) {
      const ComputePlace& place = places[r];
      if (place.card.empty() || place.card != places[other].card || place.host != places[other].host) continue;
      const auto processes = std::ranges::count(places, place.host, &ComputePlace::host);
      return Unavailable("{} and {} would compute on the same GPU ({}): {}", names[other], names[r], place.card,
                         Advice(place, processes));
    }
  return {};
}

Status CheckPlacesOf(Communicator& ranks, const ComputePlace& own) {
  RIFFLE_ASSIGN(const std::vector<std::string> all, ranks.GatherTexts(TextOf(own)));
  std::vector<ComputePlace> places;
  std::vector<std::string> names;
  for (int r = 0; r < ranks.size(); ++r) {
    places.push_back(PlaceFrom(all[static_cast<size_t>(r)]));
    names.push_back(ranks.NameOf(r));
  }
  return CheckPlaces(places, names);
}

}  // namespace riffle
