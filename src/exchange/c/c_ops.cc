#include "exchange/c/c_ops.h"

namespace riffle {

std::string_view CSharedFunctions() {
  return R"(
static void net_fill(float *y, int count, float value)
{
  for (int p = 0; p < count; p++) y[p] = value;
}

static void net_relu(float *y, int count)
{
  for (int p = 0; p < count; p++) y[p] = y[p] < 0.0f ? 0.0f : y[p];
}

static int net_clip(int at, int size)
{
  return at < 0 ? 0 : at > size ? size : at;
}

/* One tap of a 3x3 convolution: y[i][j] += w * x[i * stride + dh][j * stride + dw], where that lies inside x. dh and dw
 * are -1, 0 or 1. */
static void net_tap(const float *restrict x, int size, int stride, int dh, int dw, float w, float *restrict y)
{
  const int out_size = (size + stride - 1) / stride;
  const int end_i = net_clip((size - dh + stride - 1) / stride, out_size);
  const int end_j = net_clip((size - dw + stride - 1) / stride, out_size);
  for (int i = dh < 0; i < end_i; i++) {
    const int from = (i * stride + dh) * size + dw, to = i * out_size;
    if (stride == 1)
      for (int j = dw < 0; j < end_j; j++) y[to + j] += w * x[from + j];
    else
      for (int j = dw < 0; j < end_j; j++) y[to + j] += w * x[from + j * stride];
  }
}
)";
}

std::string_view CFunction(Op op) {
  switch (op) {
    case Op::kStemConv:
      return R"(
/* 3x3 convolution, padded by 1: y[o] = bias[o] + the sum over c of weight[o][c] * x[c]. */
static void net_conv3x3(const float *x, int channels, int size, int stride, const float *weight, const float *bias,
                        float *y, int out_channels, int relu)
{
  const int out_size = (size + stride - 1) / stride, pixels = out_size * out_size;
  for (int o = 0; o < out_channels; o++, y += pixels) {
    net_fill(y, pixels, bias[o]);
    for (int c = 0; c < channels; c++)
      for (int tap = 0; tap < 9; tap++)
        net_tap(x + c * size * size, size, stride, tap / 3 - 1, tap % 3 - 1, *weight++, y);
    if (relu) net_relu(y, pixels);
  }
}
)";
    case Op::kMaxPool:
      return R"(
/* 3x3 max-pool with stride 2, padded by `before` above and on the left. */
static void net_max_pool(const float *x, int channels, int size, int before, float *y)
{
  const int out_size = (size + 1) / 2;
  for (int c = 0; c < channels; c++, x += size * size)
    for (int i = 0; i < out_size; i++)
      for (int j = 0; j < out_size; j++) {
        const int top = net_clip(2 * i - before, size), bottom = net_clip(2 * i - before + 3, size);
        const int left = net_clip(2 * j - before, size), right = net_clip(2 * j - before + 3, size);
        float most = x[top * size + left];
        for (int h = top; h < bottom; h++)
          for (int w = left; w < right; w++) most = x[h * size + w] > most ? x[h * size + w] : most;
        *y++ = most;
      }
}
)";
    case Op::kGroupConv:
      return R"(
/* Pointwise group convolution: y[o] = bias[o] + the sum over i of weight[o][i] * x[i], where i runs over the inputs of
 * o's group; with `add` all of it is added to what y holds, the shortcut. */
static void net_group_conv(const float *restrict x, int channels, int groups, int pixels, const float *weight,
                           const float *bias, float *restrict y, int out_channels, int add, int relu)
{
  const int inputs = channels / groups, outputs = out_channels / groups;
  for (int o = 0; o < out_channels; o++, weight += inputs, y += pixels) {
    const float *in = x + o / outputs * inputs * pixels;
    for (int p = 0; p < pixels; p++) y[p] = (add ? y[p] : 0.0f) + bias[o];
    int i = 0;
    for (; i + 4 <= inputs; i += 4, in += 4 * pixels) {
      const float w0 = weight[i], w1 = weight[i + 1], w2 = weight[i + 2], w3 = weight[i + 3];
      for (int p = 0; p < pixels; p++)
        y[p] += w0 * in[p] + w1 * in[p + pixels] + w2 * in[p + 2 * pixels] + w3 * in[p + 3 * pixels];
    }
    for (; i < inputs; i++, in += pixels)
      for (int p = 0; p < pixels; p++) y[p] += weight[i] * in[p];
    if (relu) net_relu(y, pixels);
  }
}
)";
    case Op::kDepthwiseConv:
      return R"(
/* Depthwise 3x3 convolution, padded by 1, of shuffled channels: y[o] = bias[o] + weight[o] * x[(o % a) * b + o / a],
 * where a = channels / b; with b = channels nothing is shuffled. */
static void net_depthwise(const float *x, int channels, int size, int stride, int b, const float *weight,
                          const float *bias, float *y)
{
  const int a = channels / b, out_size = (size + stride - 1) / stride, pixels = out_size * out_size;
  for (int o = 0; o < channels; o++, y += pixels) {
    net_fill(y, pixels, bias[o]);
    for (int tap = 0; tap < 9; tap++)
      net_tap(x + (o % a * b + o / a) * size * size, size, stride, tap / 3 - 1, tap % 3 - 1, *weight++, y);
  }
}
)";
    case Op::kAveragePool:
      return R"(
/* 3x3 average pool with stride 2, padded by `before` above and on the left; divides by `divisor` or, if that is 0, by
 * the pixels that lie inside x. */
static void net_average_pool(const float *x, int channels, int size, int before, int divisor, float *y)
{
  const int out_size = (size + 1) / 2;
  for (int c = 0; c < channels; c++, x += size * size)
    for (int i = 0; i < out_size; i++)
      for (int j = 0; j < out_size; j++) {
        const int top = net_clip(2 * i - before, size), bottom = net_clip(2 * i - before + 3, size);
        const int left = net_clip(2 * j - before, size), right = net_clip(2 * j - before + 3, size);
        float sum = 0.0f;
        for (int h = top; h < bottom; h++)
          for (int w = left; w < right; w++) sum += x[h * size + w];
        *y++ = sum / (float)(divisor ? divisor : (bottom - top) * (right - left));
      }
}
)";
    case Op::kGlobalAveragePool:
      return R"(
/* The mean of each channel. */
static void net_global_pool(const float *x, int channels, int pixels, float *y)
{
  for (int c = 0; c < channels; c++, x += pixels) {
    float sum = 0.0f;
    for (int p = 0; p < pixels; p++) sum += x[p];
    y[c] = sum / (float)pixels;
  }
}
)";
    case Op::kLinear:
      return R"(
/* y[o] = bias[o] + the sum over i of weight[o][i] * x[i]; bias may be null. Eight sums side by side, for compilers. */
static void net_linear(const float *x, int inputs, const float *weight, const float *bias, float *y, int outputs)
{
  for (int o = 0; o < outputs; o++, weight += inputs) {
    float sums[8] = {0.0f}, sum = bias ? bias[o] : 0.0f;
    int i = 0;
    for (; i + 8 <= inputs; i += 8)
      for (int k = 0; k < 8; k++) sums[k] += weight[i + k] * x[i + k];
    for (; i < inputs; i++) sum += weight[i] * x[i];
    for (int k = 0; k < 8; k++) sum += sums[k];
    y[o] = sum;
  }
}
)";
    case Op::kBatchNorm:
    case Op::kGram:
    case Op::kProductNorm:
    case Op::kRelu:
      return "";
  }
  return "";
}

std::string_view CMain() {
  return R"(
#ifdef NET_MAIN
#include <math.h>
#include <stdio.h>
#include <string.h>

static unsigned char net_file[NET_INPUT_FLOATS * sizeof(float) + 1];
static float net_input[NET_INPUT_FLOATS], net_logits[NET_CLASSES], net_arena[NET_ARENA_FLOATS];
#ifdef NET_WEIGHT_FLOATS
static float net_weights[NET_WEIGHT_FLOATS];
#endif

/* How many bytes of a file there are, up to `most`; -1 if it cannot be read. "-" is the standard input. */
static long net_read(const char *path, void *to, size_t most)
{
  FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "rb");
  if (!file) return -1;
  const size_t count = fread(to, 1, most, file);
  const int failed = ferror(file);
  if (file != stdin) fclose(file);
  return failed ? -1 : (long)count;
}

/* The next number of a header, behind blanks and lines of comment; -1 if there is none. */
static int net_header_number(const unsigned char *text, long size, long *at)
{
  int number = -1, comment = 0;
  for (; *at < size && (comment || text[*at] == '#' || text[*at] == ' ' || (text[*at] >= 9 && text[*at] <= 13)); ++*at)
    comment = text[*at] != '\n' && (comment || text[*at] == '#');
  for (; *at < size && text[*at] >= '0' && text[*at] <= '9' && number < 100000; ++*at)
    number = (number < 0 ? 0 : number * 10) + (text[*at] - '0');
  return number;
}

/* The pixels of a binary PPM or PGM file that has the size and the channels that the network wants; null if not. */
static const unsigned char *net_pixels(const unsigned char *text, long size)
{
  long at = 2;
  if (size < 2 || text[0] != 'P' || text[1] != (NET_CHANNELS == 1 ? '5' : '6')) return 0;
  if (net_header_number(text, size, &at) != NET_WIDTH || net_header_number(text, size, &at) != NET_HEIGHT) return 0;
  if (net_header_number(text, size, &at) != 255 || size - at - 1 != NET_INPUT_FLOATS) return 0;
  return text + at + 1;
}

static void net_print_top5(void)
{
  float most = net_logits[0];
  double sum = 0.0;
  for (int i = 0; i < NET_CLASSES; i++) most = net_logits[i] > most ? net_logits[i] : most;
  for (int i = 0; i < NET_CLASSES; i++) sum += exp(net_logits[i] - most);
  for (int n = 0; n < 5 && n < NET_CLASSES; n++) {
    int best = 0;
    for (int i = 1; i < NET_CLASSES; i++) best = net_logits[i] > net_logits[best] ? i : best;
    printf("%6.2f %%  %s\n", 100.0 * exp(net_logits[best] - most) / sum, net_class_names[best]);
    net_logits[best] = -INFINITY;
  }
}

int main(int argc, char **argv)
{
  const int all = argc > 1 && strcmp(argv[1], "--logits") == 0;
  const char *const *words = (const char *const *)argv + 1 + all;
#ifdef NET_WEIGHT_FLOATS
  const int wanted = 2;
#else
  const int wanted = 1;
#endif
  if (argc - 1 - all != wanted) {
    fprintf(stderr, "usage: %s [--logits] %sPICTURE\n"
            "PICTURE: a binary %s file of %d x %d pixels, or the network's input as %d raw floats; - is the standard input.\n",
            argv[0], wanted == 2 ? "WEIGHTS " : "", NET_CHANNELS == 1 ? "PGM" : "PPM", NET_WIDTH, NET_HEIGHT,
            NET_INPUT_FLOATS);
    return 2;
  }
#ifdef NET_WEIGHT_FLOATS
  if (net_read(words[0], net_weights, sizeof net_weights) != (long)sizeof net_weights) {
    fprintf(stderr, "%s: expected %d floats\n", words[0], NET_WEIGHT_FLOATS);
    return 1;
  }
#endif
  const long size = net_read(words[wanted - 1], net_file, sizeof net_file);
  const unsigned char *pixels = net_pixels(net_file, size);
  if (pixels) {
    net_normalise(pixels, net_input);
  } else if (size == (long)sizeof net_input) {
    memcpy(net_input, net_file, sizeof net_input);
  } else {
    fprintf(stderr, "%s: expected a binary %s file of %d x %d pixels, or %d raw floats\n", words[wanted - 1],
            NET_CHANNELS == 1 ? "PGM" : "PPM", NET_WIDTH, NET_HEIGHT, NET_INPUT_FLOATS);
    return 1;
  }
#ifdef NET_WEIGHT_FLOATS
  net_run(net_weights, net_input, net_logits, net_arena);
#else
  net_run(net_input, net_logits, net_arena);
#endif
  if (!all) net_print_top5();
  for (int i = 0; all && i < NET_CLASSES; i++) printf("%.9g\n", net_logits[i]);
  return 0;
}
#endif /* NET_MAIN */
)";
}

}  // namespace riffle
