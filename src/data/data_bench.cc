// Pictures per second of one core, for each stage between a data set and a batch.
#include <benchmark/benchmark.h>

#include "data/loader.h"
#include "data/readers.h"
#include "data/transform.h"
#include "picture/normalise.h"
#include "picture/resize.h"

namespace riffle {
namespace {

Picture Noise(int height, int width) {
  Picture picture;
  picture.Reshape(height, width, 3);
  RandomStream random(1, RandomPurpose::kTest, 0, 0);
  for (uint8_t& value : picture.pixels) value = static_cast<uint8_t>(random.Bits());
  return picture;
}

void BM_CifarTraining(benchmark::State& state) {
  const DatasetInfo& info = **FindDataset("cifar10");
  const auto transform = Transform::ForTraining(DefaultPreprocessing(info, 32, 3), DefaultAugmentation(info));
  const Picture picture = Noise(32, 32);
  TransformScratch scratch;
  std::vector<float> out(3 * 1024);
  uint32_t index = 0;
  for (auto _ : state) {
    RandomStream random(1, RandomPurpose::kAugmentation, 0, index++);
    benchmark::DoNotOptimize(transform->Apply(picture.View(), random, scratch, out.data(), 1024).ok());
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_CifarTraining);

// The whole way from memory to batches, with one worker.
void BM_CifarLoader(benchmark::State& state) {
  constexpr int kPictures = 10000, kBatch = 128;
  const DatasetInfo& info = **FindDataset("cifar10");
  const auto transform = Transform::ForTraining(DefaultPreprocessing(info, 32, 3), DefaultAugmentation(info));
  const MemoryDataset dataset("bench", {"only"}, std::vector<int32_t>(kPictures), {nullptr, 32, 32, 3, 96},
                              std::vector<uint8_t>(kPictures * 3072, 100));
  const auto loader = Loader::Create(dataset, *transform, {.batch_size = kBatch, .workers = 1});
  for (auto _ : state) benchmark::DoNotOptimize((*loader)->Next().ok());
  state.SetItemsProcessed(state.iterations() * kBatch);
}
BENCHMARK(BM_CifarLoader)->UseRealTime();

void BM_Normalise224(benchmark::State& state) {
  const Picture picture = Noise(224, 224);
  const float scale[] = {1, 2, 3}, shift[] = {1, 2, 3};
  std::vector<float> out(3 * 224 * 224);
  for (auto _ : state) {
    WriteNormalised(picture.View(), state.range(0) != 0, false, scale, shift, out.data(), 224 * 224);
    benchmark::ClobberMemory();
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_Normalise224)->Arg(0)->Arg(1);

void BM_Resize(benchmark::State& state) {
  const Picture picture = Noise(375, 500);
  ResizeScratch scratch;
  Picture out;
  for (auto _ : state) {
    Resize(picture.View(), 256, 341, {16, 58, 224, 224}, Interpolation::kBilinear, scratch, out);
    benchmark::ClobberMemory();
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_Resize);

}  // namespace
}  // namespace riffle
