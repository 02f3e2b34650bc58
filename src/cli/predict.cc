// `riffle predict`: the classes of pictures.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <numeric>

#include "base/file.h"
#include "base/threads.h"
#include "cli/command.h"
#include "cli/loaded_network.h"
#include "data/decode.h"
#include "data/transform.h"
#include "ops/backends.h"

namespace riffle {
namespace {

constexpr int kShown = 5;

struct Prediction {
  int index;
  double probability;
};

/// The likeliest classes, equal ones by index.
std::vector<Prediction> Likeliest(const std::vector<float>& logits) {
  const double top = *std::max_element(logits.begin(), logits.end());
  double sum = 0;
  for (float logit : logits) sum += std::exp(logit - top);
  std::vector<int> order(logits.size());
  std::iota(order.begin(), order.end(), 0);
  const size_t shown = std::min<size_t>(kShown, logits.size());
  std::partial_sort(order.begin(), order.begin() + static_cast<int64_t>(shown), order.end(),
                    [&](int a, int b) { return logits[a] != logits[b] ? logits[a] > logits[b] : a < b; });
  std::vector<Prediction> predictions;
  for (size_t i = 0; i < shown; ++i) predictions.push_back({order[i], std::exp(logits[order[i]] - top) / sum});
  return predictions;
}

/// Decodes and classifies one file after another; keeps its memory.
class Predictor {
 public:
  Predictor(Session& session, const Preprocessing& preprocessing, Transform transform)
      : session_(session),
        channels_(preprocessing.channels),
        stride_(RowStride(int64_t{preprocessing.image_size} * preprocessing.image_size)),
        transform_(std::move(transform)),
        pixels_(static_cast<size_t>(channels_ * stride_)),
        logits_(static_cast<size_t>(session.plan().model.num_classes)) {}

  Result<std::vector<Prediction>> Predict(const std::string& file) {
    RIFFLE_ASSIGN(const std::vector<uint8_t> bytes, ReadFile(file));
    if (Status status = Decode(bytes, channels_, picture_); !status.ok()) return std::move(status).In(file);
    RandomStream unused(0, RandomPurpose::kAugmentation, 0, 0);
    if (Status status = transform_.Apply(picture_.View(), unused, scratch_, pixels_.data(), stride_); !status.ok())
      return std::move(status).In(file);
    session_.Run(1, {pixels_.data(), stride_}, logits_.data());
    return Likeliest(logits_);
  }

 private:
  Session& session_;
  const int channels_;
  const int64_t stride_;
  const Transform transform_;
  AlignedArray<float> pixels_;
  std::vector<float> logits_;
  Picture picture_;
  TransformScratch scratch_;
};

std::string TextOf(const std::string& file, const std::vector<Prediction>& predictions,
                   const std::vector<std::string>& classes) {
  std::string text = file + '\n';
  for (const Prediction& p : predictions)
    text += fmt::format("  {:6.2f} %  {}\n", 100 * p.probability, classes[p.index]);
  return text;
}

std::string JsonOf(const std::string& file, const std::vector<Prediction>& predictions,
                   const std::vector<std::string>& classes) {
  nlohmann::ordered_json rows = nlohmann::ordered_json::array();
  for (const Prediction& p : predictions)
    rows.push_back({{"class", classes[p.index]}, {"index", p.index}, {"probability", p.probability}});
  const nlohmann::ordered_json object = {{"file", file}, {"predictions", rows}};
  return object.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + '\n';
}

Status Run(const Invocation& invocation, const Console& console) {
  const Options& options = invocation.settings.options;
  if (invocation.arguments.empty()) {
    return InvalidArgument(
        "expected pictures to classify, found none; write 'riffle predict PICTURE... --ckpt_path=FILE'");
  }
  if (options.ckpt_path.empty()) {
    return InvalidArgument("option ckpt_path: expected the checkpoint to use, found nothing; add --ckpt_path=FILE");
  }
  if (options.threads > 0) SetThreads(options.threads);
  RIFFLE_ASSIGN(const OpTable<float>* ops, FindBackend(""));
  RIFFLE_ASSIGN(const Checkpoint checkpoint, Checkpoint::Open(ResolveCheckpointPath(options.ckpt_path)));
  const CheckpointInfo& info = checkpoint.info();
  RIFFLE_ASSIGN(const std::unique_ptr<LoadedNetwork> network, LoadNetwork(checkpoint, info.model, *ops));
  RIFFLE_ASSIGN(Transform transform, Transform::ForEvaluation(info.preprocessing));
  Predictor predictor(network->session, info.preprocessing, std::move(transform));
  Status first_error;
  for (const std::string& file : invocation.arguments) {
    const Result<std::vector<Prediction>> predictions = predictor.Predict(file);
    if (!predictions.ok()) {  // the others still get their answers
      if (first_error.ok()) first_error = predictions.status();
      continue;
    }
    console.out << (invocation.Has("json") ? JsonOf : TextOf)(file, *predictions, info.classes) << std::flush;
  }
  return first_error;
}

}  // namespace

Command PredictCommand() {
  return {
      .name = "predict",
      .summary = "names what pictures show, with probabilities",
      .options = {"threads", "ckpt_path"},
      .own_options = {{.name = "json",
                       .value_name = "",
                       .help = "one object a line: file, predictions (an array of class, index, probability)"}},
      .argument_name = "PICTURE...",
      .examples = {{"predict cat.jpg dog.png --ckpt_path=ckpt/shufflenet_v1_g3_x1_0-best.safetensors",
                    "the five likeliest classes of each"}},
      .run = Run,
  };
}

}  // namespace riffle
