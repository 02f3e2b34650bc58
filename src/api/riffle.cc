// The public C++ interface over runtime/classifier.h: no Status, and no exception either.
#include "riffle/riffle.hpp"

#include <exception>

#include "backend/threads.h"
#include "ops/backends.h"
#include "runtime/classifier.h"

namespace riffle {

class Classifier::Impl {
 public:
  explicit Impl(int threads) : pool(threads) {}
  ThreadPool pool;
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
  auto impl = std::make_unique<Impl>(threads > 0 ? threads : UsableCores());
  const auto open = [&]() -> Status {
    RIFFLE_ASSIGN(const OpTable<float>* ops, FindBackend(""));
    RIFFLE_ASSIGN(const Checkpoint opened, Checkpoint::Open(checkpoint));
    RIFFLE_ASSIGN(impl->classifier, PictureClassifier::Create({impl->pool}, opened, *ops));
    return {};
  };
  if (const Status opened = open(); !opened.ok()) {
    *error = opened.message();
    return nullptr;
  }
  return std::unique_ptr<Classifier>(new Classifier(std::move(impl)));
} catch (const std::exception& thrown) {
  *error = thrown.what();
  return nullptr;
}

Classifier::Classifier(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Classifier::~Classifier() = default;
Classifier::Classifier(Classifier&&) noexcept = default;
Classifier& Classifier::operator=(Classifier&&) noexcept = default;

Classification Classifier::ClassifyFile(const std::string& picture, size_t count) {
  return Answer([&] { return impl_->classifier->ClassifyFile(picture, count); });
}

Classification Classifier::ClassifyEncoded(const void* bytes, size_t size, size_t count) {
  return Answer([&] { return impl_->classifier->ClassifyEncoded({static_cast<const uint8_t*>(bytes), size}, count); });
}

const std::vector<std::string>& Classifier::classes() const { return impl_->classifier->info().classes; }

}  // namespace riffle
