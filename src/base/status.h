// Errors as values. A library function that can fail returns Status or Result<T>; only the command line prints and
// exits.
#pragma once

#include <fmt/format.h>

#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/text.h"

namespace riffle {

/// What kind of failure, and thereby the exit code of the command line (cli/main.cc).
enum class ErrorCode {
  kInvalidArgument,  ///< the user asked for something that makes no sense: an unknown key, a wrong value, a wrong shape
  kNotFound,         ///< a file, folder, class or tensor that should be there is not
  kDataLoss,         ///< a file is there, but truncated, corrupt or hostile
  kIo,               ///< the system refused: no space, no permission, no network
  kUnavailable,      ///< this build or machine cannot do it
  kInterrupted,      ///< a signal asked for the end: no error, but the work is not done
};

/// Success, or one message for the user: what was expected, what was found, what to do. It is one line, whatever names
/// from files stand in it: control characters come out as \x0a.
class [[nodiscard]] Status {
 public:
  Status() = default;
  Status(ErrorCode code, std::string_view message) : error_{{code, OneLine(message)}} {}

  bool ok() const { return !error_; }
  /// REQUIRES: !ok()
  ErrorCode code() const { return error_->first; }
  const std::string& message() const {
    static const std::string none;
    return error_ ? error_->second : none;
  }
  /// The same error, told where it happened: "context: message".
  Status In(std::string_view context) && {
    if (error_) error_->second = OneLine(context) + ": " + error_->second;
    return std::move(*this);
  }

 private:
  std::optional<std::pair<ErrorCode, std::string>> error_;
};

template <class... Args>
Status InvalidArgument(fmt::format_string<Args...> format, Args&&... args) {
  return {ErrorCode::kInvalidArgument, fmt::format(format, std::forward<Args>(args)...)};
}
template <class... Args>
Status NotFound(fmt::format_string<Args...> format, Args&&... args) {
  return {ErrorCode::kNotFound, fmt::format(format, std::forward<Args>(args)...)};
}
template <class... Args>
Status DataLoss(fmt::format_string<Args...> format, Args&&... args) {
  return {ErrorCode::kDataLoss, fmt::format(format, std::forward<Args>(args)...)};
}
template <class... Args>
Status IoError(fmt::format_string<Args...> format, Args&&... args) {
  return {ErrorCode::kIo, fmt::format(format, std::forward<Args>(args)...)};
}
template <class... Args>
Status Unavailable(fmt::format_string<Args...> format, Args&&... args) {
  return {ErrorCode::kUnavailable, fmt::format(format, std::forward<Args>(args)...)};
}
template <class... Args>
Status Interrupted(fmt::format_string<Args...> format, Args&&... args) {
  return {ErrorCode::kInterrupted, fmt::format(format, std::forward<Args>(args)...)};
}

/// A value, or the Status that tells why there is none.
template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : value_(std::move(value)) {}          // NOLINT: a value is a result
  Result(Status status) : status_(std::move(status)) {}  // NOLINT: an error is one, too

  bool ok() const { return value_.has_value(); }
  const Status& status() const { return status_; }
  /// REQUIRES: ok()
  T& operator*() { return *value_; }
  const T& operator*() const { return *value_; }
  T* operator->() { return &*value_; }
  const T* operator->() const { return &*value_; }

 private:
  std::optional<T> value_;
  Status status_;
};

#define RIFFLE_CONCAT_INNER(a, b) a##b
#define RIFFLE_CONCAT(a, b) RIFFLE_CONCAT_INNER(a, b)

/// Returns the error of a Status expression from the enclosing function, if there is one.
#define RIFFLE_TRY(expression)                                                  \
  do {                                                                          \
    if (::riffle::Status status_ = (expression); !status_.ok()) return status_; \
  } while (false)

/// RIFFLE_ASSIGN(auto x, F()): declares x from a Result, or returns its error.
#define RIFFLE_ASSIGN(declaration, expression) RIFFLE_ASSIGN_(RIFFLE_CONCAT(result_, __LINE__), declaration, expression)
#define RIFFLE_ASSIGN_(result, declaration, expression) \
  auto result = (expression);                           \
  if (!result.ok()) return result.status();             \
  declaration = std::move(*result)

}  // namespace riffle
