// The one exception type for the user's mistakes and the environment's faults.
#pragma once

#include <sstream>
#include <stdexcept>
#include <string>

namespace vpunas {

// The program's exit codes.
enum class ExitCode { done = 0, fault = 1, bug = 2, budget = 3, interrupted = 130 };

// Concatenates anything that can be streamed: cat("slot ", 3, ": ", shape).
template <class... Parts>
std::string cat(const Parts&... parts) {
  std::ostringstream out;
  (out << ... << parts);
  return std::move(out).str();
}

// One line for the user: what is wrong, where, and what to do about it. The command line prints it
// and exits with `code`. Bugs of ours are asserts or other exceptions, never this.
class Error : public std::runtime_error {
 public:
  explicit Error(const std::string& message, ExitCode code = ExitCode::fault)
      : std::runtime_error(message), code_(code) {}
  ExitCode code() const { return code_; }

 private:
  ExitCode code_;
};

// Throws Error(cat(parts...)).
template <class... Parts>
[[noreturn]] void fail(const Parts&... parts) {
  throw Error(cat(parts...));
}

}  // namespace vpunas
