// Riffle's C++ interface: load a checkpoint, classify pictures. Needs no other header; link libriffle.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace riffle {

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
  explicit operator bool() const { return error.empty(); }
};

/// A trained network with its preprocessing and the names of its classes. It computes on threads of its own. One thread
/// at a time may use it; several classifiers may be used side by side, each from a thread of its own. Movable; one that
/// was moved from can only be assigned to or destroyed.
class Classifier {
 public:
  /// Reads a checkpoint of `riffle train`. Null if that fails, and `error` says why.
  /// threads: of this classifier, the caller among them; 0 for the cores that the process may use.
  static std::unique_ptr<Classifier> Load(const std::string& checkpoint, std::string* error, int threads = 0);
  ~Classifier();
  Classifier(Classifier&&) noexcept;
  Classifier& operator=(Classifier&&) noexcept;

  /// The `count` likeliest classes (fewer if there are fewer) of a JPEG, PNG, WebP or BMP file, told apart by content.
  Classification ClassifyFile(const std::string& picture, size_t count = 5);
  /// The same of a file's bytes at hand.
  Classification ClassifyEncoded(const void* bytes, size_t size, size_t count = 5);

  /// Names of the classes, by index.
  const std::vector<std::string>& classes() const;

 private:
  class Impl;
  explicit Classifier(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace riffle
