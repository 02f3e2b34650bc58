// The ops of pictures.h, a picture a task. Networks on the CPU are fed by the loader's workers, which are much faster
// (data/transform.h): these are for devices that stand in for a card.
#include "ops/cpu.h"
#include "ops/pictures/pictures_ref.h"

namespace riffle::cpu {

void ResamplePictures(const Execution& execution, const PicturesShape& shape, const riffle::ResamplePictures& args) {
  execution.pool.ParallelFor(shape.images, [&](int64_t n) { ResampleOne(shape, args, n); });
}

void FinishPictures(const Execution& execution, const PicturesShape& shape, const riffle::FinishPictures<float>& args) {
  execution.pool.ParallelFor(shape.images, [&](int64_t n) { FinishOne(shape, args, n); });
  for (int c = 0; c < shape.channels; ++c) ClearPadding(shape, args, c);
}

}  // namespace riffle::cpu
