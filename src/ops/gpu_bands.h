// How ops of 3×3 windows are spread over a card. The pictures of a row lie one below another. They are cut into strips
// of a few lines, and a block takes a band: as many strips, one after the other, as its threads have columns for; of
// pictures that are wider than a block, some columns of one strip. A thread goes down a strip, one column wide. What a
// block reads and writes are areas, which stretch over whole lines one after the other, or, in wide pictures, over
// parts of lines; they lie in shared memory.
#pragma once

#include "ops/gpu_fours.h"

namespace riffle::RIFFLE_GPU {

/// A plane, cut.
struct Bands {
  Plane plane;
  int strip_lines;   ///< of a strip, the most
  int strips;        ///< of a picture
  int band_strips;   ///< of a band, the most
  int band_columns;  ///< of a band, the most

  RIFFLE_SHARED_CODE int64_t strips_in_all() const { return plane.images * strips; }
  /// Bands side by side.
  RIFFLE_SHARED_CODE int64_t abreast() const { return DivideUp(plane.width, band_columns); }
  RIFFLE_SHARED_CODE int64_t count() const { return DivideUp(strips_in_all(), band_strips) * abreast(); }
};

/// Cuts into bands for blocks of so many threads; strips have up to `lines` lines, and much the same number each.
inline Bands CutIntoBands(const Plane& plane, int threads, int lines) {
  Bands bands{.plane = plane};
  bands.strips = static_cast<int>(DivideUp(plane.height, lines));
  bands.strip_lines = static_cast<int>(DivideUp(plane.height, bands.strips));
  bands.band_columns = static_cast<int>(plane.width < threads ? plane.width : threads);
  bands.band_strips = threads / bands.band_columns;
  return bands;
}

/// How many blocks share the bands of one of so many rows, if each takes several of them: enough for a large card.
inline int64_t BlocksOfRow(const Bands& bands, int64_t rows) {
  constexpr int64_t kManyBlocks = 132 * 16;
  const int64_t blocks = DivideUp(kManyBlocks, rows);
  return blocks < bands.count() ? blocks : bands.count();
}

/// A band.
struct Band {
  int64_t first_strip;
  int strips, column, columns;

  RIFFLE_KERNEL Band(const Bands& bands, int64_t index) {
    const int64_t abreast = bands.abreast();
    first_strip = index / abreast * bands.band_strips;
    const int64_t left = bands.strips_in_all() - first_strip;
    strips = static_cast<int>(left < bands.band_strips ? left : bands.band_strips);
    column = static_cast<int>(index % abreast) * bands.band_columns;
    const int right = static_cast<int>(bands.plane.width) - column;
    columns = right < bands.band_columns ? right : bands.band_columns;
  }
};

/// A thread's part of a strip; no lines: it has none.
struct StripColumn {
  int64_t image;
  int line, lines, column;  ///< line: the first, in its picture

  RIFFLE_KERNEL StripColumn(const Bands& bands, const Band& band) {
    const int strip = BlockThread() / band.columns;
    column = band.column + BlockThread() % band.columns;
    image = (band.first_strip + strip) / bands.strips;
    line = static_cast<int>((band.first_strip + strip) % bands.strips) * bands.strip_lines;
    const int left = static_cast<int>(bands.plane.height) - line;
    lines = strip >= band.strips ? 0 : left < bands.strip_lines ? left : bands.strip_lines;
  }
};

/// What belongs to line or column i of the plane that is cut: lines or columns stride·i − before … of another, `taps`
/// of them.
struct Reach {
  int stride, before, taps;
};

/// The most values of an area, if blocks have so many threads and strips so many lines. Each part of a line may begin
/// and end within four values.
constexpr int MostOfArea(int threads, int lines, Reach reach) {
  return ((lines - 1) * reach.stride + reach.taps) * ((threads - 1) * reach.stride + reach.taps + 6);
}

/// The area of a plane that a band reaches. In shared memory its values lie as in the row, so that four that can be
/// read at once there can be here.
struct Area {
  int64_t first_line;
  int width, column;            ///< of the plane; the first of the area
  int runs, run_values, pitch;  ///< stretches of values without a gap, a line each or all in one

  RIFFLE_KERNEL Area(const Bands& bands, const Band& band, const Plane& plane, Reach vertical, Reach horizontal) {
    const int64_t last_strip = band.first_strip + band.strips - 1;
    const int first = static_cast<int>(band.first_strip % bands.strips) * bands.strip_lines;
    const int end = static_cast<int>(last_strip % bands.strips + 1) * bands.strip_lines;
    const int last = (end < bands.plane.height ? end : static_cast<int>(bands.plane.height)) - 1;
    const auto height = static_cast<int>(plane.height);
    first_line = band.first_strip / bands.strips * height + First(vertical, first);
    const auto lines = static_cast<int>(last_strip / bands.strips * height + End(vertical, last, height) - first_line);
    width = static_cast<int>(plane.width);
    column = First(horizontal, band.column);
    const int columns = End(horizontal, band.column + band.columns - 1, width) - column;
    const bool whole = columns == width;
    runs = whole ? 1 : lines;
    run_values = whole ? lines * width : columns;
    pitch = (columns + 6) / 4 * 4;
  }

  /// The first value of a run, in the row.
  RIFFLE_KERNEL int64_t Begin(int run) const { return (first_line + run) * width + column; }
  /// The line of the area that is the first of a picture of its plane; it may lie above the area.
  RIFFLE_KERNEL int LineOf(int64_t image, const Plane& plane) const {
    return static_cast<int>(image * plane.height - first_line);
  }
  /// Where column 0 of a line of the area is, or would be, in shared memory.
  RIFFLE_KERNEL int LineAt(int line) const {
    return (runs == 1 ? line * width + static_cast<int>(Begin(0) % 4)
                      : line * pitch + static_cast<int>(Begin(line) % 4)) -
           column;
  }

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
RIFFLE_KERNEL void ForFours(const Area& area, const F& f) {
  for (int run = 0; run < area.runs; ++run) {
    const int64_t begin = area.Begin(run), first = begin / 4 * 4;
    const int before = static_cast<int>(begin - first), end = before + area.run_values;
    for (int i = BlockThread() * 4; i < end; i += kThreads * 4)
      f(first + i, run * area.pitch + i, i < before ? before - i : 0, end - i < 4 ? end - i : 4);
  }
}

/// Brings an area of a row to shared memory: load(p) is what shall be there of the row's values p … p + 3.
template <int kThreads, class Value, class F>
RIFFLE_KERNEL void LoadArea(const Area& area, Value* to, const F& load) {
  ForFours<kThreads>(area,
                     [&](int64_t p, int at, int, int) { *reinterpret_cast<PackedFour<Value>*>(to + at) = load(p); });
}

/// Stores an area from shared memory.
template <int kThreads, class Map>
RIFFLE_KERNEL void StoreArea(const Area& area, const Map* from, Map* row) {
  ForFours<kThreads>(area, [&](int64_t p, int at, int first, int end) {
    if (first == 0 && end == 4 && IsPackedFour(row + p)) {
      *reinterpret_cast<PackedFour<Map>*>(row + p) = *reinterpret_cast<const PackedFour<Map>*>(from + at);
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
