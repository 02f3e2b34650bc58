// The public C++ interface over runtime/classifier.h: no Status, and no exception either.
#include "riffle/riffle.hpp"

#include <exception>

#include "base/threads.h"
#include "ops/backends.h"
#include "runtime/classifier.h"

namespace riffle {

class Classifier::Impl {
 public:
  explicit Impl(std::unique_ptr<PictureClassifier> made) : classifier(std::move(made)) {}
  std::unique_ptr<PictureClassifier> classifier;
};

namespace {

template <class Classify>
Classification Answer(const Classify& classify) try {
  Result<std::vector<ClassProbability>> classes = classify();
  if (!classes.ok()) return {{}, classes.status().message()};
  return {std::move(*classes), ""};
} catch (const std::exception& error) {
  return {{}, error.what()};
}

}  // namespace

std::unique_ptr<Classifier> Classifier::Load(const std::string& checkpoint, std::string* error, int threads) try {
  SetThreads(threads > 0 ? threads : UsableCores());
  const auto open = [&]() -> Result<std::unique_ptr<PictureClassifier>> {
    RIFFLE_ASSIGN(const OpTable<float>* ops, FindBackend(""));
    RIFFLE_ASSIGN(const Checkpoint opened, Checkpoint::Open(checkpoint));
    return PictureClassifier::Create(opened, *ops);
  };
  auto made = open();
  if (!made.ok()) {
    *error = made.status().message();
    return nullptr;
  }
  return std::unique_ptr<Classifier>(new Classifier(std::make_unique<Impl>(std::move(*made))));
} catch (const std::exception& thrown) {
  *error = thrown.what();
  return nullptr;
}

Classifier::Classifier(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Classifier::~Classifier() = default;

Classification Classifier::ClassifyFile(const std::string& picture, size_t count) {
  return Answer([&] { return impl_->classifier->ClassifyFile(picture, count); });
}

Classification Classifier::ClassifyEncoded(const void* bytes, size_t size, size_t count) {
  return Answer([&] { return impl_->classifier->ClassifyEncoded({static_cast<const uint8_t*>(bytes), size}, count); });
}

const std::vector<std::string>& Classifier::classes() const { return impl_->classifier->info().classes; }

}  // namespace riffle
