// Forward: a window a value (gpu_windows.h). Backward: blocks take bands of dy (gpu_bands.h) and the cells of stride ×
// stride pixels of x under them; from a few values of dy about it, a thread computes what its cell adds to dweight, and
// dx of its cell. Blocks take several bands, so that dweight and the sums of dx are added up in their threads'
// registers first, then over the block, then over blocks.
#include "ops/depthwise_conv/depthwise_windows.h"
#include "ops/gpu.h"
#include "ops/gpu_windows.h"

namespace riffle::RIFFLE_GPU {
namespace {

constexpr int kBackwardSums = 9 + 2;  // dweight, and the sums of dx

template <class Map, int kStride>
struct Backward {
  static constexpr int kThreads = 256, kBlocksAtOnce = 4, kLines = kStride == 1 ? 7 : 4;
  static constexpr Reach kCell = {kStride, 0, kStride};
  // Pixels of cell i are read by the outputs i − kBefore … i + 1.
  static constexpr int kBefore = kStride == 1 ? 1 : 0, kTaps = kBefore + 2;
  static constexpr Reach kOutputs = {1, kBefore, kTaps};
  struct Shared {
    alignas(16) float dy[MostOfArea(kThreads, kLines, kOutputs)];
    alignas(16) Map x[MostOfArea(kThreads, kLines, kCell)];  // then dx
    ThreadSums<kBackwardSums, kThreads> sums;
  };
  DepthwiseConvShape shape;
  Bands bands;
  riffle::DepthwiseConvBackward<float, Map> a;
  float* parts;  // [rows][kBackwardSums][blocks of a row]

  struct Sums {
    float weight[9] = {}, dz = 0, dz_centred = 0;
  };

  RIFFLE_KERNEL void operator()(Shared& shared) const {
    const int64_t r = blockIdx.y, s = InRow(a.rows, r);
    const float* of_row = a.weight + 9 * WeightRow(a.rows, r);
    float weight[9];
    for (int tap = 0; tap < 9; ++tap) weight[tap] = of_row[tap];
    const RowActivation in(a.in, s);
    Sums sums;
    for (int b = static_cast<int>(blockIdx.x); b < bands.count; b += static_cast<int>(gridDim.x)) {
      const Band band(bands, b);
      const Area from(bands, band, bands.plane, kOutputs, kOutputs), cells(bands, band, shape.in, kCell, kCell);
      __syncthreads();
      LoadArea<kThreads>(from, GradientRows<Map>{a.dy}, r, bands.plane.pixels(), shared.dy);
      LoadArea<kThreads>(cells, InputRows<Map>{a.x}, s, shape.in.pixels(), shared.x);
      __syncthreads();
      Slide(s, weight, in, StripColumn(bands, band), from, cells, shared, sums);
      __syncthreads();
      StoreArea<kThreads>(cells, shared.x, a.dx.dz[s]);
    }
    float values[kBackwardSums];
    for (int tap = 0; tap < 9; ++tap) values[tap] = sums.weight[tap];
    values[9] = sums.dz;
    values[10] = sums.dz_centred;
    SumsOfThreads(values, shared.sums,
                  [&](int k, float sum) { parts[(r * kBackwardSums + k) * gridDim.x + blockIdx.x] = sum; });
  }

 private:
  RIFFLE_KERNEL void Slide(int64_t s, const float (&weight)[9], const RowActivation& in, const StripColumn& strip,
                           const Area& from, const Area& cells, Shared& shared, Sums& sums) const {
    const Plane& out = bands.plane;
    const auto height = static_cast<int>(shape.in.height), width = static_cast<int>(shape.in.width);
    const int out_picture = from.LineOf(strip.image, out), picture = cells.LineOf(strip.image, shape.in);
    const int64_t picture_begin = strip.image * shape.in.area();
    const bool x_is_raw = a.dx.raw.data == a.x.data;
    const float mean = a.dx.raw ? a.dx.moments[s].mean : 0;
    bool has_column[kTaps];
    for (int k = 0; k < kTaps; ++k) {
      const int j = strip.column - kBefore + k;
      has_column[k] = 0 <= j && j < out.width;
    }
    const auto read = [&](int i, float(&line)[kTaps]) {
      const bool inside = 0 <= i && i < out.height;
      const float* at = shared.dy + (inside ? from.LineAt(out_picture + i) + strip.column - kBefore : 0);
      for (int k = 0; k < kTaps; ++k) line[k] = inside && has_column[k] ? at[k] : 0;
    };
    float dy[kTaps][kTaps];
    for (int k = 0; k + 1 < kTaps; ++k) read(strip.line - kBefore + k, dy[k]);
    for (int i = strip.line; i < strip.end; ++i) {
      read(i + 1, dy[kTaps - 1]);
      for (int y = 0; y < kStride; ++y) {
        const int h = kStride * i + y;
        if (h >= height) break;
        Map* const line = shared.x + cells.LineAt(picture + h);
        for (int x = 0; x < kStride; ++x) {
          const int w = kStride * strip.column + x;
          if (w >= width) break;
          const auto value = float(line[w]);
          const float active = in(value);
          float sum = 0;
          for (int k = 0; k < kTaps; ++k)
            for (int l = 0; l < kTaps; ++l) {
              const int u = y + 1 - kStride * (k - kBefore), v = x + 1 - kStride * (l - kBefore);
              if (u < 0 || u > 2 || v < 0 || v > 2) continue;  // as is known where this is compiled
              sum += weight[3 * u + v] * dy[k][l];
              sums.weight[3 * u + v] += active * dy[k][l];
            }
          const auto dx = Map(in.Mask(active, sum));
          line[w] = dx;
          if (!a.dx.raw) continue;
          const float raw = x_is_raw ? value : float(a.dx.raw[s][picture_begin + h * width + w]);
          sums.dz += float(dx);
          sums.dz_centred += float(dx) * (raw - mean);
        }
      }
      for (int k = 0; k + 1 < kTaps; ++k)
        for (int l = 0; l < kTaps; ++l) dy[k][l] = dy[k + 1][l];
    }
  }
};

template <class Map>
struct StoreSums {
  riffle::DepthwiseConvBackward<float, Map> a;
  RIFFLE_KERNEL void operator()(int64_t i, float sum) const {
    const int64_t r = i / kBackwardSums, k = i % kBackwardSums, s = InRow(a.rows, r);
    if (k < 9)
      a.dweight[9 * WeightRow(a.rows, r) + k] = sum;
    else if (a.dx.raw)
      (k == 9 ? a.dx.sums[s].dz : a.dx.sums[s].dz_centred) = sum;
  }
};

template <class Map, int kStride>
void Run(const Execution& execution, const DepthwiseConvShape& shape,
         const riffle::DepthwiseConvBackward<float, Map>& a) {
  using Kernel = Backward<Map, kStride>;
  const Bands bands = CutIntoBands(shape.out(), Kernel::kThreads, Kernel::kLines);
  const int64_t blocks = BlocksOfRow(bands, shape.channels);
  float* const parts = Scratch<float>(execution, shape.channels * kBackwardSums * blocks);
  Launch(execution, {blocks, shape.channels}, Kernel{shape, bands, a, parts});
  AddParts(execution, shape.channels * kBackwardSums, blocks, parts, StoreSums<Map>{a});
}

template <class Map>
void Run(const Execution& execution, const DepthwiseConvShape& shape,
         const riffle::DepthwiseConvForward<float, Map>& a) {
  const Windows windows = {shape.in, shape.out(), shape.stride, 1, 1};
  const DepthwiseWindows<Map> convolution = {a};
  if (shape.stride == 1)
    Slide<1>(execution, windows, shape.channels, convolution, a.moments);
  else
    Slide<2>(execution, windows, shape.channels, convolution, a.moments);
}

template <class Map>
void Run(const Execution& execution, const DepthwiseConvShape& shape,
         const riffle::DepthwiseConvBackward<float, Map>& a) {
  if (shape.stride == 1)
    Run<Map, 1>(execution, shape, a);
  else
    Run<Map, 2>(execution, shape, a);
}

}  // namespace

void DepthwiseConvForward(const Execution& execution, const DepthwiseConvShape& shape,
                          const riffle::DepthwiseConvForward<float>& a) {
  Run(execution, shape, a);
}
void DepthwiseConvForward(const Execution& execution, const DepthwiseConvShape& shape,
                          const riffle::DepthwiseConvForward<float, Bfloat16>& a) {
  Run(execution, shape, a);
}
void DepthwiseConvBackward(const Execution& execution, const DepthwiseConvShape& shape,
                           const riffle::DepthwiseConvBackward<float>& a) {
  Run(execution, shape, a);
}
void DepthwiseConvBackward(const Execution& execution, const DepthwiseConvShape& shape,
                           const riffle::DepthwiseConvBackward<float, Bfloat16>& a) {
  Run(execution, shape, a);
}

}  // namespace riffle::RIFFLE_GPU
