// Products of matrices (matrix_product.h).
#include "ops/gpu.h"
#include "ops/matrix_product.h"

namespace riffle::RIFFLE_GPU {

void LinearForward(const Execution& execution, const LinearShape& shape, const riffle::LinearForward<float>& a) {
  const int64_t in = shape.in_features, out = shape.out_features;
  MatrixProduct<Neighbours::kAlongDepth, Neighbours::kAlongDepth>(
      execution, {.rows = shape.images, .columns = out, .depth = in},
      [=] RIFFLE_LAMBDA(int, int64_t n, int64_t c) { return a.features[n * in + c]; },
      [=] RIFFLE_LAMBDA(int, int64_t c, int64_t k) { return a.weight[k * in + c]; },
      [=] RIFFLE_LAMBDA(int, int64_t n, int64_t k, float sum) {
        a.logits[n * out + k] = a.bias ? sum + a.bias[k] : sum;
      });
}

void LinearBackward(const Execution& execution, const LinearShape& shape, const riffle::LinearBackward<float>& a) {
  const int64_t in = shape.in_features, out = shape.out_features, images = shape.images;
  MatrixProduct<Neighbours::kAcrossDepth, Neighbours::kAcrossDepth>(
      execution, {.rows = out, .columns = in, .depth = images},
      [=] RIFFLE_LAMBDA(int, int64_t k, int64_t n) { return a.dlogits[n * out + k]; },
      [=] RIFFLE_LAMBDA(int, int64_t n, int64_t c) { return a.features[n * in + c]; },
      [=] RIFFLE_LAMBDA(int, int64_t k, int64_t c, float sum) { a.dweight[k * in + c] = sum; });
  if (a.dbias)
    ForEach(execution, out, [=] RIFFLE_LAMBDA(int64_t k) {
      float sum = 0;
      for (int64_t n = 0; n < images; ++n) sum += a.dlogits[n * out + k];
      a.dbias[k] = sum;
    });
  if (a.dfeatures)
    MatrixProduct<Neighbours::kAlongDepth, Neighbours::kAcrossDepth>(
        execution, {.rows = images, .columns = in, .depth = out},
        [=] RIFFLE_LAMBDA(int, int64_t n, int64_t k) { return a.dlogits[n * out + k]; },
        [=] RIFFLE_LAMBDA(int, int64_t k, int64_t c) { return a.weight[k * in + c]; },
        [=] RIFFLE_LAMBDA(int, int64_t n, int64_t c, float sum) { a.dfeatures[n * in + c] = sum; });
}

}  // namespace riffle::RIFFLE_GPU
