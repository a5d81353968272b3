// Events drawn for people: a bar with rate and time left on a terminal, plain lines at intervals otherwise.
#pragma once

#include <memory>

#include "base/progress.h"

namespace vpunas {

// Draws to standard error. Thread-safe.
class ProgressView {
 public:
  ProgressView();  // asks isatty
  explicit ProgressView(bool terminal, int out_fd);
  ~ProgressView();
  void operator()(const Event& event);

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace vpunas
