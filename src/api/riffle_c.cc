// The public C interface (riffle/riffle.h) over the C++ one.
#include <algorithm>
#include <cstring>
#include <memory>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include "riffle/riffle.h"
#include "riffle/riffle.hpp"

struct riffle_model {
  std::shared_ptr<const riffle::Model> model;
};

struct riffle_classifier {
  riffle::Classifier classifier;
};

namespace {

using riffle::Outcome;

/// Cuts a longer text where a character of UTF-8 begins.
void CopyText(const std::string& text, char* to, size_t room) {
  size_t size = std::min(text.size(), room - 1);
  if (size < text.size())
    while (size > 0 && (static_cast<unsigned char>(text[size]) & 0xC0) == 0x80) --size;
  std::memcpy(to, text.data(), size);
  to[size] = '\0';
}

riffle_code Report(const Outcome& outcome, riffle_error* error) {
  if (error == nullptr) return outcome.code;
  error->code = outcome.code;
  CopyText(outcome.message, error->message, sizeof error->message);
  return outcome.code;
}

riffle_code ReportNoMemory(riffle_error* error) {
  if (error != nullptr) *error = {RIFFLE_UNAVAILABLE, "out of memory"};
  return RIFFLE_UNAVAILABLE;
}

/// load(&outcome): a Model, or null
template <class Load>
riffle_code HandOver(const Load& load, riffle_model** model, riffle_error* error) try {
  *model = nullptr;
  Outcome outcome;
  auto handle = std::make_unique<riffle_model>();
  handle->model = load(&outcome);
  if (outcome) *model = handle.release();
  return Report(outcome, error);
} catch (const std::bad_alloc&) {
  return ReportNoMemory(error);
}

const float* DataOf(const std::vector<float>& values) { return values.empty() ? nullptr : values.data(); }

}  // namespace

const char* riffle_version(void) { return RIFFLE_VERSION; }

riffle_code riffle_model_open(const char* path, riffle_model** model, riffle_error* error) {
  return HandOver([&](Outcome* outcome) { return riffle::Model::Open(path, outcome); }, model, error);
}

riffle_code riffle_model_read(const void* bytes, size_t size, riffle_model** model, riffle_error* error) {
  return HandOver([&](Outcome* outcome) { return riffle::Model::Read(bytes, size, outcome); }, model, error);
}

void riffle_model_free(riffle_model* model) { delete model; }

int riffle_model_classes(const riffle_model* model) { return static_cast<int>(model->model->classes().size()); }

const char* riffle_model_class_name(const riffle_model* model, int index) {
  return index >= 0 && index < riffle_model_classes(model) ? model->model->classes()[index].c_str() : nullptr;
}

int riffle_model_features(const riffle_model* model) { return model->model->features(); }
int riffle_model_channels(const riffle_model* model) { return model->model->channels(); }
int riffle_model_image_size(const riffle_model* model) { return model->model->image_size(); }

riffle_code riffle_classifier_new(const riffle_model* model, int threads, riffle_classifier** classifier,
                                  riffle_error* error) try {
  *classifier = nullptr;
  *classifier = new riffle_classifier{riffle::Classifier(model->model, threads)};
  return Report({}, error);
} catch (const std::bad_alloc&) {
  return ReportNoMemory(error);
}

void riffle_classifier_free(riffle_classifier* classifier) { delete classifier; }

riffle_code riffle_add_pixels(riffle_classifier* classifier, const void* pixels, int width, int height,
                              size_t row_bytes, riffle_pixels layout, riffle_error* error) {
  return Report(classifier->classifier.Add({pixels, width, height, layout, row_bytes}), error);
}

riffle_code riffle_add_file(riffle_classifier* classifier, const char* path, riffle_error* error) try {
  return Report(classifier->classifier.AddFile(path), error);
} catch (const std::bad_alloc&) {  // for the path
  return ReportNoMemory(error);
}

riffle_code riffle_add_encoded(riffle_classifier* classifier, const void* bytes, size_t size, riffle_error* error) {
  return Report(classifier->classifier.AddEncoded(bytes, size), error);
}

riffle_code riffle_add_tensor(riffle_classifier* classifier, const float* values, size_t pictures,
                              riffle_error* error) {
  return Report(classifier->classifier.AddTensor(values, pictures), error);
}

void riffle_clear(riffle_classifier* classifier) { classifier->classifier.Clear(); }
size_t riffle_pictures(const riffle_classifier* classifier) { return classifier->classifier.pictures(); }
const char* riffle_flaw(const riffle_classifier* classifier) { return classifier->classifier.flaw().c_str(); }

riffle_code riffle_run(riffle_classifier* classifier, riffle_error* error) {
  return Report(classifier->classifier.Run(), error);
}

const float* riffle_logits(const riffle_classifier* classifier) { return DataOf(classifier->classifier.logits()); }
const float* riffle_probabilities(const riffle_classifier* classifier) {
  return DataOf(classifier->classifier.probabilities());
}
const float* riffle_features(const riffle_classifier* classifier) { return DataOf(classifier->classifier.features()); }

size_t riffle_top(const riffle_classifier* classifier, size_t picture, size_t count, riffle_class* classes) try {
  const std::vector<riffle::ClassProbability> top = classifier->classifier.Top(picture, count);
  const std::vector<std::string>& names = classifier->classifier.classes();
  for (size_t i = 0; i < top.size(); ++i) classes[i] = {names[top[i].index].c_str(), top[i].index, top[i].probability};
  return top.size();
} catch (const std::bad_alloc&) {
  return 0;
}
