#include "pipeline/results.h"

namespace vpunas {

Json to_json(const Latency& latency) {
  return {{"ms", latency.ms}, {"low_ms", latency.low_ms}, {"high_ms", latency.high_ms}};
}

Json to_json(const SearchResult& result) {
  Json candidates = Json::array(), history = Json::array();
  for (const CandidateNetwork& c : result.candidates) {
    Json candidate = {{"choice", c.scored.choice},
                      {"preference", c.scored.preference},
                      {"table_ms", c.scored.ms.front()},
                      {"loss", c.loss},
                      {"accuracy", c.accuracy}};
    if (c.latency) candidate.update(to_json(*c.latency));
    candidates.push_back(std::move(candidate));
  }
  for (const SearchStep& s : result.history) {
    history.push_back({{"step", s.step},
                       {"entropy", s.entropy},
                       {"expected_ms", s.expected_ms},
                       {"mu", s.mu},
                       {"loss", s.loss},
                       {"probability", s.probability}});
  }
  return {{"choice", result.choice},
          {"predicted_table_ms", result.table_ms},
          {"predicted", to_json(result.predicted)},
          {"images_seen", result.images_seen},
          {"seconds", result.seconds},
          {"core_seconds", result.core_seconds},
          {"preference", result.preference},
          {"probability", result.probability},
          {"mu", result.mu},
          {"expected_ms", result.expected_ms},
          {"entropy", result.entropy},
          {"skip_share", result.skip_share},
          {"warnings", result.warnings},
          {"candidates", std::move(candidates)},
          {"history", std::move(history)}};
}

Json to_json(const std::vector<CurvePoint>& curve) {
  Json json = Json::array();
  for (const CurvePoint& point : curve) {
    json.push_back({{"epoch", point.epoch},
                    {"train_loss", point.train_loss},
                    {"validation_accuracy", point.validation_accuracy},
                    {"lr", point.lr}});
  }
  return json;
}

Json to_json(const Measurement& m) {
  return {{"median_ms", m.median_ms},
          {"mean_ms", m.mean_ms},
          {"least_ms", m.least_ms},
          {"greatest_ms", m.greatest_ms},
          {"p5_ms", m.p5_ms},
          {"p95_ms", m.p95_ms},
          {"fps", m.fps},
          {"iterations", m.samples_us.size()}};
}

}  // namespace vpunas
