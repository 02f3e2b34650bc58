#include "data/pack_dataset.h"

#include <algorithm>
#include <atomic>

#include "data/crc32.h"
#include "data/shard_index.h"
#include "picture/decode.h"
#include "picture/exif.h"

namespace riffle {
namespace {

namespace fs = std::filesystem;

class PackDataset : public Dataset {
 public:
  PackDataset(std::vector<OpenedPack> packs, int channels, std::vector<LeftOut> left_out)
      : packs_(std::move(packs)), channels_(channels) {
    classes_ = packs_.front().head.classes;
    left_out_ = std::move(left_out);
    for (const OpenedPack& pack : packs_) {
      if (!pack.head.pictures.empty()) starts_.push_back(size());
      first_.push_back(size());
      for (const PackedPicture& row : pack.head.pictures) labels_.push_back(row.label);
    }
    verified_ = std::vector<std::atomic<bool>>(labels_.size());
  }

  std::string NameOf(int64_t i) const override {
    const auto [pack, k] = Find(i);
    return fmt::format("{}: {}", pack.file.path().string(), pack.head.NameOf(k));
  }

  Result<PictureView> Read(int64_t i, Picture& scratch) const override {
    RIFFLE_ASSIGN(const Region whole, ReadRegion(i, Need::Whole, scratch));
    return whole.pixels;
  }

  Result<Region> ReadRegion(int64_t i, const ChooseNeed& choose, Picture& scratch) const override {
    const auto [pack, k] = Find(i);
    const PackedPicture& row = pack.head.pictures[k];
    RIFFLE_TRY(VerifyOnce(i));
    const bool turned = exif_ == Exif::kFollowed && row.orientation != 1;
    const ChooseNeed whole = Need::Whole;
    const bool raw = pack.head.encoding == PackEncoding::kRaw;
    RIFFLE_ASSIGN(Region region, raw ? RawRegion(pack.file, row, turned ? whole : choose, scratch)
                                     : FileRegion(i, turned ? whole : choose, scratch));
    if (turned) {
      if (region.pixels.pixels != scratch.pixels.data()) CopyTo(scratch, region.pixels);
      TurnUpright(row.orientation, scratch);
      const CropBox box = choose(scratch.height, scratch.width).box;
      region = Region::Whole(scratch.View().Crop(box.top, box.left, box.height, box.width));
    }
    const bool damaged = !raw && scratch.incomplete;  // since it was packed
    row.Mark(scratch);
    scratch.incomplete |= damaged;
    return region;
  }

  Result<std::vector<uint8_t>> Encoded(int64_t i) const override {
    if (Find(i).pack.head.encoding == PackEncoding::kRaw)
      return Unavailable("{}: raw pixels, no picture file; 'riffle data pack' takes them with --max_side", NameOf(i));
    RIFFLE_TRY(VerifyOnce(i));
    RIFFLE_ASSIGN(const std::span<const uint8_t> bytes, BytesOf(i));
    return std::vector<uint8_t>(bytes.begin(), bytes.end());
  }

  std::string Contents() const override {
    std::string checksums;
    for (const OpenedPack& pack : packs_) checksums += IndexChecksum(pack.head.checksum);
    return checksums;
  }

  Status Verify(int64_t i) const override {
    RIFFLE_ASSIGN(const std::span<const uint8_t> bytes, BytesOf(i));
    const auto [pack, k] = Find(i);
    if (Crc32(bytes) != pack.head.pictures[k].checksum)
      return DataLoss("{}: damaged since it was packed: its checksum is another one; pack anew", NameOf(i));
    verified_[i].store(true, std::memory_order_relaxed);
    return {};
  }

  std::optional<int64_t> MostOfShorterSide() const override {
    uint32_t most = 0;
    for (const OpenedPack& pack : packs_)
      for (const PackedPicture& row : pack.head.pictures) most = std::max(most, std::min(row.height, row.width));
    return most;
  }

  std::optional<int64_t> BytesInPlace(int64_t i) const override {
    const auto [pack, k] = Find(i);
    const PackedPicture& row = pack.head.pictures[k];
    const bool is_kept = pack.head.encoding == PackEncoding::kRaw && row.readable() && row.channels == channels_;
    if (!is_kept || (exif_ == Exif::kFollowed && row.orientation != 1)) return std::nullopt;
    return row.bytes;
  }

  std::vector<int64_t> ShardStarts() const override { return starts_; }

  void FollowExif() override { exif_ = Exif::kFollowed; }

 private:
  struct Place {
    const OpenedPack& pack;
    size_t k;  // which of its pictures
  };
  Place Find(int64_t i) const {
    const size_t pack = std::ranges::upper_bound(first_, i) - first_.begin() - 1;
    return {packs_[pack], static_cast<size_t>(i - first_[pack])};
  }

  Status VerifyOnce(int64_t i) const { return verified_[i].load(std::memory_order_relaxed) ? Status() : Verify(i); }

  Status CheckReadable(int64_t i) const {
    const auto [pack, k] = Find(i);
    if (pack.head.pictures[k].readable()) return {};
    return DataLoss("{}: it could not be read when it was packed ('riffle data check' of the originals tells why)",
                    NameOf(i));
  }

  Result<std::span<const uint8_t>> BytesOf(int64_t i) const {
    RIFFLE_TRY(CheckReadable(i));
    const auto [pack, k] = Find(i);
    return pack.file.Fetch(pack.head.pictures[k].offset, pack.head.pictures[k].bytes);
  }

  Result<Region> FileRegion(int64_t i, const ChooseNeed& choose, Picture& scratch) const {
    RIFFLE_ASSIGN(const std::span<const uint8_t> bytes, BytesOf(i));
    Result<Region> region = DecodeRegion(bytes, channels_, choose, scratch);
    if (!region.ok()) return Status(region.status()).In(NameOf(i));
    return region;
  }

  // Of the file only the rows that are needed.
  Result<Region> RawRegion(const MappedFile& file, const PackedPicture& row, const ChooseNeed& choose,
                           Picture& scratch) const {
    const CropBox box = choose(static_cast<int>(row.height), static_cast<int>(row.width)).box;
    const int64_t row_bytes = int64_t{row.width} * row.channels;
    RIFFLE_ASSIGN(const std::span<const uint8_t> rows,
                  file.Fetch(row.offset + box.top * row_bytes, box.height * row_bytes));
    PictureView part = {rows.data() + box.left * row.channels, box.height, box.width, row.channels, row_bytes};
    if (part.channels != channels_) {
      CopyTo(scratch, part);
      ConvertChannels(scratch, channels_);
      part = scratch.View();
    }
    return Region::Whole(part);
  }

  std::vector<OpenedPack> packs_;
  std::vector<int64_t> first_;                       // the number of each pack's first picture, empty packs too
  std::vector<int64_t> starts_;                      // the same without those
  mutable std::vector<std::atomic<bool>> verified_;  // pictures, since this data set was opened
  int channels_;
  Exif exif_ = Exif::kIgnored;
};

}  // namespace

Result<OpenedPack> OpenPack(const fs::path& path) {
  RIFFLE_ASSIGN(MappedFile file, MappedFile::Open(path));
  Result<PackHead> head = ReadPackHead(file.bytes());
  if (!head.ok()) return Status(head.status()).In(path.string());
  return OpenedPack{std::move(file), std::move(*head)};
}

std::unique_ptr<Dataset> MakePackDataset(std::vector<OpenedPack> packs, int channels, std::vector<LeftOut> left_out) {
  return std::make_unique<PackDataset>(std::move(packs), channels, std::move(left_out));
}

}  // namespace riffle
