// The public C++ interface (riffle/riffle.hpp) over runtime: no Status, and no exception either.
#include "riffle/riffle.hpp"

#include <algorithm>
#include <exception>
#include <new>
#include <stdexcept>

#include "backend/threads.h"
#include "base/text.h"
#include "ops/backends.h"
#include "picture/decode.h"
#include "runtime/likeliest.h"
#include "runtime/load_session.h"
#include "runtime/picture_batch.h"

namespace riffle {
namespace {

riffle_code CodeOf(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidArgument:
      return RIFFLE_INVALID_ARGUMENT;
    case ErrorCode::kNotFound:
      return RIFFLE_NOT_FOUND;
    case ErrorCode::kDataLoss:
      return RIFFLE_DATA_LOSS;
    case ErrorCode::kIo:
      return RIFFLE_IO;
    case ErrorCode::kUnavailable:
    case ErrorCode::kInterrupted:
      return RIFFLE_UNAVAILABLE;
  }
  return RIFFLE_UNAVAILABLE;
}

/// What a step of the library ended in; memory that is not there is an error like any other.
template <class Step>
Outcome OutcomeOf(const Step& step) try {
  const Status status = step();
  return status.ok() ? Outcome() : Outcome{CodeOf(status.code()), status.message()};
} catch (const std::bad_alloc&) {
  return {RIFFLE_UNAVAILABLE, "out of memory"};
} catch (const std::length_error&) {  // of a vector that no memory could hold
  return {RIFFLE_UNAVAILABLE, "out of memory"};
} catch (const std::exception& error) {
  return {RIFFLE_UNAVAILABLE, error.what()};
}

struct Layout {
  int bytes;             // of a pixel
  int red, green, blue;  // which of them these are
};

Result<Layout> LayoutOf(riffle_pixels layout) {
  switch (layout) {
    case RIFFLE_GREY:
      return Layout{1, 0, 0, 0};
    case RIFFLE_RGB:
      return Layout{3, 0, 1, 2};
    case RIFFLE_BGR:
      return Layout{3, 2, 1, 0};
    case RIFFLE_RGBA:
      return Layout{4, 0, 1, 2};
    case RIFFLE_BGRA:
      return Layout{4, 2, 1, 0};
    case RIFFLE_PIXELS_INT:
      break;
  }
  return InvalidArgument("pixels of layout {}: expected RIFFLE_GREY, RGB, BGR, RGBA or BGRA", static_cast<int>(layout));
}

Status CheckPixels(const Pixels& picture, const Layout& layout) {
  if (picture.data == nullptr || picture.width < 1 || picture.height < 1)
    return InvalidArgument("expected pixels, at least 1 × 1 of them, found {} × {}{}", picture.width, picture.height,
                           picture.data == nullptr ? " at a null pointer" : "");
  if (picture.height > kMaxPicturePixels / picture.width)
    return InvalidArgument("a picture of {} × {} pixels: more than the {} that are allowed", picture.width,
                           picture.height, kMaxPicturePixels);
  const size_t least = static_cast<size_t>(picture.width) * layout.bytes;
  const size_t most = INT64_MAX / static_cast<size_t>(picture.height);
  if (picture.row_bytes != 0 && (picture.row_bytes < least || picture.row_bytes > most))
    return InvalidArgument("rows of {} bytes: expected {} or more for {} of {}, or 0 for just these", picture.row_bytes,
                           least, Counted(picture.width, "pixel"), layout.bytes);
  return {};
}

/// `from` has 3 or 4 bytes a pixel.
void CopyAsRgb(const Pixels& from, size_t row_bytes, const Layout& layout, Picture& to) {
  to.Reshape(from.height, from.width, 3);
  for (int y = 0; y < from.height; ++y) {
    const uint8_t* pixel = static_cast<const uint8_t*>(from.data) + y * row_bytes;
    for (uint8_t *out = to.Row(y), *end = out + to.RowBytes(); out != end; out += 3, pixel += layout.bytes)
      out[0] = pixel[layout.red], out[1] = pixel[layout.green], out[2] = pixel[layout.blue];
  }
}

std::vector<std::string> NamesOf(const CheckpointInfo& info) {
  std::vector<std::string> names;
  for (int i = 0; i < info.model.num_classes; ++i) names.push_back(ClassNameOf(info.classes, i));
  return names;
}

}  // namespace

class Model::Impl {
 public:
  static Result<std::shared_ptr<const Model>> Load(const Result<Checkpoint>& checkpoint) {
    if (!checkpoint.ok()) return checkpoint.status();
    RIFFLE_ASSIGN(const OpTable<float>* ops, FindBackend(""));
    RIFFLE_ASSIGN(EvaluationView view, EvaluationView::Create(checkpoint->info().preprocessing));
    auto impl = std::make_unique<Impl>(*ops, checkpoint->info(), std::move(view));
    RIFFLE_ASSIGN(impl->weights_,
                  LoadSession({impl->pool_}, *checkpoint, checkpoint->best_weights(), checkpoint->info().model, *ops));
    return std::shared_ptr<const Model>(new Model(std::move(impl)));
  }

  Impl(const OpTable<float>& ops, const CheckpointInfo& info, EvaluationView view)
      : ops_(ops), description_(info.model), classes_(NamesOf(info)), view_(std::move(view)) {}

  /// With these weights, on threads of its own.
  std::unique_ptr<Session> NewSession(ThreadPool& pool) const {
    auto session = std::make_unique<Session>(Execution{pool}, *MakePlan(description_), ops_);
    session->ShareWeightsOf(*weights_);
    return session;
  }

  const ModelDescription& description() const { return description_; }
  const EvaluationView& view() const { return view_; }
  const std::vector<std::string>& classes() const { return classes_; }
  int features() const { return weights_->plan().maps[weights_->plan().steps.back().x].channels; }

 private:
  const OpTable<float>& ops_;
  const ModelDescription description_;
  const std::vector<std::string> classes_;
  const EvaluationView view_;
  ThreadPool pool_{1};                // that the weights are packed on
  std::unique_ptr<Session> weights_;  // never runs: others share its weights
};

namespace {

template <class Load>
std::shared_ptr<const Model> Loaded(const Load& load, Outcome* outcome) {
  std::shared_ptr<const Model> model;
  Outcome found = OutcomeOf([&]() -> Status {
    RIFFLE_ASSIGN(model, load());
    return {};
  });
  if (outcome) *outcome = std::move(found);
  return model;
}

}  // namespace

Model::Model(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Model::~Model() = default;

std::shared_ptr<const Model> Model::Open(const std::string& path, Outcome* outcome) {
  return Loaded([&] { return Impl::Load(Checkpoint::Open(path)); }, outcome);
}

std::shared_ptr<const Model> Model::Read(const void* bytes, size_t size, Outcome* outcome) {
  return Loaded(
      [&] {
        return Impl::Load(Checkpoint::FromBytes({static_cast<const uint8_t*>(bytes), size}, "checkpoint"));
      },
      outcome);
}

const std::vector<std::string>& Model::classes() const { return impl_->classes(); }
int Model::features() const { return impl_->features(); }
int Model::channels() const { return impl_->description().in_channels; }
int Model::image_size() const { return impl_->description().image_size; }

class Classifier::Impl {
 public:
  Impl(std::shared_ptr<const Model> model, const Model::Impl& network, int threads)
      : model_(std::move(model)),
        pool_(threads > 0 ? threads : UsableCores()),
        session_(network.NewSession(pool_)),
        batch_(session_->execution().device, session_->plan().maps[0], network.view()) {}

  const Model& model() const { return *model_; }
  const PictureBatch& batch() const { return batch_; }
  const std::vector<float>& logits() const { return logits_; }
  const std::vector<float>& probabilities() const { return probabilities_; }
  const std::vector<float>& features() const { return features_; }

  void Clear() {
    batch_.Clear();
    Forget();
  }

  /// add(*this): one of the four below, which puts something into the batch.
  template <class Add>
  Outcome Added(const Add& add) {
    if (!logits_.empty()) Clear();
    return OutcomeOf([&] { return add(*this); });
  }
  Status AddFile(const std::string& path) { return batch_.AddFile(path); }
  Status AddEncoded(const void* bytes, size_t size) {
    return batch_.AddEncoded({static_cast<const uint8_t*>(bytes), size});
  }

  Status AddPixels(const Pixels& pixels) {
    RIFFLE_ASSIGN(const Layout layout, LayoutOf(pixels.layout));
    RIFFLE_TRY(CheckPixels(pixels, layout));
    const size_t row_bytes =
        pixels.row_bytes != 0 ? pixels.row_bytes : static_cast<size_t>(pixels.width) * layout.bytes;
    if (pixels.layout == RIFFLE_GREY || pixels.layout == RIFFLE_RGB)
      return batch_.Add({.pixels = static_cast<const uint8_t*>(pixels.data),
                         .height = pixels.height,
                         .width = pixels.width,
                         .channels = layout.bytes,
                         .row_bytes = static_cast<int64_t>(row_bytes)});
    CopyAsRgb(pixels, row_bytes, layout, rgb_);
    return batch_.Add(rgb_.View());
  }

  Status AddTensor(const float* values, size_t pictures) {
    if (values == nullptr) return InvalidArgument("expected a tensor, found a null pointer");
    if (pictures < 1 || pictures > SIZE_MAX / sizeof(float) / batch_.picture_values())
      return InvalidArgument("expected a tensor of 1 picture or more, of as many as memory holds, found {}", pictures);
    batch_.AddTensor({values, pictures * batch_.picture_values()});
    return {};
  }

  Outcome Run() {
    Forget();
    Outcome outcome = OutcomeOf([&] { return RunBatch(); });
    if (!outcome) Forget();
    return outcome;
  }

  std::vector<ClassProbability> Top(size_t picture, size_t count) const {
    const size_t classes = model_->classes().size();
    if (picture >= logits_.size() / classes) return {};
    return Likeliest({logits_.data() + picture * classes, classes}, model_->classes(), count);
  }

  /// Of a batch of one.
  template <class Add>
  Classification Classify(const Add& add, size_t count) {
    Clear();
    Outcome outcome = Added(add);
    if (outcome) outcome = Run();
    Classification answer{{}, outcome.message, ""};
    if (outcome)
      answer.error = OutcomeOf([&] {
                       answer.classes = Top(0, count);
                       answer.flaw = batch_.flaw();
                       return Status();
                     }).message;
    return answer;
  }

 private:
  void Forget() {
    logits_.clear();
    probabilities_.clear();
    features_.clear();
  }

  Status RunBatch() {
    const int64_t images = batch_.images(), classes = static_cast<int64_t>(model_->classes().size());
    if (images == 0) return InvalidArgument("expected pictures to run, found an empty batch: add some before");
    std::vector<float> logits(images * classes), probabilities, features(images * model_->features());
    session_->Run(images, batch_.rows(), logits.data());
    session_->Features(images, features.data());
    RIFFLE_TRY(session_->execution().device.Health());
    probabilities.reserve(logits.size());
    for (int64_t n = 0; n < images; ++n)
      for (double p : Softmax({logits.data() + n * classes, static_cast<size_t>(classes)}))
        probabilities.push_back(static_cast<float>(p));
    logits_ = std::move(logits), probabilities_ = std::move(probabilities), features_ = std::move(features);
    return {};
  }

  const std::shared_ptr<const Model> model_;
  ThreadPool pool_;
  const std::unique_ptr<Session> session_;
  PictureBatch batch_;
  Picture rgb_;
  std::vector<float> logits_, probabilities_, features_;  // of the batch that ran
};

Classifier::Classifier(std::shared_ptr<const Model> model, int threads) {
  const Model::Impl& network = *model->impl_;
  impl_ = std::make_unique<Impl>(std::move(model), network, threads);
}

std::unique_ptr<Classifier> Classifier::Load(const std::string& checkpoint, std::string* error, int threads) {
  std::unique_ptr<Classifier> classifier;
  Outcome outcome;
  if (std::shared_ptr<const Model> model = Model::Open(checkpoint, &outcome))
    outcome = OutcomeOf([&] {
      classifier = std::make_unique<Classifier>(std::move(model), threads);
      return Status();
    });
  if (!outcome) *error = std::move(outcome.message);
  return classifier;
}

Classifier::~Classifier() = default;
Classifier::Classifier(Classifier&&) noexcept = default;
Classifier& Classifier::operator=(Classifier&&) noexcept = default;

const Model& Classifier::model() const { return impl_->model(); }
const std::vector<std::string>& Classifier::classes() const { return impl_->model().classes(); }

Classification Classifier::ClassifyFile(const std::string& picture, size_t count) {
  return impl_->Classify([&](Impl& impl) { return impl.AddFile(picture); }, count);
}
Classification Classifier::ClassifyEncoded(const void* bytes, size_t size, size_t count) {
  return impl_->Classify([&](Impl& impl) { return impl.AddEncoded(bytes, size); }, count);
}
Classification Classifier::Classify(const Pixels& picture, size_t count) {
  return impl_->Classify([&](Impl& impl) { return impl.AddPixels(picture); }, count);
}
Classification Classifier::ClassifyTensor(const float* values, size_t count) {
  return impl_->Classify([&](Impl& impl) { return impl.AddTensor(values, 1); }, count);
}

Outcome Classifier::AddFile(const std::string& picture) {
  return impl_->Added([&](Impl& impl) { return impl.AddFile(picture); });
}
Outcome Classifier::AddEncoded(const void* bytes, size_t size) {
  return impl_->Added([&](Impl& impl) { return impl.AddEncoded(bytes, size); });
}
Outcome Classifier::Add(const Pixels& picture) {
  return impl_->Added([&](Impl& impl) { return impl.AddPixels(picture); });
}
Outcome Classifier::AddTensor(const float* values, size_t pictures) {
  return impl_->Added([&](Impl& impl) { return impl.AddTensor(values, pictures); });
}
void Classifier::Clear() { impl_->Clear(); }
size_t Classifier::pictures() const { return static_cast<size_t>(impl_->batch().images()); }
const std::string& Classifier::flaw() const { return impl_->batch().flaw(); }
Outcome Classifier::Run() { return impl_->Run(); }
const std::vector<float>& Classifier::logits() const { return impl_->logits(); }
const std::vector<float>& Classifier::probabilities() const { return impl_->probabilities(); }
const std::vector<float>& Classifier::features() const { return impl_->features(); }
std::vector<ClassProbability> Classifier::Top(size_t picture, size_t count) const { return impl_->Top(picture, count); }

}  // namespace riffle
