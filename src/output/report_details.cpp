#include "output/report_details.h"

#include <cmath>

#include "output/figures.h"

namespace vpunas {

Json thinned(const Json& array, size_t most) {
  if (!array.is_array() || array.size() <= most) return array;
  Json out = Json::array();
  for (size_t i = 0; i < most; ++i) out.push_back(array[i * (array.size() - 1) / (most - 1)]);
  return out;
}

Json stage_list(const Json& explanation) {
  const Json& stages = at(explanation, "stages");
  if (!stages.is_array() || stages.empty()) return nullptr;
  Json out = Json::array();
  for (const Json& stage : stages) {
    Json kept = Json::object();
    for (const char* key : {"layer", "engine", "op", "kind", "ms", "in_shadow_of"})
      kept[key] = at(stage, key);
    out.push_back(std::move(kept));
  }
  return out;
}

Json probability_history(const Json& history) {
  constexpr size_t kMostSteps = 60;
  if (!history.is_array()) return nullptr;
  Json recorded = Json::array();
  for (const Json& step : history) {
    if (number(at(step, "step")) && at(step, "probability").is_array() &&
        !at(step, "probability").empty())
      recorded.push_back(step);
  }
  if (recorded.size() < 2) return nullptr;
  Json out = Json::array();
  for (const Json& step : thinned(recorded, kMostSteps)) {
    Json slots = Json::array();
    for (const Json& slot : step["probability"]) {
      Json shares = Json::array();
      for (const double share : numbers(slot)) shares.push_back(std::round(1e4 * share) / 1e4);
      slots.push_back(std::move(shares));
    }
    out.push_back({{"step", step["step"]}, {"probability", std::move(slots)}});
  }
  return out;
}

}  // namespace vpunas
