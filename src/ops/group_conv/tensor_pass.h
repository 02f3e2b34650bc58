// A group convolution, or two in a chain, in one pass over maps of bfloat16: each value is read once and written once,
// tensor cores multiply. A group has wide rows (of a unit's channels) and narrow rows (of its bottleneck's); a pass
// does what its parts say of
//   narrow rows `first`        from which the wide rows are computed, with the weights to_wide
//   wide rows                  those, or rows that are read (pass_rows.h)
//   narrow rows `out`          computed from the wide rows, with the weights to_narrow
//   dots                       of wide rows with first ones, and with narrow rows `second`: gradients of weights
//
// A warp has 16 wide rows, or several times as many one after the other: their values are its registers, as the results
// of one product and operands of the next. Narrow rows, and wide ones that others need, lie in shared memory. Blocks
// stay and go from tile to tile of pixels, so that sums over pixels stay in registers, too. What the next tile needs is
// on its way meanwhile: each thread has slots in shared memory that nobody else touches. It takes what has come, and
// asks for the same place of the next tile.
#pragma once

#include <cstdint>

#include "ops/group_conv/pass_cut.h"
#include "ops/group_conv/pass_rows.h"
#include "ops/row_dots.h"
#include "ops/tensor_row_product.h"

namespace riffle::RIFFLE_GPU {

/// Dots of each block, and team of it: [parts][values].
struct PassDots {
  float* parts = nullptr;
  int64_t values = 0;   ///< of a part
  int64_t sums_at = 0;  ///< where those of the wide rows begin, if `sums`
  bool sums = false;
};

template <class Wide, class First, class Second, class Out, PassSize kSize>
struct TensorPass {
  static constexpr int kThreads = LimitsOf(kSize).threads, kBlocksAtOnce = LimitsOf(kSize).blocks_at_once;
  static constexpr int kNeighbours = PassCut::kNeighbours, kSharePixels = PassCut::kSharePixels;
  static constexpr int kShares = PassCut::kShares;
  static constexpr int kNarrowTiles = LimitsOf(kSize).narrow_rows / 8;
  static constexpr bool kFirst = !std::is_same_v<First, NoRows>, kSecond = !std::is_same_v<Second, NoRows>;
  static constexpr bool kOut = !std::is_same_v<Out, NoRows>;
  static constexpr bool kFirstDots = Wide::kFirstDots, kSecondDots = kSecond && Wide::kSecondDots;
  static constexpr bool kAgain = kFirstDots && kSecond;  // wide rows may have to be computed once more
  static constexpr uint32_t kOnes = 0x3F803F80;          // a pair of 1
  static constexpr int kFragment = kTensorSide * kTensorSide;
  static constexpr PassParts kParts = {Wide::kMaps, First::kMaps, Second::kMaps, kOut, kFirstDots, kSecondDots};
  using Shared = unsigned char;
  using Area = PassCut::Area;
  using enum PassCut::Area;
  using Packed = Words<kNeighbours / 2>;
  static_assert(sizeof(Packed) == PassCut::kPackedBytes && sizeof(Part) == PassCut::kPartBytes);

  PassShape shape;
  PassCut cut;
  Wide wide;
  First first;
  Second second;
  Out out;
  const Bfloat16 *to_wide, *to_narrow;  // packed (PackTensorWeights)
  PassDots first_dots, second_dots;
  PartsOfRows parts;  // what rows come to, if they are gathered: those of `out`, or without it the wide ones. Each
                      // block, team of it and share has one

  int Threads() const { return cut.threads; }
  int64_t SharedBytes() const { return cut.shared_bytes(); }
  int64_t Blocks() const { return int64_t{cut.slots} * shape.groups * cut.chunks; }
  int64_t DotParts() const { return int64_t{cut.slots} * cut.teams; }
  int64_t PartsOfRow() const { return DotParts() * (kOut ? kShares : 1); }

  RIFFLE_KERNEL void operator()(Shared& shared) const {
    const auto chunks = static_cast<unsigned>(cut.chunks), groups = static_cast<unsigned>(shape.groups);
    const Block block = {&shared, static_cast<int>(blockIdx.x / chunks % groups),
                         static_cast<int>(blockIdx.x % chunks) * cut.warps * cut.row_tiles + Warp() % cut.warps,
                         static_cast<int>(blockIdx.x / chunks / groups)};
    ClearBehind(block, kFirstTile, shape.first);
    ClearBehind(block, kSecondTile, shape.second);
    ClearGathered(block);
    AsyncCopies copies;
    const int64_t step = int64_t{cut.slots} * cut.tile_pixels, begin = int64_t{block.slot} * cut.tile_pixels;
    AskForNarrow(block, begin, copies);
    for (int share = 0; share < kShares; ++share) AskForWide(block, begin, share, copies);

    // Under way are always the narrow rows and each share of the wide ones, of this tile or the next: the group of
    // copies that was asked for first is what is needed next.
    Sums sums = {};
    for (int64_t pixel = begin; pixel < shape.pixels; pixel += step) {
      copies.template Wait<kShares>();
      if constexpr (kFirst) PutNarrow(block, first, kFirstTile, kFirstSlots, shape.first, pixel);
      if constexpr (kSecond) PutNarrow(block, second, kSecondTile, kSecondSlots, shape.second, pixel);
      AskForNarrow(block, pixel + step, copies);
      __syncthreads();
      for (int share = 0; share < kShares; ++share) {
        copies.template Wait<kShares>();
        if constexpr (std::is_same_v<Wide, SecondRows>)
          AddSecondDots(block, share, sums);
        else
          for (int r = 0; r < cut.row_tiles; ++r) ComputeWide(block, pixel, share, r, sums);
        AskForWide(block, pixel + step, share, copies);
      }
      __syncthreads();
      if constexpr (kOut) ComputeOut(block, pixel);
    }
    StoreDots(block, sums);
    StoreGathered(block);
  }

 private:
  struct Block {
    unsigned char* shared;
    int group;
    int row_tile;  // the warp's first of the group's wide rows; its next ones are cut.warps farther each
    int slot;
  };
  struct Sums {
    float first[kFirstDots ? kNarrowTiles : 1][4], second[kSecondDots ? kNarrowTiles : 1][4];
    float wide[4];
  };

  RIFFLE_SHARED_CODE static int TensorTiles(int rows) { return (rows + kTensorSide - 1) / kTensorSide; }
  // Results that warps compute of `out`.
  RIFFLE_SHARED_CODE int OutItems() const { return TensorTiles(shape.out) * cut.teams * kShares; }

  RIFFLE_KERNEL Bfloat16* TileAt(const Block& block, Area tile) const {
    return reinterpret_cast<Bfloat16*>(block.shared + cut.address[tile]);
  }
  RIFFLE_KERNEL void* SlotAt(const Block& block, Area slots, int i) const {
    return block.shared + cut.address[slots] + (i * cut.threads + BlockThread()) * static_cast<int>(sizeof(Packed));
  }
  RIFFLE_KERNEL Part& GatheredAt(const Block& block, int gatherer, int half) const {
    return reinterpret_cast<Part*>(block.shared + cut.address[kGathered])[(gatherer * 2 + half) * kWarp + Lane()];
  }
  RIFFLE_KERNEL int Team() const { return Warp() / cut.warps; }
  // Where the warp's pixels of a share begin in a tile.
  RIFFLE_KERNEL int ShareAt(int share) const { return (Team() * kShares + share) * kSharePixels; }

  // The rows of a narrow tile behind those that there are stay zero.
  RIFFLE_KERNEL void ClearBehind(const Block& block, Area tile, int rows) const {
    const int from = rows * cut.pitch / 8,
              to = (cut.address[tile + 1] - cut.address[tile]) / static_cast<int>(sizeof(Packed));
    for (int i = from + BlockThread(); i < to; i += cut.threads) StoreWords<4>(TileAt(block, tile) + i * 8, Packed{});
  }

  // A thread's slots.

  RIFFLE_KERNEL void Ask(const Rows<const Bfloat16>& rows, int64_t row, int64_t p, void* slot,
                         AsyncCopies& copies) const {
    if (!rows) return;
    const Bfloat16* const at = rows[row] + p;
    if (p + kNeighbours <= shape.pixels && IsPacked<kNeighbours>(at))
      copies.Copy(slot, at);
    else
      StoreWords<4>(slot, LoadPackedValues<kNeighbours, false>(rows[row], p, shape.pixels));
  }
  // What has come; zeros where nothing is read.
  RIFFLE_KERNEL static Packed Take(bool there, const void* slot) { return there ? LoadWords<4>(slot) : Packed{}; }
  template <class In>
  RIFFLE_KERNEL void AskForNarrowRows(const Block& block, const In& in, Area slots, int rows, int64_t pixel,
                                      AsyncCopies& copies) const {
    const int eights = cut.tile_pixels / kNeighbours, count = rows * eights;
    for (int i = BlockThread(), slot = 0; i < count; i += cut.threads, slot += In::kMaps) {
      const int64_t row = int64_t{block.group} * rows + i / eights, p = pixel + i % eights * kNeighbours;
      RIFFLE_UNROLL for (int map = 0; map < In::kMaps; ++map) {
        Ask(in.Reads(map), row, p, SlotAt(block, slots, slot + map), copies);
      }
    }
  }
  RIFFLE_KERNEL void AskForNarrow(const Block& block, int64_t pixel, AsyncCopies& copies) const {
    if (pixel < shape.pixels) {
      if constexpr (kFirst) AskForNarrowRows(block, first, kFirstSlots, shape.first, pixel, copies);
      if constexpr (kSecond) AskForNarrowRows(block, second, kSecondSlots, shape.second, pixel, copies);
    }
    copies.Commit();
  }
  RIFFLE_KERNEL void AskForWide(const Block& block, int64_t pixel, int share, AsyncCopies& copies) const {
    for (int r = 0; pixel < shape.pixels && r < cut.row_tiles; ++r) {
      RIFFLE_UNROLL for (int half = 0; half < 2; ++half) {
        const Place place = PlaceOf(block, pixel, share, r, half);
        if (place.row_of_group >= shape.wide) continue;
        RIFFLE_UNROLL for (int map = 0; map < Wide::kMaps; ++map) {
          Ask(wide.Reads(map), place.row, place.p, WideSlot(block, share, r, half, map), copies);
        }
      }
    }
    copies.Commit();
  }
  RIFFLE_KERNEL void* WideSlot(const Block& block, int share, int r, int half, int map) const {
    return SlotAt(block, kWideSlots, ((r * kShares + share) * 2 + half) * Wide::kMaps + map);
  }

  // Which eight pixels of a wide row a lane has.
  struct Place {
    int row_of_group;
    int64_t row, p;
  };
  RIFFLE_KERNEL Place PlaceOf(const Block& block, int64_t pixel, int share, int r, int half) const {
    const int row = (block.row_tile + r * cut.warps) * kTensorSide + half * 8 + Lane() / 4;
    return {row, int64_t{block.group} * shape.wide + row, pixel + ShareAt(share) + Lane() % 4 * kNeighbours};
  }

  // A lane of a result holds two columns of each of four matrices. That those are eight neighbours, pixels lie in
  // another order in shared memory: of a share's pixels 8·q + 2·n + e lies at 8·n + 2·q + e (q, n < 4; e < 2).
  template <class In>
  RIFFLE_KERNEL void PutNarrow(const Block& block, const In& in, Area tile, Area slots, int rows, int64_t pixel) const {
    const int eights = cut.tile_pixels / kNeighbours, count = rows * eights;
    Bfloat16* const to = TileAt(block, tile);
    for (int i = BlockThread(), slot = 0; i < count; i += cut.threads, slot += In::kMaps) {
      const int row = i / eights, eight = i % eights;
      Packed maps[In::kMaps];
      RIFFLE_UNROLL for (int map = 0; map < In::kMaps; ++map) {
        maps[map] = Take(bool{in.Reads(map)}, SlotAt(block, slots, slot + map));
      }
      const auto packed = PackedOf(in.template Of<kNeighbours>(int64_t{block.group} * rows + row,
                                                               pixel + eight * kNeighbours, shape.pixels, maps));
      Bfloat16* const share = to + row * cut.pitch + eight / 4 * kSharePixels + eight % 4 * 2;
      for (int n = 0; n < 4; ++n) StoreWords<1>(share + n * 8, {{packed.v[n]}});
    }
  }
  RIFFLE_KERNEL static Packed PackedOf(const Values<kNeighbours>& values) {
    return RIFFLE_GPU::Packed(static_cast<const Bfloat16*>(nullptr), values);
  }
  RIFFLE_KERNEL static Values<kNeighbours> ValuesOf(const Packed& packed) {
    return Unpacked<kNeighbours>(static_cast<const Bfloat16*>(nullptr), packed);
  }

  // Products.

  // sum[n] += a row tile of weights times eight pixels each of a share. Narrow rows are few tiles, and whoever
  // multiplies them keeps dots: one tile at a time leaves it the registers. Of wide rows several are under way.
  template <bool kWideRows>
  RIFFLE_KERNEL void AddProduct(const Bfloat16* weight, int64_t row_tile, int depth_tiles, const Bfloat16* share,
                                float (&sum)[4][4]) const {
    const Bfloat16* const a = weight + row_tile * depth_tiles * kFragment + Lane() * (kFragment / kWarp);
    const Bfloat16* const b = share + Lane() % 16 * cut.pitch + Lane() / 16 * 8;
    const auto add = [&](int d) {
      const Words<4> of_a = LoadWords<4>(a + d * kFragment);
      uint32_t of_b[2][4];
      LoadTransposedMatrices(of_b[0], b + d * kTensorSide * cut.pitch);
      LoadTransposedMatrices(of_b[1], b + d * kTensorSide * cut.pitch + 16);
      for (int n = 0; n < 4; ++n) MultiplyAdd(sum[n], of_a.v, of_b[n / 2][n % 2 * 2], of_b[n / 2][n % 2 * 2 + 1]);
    };
    if constexpr (kWideRows)
      for (int d = 0; d < depth_tiles; ++d) add(d);
    else
      RIFFLE_NO_UNROLL for (int d = 0; d < depth_tiles; ++d) add(d);
  }
  // Weights have whole pairs of row tiles (TensorWeightsShape).
  RIFFLE_KERNEL static int64_t RowTileOf(int group, int rows, int row_tile) {
    return int64_t{group} * ((TensorTiles(rows) + 1) / 2 * 2) + row_tile;
  }
  // The values of one of a lane's two rows.
  RIFFLE_KERNEL static Values<kNeighbours> RowOf(const float (&sum)[4][4], int half) {
    Values<kNeighbours> values;
    RIFFLE_UNROLL for (int n = 0; n < 4; ++n) {
      values.v[2 * n] = sum[n][half * 2];
      values.v[2 * n + 1] = sum[n][half * 2 + 1];
    }
    return values;
  }
  // A warp's 16 wide rows, of 16 pixels of a share, as an operand.
  struct Fragment {
    uint32_t v[4];
  };
  RIFFLE_KERNEL static Fragment FragmentOf(const Packed (&rows)[2], int k) {
    return {{rows[0].v[2 * k], rows[1].v[2 * k], rows[0].v[2 * k + 1], rows[1].v[2 * k + 1]}};
  }
  // sum += dots of the warp's wide rows with narrow ones, of 16 pixels.
  RIFFLE_KERNEL void AddDots(const Fragment& a, const Bfloat16* pixels, int narrow_rows,
                             float (&sum)[kNarrowTiles][4]) const {
    const Bfloat16* const b = pixels + (Lane() / 16 * 8 + Lane() % 8) * cut.pitch + Lane() / 8 % 2 * 8;
    RIFFLE_UNROLL for (int n = 0; n < kNarrowTiles; n += 2) {
      if (n * 8 >= narrow_rows) break;
      uint32_t of_b[4];
      LoadMatrices(of_b, b + n * 8 * cut.pitch);
      MultiplyAdd(sum[n], a.v, of_b[0], of_b[1]);
      if (n + 1 < kNarrowTiles) MultiplyAdd(sum[n + 1], a.v, of_b[2], of_b[3]);
    }
  }

  // The warp's r-th 16 wide rows of a share. What was read early is taken where it is needed, and again where it is
  // needed again: registers are scarce.
  RIFFLE_KERNEL void ComputeWide(const Block& block, int64_t pixel, int share, int r, Sums& sums) const {
    const int row_tile = block.row_tile + r * cut.warps, at = ShareAt(share);
    if (row_tile * kTensorSide >= shape.wide) return;
    const int64_t weight_tile = RowTileOf(block.group, shape.wide, row_tile);
    if constexpr (kAgain)
      if (wide.again_weight) ComputeAgain(block, pixel, share, r, weight_tile);
    if constexpr (kFirstDots) {
      Packed x[2] = {};
      RIFFLE_UNROLL for (int half = 0; half < 2; ++half) {
        if (PlaceOf(block, pixel, share, r, half).row_of_group < shape.wide)
          x[half] = LoadWords<4>(WideSlot(block, share, r, half, 0));
      }
      RIFFLE_UNROLL for (int k = 0; k < 2; ++k) {
        AddDots(FragmentOf(x, k), TileAt(block, kFirstTile) + at + k * kTensorSide, shape.first, sums.first);
      }
    }

    float sum[4][4] = {};
    if constexpr (Wide::kComputed)
      AddProduct<false>(to_wide, weight_tile, TensorTiles(shape.first), TileAt(block, kFirstTile) + at, sum);
    Packed made[2] = {};
    RIFFLE_UNROLL for (int half = 0; half < 2; ++half) {
      const Place place = PlaceOf(block, pixel, share, r, half);
      if (place.row_of_group >= shape.wide) continue;
      Packed maps[Wide::kMaps];
      RIFFLE_UNROLL for (int map = 0; map < Wide::kMaps; ++map) {
        const bool there = (kFirstDots && map == 0) || wide.Reads(map);
        maps[map] = Take(there, WideSlot(block, share, r, half, map));
      }
      if constexpr (Wide::kComputed)
        made[half] = StoreWide(block, place, r, half, RowOf(sum, half), maps);
      else
        made[half] = PackedOf(wide.in.template Of<kNeighbours>(place.row, place.p, shape.pixels, maps));
    }
    if constexpr (kSecondDots) {
      RIFFLE_UNROLL for (int k = 0; k < 2; ++k) {
        const Fragment a = FragmentOf(made, k);
        AddDots(a, TileAt(block, kSecondTile) + at + k * kTensorSide, shape.second, sums.second);
        if (second_dots.sums) MultiplyAdd(sums.wide, a.v, kOnes, kOnes);
      }
    }
    if constexpr (kOut) {
      RIFFLE_UNROLL for (int half = 0; half < 2; ++half) {
        Bfloat16* const row = TileAt(block, kWideTile) + (row_tile * kTensorSide + half * 8 + Lane() / 4) * cut.pitch;
        for (int n = 0; n < 4; ++n) StoreWords<1>(row + at + n * 8 + Lane() % 4 * 2, {{made[half].v[n]}});
      }
    }
  }

  // Where the wide rows are the second ones: they lie in shared memory.
  RIFFLE_KERNEL void AddSecondDots(const Block& block, int share, Sums& sums) const {
    const Bfloat16* const pixels = TileAt(block, kSecondTile) + ShareAt(share);
    const Bfloat16* const row = pixels + (block.row_tile * kTensorSide + Lane() % 16) * cut.pitch + Lane() / 16 * 8;
    RIFFLE_UNROLL for (int k = 0; k < 2; ++k) {
      Fragment a;
      LoadMatrices(a.v, row + k * kTensorSide);
      AddDots(a, pixels + k * kTensorSide, shape.second, sums.second);
      if (second_dots.sums) MultiplyAdd(sums.wide, a.v, kOnes, kOnes);
    }
  }

  // Puts what the wide rows were, of which the gradients are asked for, where they would have come.
  RIFFLE_KERNEL void ComputeAgain(const Block& block, int64_t pixel, int share, int r, int64_t weight_tile) const {
    float sum[4][4] = {};
    AddProduct<false>(wide.again_weight, weight_tile, TensorTiles(shape.second),
                      TileAt(block, kSecondTile) + ShareAt(share), sum);
    RIFFLE_UNROLL for (int half = 0; half < 2; ++half) {
      const Place place = PlaceOf(block, pixel, share, r, half);
      if (place.row_of_group >= shape.wide) continue;
      void* const slot = WideSlot(block, share, r, half, 0);
      StoreWords<4>(slot, PackedOf(wide.again.template Of<kNeighbours>(place.row, RowOf(sum, half),
                                                                       {Take(bool{wide.Reads(0)}, slot)})));
    }
  }

  // Stores what becomes of a product; returns it.
  RIFFLE_KERNEL Packed StoreWide(const Block& block, const Place& place, int r, int half,
                                 const Values<kNeighbours>& sum, const Packed (&maps)[Wide::kMaps]) const {
    if constexpr (kFirstDots) {
      const Packed made =
          PackedOf(wide.out.template Of<kNeighbours>(place.row, sum, {.add = maps[1], .mask = maps[0], .raw = {}}));
      StorePackedValues<kNeighbours, false>(wide.out.dx.dz[place.row], place.p, shape.pixels, made);
      return made;
    } else {
      const Packed made = PackedOf(wide.out.template Of<kNeighbours>(place.row, sum, {maps[0]}));
      StorePackedValues<kNeighbours, false>(wide.out.y[place.row], place.p, shape.pixels, made);
      if (!kOut && cut.gatherers > 0) {
        const int inside = Inside(0, kNeighbours, shape.pixels - place.p);
        Gather<OutputRows<Bfloat16>>(block, Warp() * cut.row_tiles + r, half,
                                     OutputRows<Bfloat16>::template PartialOf<kNeighbours>(ValuesOf(made), inside),
                                     inside);
      }
      return made;
    }
  }

  RIFFLE_KERNEL void ComputeOut(const Block& block, int64_t pixel) const {
    const int shares = cut.teams * kShares, warps = cut.teams * cut.warps;
    for (int item = Warp(); item < OutItems(); item += warps) {
      const int row_tile = item / shares, at = item % shares * kSharePixels;
      const int first_row = row_tile * kTensorSide + Lane() / 4;
      const int64_t p = pixel + at + Lane() % 4 * kNeighbours;
      float sum[4][4] = {};
      AddProduct<true>(to_narrow, RowTileOf(block.group, shape.out, row_tile), TensorTiles(shape.wide),
                       TileAt(block, kWideTile) + at, sum);
      RIFFLE_UNROLL for (int half = 0; half < 2; ++half) {
        if (first_row + half * 8 >= shape.out) continue;
        const int64_t row = int64_t{block.group} * shape.out + first_row + half * 8;
        const Partial partial = out.template Store<kNeighbours, false>(
            row, p, shape.pixels, RowOf(sum, half), out.template Load<kNeighbours, false>(row, p, shape.pixels));
        if (cut.gatherers > 0) Gather<Out>(block, item, half, partial, Inside(0, kNeighbours, shape.pixels - p));
      }
    }
  }

  // What rows come to: a lane's part of two rows in shared memory, which grows from tile to tile.

  RIFFLE_KERNEL void ClearGathered(const Block& block) const {
    auto* const all = reinterpret_cast<Part*>(block.shared + cut.address[kGathered]);
    for (int i = BlockThread(); i < cut.gatherers * kWarp * 2; i += cut.threads) all[i] = {{0, 0}, 0};
    __syncthreads();
  }
  template <class Rows>
  RIFFLE_KERNEL void Gather(const Block& block, int gatherer, int half, const Partial& partial, int inside) const {
    if (inside == 0) return;
    Part& part = GatheredAt(block, gatherer, half);
    part = Rows::Merge(part, {partial, static_cast<float>(inside)});
  }
  // The part of a row, of which four neighbouring lanes have one each.
  template <class Rows>
  RIFFLE_KERNEL Part OfFourLanes(const Block& block, int gatherer, int half) const {
    Part part = GatheredAt(block, gatherer, half);
    for (int distance = 1; distance < 4; distance *= 2) {
      const Part other = {
          {__shfl_xor_sync(~0u, part.of.first, distance), __shfl_xor_sync(~0u, part.of.second, distance)},
          __shfl_xor_sync(~0u, part.pixels, distance)};
      part = Lane() & distance ? Rows::Merge(other, part) : Rows::Merge(part, other);
    }
    return part;
  }
  RIFFLE_KERNEL void StoreGathered(const Block& block) const {
    if (cut.gatherers == 0) return;
    if constexpr (kOut) {
      const int shares = cut.teams * kShares;
      for (int item = Warp(); item < OutItems(); item += cut.teams * cut.warps)
        for (int half = 0; half < 2; ++half) {
          const Part part = OfFourLanes<Out>(block, item, half);
          const int row = item / shares * kTensorSide + half * 8 + Lane() / 4;
          if (Lane() % 4 == 0 && row < shape.out)
            parts
                .of_rows[(int64_t{block.group} * shape.out + row) * parts.count + block.slot * shares + item % shares] =
                part;
        }
    } else if constexpr (Wide::kComputed && !kFirstDots) {
      for (int r = 0; r < cut.row_tiles; ++r)
        for (int half = 0; half < 2; ++half) {
          const Part part = OfFourLanes<OutputRows<Bfloat16>>(block, Warp() * cut.row_tiles + r, half);
          const Place place = PlaceOf(block, 0, 0, r, half);
          if (Lane() % 4 == 0 && place.row_of_group < shape.wide)
            parts.of_rows[place.row * parts.count + block.slot * cut.teams + Team()] = part;
        }
    }
  }

  // dots[group][first row][wide row], and [group][wide row][second row].
  RIFFLE_KERNEL void StoreDots(const Block& block, const Sums& sums) const {
    const int64_t part = int64_t{block.slot} * cut.teams + Team();
    RIFFLE_UNROLL for (int half = 0; half < 2; ++half) {
      const Place place = PlaceOf(block, 0, 0, 0, half);
      if (place.row_of_group >= shape.wide) continue;
      if constexpr (kFirstDots)
        StoreDotsOfRow(sums.first, half, shape.first, shape.wide,
                       first_dots.parts + part * first_dots.values + int64_t{block.group} * shape.first * shape.wide +
                           place.row_of_group);
      if constexpr (kSecondDots) {
        float* const of_part = second_dots.parts + part * second_dots.values;
        StoreDotsOfRow(sums.second, half, shape.second, 1, of_part + place.row * shape.second);
        if (second_dots.sums && Lane() % 4 == 0) of_part[second_dots.sums_at + place.row] = sums.wide[half * 2];
      }
    }
  }
  RIFFLE_KERNEL static void StoreDotsOfRow(const float (&sum)[kNarrowTiles][4], int half, int rows, int64_t stride,
                                           float* to) {
    RIFFLE_UNROLL for (int n = 0; n < kNarrowTiles; ++n) {
      RIFFLE_UNROLL for (int e = 0; e < 2; ++e) {
        const int row = n * 8 + Lane() % 4 * 2 + e;
        if (row < rows) to[row * stride] = sum[n][half * 2 + e];
      }
    }
  }
};

}  // namespace riffle::RIFFLE_GPU
