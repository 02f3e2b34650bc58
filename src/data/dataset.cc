#include "data/dataset.h"

#include <algorithm>
#include <numeric>

#include "base/random.h"
#include "base/text.h"
#include "data/imagenet_classes.h"
#include "data/readers.h"
#include "data/split_names.h"

namespace riffle {
namespace {

// Some of the pictures of another data set.
class Subset : public Dataset {
 public:
  Subset(std::unique_ptr<Dataset> all, std::vector<int64_t> chosen) : all_(std::move(all)), chosen_(std::move(chosen)) {
    classes_ = all_->classes();
    left_out_ = all_->left_out();
    stand_in_ = all_->stand_in();
    place_ = all_->place();
    for (int64_t i : chosen_) labels_.push_back(all_->label(i));
  }
  std::string NameOf(int64_t i) const override { return all_->NameOf(chosen_[i]); }
  Result<PictureView> Read(int64_t i, Picture& scratch) const override { return all_->Read(chosen_[i], scratch); }
  Result<Region> ReadRegion(int64_t i, const ChooseNeed& choose, Picture& scratch) const override {
    return all_->ReadRegion(chosen_[i], choose, scratch);
  }
  Result<std::vector<uint8_t>> Encoded(int64_t i) const override { return all_->Encoded(chosen_[i]); }
  std::string Contents() const override { return all_->Contents(); }
  Status Verify(int64_t i) const override { return all_->Verify(chosen_[i]); }
  std::optional<int64_t> MostOfShorterSide() const override { return all_->MostOfShorterSide(); }
  bool InMemory() const override { return all_->InMemory(); }
  std::optional<int64_t> BytesInPlace(int64_t i) const override { return all_->BytesInPlace(chosen_[i]); }
  std::vector<int64_t> ShardStarts() const override {
    std::vector<int64_t> starts;
    for (const int64_t start : all_->ShardStarts()) {  // `chosen_` is sorted
      const int64_t first = std::ranges::lower_bound(chosen_, start) - chosen_.begin();
      if (first < size() && (starts.empty() || first > starts.back())) starts.push_back(first);
    }
    return starts;
  }

 private:
  std::unique_ptr<Dataset> all_;
  std::vector<int64_t> chosen_;
};

// The first `count` of a random order, sorted again.
std::vector<int64_t> Choose(int64_t size, int64_t count, uint64_t seed) {
  std::vector<int64_t> order(size);
  std::iota(order.begin(), order.end(), 0);
  RandomStream random(seed, RandomPurpose::kShuffle, UINT32_MAX, 0);  // the epoch that no training reaches
  for (int64_t i = 0; i < count; ++i) std::swap(order[i], order[i + random.Below(static_cast<uint32_t>(size - i))]);
  order.resize(count);
  std::sort(order.begin(), order.end());
  return order;
}

using Opened = Result<std::unique_ptr<Dataset>>;

bool IsMissing(const Opened& opened) { return !opened.ok() && opened.status().code() == ErrorCode::kNotFound; }

Opened OpenPictures(const DatasetInfo& info, const DatasetOptions& options, const std::string& split) {
  const auto packed = [&] {
    return OpenPacked(options.data_dir, split, options.channels, options.classes, options.threads);
  };
  if (info.layout == DatasetLayout::kShards) return packed();
  Opened folder = OpenFolder(options.data_dir, split, options.channels, options.classes);
  if (!IsMissing(folder)) return folder;
  Opened shards = packed();
  return IsMissing(shards) ? std::move(folder) : std::move(shards);
}

// The split, or the one that stands in where there is none of that name: not even one without pictures.
Opened OpenPicturesOrStandIn(const DatasetInfo& info, const DatasetOptions& options) {
  Opened asked = OpenPictures(info, options, options.split);
  const std::string other(StandInFor(options.split));
  if (!IsMissing(asked) || other.empty() || FindSplitFolder(options.data_dir, options.split).ok()) return asked;
  Opened opened = OpenPictures(info, options, other);
  if (IsMissing(opened)) return asked;
  if (opened.ok()) (*opened)->SetStandIn(other);
  return opened;
}

Result<std::unique_ptr<Dataset>> OpenLayout(const DatasetInfo& info, const DatasetOptions& options) {
  if (info.layout == DatasetLayout::kFolder || info.layout == DatasetLayout::kShards)
    return OpenPicturesOrStandIn(info, options);
  RIFFLE_ASSIGN(const SplitInfo* const split, FindSplit(info, options.split));
  if (info.layout == DatasetLayout::kCifar)
    return OpenCifar(info, *split, options.data_dir.empty() ? "." : options.data_dir, options.channels);
  return OpenIdx(info, *split, options.data_dir, options.channels);
}

}  // namespace

Result<Region> Dataset::ReadRegion(int64_t i, const ChooseNeed& choose, Picture& scratch) const {
  RIFFLE_ASSIGN(const PictureView whole, Read(i, scratch));
  const CropBox box = choose(whole.height, whole.width).box;
  return Region::Whole(whole.Crop(box.top, box.left, box.height, box.width));
}

Result<std::vector<uint8_t>> Dataset::Encoded(int64_t i) const {
  return Unavailable("{}: not a picture file of its own", NameOf(i));
}

std::string Dataset::Checksum() const {
  // The folder that all names begin with says where the data set lies.
  const std::string first = size() > 0 ? NameOf(0) : "";
  size_t common = first.rfind('/') + 1;
  for (int64_t i = 1; i < size() && common > 0; ++i) {
    const std::string name = NameOf(i);
    const size_t same =
        std::mismatch(first.begin(), first.begin() + common, name.begin(), name.end()).first - first.begin();
    if (same < common) common = first.substr(0, same).rfind('/') + 1;
  }
  uint64_t hash = 0xcbf29ce484222325;  // FNV-1a
  const auto add = [&](std::string_view bytes) {
    for (const char byte : bytes) hash = (hash ^ static_cast<uint8_t>(byte)) * 0x100000001b3;
  };
  for (int64_t i = 0; i < size(); ++i)
    add(fmt::format("{}\n{}\n", std::string_view(NameOf(i)).substr(common), label(i)));
  add(Contents());
  return fmt::format("{:016x}", hash);
}

Result<std::unique_ptr<Dataset>> OpenDataset(const DatasetOptions& options) {
  RIFFLE_ASSIGN(const DatasetInfo* const info, FindDataset(options.name));
  if (options.channels != 1 && options.channels != 3)
    return InvalidArgument("pictures have 1 or 3 channels, {} were asked for (--in_channels)", options.channels);
  RIFFLE_ASSIGN(std::unique_ptr<Dataset> dataset, OpenLayout(*info, options));
  if (options.exif_orientation) dataset->FollowExif();
  if (!options.classes.empty() && !SameClasses(options.classes, dataset->classes()))
    return InvalidArgument("{} has {} from '{}' to '{}', the network is trained for {} from '{}' to '{}'", info->name,
                           Counted(static_cast<int64_t>(dataset->classes().size()), "class"),
                           dataset->classes().front(), dataset->classes().back(), options.classes.size(),
                           options.classes.front(), options.classes.back());
  if (options.num_samples < 0 || options.num_samples > dataset->size())
    return InvalidArgument("--num_samples={}: the '{}' split of {} has {}", options.num_samples, options.split,
                           info->name, Counted(dataset->size(), "picture"));
  if (options.num_samples == 0 || options.num_samples == dataset->size()) return dataset;
  std::vector<int64_t> chosen = Choose(dataset->size(), options.num_samples, options.seed);
  return std::unique_ptr<Dataset>(std::make_unique<Subset>(std::move(dataset), std::move(chosen)));
}

}  // namespace riffle
