// What a phase of a search or a training cost to compute, over all processes that worked at it.
#pragma once

#include <cstdint>

#include "base/clock.h"
#include "base/files.h"

namespace vpunas {

struct ComputeCost {
  int64_t images = 0;  // that went through a network, each time counted
  double seconds = 0, core_seconds = 0;
};

inline ComputeCost operator+(const ComputeCost& a, const ComputeCost& b) {
  return {a.images + b.images, a.seconds + b.seconds, a.core_seconds + b.core_seconds};
}
inline ComputeCost operator-(const ComputeCost& a, const ComputeCost& b) {
  return {a.images - b.images, a.seconds - b.seconds, a.core_seconds - b.core_seconds};
}

inline Json to_json(const ComputeCost& cost) {
  return {{"images", cost.images}, {"seconds", cost.seconds}, {"core_seconds", cost.core_seconds}};
}
inline ComputeCost compute_cost_from_json(const Json& json) {
  return {json.at("images"), json.at("seconds"), json.at("core_seconds")};
}

// Time from its construction on, on top of what earlier processes took.
class CostMeter {
 public:
  explicit CostMeter(const ComputeCost& earlier = {}) : earlier_(earlier) {}
  ComputeCost cost(int64_t images) const {
    return {images, earlier_.seconds + watch_.seconds(),
            earlier_.core_seconds + processor_seconds() - start_core_seconds_};
  }

 private:
  ComputeCost earlier_;
  Stopwatch watch_;
  double start_core_seconds_ = processor_seconds();
};

}  // namespace vpunas
