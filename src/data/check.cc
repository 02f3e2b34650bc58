#include "data/check.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <algorithm>
#include <map>
#include <memory>
#include <numeric>

#include "data/readers.h"
#include "data/splits.h"

namespace riffle {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kPicturesPerRound = 512;  // from one report of progress to the next

using Digest = std::array<uint8_t, 32>;

Digest Sha256(const PictureView& picture) {
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  const std::array<int32_t, 3> shape = {picture.height, picture.width, picture.channels};
  Digest digest{};
  EVP_DigestInit_ex(context.get(), EVP_sha256(), nullptr);
  EVP_DigestUpdate(context.get(), shape.data(), sizeof shape);
  for (int y = 0; y < picture.height; ++y)
    EVP_DigestUpdate(context.get(), picture.Row(y), static_cast<size_t>(picture.width) * picture.channels);
  EVP_DigestFinal_ex(context.get(), digest.data(), nullptr);
  return digest;
}

/// What reading one picture told.
struct Finding {
  Digest digest{};
  int height = 0, width = 0;  // 0: unreadable
  bool incomplete = false, vanished = false, deep = false, turned = false;
  std::string reason;  // why it is unreadable, or what is wrong with it all the same
};

Finding Look(const Dataset& dataset, int64_t i, Picture& scratch) {
  if (const Status whole = dataset.Verify(i); !whole.ok()) return {.reason = whole.message()};
  scratch.Reshape(0, 0, 1);  // pictures in memory leave it alone
  const Result<PictureView> picture = dataset.Read(i, scratch);
  if (!picture.ok()) return {.reason = picture.status().message()};
  return {.digest = Sha256(*picture),
          .height = picture->height,
          .width = picture->width,
          .incomplete = scratch.incomplete,
          .vanished = scratch.vanished(),
          .deep = scratch.bits > 8,
          .turned = scratch.exif_orientation != 1,
          .reason = fmt::format("{}: {}", dataset.NameOf(i), FlawOf(scratch))};
}

void CountOne(const std::string& name, DataCheck::Count& count) {
  if (count.pictures++ == 0) count.example = name;
}

DataCheck::Range RangeOf(std::vector<int> values) {
  if (values.empty()) return {};
  std::ranges::sort(values);
  return {.min = values.front(), .median = values[values.size() / 2], .max = values.back()};
}

DataCheck::Duplicates DuplicatesOf(std::vector<DataCheck::Place> places) {
  DataCheck::Duplicates set{.places = std::move(places)};
  for (const DataCheck::Place& place : set.places) {
    set.across_splits |= place.split != set.places[0].split;
    set.across_classes |= place.label != set.places[0].label;
  }
  return set;
}

}  // namespace

int64_t DataCheck::pictures() const {
  int64_t sum = 0;
  for (const Split& split : splits) sum += std::accumulate(split.pictures.begin(), split.pictures.end(), int64_t{0});
  return sum;
}

Result<DataCheck> CheckData(ThreadPool& pool, const DatasetInfo& info, const fs::path& data_dir,
                            const DataCheckProgress& progress) {
  DataCheck check;
  RIFFLE_ASSIGN(const std::vector<NamedSplit> splits, OpenAllSplits(info, data_dir, pool.threads(), &check.unusable));
  check.classes = splits[0].data->classes();
  if (info.layout == DatasetLayout::kFolder) {
    for (std::string& other : FoldersThatAreNoSplit(data_dir)) check.unusable.push_back(std::move(other));
    if (check.classes.size() == 1) check.below_the_only_class = BelowTheOnlyClass(data_dir, splits[0].name);
  }
  for (size_t i = 1; i < splits.size(); ++i)
    if (std::string apart = Apart(splits[i].name, *splits[i].data, splits[0].name, *splits[0].data); !apart.empty())
      check.apart.push_back(std::move(apart));
  int64_t total = 0, done = 0;
  for (const NamedSplit& split : splits) {
    check.splits.push_back({split.name, std::vector<int64_t>(check.classes.size()), split.data->left_out()});
    for (int64_t i = 0; i < split.data->size(); ++i) ++check.splits.back().pictures[split.data->label(i)];
    total += split.data->size();
  }
  OPENSSL_init_crypto(OPENSSL_INIT_LOAD_CONFIG, nullptr);  // else a thread begins with it, and keeps some of its memory
  std::vector<Picture> scratch(pool.threads());
  std::vector<int> widths, heights;
  std::map<Digest, std::vector<std::pair<size_t, int64_t>>> seen;  // split and number
  for (const NamedSplit& split : splits) {
    const Dataset& data = *split.data;
    for (int64_t begin = 0; begin < data.size(); begin += kPicturesPerRound) {
      std::vector<Finding> findings(std::min(kPicturesPerRound, data.size() - begin));
      pool.ParallelForThread(static_cast<int64_t>(findings.size()),
                             [&](int64_t i, int thread) { findings[i] = Look(data, begin + i, scratch[thread]); });
      for (int64_t i = begin; const Finding& finding : findings) {
        if (finding.width == 0) {
          check.unreadable.push_back({split.name, data.NameOf(i), finding.reason});
        } else {
          widths.push_back(finding.width);
          heights.push_back(finding.height);
          seen[finding.digest].emplace_back(&split - splits.data(), i);
          if (finding.incomplete) check.incomplete.push_back({split.name, data.NameOf(i), finding.reason});
          if (finding.vanished) check.vanished.push_back({split.name, data.NameOf(i), finding.reason});
          if (finding.turned) CountOne(data.NameOf(i), check.turned);
          if (finding.deep) CountOne(data.NameOf(i), check.deep);
        }
        ++i;
      }
      done += static_cast<int64_t>(findings.size());
      if (progress) progress(done, total);
    }
  }
  check.width = RangeOf(std::move(widths));
  check.height = RangeOf(std::move(heights));
  for (const auto& [digest, same] : seen) {
    if (same.size() < 2) continue;
    std::vector<DataCheck::Place> places;
    for (const auto& [split, i] : same) {
      const Dataset& data = *splits[split].data;
      places.push_back({splits[split].name, data.NameOf(i), data.label(i)});
    }
    check.duplicates.push_back(DuplicatesOf(std::move(places)));
  }
  std::ranges::sort(check.duplicates, {}, [](const DataCheck::Duplicates& set) { return set.places[0].name; });
  return check;
}

}  // namespace riffle
