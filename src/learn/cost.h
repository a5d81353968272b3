// What a phase of the work cost, over all sittings.
#pragma once

#include <cstdint>

#include "base/files.h"
#include "learn/checkpoint.h"
#include "learn/runtime.h"

namespace vpunas {

struct Cost {
  int64_t images = 0;  // that went through a network, each time counted
  double seconds = 0, core_seconds = 0;
};

inline Cost operator+(const Cost& a, const Cost& b) {
  return {a.images + b.images, a.seconds + b.seconds, a.core_seconds + b.core_seconds};
}
inline Cost operator-(const Cost& a, const Cost& b) {
  return {a.images - b.images, a.seconds - b.seconds, a.core_seconds - b.core_seconds};
}

inline Json to_json(const Cost& cost) {
  return {{"images", cost.images}, {"seconds", cost.seconds}, {"core_seconds", cost.core_seconds}};
}
inline Cost cost_from_json(const Json& json) {
  return {json.at("images"), json.at("seconds"), json.at("core_seconds")};
}

// Time from its construction on, on top of what earlier sittings took.
class CostMeter {
 public:
  explicit CostMeter(const Cost& earlier = {}) : earlier_(earlier) {}
  Cost cost(int64_t images) const {
    return {images, earlier_.seconds + watch_.seconds(),
            earlier_.core_seconds + processor_seconds() - start_core_seconds_};
  }

 private:
  Cost earlier_;
  Stopwatch watch_;
  double start_core_seconds_ = processor_seconds();
};

}  // namespace vpunas
