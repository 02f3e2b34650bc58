// A thread a pixel. Source pixels that neighbours share come from the cache.
#include "ops/gpu.h"
#include "ops/gpu_values.h"
#include "ops/pictures/pictures_values.h"

namespace riffle::RIFFLE_GPU {
namespace {

// The poor picture of contrast, a block a picture.
template <int kChannels>
struct MeanOfLuma {
  static constexpr int kThreads = 256;
  using Shared = BlockSums<int64_t, kThreads>;
  int64_t area;
  const uint8_t* resampled;
  const PictureFinish* finishes;
  float* means;

  RIFFLE_KERNEL void operator()(Shared& shared) const {
    const PictureFinish& finish = finishes[blockIdx.x];
    const size_t contrast = picture_values::ContrastOf(finish);
    if (contrast == finish.colors.size()) return;  // all threads
    const uint8_t* bytes = resampled + int64_t{blockIdx.x} * area * kChannels;
    int64_t sum = 0;
    for (int64_t i = BlockThread(); i < area; i += kThreads)
      sum += picture_values::LumaBefore<kChannels>(finish, contrast, bytes + i * kChannels);
    sum = BlockSum<int64_t, kThreads>(sum, shared);
    if (BlockThread() == 0) means[blockIdx.x] = picture_values::RoundedMean(sum, area);
  }
};

}  // namespace

template <int kChannels>
void ResampleAll(const Execution& execution, const PicturesShape& shape, const riffle::ResamplePictures& a) {
  const int size = shape.size;
  const int64_t values = shape.values();
  ForEachPixel(execution, 1, shape.plane(), [=] RIFFLE_LAMBDA(int, int64_t n, int place) {
    uint8_t* out = a.resampled + n * values + int64_t{place} * kChannels;
    picture_values::Resample<kChannels>(a, n, place / size, place % size, out);
  });
}

template <int kChannels>
void FinishAll(const Execution& execution, const PicturesShape& shape, const riffle::FinishPictures<float>& a) {
  const int size = shape.size;
  const int64_t area = shape.plane().area(), values = shape.values();
  float* const means = Scratch<float>(execution, shape.images);
  Launch(execution, {shape.images}, MeanOfLuma<kChannels>{area, a.resampled, a.finishes, means});
  ForEachPixel(execution, 1, shape.plane(), [=] RIFFLE_LAMBDA(int, int64_t n, int place) {
    const auto write = [&](int c, float value) { a.pictures[c][n * area + place] = value; };
    picture_values::Finish<kChannels>(a.finishes[n], a.options, means[n],
                                      a.resampled + n * values + int64_t{place} * kChannels, place / size, place % size,
                                      write);
  });
}

void ResamplePictures(const Execution& execution, const PicturesShape& shape, const riffle::ResamplePictures& a) {
  shape.channels == 1 ? ResampleAll<1>(execution, shape, a) : ResampleAll<3>(execution, shape, a);
}

void FinishPictures(const Execution& execution, const PicturesShape& shape, const riffle::FinishPictures<float>& a) {
  shape.channels == 1 ? FinishAll<1>(execution, shape, a) : FinishAll<3>(execution, shape, a);
  const int64_t pixels = shape.plane().pixels(), padding = a.pictures.stride - pixels;
  ForEach(execution, shape.channels * padding,
          [=] RIFFLE_LAMBDA(int64_t i) { a.pictures[i / padding][pixels + i % padding] = 0; });
}

}  // namespace riffle::RIFFLE_GPU
