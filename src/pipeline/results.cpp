#include "pipeline/results.h"

#include <sys/utsname.h>

#include "base/error.h"
#include "base/processors.h"
#include "base/text.h"

namespace vpunas {

Json to_json(const Latency& latency) {
  return {{"ms", latency.ms}, {"low_ms", latency.low_ms}, {"high_ms", latency.high_ms}};
}

namespace {

Json to_json(const SelectedNetwork& network) {
  Json json = {{"choice", network.scored.choice},
               {"alpha", network.scored.value},
               {"table_ms", network.scored.costs.front()},
               {"loss", network.score.loss},
               {"accuracy", network.score.accuracy}};
  if (!network.latency.empty()) json.update(to_json(network.latency.front()));
  for (size_t d = 1; d < network.latency.size(); ++d)
    json["others"].push_back(to_json(network.latency[d]));
  return json;
}

}  // namespace

Json to_json(const SearchResult& result) {
  Json shortlist = Json::array(), front = Json::array(), history = Json::array();
  for (const SelectedNetwork& n : result.selection.shortlist) shortlist.push_back(to_json(n));
  for (size_t i = 0; i < result.front.size(); ++i) {
    const ParetoPoint& point = result.front[i];
    Json json = {{"architecture", pareto_name(i)}, {"budget_ms", point.budgets.front()}};
    json.update(to_json(point.network));
    json["dominated"] = point.dominated;
    front.push_back(std::move(json));
  }
  const StrategyResult& strategy = result.strategy;
  for (const GradientStep& s : strategy.history) {
    history.push_back({{"step", s.step},
                       {"entropy", s.entropy},
                       {"expected_ms", s.expected_cost.front()},
                       {"mu", s.mu.front()},
                       {"loss", s.loss},
                       {"probability", s.probability}});
  }
  // The last round, and those before.
  const auto& rounds = result.trained_alone;
  Json alone = to_json(rounds.empty() ? AloneRound{} : rounds.back());
  alone["earlier"] = Json::array();
  for (size_t i = 0; i + 1 < rounds.size(); ++i) alone["earlier"].push_back(to_json(rounds[i]));
  const ComputeCost cost = result.cost.total();
  const SelectedNetwork& selected = result.selection.selected();
  return {{"choice", selected.scored.choice},
          {"predicted_table_ms", selected.scored.costs.front()},
          {"predicted", to_json(selected.latency.front())},
          {"images_seen", cost.images},
          {"seconds", cost.seconds},
          {"core_seconds", cost.core_seconds},
          {"cost",
           {{"supernet", to_json(result.cost.supernet)},
            {"strategy", to_json(result.cost.strategy)},
            {"trained_alone", to_json(result.cost.trained_alone)},
            {"ranking", to_json(result.cost.ranking)}}},
          {"alpha", strategy.alpha},
          {"probability", strategy.probability},
          {"mu", strategy.mu.front()},
          {"expected_ms", strategy.expected_cost.front()},
          {"entropy", result.trust.entropy},
          {"skip_share", result.trust.skip_share},
          {"agreement", result.trust.agreement},
          {"pareto_agreement", result.trust.pareto_agreement},
          {"warnings", result.trust.warnings},
          {"shortlist", std::move(shortlist)},
          {"pareto_front", std::move(front)},
          {"history", std::move(history)},
          {"trained_alone", std::move(alone)}};
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
  const Json search = read("search.json", "vpunas.search/2");
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
