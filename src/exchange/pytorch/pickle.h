// Python's pickles, read as data. A pickle is a program for a stack machine that builds objects by calling functions by
// name; here nothing is called: what a call would have been becomes a value that says so, and whoever wants tensors
// looks for those (state_dict.h).
// Protocols 2 to 5 (the comments of Python's Lib/pickletools.py): what PyTorch's own weights-only unpickler reads, what
// later protocols write in its place, and what other objects in checkpoints need in order to be passed over.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace riffle {

/// A value of a pickle, by its number among all of them. They refer to one another freely: also in a circle.
using PickleRef = uint32_t;

struct PickleValue {
  enum class Kind {
    kNone,
    kBool,        ///< integer
    kInt,         ///< integer; of one that needs more than 64 bits, text instead: its bytes, little-endian
    kFloat,       ///< real
    kText,        ///< text, UTF-8 as a rule
    kBytes,       ///< text
    kTuple,       ///< items
    kList,        ///< items
    kSet,         ///< items
    kDict,        ///< items: key, value, key, value, ...
    kGlobal,      ///< module, text: a function or class, by name only
    kCall,        ///< of `callee` with the tuple `arguments`; items as of kDict, if it was filled like one
    kPersistent,  ///< a reference to something beside the pickle: `arguments`
  };

  Kind kind = Kind::kNone;
  union {
    int64_t integer = 0;
    double real;
    struct {
      PickleRef callee, arguments;
    };
  };
  std::string_view text, module;
  std::vector<PickleRef> items;
};

/// The values of one pickle; views on its bytes.
class Pickle {
 public:
  /// Reads the pickle that `bytes` begin with. DataLoss, with the place, if it is truncated or damaged, uses what
  /// protocols below 2 or extensions need, or takes more than two million steps: memory stays below 200 MB.
  static Result<Pickle> Parse(std::span<const uint8_t> bytes);

  const PickleValue& operator[](PickleRef ref) const { return values_[ref]; }
  std::span<const PickleValue> values() const { return values_; }
  PickleRef root() const { return root_; }
  /// Bytes up to its end: others may follow.
  uint64_t size() const { return size_; }

  /// Whether it is this function or class.
  bool IsGlobal(PickleRef ref, std::string_view module, std::string_view name) const {
    const PickleValue& value = values_[ref];
    return value.kind == PickleValue::Kind::kGlobal && value.module == module && value.text == name;
  }

 private:
  friend class PickleMachine;
  std::vector<PickleValue> values_;
  PickleRef root_ = 0;
  uint64_t size_ = 0;
};

}  // namespace riffle
