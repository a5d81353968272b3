// Events drawn for people: a bar with rate and time left on a terminal, plain lines at intervals
// otherwise.
#pragma once

#include <chrono>
#include <functional>
#include <memory>

#include "base/progress.h"

namespace vpunas {

// Draws to standard error. Thread-safe; copies draw to the same place.
//
// On a terminal: one line, redrawn at most ten times a second, of the innermost piece of work;
// notes and warnings scroll by above it, and a summary takes its place at the end. Elsewhere: a
// line at the beginning, one whenever both 10 s and 10 % have gone by, one at the end.
class ProgressView {
 public:
  using Clock = std::function<std::chrono::steady_clock::time_point()>;

  ProgressView();  // asks isatty
  explicit ProgressView(bool terminal, int out_fd, Clock now = std::chrono::steady_clock::now);
  void operator()(const Event& event);

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace vpunas
