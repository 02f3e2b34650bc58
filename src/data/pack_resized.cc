// Packs of pictures that are made ready for training (pack.h), kept where an earlier run left them whole.
#include <algorithm>
#include <set>

#include "base/file.h"
#include "base/text.h"
#include "data/order.h"
#include "data/pack.h"
#include "data/pack_dataset.h"
#include "data/pack_staging.h"

namespace riffle {
namespace {

namespace fs = std::filesystem;

/// One of the packs of a split, as it shall become.
struct PlannedPack {
  fs::path path;
  std::vector<int64_t> chosen;  // pictures, in its order
  std::string recipe;
  enum { kMissing, kBeside, kInPlace } whole = kMissing;  // where an earlier run left it
};

struct PlannedSet {
  const NamedSplit* split;
  fs::path index_path;
  std::vector<PlannedPack> packs;

  int64_t pictures_left() const {
    int64_t left = 0;
    for (const PlannedPack& pack : packs)
      if (pack.whole == PlannedPack::kMissing) left += static_cast<int64_t>(pack.chosen.size());
    return left;
  }
};

// All that the bytes of a pack follow from.
std::string RecipeOf(const Dataset& data, const std::string& checksum, const PackForm& form, uint64_t seed,
                     int64_t begin, int64_t end) {
  return fmt::format("shorter side {}, {}, {}, seed {}: pictures {} to {} of {}, {}", form.max_side,
                     NameOf(form.interpolation), form.quality ? fmt::format("JPEG {}", *form.quality) : "raw", seed,
                     begin, end, data.size(), checksum);
}

// Packs count as those of a run that was stopped beside their places, and in their places only where `was_replacing`.
PlannedSet Plan(ThreadPool& pool, const NamedSplit& split, const PackOptions& options, const PackForm& form,
                bool was_replacing) {
  const Dataset& data = *split.data;
  const std::string prefix = fmt::format("{}-{}", options.prefix, split.name), checksum = data.Checksum();
  const std::vector<int64_t> order = EpochOrder(data.size(), true, options.seed, 0);
  PlannedSet set{.split = &split, .index_path = prefix + ".json", .packs = {}};
  for (int64_t begin = 0; begin < data.size(); begin += options.shard_size) {
    const int64_t end = std::min(begin + options.shard_size, data.size());
    PlannedPack pack{.path = fmt::format("{}-{:06}.pack", prefix, set.packs.size()),
                     .chosen = {order.begin() + begin, order.begin() + end},
                     .recipe = RecipeOf(data, checksum, form, options.seed, begin, end)};
    const auto is_whole = [&](const fs::path& path) {
      const auto opened = OpenPack(path);
      return opened.ok() && opened->head.recipe == pack.recipe && IsUpToDate(pool, data, pack.chosen, form, *opened);
    };
    if (was_replacing && is_whole(pack.path))
      pack.whole = PlannedPack::kInPlace;
    else if (is_whole(PartOf(pack.path)))
      pack.whole = PlannedPack::kBeside;
    set.packs.push_back(std::move(pack));
  }
  return set;
}

bool IsUnfinished(const fs::path& index) {
  const auto text = ReadTextFile(index);
  return text.ok() && *text == kUnfinishedIndex;
}

// What is there and is none of the plan's: others' files, and parts that are not whole or of another plan.
Present NotPlanned(const Present& present, const std::vector<PlannedSet>& sets) {
  std::set<fs::path> kept;
  for (const PlannedSet& set : sets)
    for (const PlannedPack& pack : set.packs) {
      if (pack.whole == PlannedPack::kInPlace) kept.insert({pack.path, set.index_path});
      if (pack.whole == PlannedPack::kBeside) kept.insert(PartOf(pack.path));
    }
  Present others = present;
  for (auto* const files : {&others.shards, &others.indexes, &others.parts})
    std::erase_if(*files, [&](const fs::path& file) { return kept.contains(file); });
  std::erase_if(others.indexes, IsUnfinished);
  return others;
}

Result<PackNeeds> NeedsOf(ThreadPool& pool, const std::vector<PlannedSet>& sets, const PackForm& form,
                          const fs::path& folder) {
  PackNeeds needs;
  for (const PlannedSet& set : sets) {
    needs.files_kept += std::ranges::count_if(set.packs, [](const PlannedPack& p) { return p.whole != p.kMissing; });
    const int64_t left = set.pictures_left();
    if (left == 0) continue;
    RIFFLE_ASSIGN(const double bytes, BytesOfPackedPicture(pool, *set.split->data, form));
    needs.bytes += bytes * static_cast<double>(left);
    needs.pictures += left;
  }
  std::error_code error;
  const fs::space_info space = fs::space(folder, error);
  if (error) return IoError("{}: its free room cannot be asked for: {}", folder.string(), error.message());
  needs.bytes_free = static_cast<double>(space.available);
  if (needs.bytes > needs.bytes_free)
    return IoError("{}: about {} are needed, {} are free: make room, or pack smaller (--max_side, --quality)",
                   folder.string(), BytesText(static_cast<int64_t>(needs.bytes)),
                   BytesText(static_cast<int64_t>(needs.bytes_free)));
  return needs;
}

Result<StagedSet> StagePacks(ThreadPool& pool, const PlannedSet& set, const PackForm& form,
                             const PackedSoFar& progress) {
  const Dataset& data = *set.split->data;
  StagedSet staged{.index_path = set.index_path, .index = {.classes = data.classes(), .shards = {}}, .shards = {}};
  int64_t done = 0;
  for (const PlannedPack& pack : set.packs) {
    const auto count = static_cast<int64_t>(pack.chosen.size());
    const bool in_place = pack.whole == PlannedPack::kInPlace;
    const fs::path path = in_place ? pack.path : PartOf(pack.path);
    Staged* const file = in_place ? nullptr : &staged.shards.emplace_back(pack.path);
    if (pack.whole == PlannedPack::kMissing) {
      RIFFLE_TRY(WritePack(pool, data, pack.chosen, form, pack.recipe, path,
                           [&](int64_t of_pack) { return progress(done + of_pack); }));
      done += count;
    }
    RIFFLE_ASSIGN(const OpenedPack opened, OpenPack(path));  // before it takes anything's place
    staged.index.shards.push_back({pack.path.filename().string(), count, IndexChecksum(opened.head.checksum)});
    if (file != nullptr) file->Keep();
  }
  return staged;
}

Result<PackReport> ReportOn(const PlannedSet& set) {
  PackReport report;
  for (const PlannedPack& pack : set.packs) {
    RIFFLE_ASSIGN(const OpenedPack opened, OpenPack(pack.path));
    const PackHead& head = opened.head;
    ++report.files;
    report.bytes += opened.file.bytes().size();
    for (size_t i = 0; i < head.pictures.size(); ++i) {
      const PackedPicture& row = head.pictures[i];
      ++report.pictures;
      report.grey += row.channels == 1 ? 1 : 0;
      if (!row.readable() && report.unreadable++ == 0) report.unreadable_example = head.NameOf(i);
    }
  }
  return report;
}

}  // namespace

Result<std::vector<PackReport>> PackResized(ThreadPool& pool, std::span<const NamedSplit> splits,
                                            const PackOptions& options, const PackForm& form,
                                            const PackEvents& events) {
  RIFFLE_ASSIGN(const Workplace place, Occupy(splits, options));
  const bool was_replacing = std::ranges::any_of(place.present.indexes, IsUnfinished);
  std::vector<PlannedSet> planned;
  for (const NamedSplit& split : splits) planned.push_back(Plan(pool, split, options, form, was_replacing));
  Present others = NotPlanned(place.present, planned);
  if (others.any() && !options.overwrite) return IsThereAlready(others);
  RIFFLE_TRY(RemoveFiles(others.parts));
  RIFFLE_ASSIGN(const PackNeeds needs, NeedsOf(pool, planned, form, FolderOf(options.prefix)));
  events.begin(needs);
  std::vector<StagedSet> sets;
  int64_t done = 0;
  for (const PlannedSet& set : planned) {
    RIFFLE_ASSIGN(StagedSet staged, StagePacks(pool, set, form, [&](int64_t of_set) {
                    return events.progress(done + of_set, needs.pictures);
                  }));
    done += set.pictures_left();
    sets.push_back(std::move(staged));
  }
  RIFFLE_TRY(PutInPlace({.shards = others.shards, .indexes = place.present.indexes, .parts = {}}, sets));
  std::vector<PackReport> reports;
  for (const PlannedSet& set : planned) {
    RIFFLE_ASSIGN(const PackReport report, ReportOn(set));
    reports.push_back(report);
  }
  return reports;
}

}  // namespace riffle
