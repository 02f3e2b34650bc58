// For tests: a data set of pictures that know their numbers, and what a loader makes of them.
#pragma once

#include <atomic>
#include <chrono>
#include <set>
#include <thread>
#include <vector>

#include "data/loader.h"
#include "picture/testing/pictures.h"

namespace riffle {

// Pictures that tell their number in every value; some can be made to fail or to take time.
class Numbers : public Dataset {
 public:
  explicit Numbers(int size) {
    classes_ = {"even", "odd"};
    for (int i = 0; i < size; ++i) labels_.push_back(i % 2);
  }
  std::string NameOf(int64_t i) const override { return fmt::format("number {}", i); }
  Result<PictureView> Read(int64_t i, Picture& scratch) const override {
    if (broken_.contains(i)) return DataLoss("number {} is broken", i);
    ++reads_;
    if (slow_) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    scratch = SomePicture(8, 8, 3, static_cast<uint32_t>(i));
    scratch.incomplete = cut_.contains(i);
    return scratch.View();
  }
  std::set<int64_t> broken_, cut_;
  bool slow_ = false;
  mutable std::atomic<int> reads_ = 0;
};

inline Transform Augmented() {
  const DatasetInfo& cifar = **FindDataset("cifar10");
  return *Transform::ForTraining(DefaultPreprocessing(cifar, 8, 3), DefaultAugmentation(cifar));
}

// [channels][versions][8 · 8]: the pixels of place i of a batch.
inline std::vector<float> PixelsAt(const Batch& batch, int i) {
  std::vector<float> pixels;
  for (int c = 0; c < 3; ++c)
    for (int place = i; place < batch.images; place += batch.samples())
      pixels.insert(pixels.end(), batch.pixels[c] + place * 64, batch.pixels[c] + (place + 1) * 64);
  return pixels;
}

}  // namespace riffle
