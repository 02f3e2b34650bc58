#include "exchange/onnx/test_vector.h"

#include <algorithm>
#include <cmath>

#include "ops/backends.h"
#include "picture/evaluation_view.h"
#include "runtime/session.h"

namespace riffle {
namespace {

void Softmax(std::span<float> logits) {
  const float largest = std::ranges::max(logits);
  double sum = 0;
  for (const float logit : logits) sum += std::exp(double{logit} - largest);
  for (float& logit : logits) logit = static_cast<float>(std::exp(double{logit} - largest) / sum);
}

template <class T>
void Append(std::string* bytes, std::span<const T> values) {
  bytes->append(reinterpret_cast<const char*>(values.data()), values.size_bytes());
}

}  // namespace

Result<TestVector> MakeTestVector(const Exportable& network, const OnnxOptions& options,
                                  std::span<const Picture> pictures) {
  const ModelDescription& model = network.info.model;
  const auto images = static_cast<int64_t>(pictures.size());
  const int64_t channels = model.in_channels, area = int64_t{model.image_size} * model.image_size;
  const int64_t stride = RowStride(images * area);
  RIFFLE_ASSIGN(const EvaluationView view, EvaluationView::Create(network.info.preprocessing));
  AlignedArray<float> pixels(channels * stride);  // as the session takes them: a row a channel
  for (int64_t n = 0; n < images; ++n)
    view.Normalise(pictures[n].View(), false, false, pixels.data() + n * area, stride);

  TestVector vector{.shape = {images, channels, model.image_size, model.image_size}};
  for (int64_t n = 0; n < images; ++n)
    for (int64_t c = 0; c < channels; ++c) {
      if (!options.preprocess) {
        Append<float>(&vector.input, {pixels.data() + c * stride + n * area, static_cast<size_t>(area)});
        continue;
      }
      for (int64_t i = 0; i < area; ++i) vector.input += static_cast<char>(pictures[n].pixels[i * channels + c]);
    }

  RIFFLE_ASSIGN(const OpTable<float>* const ops, FindBackend(""));
  ThreadPool pool(1);
  Session session({pool}, network.plan, *ops);
  session.SetWeights(network.values);
  vector.output.resize(images * model.num_classes);
  session.Run(images, {pixels.data(), stride}, vector.output.data());
  for (int64_t n = 0; options.probabilities && n < images; ++n)
    Softmax(std::span(vector.output).subspan(n * model.num_classes, model.num_classes));
  return vector;
}

}  // namespace riffle
