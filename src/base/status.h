// SPDX-License-Identifier: Apache-2.0
// Errors as values. A function that can fail returns Status or StatusOr<T>; the result is never ignored.
// Codes are those of google.rpc.Code, which the PJRT ABI shares. Messages are whole sentences; a caller adds context
// with WithContext and never rewords. Thread-compatible; cheap to move; an OK status allocates nothing.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace dragoman {

enum class StatusCode : int {
  kOk = 0,
  kCancelled = 1,
  kUnknown = 2,
  kInvalidArgument = 3,
  kDeadlineExceeded = 4,
  kNotFound = 5,
  kAlreadyExists = 6,
  kPermissionDenied = 7,
  kResourceExhausted = 8,
  kFailedPrecondition = 9,
  kAborted = 10,
  kOutOfRange = 11,
  kUnimplemented = 12,
  kInternal = 13,
  kUnavailable = 14,
  kDataLoss = 15,
  kUnauthenticated = 16,
};

class [[nodiscard]] Status {
 public:
  Status() = default;
  Status(StatusCode code, std::string message) : Status(code, std::move(message), false) {}
  // UNAVAILABLE, for good: the device was reset, hung or removed.
  static Status DeviceLost(std::string message) { return {StatusCode::kUnavailable, std::move(message), true}; }

  bool ok() const { return state_ == nullptr; }
  StatusCode code() const { return ok() ? StatusCode::kOk : state_->code; }
  const std::string& message() const {
    static const std::string empty;
    return ok() ? empty : state_->message;
  }
  bool is_device_lost() const { return !ok() && state_->is_device_lost; }
  // The same error, followed by a space and `context`. An OK status stays OK.
  Status WithContext(std::string_view context) const {
    return ok() ? *this : Status(code(), message() + " " + std::string(context), is_device_lost());
  }

 private:
  struct State {
    StatusCode code;
    std::string message;
    bool is_device_lost;
  };
  Status(StatusCode code, std::string message, bool is_device_lost)
      : state_(code == StatusCode::kOk
                   ? nullptr
                   : std::make_shared<const State>(State{code, std::move(message), is_device_lost})) {}
  std::shared_ptr<const State> state_;
};

inline Status OkStatus() { return Status(); }
inline Status InvalidArgument(std::string message) { return {StatusCode::kInvalidArgument, std::move(message)}; }
inline Status Unimplemented(std::string message) { return {StatusCode::kUnimplemented, std::move(message)}; }
inline Status Internal(std::string message) { return {StatusCode::kInternal, std::move(message)}; }
inline Status NotFound(std::string message) { return {StatusCode::kNotFound, std::move(message)}; }
inline Status ResourceExhausted(std::string message) { return {StatusCode::kResourceExhausted, std::move(message)}; }
inline Status FailedPrecondition(std::string message) { return {StatusCode::kFailedPrecondition, std::move(message)}; }
inline Status Unavailable(std::string message) { return {StatusCode::kUnavailable, std::move(message)}; }

// A value or the error that explains its absence. value() on an error is a programming mistake.
template <typename T>
class [[nodiscard]] StatusOr {
 public:
  // Implicit by design: `return Unimplemented(...)`. An OK status explains nothing: it becomes INTERNAL, so that !ok()
  // always has an error to hand on.
  StatusOr(Status status)  // NOLINT
      : status_(status.ok() ? Internal("An OK status stands where a value is owed.") : std::move(status)) {}
  StatusOr(T value) : value_(std::move(value)) {}  // NOLINT: implicit by design, `return value`

  bool ok() const { return value_.has_value(); }
  const Status& status() const { return status_; }
  T& value() & { return *value_; }
  const T& value() const& { return *value_; }
  T&& value() && { return *std::move(value_); }
  T& operator*() & { return *value_; }
  const T& operator*() const& { return *value_; }
  T&& operator*() && { return *std::move(value_); }
  T* operator->() { return &*value_; }
  const T* operator->() const { return &*value_; }

 private:
  Status status_;
  std::optional<T> value_;
};

}  // namespace dragoman

#define DRAGOMAN_CONCAT_INNER(a, b) a##b
#define DRAGOMAN_CONCAT(a, b) DRAGOMAN_CONCAT_INNER(a, b)

#define RETURN_IF_ERROR(expression)                                                                             \
  do {                                                                                                          \
    /* A name that no expression uses: were it that of a member, the expression would mean the new variable. */ \
    if (::dragoman::Status returned_error = (expression); !returned_error.ok()) return returned_error;          \
  } while (false)

#define ASSIGN_OR_RETURN(declaration, expression) \
  ASSIGN_OR_RETURN_INNER(DRAGOMAN_CONCAT(status_or_, __LINE__), declaration, expression)
#define ASSIGN_OR_RETURN_INNER(name, declaration, expression) \
  auto name = (expression);                                   \
  if (!name.ok()) return name.status();                       \
  declaration = *std::move(name)
