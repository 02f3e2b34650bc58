// Forward: blocks take bands of windows (gpu_bands.h); a thread has its windows' pixels in registers and computes one
// output channel after another. Backward: a warp computes dweight of a few output channels and one of the picture's,
// each lane over other pixels, then over lanes and over blocks.
#include "ops/gpu.h"
#include "ops/gpu_windows.h"

namespace riffle::RIFFLE_GPU {
namespace {

constexpr int kChannels = 3;  // of pictures, the most

template <class Map, int kStride>
struct Forward {
  static constexpr int kThreads = 256, kBlocksAtOnce = 3, kLines = 2;
  static constexpr int kOutputs = 6;         // channels at a time
  static constexpr int kRows = kStride + 3;  // of pixels that a thread's windows have
  static constexpr Reach kPixels = {kStride, 1, 3};
  struct Shared {
    alignas(16) float x[kChannels][MostOfArea(kThreads, kLines, kPixels)];
    alignas(16) float weight[kOutputs][kChannels * 9 + 1];  // whole fours
    float mean[kOutputs];
    ThreadSums<kOutputs, kThreads> sums;
  };
  StemConvShape shape;
  Bands bands;
  riffle::StemConvForward<float, Map> a;
  PartMoments* moments;  // [out_channels][bands], or null: not wanted

  RIFFLE_KERNEL void operator()(Shared& shared) const {
    const Band band(bands, static_cast<int>(blockIdx.x));
    const Area pixels(bands, band, shape.in, kPixels, kPixels);
    for (int c = 0; c < shape.in_channels; ++c)
      LoadArea<kThreads>(pixels, InputRows<float>{a.x}, c, shape.in.pixels(), shared.x[c]);
    __syncthreads();
    const StripColumn strip(bands, band);
    float x[kChannels][kRows][3];
    ReadPixels(strip, pixels, shared, x);
    for (int first = 0; first < shape.out_channels; first += kOutputs) {
      __syncthreads();
      LoadWeights(first, shared);
      __syncthreads();
      float y[kOutputs][kLines];
      for (int k = 0; k < kOutputs; ++k) Convolve(first + k, shared.weight[k], strip, x, y[k]);
      if (moments) Gather(first, band, strip, y, shared);
    }
  }

 private:
  RIFFLE_KERNEL void ReadPixels(const StripColumn& strip, const Area& pixels, const Shared& shared,
                                float (&x)[kChannels][kRows][3]) const {
    const int picture = pixels.LineOf(strip.image, shape.in);
    for (int u = 0; u < kRows; ++u) {
      const int h = kStride * strip.line - 1 + u, left = kStride * strip.column - 1;
      // What lies below the last window of a strip is not in the area.
      const bool inside = 0 <= h && h < shape.in.height && h - 1 <= kStride * (strip.end - 1) + 1;
      const int line = inside ? pixels.LineAt(picture + h) + left : 0;
      for (int c = 0; c < kChannels; ++c)
        for (int v = 0; v < 3; ++v)
          x[c][u][v] =
              inside && c < shape.in_channels && 0 <= left + v && left + v < shape.in.width ? shared.x[c][line + v] : 0;
    }
  }

  // Those of channels that there are not are zero.
  RIFFLE_KERNEL void LoadWeights(int first, Shared& shared) const {
    const int taps = shape.in_channels * 9;
    for (int i = BlockThread(); i < kOutputs * kChannels * 9; i += kThreads) {
      const int k = i / (kChannels * 9), tap = i % (kChannels * 9), o = first + k;
      shared.weight[k][tap] = o < shape.out_channels && tap < taps ? a.weight[o * taps + tap] : 0;
    }
  }

  // y becomes what is stored of output channel o, of each of the thread's lines; zero where it has none.
  RIFFLE_KERNEL void Convolve(int o, const float (&weight)[kChannels * 9 + 1], const StripColumn& strip,
                              const float (&x)[kChannels][kRows][3], float (&y)[kLines]) const {
    const bool exists = o < shape.out_channels;
    const float bias = exists && a.bias ? a.bias[o] : 0;
    for (float& sum : y) sum = bias;
    for (int c = 0; c < kChannels; ++c)
      for (int u = 0; u < 3; ++u)
        for (int v = 0; v < 3; ++v)
          for (int line = 0; line < kLines; ++line) y[line] += weight[9 * c + 3 * u + v] * x[c][kStride * line + u][v];
    const int64_t at = (strip.image * bands.plane.height + strip.line) * bands.plane.width + strip.column;
    for (int line = 0; line < kLines; ++line) {
      const auto value = Map(a.relu ? Relu(y[line]) : y[line]);
      const bool is_there = exists && strip.line + line < strip.end;
      if (is_there) a.y[o][at + line * bands.plane.width] = value;
      y[line] = is_there ? float(value) : 0;
    }
  }

  RIFFLE_KERNEL void Gather(int first, const Band& band, const StripColumn& strip, const float (&y)[kOutputs][kLines],
                            Shared& shared) const {
    const Area outputs(bands, band, bands.plane, {1, 0, 1}, {1, 0, 1});
    const auto count = static_cast<float>(outputs.lines * outputs.columns);
    float sums[kOutputs] = {};
    for (int k = 0; k < kOutputs; ++k)
      for (const float value : y[k]) sums[k] += value;
    SumsOfThreads(sums, shared.sums, [&](int k, float sum) { shared.mean[k] = sum / count; });
    __syncthreads();
    for (int k = 0; k < kOutputs; ++k) {
      sums[k] = 0;
      for (int line = 0; line < kLines; ++line) {
        const float distance = y[k][line] - shared.mean[k];
        if (strip.line + line < strip.end) sums[k] += distance * distance;
      }
    }
    SumsOfThreads(sums, shared.sums, [&](int k, float sum) {
      if (first + k < shape.out_channels)
        moments[int64_t{first + k} * bands.count + blockIdx.x] = {count, shared.mean[k], sum};
    });
  }
};

template <class Map, int kStride>
struct Backward {
  static constexpr int kOutputsOfWarp = 6, kGroups = 4, kOutputs = kGroups * kOutputsOfWarp;
  static constexpr int kWarps = kGroups * kChannels, kThreads = kWarps * kWarp, kBlocksAtOnce = 2;
  static constexpr int kColumns = 128, kLines = 4;  // of bands: lanes take several columns
  static constexpr int kUnderWay = 2;               // fours: registers hold dweight
  static constexpr Reach kPixels = {kStride, 1, 3}, kSame = {1, 0, 1};
  struct Operands {
    alignas(16) float x[kChannels][MostOfArea(kColumns, kLines, kPixels)];
    alignas(16) float dy[kOutputs][MostOfArea(kColumns, kLines, kSame)];
  };
  struct Sums {
    float of_lane[kWarps][9][kWarp + 1];
  };
  union Shared {
    Operands operands;
    Sums sums;
  };
  StemConvShape shape;
  Bands bands;
  riffle::StemConvBackward<float, Map> a;
  float* parts;  // [out_channels·in_channels·9][blocks of a row]

  RIFFLE_KERNEL void operator()(Shared& shared) const {
    const int first = static_cast<int>(blockIdx.y) * kOutputs;
    const int group = Warp() / kChannels, c = Warp() % kChannels;
    float dweight[kOutputsOfWarp][3][3] = {};
    for (int b = static_cast<int>(blockIdx.x); b < bands.count; b += static_cast<int>(gridDim.x)) {
      const Band band(bands, b);
      const Area pixels(bands, band, shape.in, kPixels, kPixels), outputs(bands, band, bands.plane, kSame, kSame);
      __syncthreads();
      Load(first, pixels, outputs, shared.operands);
      __syncthreads();
      if (c < shape.in_channels)
        Multiply(band, pixels, outputs, shared.operands.x[c], shared.operands.dy + group * kOutputsOfWarp, dweight);
    }
    __syncthreads();
    Store(first + group * kOutputsOfWarp, c, dweight, shared.sums.of_lane[Warp()]);
  }

 private:
  // Gradients of channels that there are not are zero.
  RIFFLE_KERNEL void Load(int first, const Area& pixels, const Area& outputs, Operands& to) const {
    for (int c = 0; c < shape.in_channels; ++c)
      LoadArea<kThreads, kUnderWay>(pixels, InputRows<float>{a.x}, c, shape.in.pixels(), to.x[c]);
    for (int k = Warp(); k < kOutputs; k += kWarps) {
      const bool exists = first + k < shape.out_channels;
      LoadArea<kWarp, kUnderWay>(outputs, GradientRows<Map>{a.dy}, exists ? first + k : 0,
                                 exists ? bands.plane.pixels() : 0, to.dy[k], Unchanged(), Lane());
    }
  }

  RIFFLE_KERNEL void Multiply(const Band& band, const Area& pixels, const Area& outputs, const float* x,
                              const float (*dy)[MostOfArea(kColumns, kLines, kSame)],
                              float (&dweight)[kOutputsOfWarp][3][3]) const {
    const auto height = static_cast<int>(shape.in.height), width = static_cast<int>(shape.in.width);
    for (int item = Lane(); item < band.strips * band.columns; item += kWarp) {
      const StripColumn strip(bands, band, item);
      const int picture = pixels.LineOf(strip.image, shape.in), out_picture = outputs.LineOf(strip.image, bands.plane);
      const int left = kStride * strip.column - 1;
      const bool has_left = left >= 0, has_right = left + 2 < width;
      const auto read = [&](int h, float(&line)[3]) {
        const bool inside = 0 <= h && h < height;
        const float* at = x + (inside ? pixels.LineAt(picture + h) + left : 0);
        line[0] = inside && has_left ? at[0] : 0;
        line[1] = inside ? at[1] : 0;
        line[2] = inside && has_right ? at[2] : 0;
      };
      constexpr int kKept = 3 - kStride;
      float window[3][3];
      for (int u = 0; u < kKept; ++u) read(kStride * strip.line - 1 + u, window[u]);
      for (int i = strip.line; i < strip.end; ++i) {
        for (int u = kKept; u < 3; ++u) read(kStride * i - 1 + u, window[u]);
        const int at = outputs.LineAt(out_picture + i) + strip.column;
        for (int k = 0; k < kOutputsOfWarp; ++k) {
          const float gradient = dy[k][at];
          for (int u = 0; u < 3; ++u)
            for (int v = 0; v < 3; ++v) dweight[k][u][v] += gradient * window[u][v];
        }
        for (int u = 0; u < kKept; ++u)
          for (int v = 0; v < 3; ++v) window[u][v] = window[u + kStride][v];
      }
    }
  }

  // Adds up the lanes' sums.
  RIFFLE_KERNEL void Store(int first, int c, const float (&dweight)[kOutputsOfWarp][3][3],
                           float (&of_lane)[9][kWarp + 1]) const {
    for (int k = 0; k < kOutputsOfWarp; ++k) {
      for (int tap = 0; tap < 9; ++tap) of_lane[tap][Lane()] = dweight[k][tap / 3][tap % 3];
      __syncwarp();
      if (Lane() < 9 && c < shape.in_channels && first + k < shape.out_channels) {
        float sum = 0;
        for (int lane = 0; lane < kWarp; ++lane) sum += of_lane[Lane()][lane];
        parts[(int64_t{first + k} * shape.in_channels + c) * 9 * gridDim.x + Lane() * gridDim.x + blockIdx.x] = sum;
      }
      __syncwarp();
    }
  }
};

struct StoreWeightGradient {
  float* dweight;
  RIFFLE_KERNEL void operator()(int64_t i, float sum) const { dweight[i] = sum; }
};

template <class Map, int kStride>
void RunWithStride(const Execution& execution, const StemConvShape& shape,
                   const riffle::StemConvForward<float, Map>& a) {
  using Kernel = Forward<Map, kStride>;
  const Bands bands = CutIntoBands(shape.out(), Kernel::kThreads, Kernel::kLines);
  auto* const of_bands =
      a.moments ? Scratch<PartMoments>(execution, int64_t{shape.out_channels} * bands.count) : nullptr;
  Launch(execution, {bands.count}, Kernel{shape, bands, a, of_bands});
  if (a.moments) CombineMoments(execution, shape.out_channels, bands.count, of_bands, a.moments);
}

template <class Map, int kStride>
void RunWithStride(const Execution& execution, const StemConvShape& shape,
                   const riffle::StemConvBackward<float, Map>& a) {
  using Kernel = Backward<Map, kStride>;
  const Bands bands = CutIntoBands(shape.out(), Kernel::kColumns, Kernel::kLines);
  const int64_t groups = DivideUp(shape.out_channels, Kernel::kOutputs), blocks = BlocksOfRow(bands, groups);
  const int64_t values = int64_t{shape.out_channels} * shape.in_channels * 9;
  float* const parts = Scratch<float>(execution, values * blocks);
  Launch(execution, {blocks, groups}, Kernel{shape, bands, a, parts});
  AddParts(execution, values, blocks, parts, StoreWeightGradient{a.dweight});
}

template <template <class, class> class Direction, class Map>
void Run(const Execution& execution, const StemConvShape& shape, const Direction<float, Map>& a) {
  if (shape.stride == 1)
    RunWithStride<Map, 1>(execution, shape, a);
  else
    RunWithStride<Map, 2>(execution, shape, a);
}

}  // namespace

void StemConvForward(const Execution& execution, const StemConvShape& shape, const riffle::StemConvForward<float>& a) {
  Run(execution, shape, a);
}
void StemConvForward(const Execution& execution, const StemConvShape& shape,
                     const riffle::StemConvForward<float, Bfloat16>& a) {
  Run(execution, shape, a);
}
void StemConvBackward(const Execution& execution, const StemConvShape& shape,
                      const riffle::StemConvBackward<float>& a) {
  Run(execution, shape, a);
}
void StemConvBackward(const Execution& execution, const StemConvShape& shape,
                      const riffle::StemConvBackward<float, Bfloat16>& a) {
  Run(execution, shape, a);
}

}  // namespace riffle::RIFFLE_GPU
