// Gram matrices on channel-major maps (gram.h): block by block of pixels, a group's rows go about their means into
// scratch memory, and a tile of rows by rows of dot products stays in registers; the tiles below the diagonal are
// left out. Work is split into (group, chunk of pixels) by shape alone; chunks are added up in double and in order.
#include <algorithm>

#include "backend/execution.h"
#include "backend/scratch.h"
#include "ops/cpu.h"
#include "ops/row_prefetch.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/gram/gram_cpu.cc"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
#include "ops/group_conv/dot-inl.h"

HWY_BEFORE_NAMESPACE();
namespace riffle::cpu::HWY_NAMESPACE {
namespace {

// Pixels of a group's rows that are in scratch memory at a time: 32 KB of them, which is L1, but not so few that adding
// up lanes counts.
int64_t GramBlock(int64_t rows) {
  constexpr int64_t kFloats = int64_t{8} << 10, kStep = 64, kFewest = 256, kMost = 1024;
  return std::clamp(kFloats / rows / kStep * kStep, kFewest, kMost);
}

// Adds pixels [begin, begin + count) of one group: sums[i][j], of which the tiles below the diagonal are not written.
HWY_NOINLINE void AddBlock(const GramShape& shape, const riffle::Gram<float>& args, int64_t g, int64_t begin,
                           int64_t count, Rows<float> centred, Rows<float> sums, RowPrefetch& next) {
  const int64_t k = shape.per_group(), first = g * k;
  for (int64_t row = 0; row < k; ++row)
    LoadCentred(args.x[first + row] + begin, count, args.moments[first + row].mean, centred[row]);
  for (int64_t row = 0; row < k; row += kDotRows) {
    next.Advance(row + kDotRows, k + kDotRows);
    for (int64_t column = row / kDotColumns * kDotColumns; column < k; column += kDotColumns)
      DotTileOfSize(k - row, k - column, Rows<const float>(centred.From(row)), Rows<const float>(centred.From(column)),
                    count, Rows<float>{sums[row] + column, sums.stride});
  }
}

void GramOfGroups(const Execution& execution, const GramShape& shape, const riffle::Gram<float>& args) {
  constexpr int64_t kMostChunks = 32;
  const int64_t k = shape.per_group(), block = GramBlock(k), blocks = (shape.pixels + block - 1) / block;
  const int64_t chunk = (blocks + kMostChunks - 1) / kMostChunks * block;
  const int64_t chunks = (shape.pixels + chunk - 1) / chunk, size = k * PartialColumns(k);
  Scratch scratch;
  float* partials = scratch.Floats(shape.groups * chunks * size);
  const auto partial = [&](int64_t g, int64_t c) {
    return Rows<float>{partials + (c * shape.groups + g) * size, PartialColumns(k)};
  };
  execution.pool.ParallelFor(shape.groups * chunks, [&](int64_t task) {
    const int64_t g = task % shape.groups, c = task / shape.groups;
    const int64_t last = std::min((c + 1) * chunk, shape.pixels);
    const Rows<float> sums = partial(g, c);
    FillZero(sums.data, size);
    Scratch own;
    const int64_t stride = RowStride(block);
    const Rows<float> centred{own.Floats(k * stride), stride};
    for (int64_t begin = c * chunk; begin < last; begin += block) {
      RowPrefetch next;
      next.Add(args.x.From(g * k), k, begin + block, std::min(block, last - begin - block));
      AddBlock(shape, args, g, begin, std::min(block, last - begin), centred, sums, next);
    }
  });
  execution.pool.ParallelFor(shape.channels, [&](int64_t channel) {
    const int64_t g = channel / k, i = channel % k;
    float* group = args.comoments + g * k * k;
    for (int64_t j = i; j < k; ++j) {
      double sum = 0;
      for (int64_t c = 0; c < chunks; ++c) sum += double{partial(g, c)[i][j]};
      group[i * k + j] = group[j * k + i] = static_cast<float>(sum);
    }
  });
}

}  // namespace
}  // namespace riffle::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace riffle::cpu {

HWY_EXPORT(GramOfGroups);

void Gram(const Execution& execution, const GramShape& shape, const riffle::Gram<float>& args) {
  HWY_DYNAMIC_DISPATCH(GramOfGroups)(execution, shape, args);
}

}  // namespace riffle::cpu
#endif
