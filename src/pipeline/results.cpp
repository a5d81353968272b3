#include "pipeline/results.h"

#include <sys/utsname.h>

#include "base/error.h"
#include "base/processors.h"
#include "base/text.h"

namespace vpunas {

std::string front_name(size_t index) { return cat("front_", index + 1); }

Json to_json(const Latency& latency) {
  return {{"ms", latency.ms}, {"low_ms", latency.low_ms}, {"high_ms", latency.high_ms}};
}

namespace {

Json to_json(const CandidateNetwork& c) {
  Json json = {{"choice", c.scored.choice},
               {"preference", c.scored.preference},
               {"table_ms", c.scored.ms.front()},
               {"loss", c.loss},
               {"accuracy", c.accuracy}};
  if (!c.latency.empty()) json.update(to_json(c.latency.front()));
  for (size_t d = 1; d < c.latency.size(); ++d) json["others"].push_back(to_json(c.latency[d]));
  return json;
}

}  // namespace

Json to_json(const SearchResult& result) {
  Json candidates = Json::array(), front = Json::array(), history = Json::array();
  for (const CandidateNetwork& c : result.candidates) candidates.push_back(to_json(c));
  for (size_t i = 0; i < result.front.size(); ++i) {
    const FrontPoint& point = result.front[i];
    Json json = {{"architecture", front_name(i)}, {"budget_ms", point.budgets.front()}};
    json.update(to_json(point.network));
    json["dominated"] = point.dominated;
    front.push_back(std::move(json));
  }
  for (const SearchStep& s : result.history) {
    history.push_back({{"step", s.step},
                       {"entropy", s.entropy},
                       {"expected_ms", s.expected_ms.front()},
                       {"mu", s.mu.front()},
                       {"loss", s.loss},
                       {"probability", s.probability}});
  }
  // The last round, and those before.
  Json finalists = to_json(result.finalists.empty() ? FinalistsResult{} : result.finalists.back());
  finalists["earlier"] = Json::array();
  for (size_t i = 0; i + 1 < result.finalists.size(); ++i)
    finalists["earlier"].push_back(to_json(result.finalists[i]));
  const Cost cost = result.cost.total();
  return {{"choice", result.choice},
          {"predicted_table_ms", result.table_ms.front()},
          {"predicted", to_json(result.predicted.front())},
          {"images_seen", cost.images},
          {"seconds", cost.seconds},
          {"core_seconds", cost.core_seconds},
          {"cost",
           {{"weights", to_json(result.cost.weights)},
            {"choosing", to_json(result.cost.choosing)},
            {"finalists", to_json(result.cost.finalists)},
            {"ranking", to_json(result.cost.ranking)}}},
          {"preference", result.preference},
          {"probability", result.probability},
          {"mu", result.mu.front()},
          {"expected_ms", result.expected_ms.front()},
          {"entropy", result.entropy},
          {"skip_share", result.skip_share},
          {"agreement", result.agreement},
          {"front_agreement", result.front_agreement},
          {"warnings", result.warnings},
          {"candidates", std::move(candidates)},
          {"front", std::move(front)},
          {"history", std::move(history)},
          {"finalists", std::move(finalists)}};
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

namespace {

std::string machine() {
  utsname name{};
  uname(&name);
  return cat(name.sysname, " ", name.machine, ", ", processor_count(), " cores");
}

}  // namespace

Json run_result(const Run& run) {
  const auto read = [&](const fs::path& relative, const char* schema) {
    const fs::path path = run.folder() / relative;
    return fs::exists(path) ? read_json(path, schema) : Json::object();
  };
  const Json search = read("search.json", "vpunas.search/1");
  const Json exported = read("export/found/export.json", "vpunas.export/1");
  const Json benchmarks = read("benchmark.json", "vpunas.benchmark/1");
  const auto accuracy = [&](const std::string& name) {
    return read("train/" + name + "/train.json", "vpunas.train/1").value("test_accuracy", Json());
  };
  const std::string device = search.at("budgets").front().at("device");
  Json mobilenet_ms, cpu_ms;
  for (const Json& row : benchmarks.value("rows", Json::array())) {
    if (row["network"] == "mobilenet_v2" && row["device"] == device &&
        !row["predicted"].is_null()) {
      mobilenet_ms = row["predicted"]["ms"];
    }
    if (row["network"] == "found" && row["device"] == "CPU" && !row["measured"].is_null()) {
      cpu_ms = row["measured"]["median_ms"];
    }
  }
  double total = 0;
  Json seconds = Json::object();
  for (const Stage stage : all_stages) {
    if (stage == Stage::report) continue;  // it is being made
    seconds[stage_name(stage)] = run.seconds(stage);
    total += run.seconds(stage);
  }
  return {{"version", version()},
          {"date", timestamp()},
          {"machine", machine()},
          {"seconds_total", total},
          {"seconds", seconds},
          {"test_accuracy", accuracy("found")},
          {"mobilenet_v2_accuracy", accuracy("mobilenet_v2")},
          {"device", device},
          {"predicted_ms", search.at("predicted").at("ms")},
          {"budget_ms", search.at("budget_ms")},
          {"mobilenet_v2_ms", mobilenet_ms},
          {"measured_cpu_ms", cpu_ms},
          {"onnx_top1_agreement", exported.at("onnx").at("top1_agreement")},
          {"ir_top1_agreement", exported.at("ir").at("top1_agreement")}};
}

}  // namespace vpunas
