// Riffle's C++ interface: load a checkpoint, classify pictures, take the network's features. Link libriffle.
//
//   riffle::Outcome outcome;
//   const auto model = riffle::Model::Open("best.safetensors", &outcome);
//   if (!model) return Complain(outcome.message);
//   riffle::Classifier classifier(model, 2);
//   const riffle::Classification answer = classifier.ClassifyFile("cat.jpg");
//
// Functions that can fail return their error; nothing is printed, and the only exception is std::bad_alloc, of
// Classifier's constructor.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "riffle/export.h"
#include "riffle/riffle.h"

namespace riffle {

/// Success, or one line that says what was expected and found.
struct Outcome {
  riffle_code code = RIFFLE_OK;
  std::string message;
  explicit operator bool() const { return code == RIFFLE_OK; }
};

/// One class, and how likely it is.
struct ClassProbability {
  std::string name;
  int index = 0;           ///< of the class in the network's output
  double probability = 0;  ///< softmax; over all classes they add up to 1
};

/// The classes of a picture, the likeliest first, or `error`: one line that says what was expected and found.
struct Classification {
  std::vector<ClassProbability> classes;
  std::string error;
  std::string flaw;  ///< what is wrong with the picture, though it could be read: its end is missing; "" if nothing is
  explicit operator bool() const { return error.empty(); }
};

/// Somebody's pixels, row by row; nothing is owned.
struct Pixels {
  const void* data = nullptr;
  int width = 0;
  int height = 0;
  riffle_pixels layout = RIFFLE_RGB;
  size_t row_bytes = 0;  ///< from one row to the next; 0 if nothing lies between them
};

/// A trained network with its preprocessing and the names of its classes. Immutable: any number of threads may use one.
class RIFFLE_API Model {
 public:
  /// A checkpoint of `riffle train` or `riffle import`, with the averaged weights where it has some. Null if that
  /// fails, and *outcome, unless it is null, says why.
  static std::shared_ptr<const Model> Open(const std::string& path, Outcome* outcome = nullptr);
  /// The same of a copy of the file's bytes.
  static std::shared_ptr<const Model> Read(const void* bytes, size_t size, Outcome* outcome = nullptr);
  ~Model();
  Model(const Model&) = delete;
  Model& operator=(const Model&) = delete;

  const std::vector<std::string>& classes() const;  ///< names by index
  int features() const;                             ///< values that the last layer reads of a picture
  int channels() const;                             ///< 1: grey, 3: RGB
  int image_size() const;                           ///< pixels of the square that the network sees

 private:
  friend class Classifier;
  class RIFFLE_HIDDEN Impl;
  RIFFLE_HIDDEN explicit Model(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

/// Runs a model on threads of its own. One thread at a time may use it; several classifiers work side by side and share
/// the model's weights. Movable; one that was moved from can only be assigned to or destroyed.
class RIFFLE_API Classifier {
 public:
  /// threads: that compute, the caller among them; 0 for the cores that the process may use. Results do not depend on
  /// their number. REQUIRES: a model.
  explicit Classifier(std::shared_ptr<const Model> model, int threads = 0);
  /// The same of a checkpoint that no other classifier shares. Null if it cannot be loaded, and `error` says why.
  static std::unique_ptr<Classifier> Load(const std::string& checkpoint, std::string* error, int threads = 0);
  ~Classifier();
  Classifier(Classifier&&) noexcept;
  Classifier& operator=(Classifier&&) noexcept;

  const Model& model() const;

  // One picture: its `count` likeliest classes (fewer if there are fewer), equal ones by index. The batch is this one
  // picture then, and so are the answers below.

  /// A JPEG, PNG, WebP or BMP file, told apart by content. A library that was built without decoders reads BMP alone,
  /// and says so.
  Classification ClassifyFile(const std::string& picture, size_t count = 5);
  /// The same of a file's bytes at hand.
  Classification ClassifyEncoded(const void* bytes, size_t size, size_t count = 5);
  Classification Classify(const Pixels& picture, size_t count = 5);
  /// A picture as the network sees it, fitted and normalised already: [channels][image_size][image_size].
  Classification ClassifyTensor(const float* values, size_t count = 5);

  // Many: they are added to a batch, run together, and then asked for. After a failure the batch is as it was. The
  // first one after Run begins a new batch.

  Outcome AddFile(const std::string& picture);
  Outcome AddEncoded(const void* bytes, size_t size);
  Outcome Add(const Pixels& picture);
  /// [pictures][channels][image_size][image_size]
  Outcome AddTensor(const float* values, size_t pictures);
  void Clear();             ///< empties the batch
  size_t pictures() const;  ///< of the batch
  /// What is wrong with the picture that was added last, though it could be read; "" if nothing is.
  const std::string& flaw() const;

  /// Runs the batch, which stays until the next one begins. The answers for a picture have the same bits whatever it is
  /// batched with.
  Outcome Run();

  // Of the batch that ran; empty where none did.

  const std::vector<float>& logits() const;         ///< [pictures][classes]
  const std::vector<float>& probabilities() const;  ///< [pictures][classes]
  const std::vector<float>& features() const;       ///< [pictures][features]: an embedding of each picture
  /// The likeliest classes of a picture of the batch; none if it has no such picture.
  std::vector<ClassProbability> Top(size_t picture, size_t count = 5) const;

  /// Names of the model's classes, by index.
  const std::vector<std::string>& classes() const;

 private:
  class RIFFLE_HIDDEN Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace riffle
