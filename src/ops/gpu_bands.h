// How ops of 3×3 windows are spread over a card. The pictures of a row lie one below another. They are cut into strips
// of a few lines, and a block takes a band: as many strips, one after the other, as its threads have columns for; of
// pictures that are wider than a block, some columns of one strip. A thread goes down a strip, one column wide. What a
// block reads and writes are areas, which stretch over whole lines one after the other, or, in wide pictures, over
// parts of lines; they lie in shared memory.
#pragma once

#include "ops/row_values.h"

namespace riffle::RIFFLE_GPU {

/// A plane, cut. There are less than 2^31 strips.
struct Bands {
  Plane plane;
  int strip_lines;   ///< of a strip, the most
  int strips;        ///< of a picture
  int band_strips;   ///< of a band, the most
  int band_columns;  ///< of a band, the most
  int abreast;       ///< bands side by side
  int count;         ///< of bands
};

/// Cuts into bands for blocks of so many threads; strips have up to `lines` lines, and much the same number each.
inline Bands CutIntoBands(const Plane& plane, int threads, int lines) {
  Bands bands{.plane = plane};
  bands.strips = static_cast<int>(DivideUp(plane.height, lines));
  bands.strip_lines = static_cast<int>(DivideUp(plane.height, bands.strips));
  bands.band_columns = static_cast<int>(plane.width < threads ? plane.width : threads);
  bands.band_strips = threads / bands.band_columns;
  bands.abreast = static_cast<int>(DivideUp(plane.width, bands.band_columns));
  bands.count = static_cast<int>(DivideUp(plane.images * bands.strips, bands.band_strips)) * bands.abreast;
  return bands;
}

/// How many blocks share the bands of one of so many rows, if each takes several of them: enough for a large card.
inline int64_t BlocksOfRow(const Bands& bands, int64_t rows) {
  constexpr int64_t kManyBlocks = LargeCard::kProcessors * 16;
  const int64_t blocks = DivideUp(kManyBlocks, rows);
  return blocks < bands.count ? blocks : bands.count;
}

/// A strip, by its place.
struct Strip {
  int image, strip;

  /// The strip after so many others.
  RIFFLE_KERNEL Strip After(const Bands& bands, int others) const {
    const int i = strip + others, images = i / bands.strips;
    return {image + images, i - images * bands.strips};
  }
  /// Its lines, in the picture.
  RIFFLE_KERNEL int first_line(const Bands& bands) const { return strip * bands.strip_lines; }
  RIFFLE_KERNEL int end_line(const Bands& bands) const {
    const int end = (strip + 1) * bands.strip_lines, height = static_cast<int>(bands.plane.height);
    return end < height ? end : height;
  }
};

struct Band {
  Strip first, last;
  int strips, column, columns;

  RIFFLE_KERNEL Band(const Bands& bands, int index) {
    const int row = bands.abreast == 1 ? index : index / bands.abreast;
    const int before = row * bands.band_strips;
    const int left = static_cast<int>(bands.plane.images) * bands.strips - before;
    strips = left < bands.band_strips ? left : bands.band_strips;
    first = Strip{0, 0}.After(bands, before);
    last = first.After(bands, strips - 1);
    column = (index - row * bands.abreast) * bands.band_columns;
    const int right = static_cast<int>(bands.plane.width) - column;
    columns = right < bands.band_columns ? right : bands.band_columns;
  }
};

/// What a thread has of a band: a column of a strip. One that has none is at the band's first, of which it has no
/// lines.
struct StripColumn {
  int image, line, end, column;

  RIFFLE_KERNEL StripColumn(const Bands& bands, const Band& band, int thread = BlockThread()) {
    const int nth = thread / band.columns;
    const bool has_one = nth < band.strips;
    const Strip mine = band.first.After(bands, has_one ? nth : 0);
    image = mine.image;
    line = mine.first_line(bands);
    end = has_one ? mine.end_line(bands) : line;
    column = band.column + (has_one ? thread - nth * band.columns : 0);
  }
};

/// What belongs to line or column i of the plane that is cut: lines or columns stride·i − before … of another, `taps`
/// of them.
struct Reach {
  int stride, before, taps;
};

/// The most values of an area, if blocks have so many threads and strips so many lines: whole fours. Each part of a
/// line may begin and end within a four.
constexpr int MostOfArea(int threads, int lines, Reach reach) {
  const int most = ((lines - 1) * reach.stride + reach.taps) * ((threads - 1) * reach.stride + reach.taps + 6);
  return (most + 3) / 4 * 4;
}

/// The area of a plane that a band reaches. In shared memory its values lie as in the row, so that four that can be
/// read at once there can be here.
struct Area {
  int64_t begin;                ///< the first value, in the row
  int64_t first_line;           ///< of all pictures' lines
  int width, column;            ///< of the plane; the first of the area
  int lines, columns;           ///< of the area
  int runs, run_values, pitch;  ///< stretches of values without a gap: all lines in one, or a line each
  int shift;                    ///< where the first run begins in shared memory

  RIFFLE_KERNEL Area(const Bands& bands, const Band& band, const Plane& plane, Reach vertical, Reach horizontal) {
    const auto height = static_cast<int>(plane.height);
    const int first = First(vertical, band.first.first_line(bands));
    const int end = End(vertical, band.last.end_line(bands) - 1, height);
    lines = (band.last.image - band.first.image) * height + end - first;
    width = static_cast<int>(plane.width);
    column = First(horizontal, band.column);
    columns = End(horizontal, band.column + band.columns - 1, width) - column;
    const bool whole = columns == width;
    runs = whole ? 1 : lines;
    run_values = whole ? lines * width : columns;
    pitch = (columns + 6) / 4 * 4;
    first_line = int64_t{band.first.image} * height + first;
    begin = first_line * width + column;
    shift = static_cast<int>(begin % 4);
  }

  /// Where a run begins in shared memory, of which as much is free before it as it has values after a multiple of four.
  RIFFLE_KERNEL int RunAt(int run) const { return run * pitch + (shift + run * width) % 4; }
  /// The line of the area that is the first of a picture of its plane; it may lie above the area.
  RIFFLE_KERNEL int LineOf(int image, const Plane& plane) const {
    return static_cast<int>(int64_t{image} * plane.height - first_line);
  }
  /// Where column 0 of a line of the area is, or would be, in shared memory.
  RIFFLE_KERNEL int LineAt(int line) const { return (runs == 1 ? line * width + shift : RunAt(line)) - column; }

 private:
  RIFFLE_KERNEL static int First(Reach reach, int i) {
    const int first = reach.stride * i - reach.before;
    return first > 0 ? first : 0;
  }
  RIFFLE_KERNEL static int End(Reach reach, int i, int size) {
    const int end = reach.stride * i - reach.before + reach.taps;
    return end < size ? end : size;
  }
};

/// Calls f(p, at, from, to) for fours of values of an area: those at p + from … p + to − 1 in the row, which are at
/// at + from … in shared memory. p and at are multiples of four.
template <int kThreads, class F>
RIFFLE_KERNEL void ForFours(const Area& area, const F& f, int thread = BlockThread()) {
  for (int run = 0; run < area.runs; ++run) {
    const int at = area.RunAt(run), before = at % 4, end = before + area.run_values;
    const int64_t first = area.begin + int64_t{run} * area.width - before;
    for (int i = thread * 4; i < end; i += kThreads * 4)
      f(first + i, at - before + i, i < before ? before - i : 0, end - i < 4 ? end - i : 4);
  }
}

/// As it is.
struct Unchanged {
  RIFFLE_KERNEL float operator()(float value) const { return value; }
};

/// Brings an area of a row of `in` (row_values.h), which has so many pixels, to shared memory, as what f makes of each
/// value. A thread has so many fours under way at once.
template <int kThreads, int kUnderWay = 4, class In, class Value, class F = Unchanged>
RIFFLE_KERNEL void LoadArea(const Area& area, const In& in, int64_t row, int64_t pixels, Value* to, const F& f = {},
                            int thread = BlockThread()) {
  using Map = typename In::MapValue;
  constexpr int kStep = kThreads * 4;
  for (int run = 0; run < area.runs; ++run) {
    const int at = area.RunAt(run), before = at % 4, end = before + area.run_values;
    const int64_t begin = area.begin + int64_t{run} * area.width - before;
    for (int first = thread * 4; first < end; first += kStep * kUnderWay) {
      PackedValues<4, Map> packed[kUnderWay][In::kMaps] = {};
      RIFFLE_UNROLL for (int k = 0; k < kUnderWay; ++k) {
        const int i = first + k * kStep;
        RIFFLE_UNROLL for (int map = 0; map < In::kMaps; ++map) {
          if (i < end && in.Reads(map))
            packed[k][map] = LoadPackedValues<4, false>(in.Reads(map)[row], begin + i, pixels);
        }
      }
      RIFFLE_UNROLL for (int k = 0; k < kUnderWay; ++k) {
        const int i = first + k * kStep;
        if (i >= end) continue;
        Values<4> values = in.template Of<4>(row, begin + i, pixels, packed[k]);
        for (float& value : values.v) value = f(value);
        StorePacked(to + at - before + i, values);
      }
    }
  }
}

/// Stores an area from shared memory.
template <int kThreads, class Map>
RIFFLE_KERNEL void StoreArea(const Area& area, const Map* from, Map* row) {
  ForFours<kThreads>(area, [&](int64_t p, int at, int first, int end) {
    if (first == 0 && end == 4 && IsPacked<4>(row + p)) {
      StoreWordsToMap(row + p, LoadWords<PackedValues<4, Map>::kWords>(from + at));
    } else {
      for (int i = first; i < end; ++i) row[p + i] = from[at + i];
    }
  });
}

/// Mean and squared distances from it, of a part of a row.
struct PartMoments {
  float count, mean, squares;
};

/// Those of an area in shared memory. All threads of the block come here together.
template <int kThreads, class Map>
RIFFLE_KERNEL PartMoments MomentsOfArea(const Area& area, const Map* values, BlockSums<float, kThreads>& sums) {
  const auto count = static_cast<float>(area.runs * area.run_values);
  const auto sum = [&](const auto& f) {
    float of_thread = 0;
    ForFours<kThreads>(area, [&](int64_t, int at, int first, int end) {
      for (int i = 0; i < 4; ++i)
        if (first <= i && i < end) of_thread += f(float(values[at + i]));
    });
    return BlockSum(of_thread, sums);
  };
  const float mean = sum([](float value) { return value; }) / count;
  return {count, mean, sum([=](float value) { return (value - mean) * (value - mean); })};
}

/// Moments of rows from those of their parts, [rows][parts].
void CombineMoments(const Execution& execution, int64_t rows, int64_t parts, const PartMoments* of_parts,
                    Moments<float>* moments);

/// Calls store(i, sum) for each of `count` sums of so many parts, [count][parts]: a warp a sum.
template <class Store>
struct SumsOfParts {
  static constexpr int kThreads = 256, kWarps = kThreads / kWarp;
  struct Shared {};
  int64_t count, parts;
  const float* of_parts;
  Store store;

  RIFFLE_KERNEL void operator()(Shared&) const {
    const int64_t i = int64_t{blockIdx.x} * kWarps + Warp();
    if (i >= count) return;
    float sum = 0;
    for (int64_t part = Lane(); part < parts; part += kWarp) sum += of_parts[i * parts + part];
    sum = WarpSum(sum);
    if (Lane() == 0) store(i, sum);
  }
};

template <class Store>
void AddParts(const Execution& execution, int64_t count, int64_t parts, const float* of_parts, const Store& store) {
  Launch(execution, {DivideUp(count, SumsOfParts<Store>::kWarps)}, SumsOfParts<Store>{count, parts, of_parts, store});
}

/// Memory for SumsOfThreads.
template <int kSums, int kThreads>
struct ThreadSums {
  float of_thread[kSums][kThreads];
};

/// Adds up each of a thread's values over all threads of the block, and calls store(k, sum) for each.
template <int kSums, int kThreads, class Store>
RIFFLE_KERNEL void SumsOfThreads(const float (&values)[kSums], ThreadSums<kSums, kThreads>& sums, const Store& store) {
  for (int k = 0; k < kSums; ++k) sums.of_thread[k][BlockThread()] = values[k];
  __syncthreads();
  for (int k = Warp(); k < kSums; k += kThreads / kWarp) {
    float sum = 0;
    for (int t = Lane(); t < kThreads; t += kWarp) sum += sums.of_thread[k][t];
    sum = WarpSum(sum);
    if (Lane() == 0) store(k, sum);
  }
}

}  // namespace riffle::RIFFLE_GPU
