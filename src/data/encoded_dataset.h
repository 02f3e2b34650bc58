// Pictures that are files of their own, wherever the files lie: decoding in one place.
#pragma once

#include <cstdint>
#include <vector>

#include "data/dataset.h"
#include "picture/decode.h"

namespace riffle {

/// A data set whose Encoded never fails for being none. Subclasses say where the bytes are.
class EncodedDataset : public Dataset {
 public:
  explicit EncodedDataset(int channels) : channels_(channels) {}

  Result<PictureView> Read(int64_t i, Picture& scratch) const override {
    RIFFLE_ASSIGN(const Region whole, ReadRegion(i, Need::Whole, scratch));
    return whole.pixels;
  }

  Result<Region> ReadRegion(int64_t i, const ChooseNeed& choose, Picture& scratch) const override {
    RIFFLE_ASSIGN(const std::vector<uint8_t> bytes, Encoded(i));
    Result<Region> region = DecodeRegion(bytes, channels_, choose, scratch, exif_);
    if (!region.ok()) return Status(region.status()).In(NameOf(i));
    return region;
  }

  void FollowExif() override { exif_ = Exif::kFollowed; }

 private:
  int channels_;
  Exif exif_ = Exif::kIgnored;
};

}  // namespace riffle
