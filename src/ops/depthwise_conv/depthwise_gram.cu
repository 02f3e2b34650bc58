// Both in one pass over maps of bfloat16. Blocks stay, and go from tile to tile of a group's rows: whole pictures, or a
// band of lines of one. A tile's input is on its way to shared memory while what the tile before it came to is stored
// and multiplied. Threads go down strips of lines, one column wide (gpu_windows.h); what they compute lies in shared
// memory as tensor cores take it. A warp then has 16 of the group's rows, and of those 8 pixels of 16 as operands: the
// dots stay in its registers, and where there are warps left they share the pixels. Moments are a row's of each tile,
// merged as they come.
#include <iterator>

#include "ops/depthwise_conv/depthwise_gram_cut.h"
#include "ops/depthwise_conv/depthwise_windows.h"
#include "ops/gpu.h"
#include "ops/gpu_windows.h"
#include "ops/group_conv/conv_rows.h"
#include "ops/row_dots.h"
#include "ops/tensor_row_product.h"

namespace riffle::RIFFLE_GPU {
namespace {

/// A tile. Its pixels, of the input and of the output, lie behind one another in a row.
struct PictureTile {
  int64_t in_begin, out_begin;
  int in_pixels, out_pixels;
  int images, line, end;  ///< lines [line, end) of outputs of so many pictures
  int in_line;            ///< the first that is read

  RIFFLE_KERNEL PictureTile(const PictureTiles& tiles, int index) {
    const int64_t first = int64_t{index / tiles.bands} * tiles.pictures, left = tiles.in.images - first;
    const auto height = static_cast<int>(tiles.in.height), width = static_cast<int>(tiles.in.width);
    const auto out_height = static_cast<int>(tiles.out.height), out_width = static_cast<int>(tiles.out.width);
    images = left < tiles.pictures ? static_cast<int>(left) : tiles.pictures;
    line = index % tiles.bands * tiles.lines;
    end = line + tiles.lines < out_height ? line + tiles.lines : out_height;
    in_line = line > 0 ? tiles.stride * line - 1 : 0;
    const int in_end = tiles.stride * (end - 1) + 2 < height ? tiles.stride * (end - 1) + 2 : height;
    in_begin = first * tiles.in.area() + in_line * width;
    out_begin = first * tiles.out.area() + line * out_width;
    in_pixels = ((images - 1) * height + in_end - in_line) * width;
    out_pixels = ((images - 1) * out_height + end - line) * out_width;
  }
};

constexpr int kNeighbours = DepthwiseGramCut::kNeighbours;
static_assert(sizeof(Part) == DepthwiseGramCut::kPartBytes);

template <int kSize, int kOfStride>
struct DepthwiseGramPass {
  static constexpr int kThreads = 256, kWarps = kThreads / kWarp, kStride = kOfStride;
  static constexpr int kBlocksAtOnce = kDepthwiseGramSizes[kSize].blocks_at_once;
  static constexpr int kColumnTiles = kDepthwiseGramSizes[kSize].rows / 8;
  static constexpr uint32_t kOnes = 0x3F803F80;  // a pair of 1
  using Shared = unsigned char;
  using Row = DepthwiseWindows<Bfloat16>::Row;

  RowDotsShape dots;  // with sums
  DepthwiseWindows<Bfloat16> op;
  PictureTiles tiles;
  int in_pitch, out_pitch, slots;  // as of the cut
  int64_t shared_bytes;
  float* dot_parts;  // [slots·teams][dots.values()]
  PartsOfRows parts;

  int64_t SharedBytes() const { return shared_bytes; }
  int64_t DotParts() const { return int64_t{slots} * Teams(); }

  RIFFLE_KERNEL void operator()(Shared& shared) const {
    const auto groups = static_cast<unsigned>(dots.groups);
    auto* const in = reinterpret_cast<Bfloat16*>(&shared);
    Bfloat16* const out = in + dots.rows * in_pitch;
    const Block block = {in, out, reinterpret_cast<Part*>(out + (dots.rows + 1) * out_pitch),
                         static_cast<int>(blockIdx.x % groups) * dots.rows, static_cast<int>(blockIdx.x / groups)};
    Bfloat16* const zeros = out + dots.rows * out_pitch;
    for (int i = BlockThread(); i < out_pitch; i += kThreads) zeros[i] = Bfloat16(0);
    for (int i = BlockThread(); i < dots.rows; i += kThreads) block.parts[i] = {{0, 0}, 0};
    AsyncCopies copies;
    Ask(block, block.slot, copies);
    Sums sums = {};
    for (int index = block.slot; index < tiles.count; index += slots) {
      const PictureTile tile(tiles, index);
      copies.template Wait<0>();
      __syncthreads();
      Convolve(block, tile);
      ClearAround(block, tile);
      __syncthreads();
      Ask(block, index + slots, copies);
      Store(block, tile);
      Gather(block, tile);
      AddDots(block, tile, sums);
    }
    StoreDots(block, sums);
    __syncthreads();
    for (int row = BlockThread(); row < dots.rows; row += kThreads)
      parts.of_rows[(block.first_row + row) * parts.count + block.slot] = block.parts[row];
  }

 private:
  struct Block {
    Bfloat16 *in, *out;  // in shared memory
    Part* parts;
    int first_row, slot;
  };
  struct Sums {
    float dot[kColumnTiles][4], row[4];
  };
  RIFFLE_SHARED_CODE int RowTiles() const { return (dots.rows + kTensorSide - 1) / kTensorSide; }
  RIFFLE_SHARED_CODE int Teams() const { return kWarps / RowTiles(); }
  RIFFLE_KERNEL int Team() const { return Warp() / RowTiles(); }
  RIFFLE_KERNEL int FirstRow() const { return Warp() % RowTiles() * kTensorSide; }
  // Where the pixels of a tile begin in a row in shared memory: as in a line of eights of the map.
  RIFFLE_KERNEL static int Shift(int64_t begin) { return static_cast<int>(begin % kNeighbours); }

  // Brings a tile's input to shared memory.
  RIFFLE_KERNEL void Ask(const Block& block, int index, AsyncCopies& copies) const {
    if (index < tiles.count) {
      const PictureTile tile(tiles, index);
      const int shift = Shift(tile.in_begin), eights = (shift + tile.in_pixels + kNeighbours - 1) / kNeighbours;
      const int64_t begin = tile.in_begin - shift, pixels = tiles.in.pixels();
      for (int i = BlockThread(); i < dots.rows * eights; i += kThreads) {
        const int row = i / eights, at = i % eights * kNeighbours;
        const Bfloat16* const from = op.a.x[InRow(op.a.rows, block.first_row + row)];
        Bfloat16* const to = block.in + row * in_pitch + at;
        if (begin + at + kNeighbours <= pixels && IsPacked<kNeighbours>(from + begin + at))
          copies.Copy(to, from + begin + at);
        else
          StoreWords(to, LoadPackedValues<kNeighbours, false>(from, begin + at, pixels));
      }
    }
    copies.Commit();
  }

  // Columns of strips, row by row. Where a thread's next one is follows from where it is, without a division.
  RIFFLE_KERNEL void Convolve(const Block& block, const PictureTile& tile) const {
    const auto width = static_cast<int>(tiles.out.width);
    const int strips = tiles.pictures * tiles.strips;
    const int column_step = kThreads % width, strip_step = kThreads / width % strips;
    const int row_step = kThreads / width / strips;
    int column = BlockThread() % width, strip = BlockThread() / width % strips, row = BlockThread() / width / strips;
    while (row < dots.rows) {
      Slide(block, tile, row, strip, column);
      column += column_step, strip += strip_step, row += row_step;
      if (column >= width) column -= width, ++strip;
      if (strip >= strips) strip -= strips, ++row;
    }
  }
  RIFFLE_KERNEL void Slide(const Block& block, const PictureTile& tile, int row, int strip, int column) const {
    const auto height = static_cast<int>(tiles.in.height), width = static_cast<int>(tiles.in.width);
    const auto out_height = static_cast<int>(tiles.out.height), out_width = static_cast<int>(tiles.out.width);
    const int picture = strip / tiles.strips, first = tile.line + strip % tiles.strips * tiles.strip_lines;
    const int end = first + tiles.strip_lines < tile.end ? first + tiles.strip_lines : tile.end;
    if (picture >= tile.images || first >= end) return;
    const Row values(op, block.first_row + row);
    const int left = kStride * column - 1;
    const bool has_left = left >= 0, has_right = left + 2 < width;  // the middle is always inside
    const Bfloat16* const from = block.in + row * in_pitch + Shift(tile.in_begin) + left;
    Bfloat16* const to = block.out + row * out_pitch + Shift(tile.out_begin) + column;
    const auto read = [&](int h, float(&line)[3]) {
      const bool inside = 0 <= h && h < height;
      const Bfloat16* const at = from + (inside ? picture * height + h - tile.in_line : 0) * width;
      line[0] = inside && has_left ? values.Load(float(at[0])) : 0;
      line[1] = inside ? values.Load(float(at[1])) : 0;
      line[2] = inside && has_right ? values.Load(float(at[2])) : 0;
    };
    SlideDown<kStride>(first, end, 1, read, [&](int i, const float(&window)[3][3]) {
      to[(picture * out_height + i - tile.line) * out_width] = Bfloat16(values.Result(window, i, column));
    });
  }

  // Zeros before and behind a tile's results, up to whole steps of tensor cores.
  RIFFLE_KERNEL void ClearAround(const Block& block, const PictureTile& tile) const {
    const int begin = Shift(tile.out_begin), end = begin + tile.out_pixels;
    for (int row = BlockThread(); row < dots.rows; row += kThreads) {
      Bfloat16* const to = block.out + row * out_pitch;
      for (int p = 0; p < begin; ++p) to[p] = Bfloat16(0);
      for (int p = end; p % kTensorSide != 0; ++p) to[p] = Bfloat16(0);
    }
  }

  RIFFLE_KERNEL void Store(const Block& block, const PictureTile& tile) const {
    const int begin = Shift(tile.out_begin), end = begin + tile.out_pixels;
    const int eights = (end + kNeighbours - 1) / kNeighbours;
    for (int i = BlockThread(); i < dots.rows * eights; i += kThreads) {
      const int row = i / eights, at = i % eights * kNeighbours;
      const Bfloat16* const from = block.out + row * out_pitch + at;
      Bfloat16* const to = op.a.y[block.first_row + row] + tile.out_begin - begin + at;
      if (begin <= at && at + kNeighbours <= end && IsPacked<kNeighbours>(to)) {
        StoreWordsToMap(to, LoadWords<kNeighbours / 2>(from));
      } else {
        for (int k = 0; k < kNeighbours; ++k)
          if (begin <= at + k && at + k < end) to[k] = from[k];
      }
    }
  }

  // What the rows come to: a warp has each kWarps-th. Sums are about one of the values.
  RIFFLE_KERNEL void Gather(const Block& block, const PictureTile& tile) const {
    const auto count = static_cast<float>(tile.out_pixels);
    for (int row = Warp(); row < dots.rows; row += kWarps) {
      const Bfloat16* const values = block.out + row * out_pitch + Shift(tile.out_begin);
      const auto pivot = float(values[0]);
      float sum = 0, squares = 0;
      for (int p = Lane(); p < tile.out_pixels; p += kWarp) {
        const float distance = float(values[p]) - pivot;
        sum += distance;
        squares += distance * distance;
      }
      sum = WarpSum(sum);
      squares = WarpSum(squares) - sum * sum / count;
      if (Lane() > 0) continue;
      const Part part = {{pivot * count + sum, squares < 0 ? 0 : squares}, count};
      block.parts[row] = OutputRows<Bfloat16>::Merge(block.parts[row], part);
    }
  }

  // A row of results; zeros behind those of the group.
  RIFFLE_KERNEL const Bfloat16* RowAt(const Block& block, int row) const {
    return block.out + (row < dots.rows ? row : dots.rows) * out_pitch;
  }
  RIFFLE_KERNEL void AddDots(const Block& block, const PictureTile& tile, Sums& sums) const {
    if (Team() >= Teams()) return;
    const int end = Shift(tile.out_begin) + tile.out_pixels;
    const Bfloat16* const left = RowAt(block, FirstRow() + Lane() % 16) + Lane() / 16 * 8;
    for (int p = Team() * kTensorSide; p < end; p += Teams() * kTensorSide) {
      uint32_t a[4];
      LoadMatrices(a, left + p);
      RIFFLE_UNROLL for (int n = 0; n < kColumnTiles; n += 2) {
        if (n * 8 >= dots.rows) break;
        uint32_t b[4];
        LoadMatrices(b, RowAt(block, n * 8 + Lane() / 16 * 8 + Lane() % 8) + Lane() / 8 % 2 * 8 + p);
        MultiplyAdd(sums.dot[n], a, b[0], b[1]);
        if (n + 1 < kColumnTiles) MultiplyAdd(sums.dot[n + 1], a, b[2], b[3]);
      }
      MultiplyAdd(sums.row, a, kOnes, kOnes);
    }
  }

  RIFFLE_KERNEL void StoreDots(const Block& block, const Sums& sums) const {
    if (Team() >= Teams()) return;
    float* const to = dot_parts + (int64_t{block.slot} * Teams() + Team()) * dots.values();
    RIFFLE_UNROLL for (int half = 0; half < 2; ++half) {
      const int row = FirstRow() + half * 8 + Lane() / 4;
      if (row >= dots.rows) continue;
      RIFFLE_UNROLL for (int n = 0; n < kColumnTiles; ++n) {
        RIFFLE_UNROLL for (int e = 0; e < 2; ++e) {
          const int column = n * 8 + Lane() % 4 * 2 + e;
          if (column < dots.rows)
            to[(int64_t{block.first_row} + row) * dots.columns + column] = sums.dot[n][half * 2 + e];
        }
      }
      if (Lane() % 4 == 0) to[dots.dots() + block.first_row + row] = sums.row[half * 2];
    }
  }
};

template <int kSize, int kStride>
void Run(const Execution& execution, const DepthwiseGramShape& shape, const riffle::DepthwiseGram<float, Bfloat16>& a,
         const DepthwiseGramCut& cut) {
  const GramShape gram = shape.gram();
  DepthwiseGramPass<kSize, kStride> pass = {
      .dots = {gram.groups, gram.per_group(), gram.per_group(), gram.pixels, true},
      .op = {a.conv},
      .tiles = cut.tiles,
      .in_pitch = cut.in_pitch,
      .out_pitch = cut.out_pitch,
      .slots = cut.slots,
      .shared_bytes = cut.shared_bytes};
  const int64_t dot_bytes = Aligned(pass.DotParts() * pass.dots.values() * int64_t{sizeof(float)});
  const int64_t part_bytes = gram.channels * pass.slots * int64_t{sizeof(Part)};
  auto* const memory = Scratch<unsigned char>(execution, dot_bytes + part_bytes);
  pass.dot_parts = reinterpret_cast<float*>(memory);
  pass.parts = {reinterpret_cast<Part*>(memory + dot_bytes), pass.slots};
  Launch(execution, {int64_t{pass.slots} * gram.groups}, pass);
  Launch(execution, {gram.channels}, MomentsOfRowParts{gram.pixels, pass.parts, a.conv.moments});
  LaunchAddParts(execution, pass.dots, {.right = a.conv.moments, .left_too = true}, pass.DotParts(), pass.dot_parts,
                 a.comoments, nullptr);
}

template <int kStride>
void RunOfSize(const Execution& execution, const DepthwiseGramShape& shape,
               const riffle::DepthwiseGram<float, Bfloat16>& a, const DepthwiseGramCut& cut) {
  static_assert(std::size(kDepthwiseGramSizes) == 3);
  switch (cut.size) {
    case 0:
      return Run<0, kStride>(execution, shape, a, cut);
    case 1:
      return Run<1, kStride>(execution, shape, a, cut);
    default:
      return Run<2, kStride>(execution, shape, a, cut);
  }
}

}  // namespace

void DepthwiseGram(const Execution& execution, const DepthwiseGramShape& shape,
                   const riffle::DepthwiseGram<float, Bfloat16>& a) {
  if (const auto cut = CutDepthwiseGram(shape, TargetOf<Bfloat16>(execution)))
    return shape.conv.stride == 1 ? RunOfSize<1>(execution, shape, a, *cut) : RunOfSize<2>(execution, shape, a, *cut);
  DepthwiseConvForward(execution, shape.conv, a.conv);
  Gram(execution, shape.gram(), {.comoments = a.comoments, .x = a.conv.y, .moments = a.conv.moments});
}

}  // namespace riffle::RIFFLE_GPU
