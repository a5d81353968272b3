// How long work reports what it does and learns that it should stop. Library code prints nothing.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <stop_token>
#include <string>

#include "base/error.h"

namespace vpunas {

struct Event {
  enum class Kind {
    begin,    // a piece of work starts: `what`, `total`
    step,     // `done` of `total` units are behind us; metrics of this moment for the bar
    metrics,  // one line for history.jsonl
    note,     // one line for people: `what`
    warning,  // one line that people should not miss: `what`
    end       // the piece of work that `begin` named is done
  };
  Kind kind = Kind::note;
  std::string stage = {};  // "search", "train", ...
  std::string what = {};
  int64_t done = 0;
  int64_t total = 0;
  std::map<std::string, double> metrics = {};
};

// What every long function is given. A default one is silent and never stops.
struct Work {
  std::function<void(const Event&)> report = [](const Event&) {};
  std::stop_token stop = {};

  void note(std::string stage, std::string text) const {
    report({.kind = Event::Kind::note, .stage = std::move(stage), .what = std::move(text)});
  }
  void warn(std::string stage, std::string text) const {
    report({.kind = Event::Kind::warning, .stage = std::move(stage), .what = std::move(text)});
  }
};

// Thrown by long work after it has saved what it has, when `stop` was requested.
class Interrupted : public Error {
 public:
  explicit Interrupted(const std::string& message) : Error(message, ExitCode::interrupted) {}
};

}  // namespace vpunas
