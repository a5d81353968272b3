// A run folder as `vpunas run` leaves it, small but with every file and of plausible figures.
#pragma once

#include <cmath>
#include <string>
#include <variant>
#include <vector>

#include "arch/space.h"
#include "base/files.h"

namespace vpunas {

inline Json parse(const char* text) { return Json::parse(text); }

inline Architecture fixture_mobilenet_v2() {
  struct Row {
    double expansion;
    int channels, repeats, stride;
  };
  Architecture out;
  out.name = "mobilenet_v2";
  out.classes = 10;
  for (const auto& [expansion, channels, repeats, stride] : {Row{1, 16, 1, 1},
                                                             {6, 24, 2, 2},
                                                             {6, 32, 3, 2},
                                                             {6, 64, 4, 2},
                                                             {6, 96, 3, 1},
                                                             {6, 160, 3, 2},
                                                             {6, 320, 1, 1}}) {
    for (int i = 0; i < repeats; ++i) {
      out.blocks.push_back(
          {.expansion = expansion, .out_channels = channels, .stride = i == 0 ? stride : 1});
    }
  }
  return out;
}

inline Architecture fixture_found() {
  using enum BlockKind;
  Architecture out;
  out.name = "found";
  out.classes = 10;
  out.blocks = {{.kind = conv, .out_channels = 16},
                {.kind = fused_mbconv, .expansion = 4, .out_channels = 24, .stride = 2},
                {.kind = fused_mbconv, .expansion = 4, .out_channels = 24},
                {.kind = fused_mbconv, .expansion = 4, .out_channels = 32, .stride = 2},
                {.kind = residual, .out_channels = 32, .act = Act::relu},
                {.kind = skip},
                {.kernel = 5, .expansion = 6, .out_channels = 64, .stride = 2},
                {.expansion = 3, .out_channels = 64},
                {.expansion = 6, .out_channels = 64},
                {.kind = skip},
                {.expansion = 6, .out_channels = 96, .se = Se{}},
                {.expansion = 3, .out_channels = 96},
                {.kind = skip},
                {.kernel = 7, .expansion = 6, .out_channels = 160, .stride = 2},
                {.expansion = 6, .out_channels = 160},
                {.expansion = 3, .out_channels = 160},
                {.expansion = 6, .out_channels = 320}};
  return out;
}

// An explanation whose nodes cost about what they do on the chip: depthwise convolutions much for
// their MACs.
inline Json fixture_explanation(const Architecture& architecture) {
  const Graph graph = lower(architecture, Preprocess{});
  Json nodes = Json::array();
  double total = 0;
  for (size_t i = 1; i < graph.nodes.size(); ++i) {
    const auto* conv = std::get_if<Conv>(&graph.nodes[i].layer);
    const bool add = std::holds_alternative<Add>(graph.nodes[i].layer);
    if (conv == nullptr && !add) continue;
    const double macs = static_cast<double>(node_macs(graph, i));
    const double ms = add ? 0.08 : (conv->groups > 1 ? 0.12 + macs / 3e7 : 0.05 + macs / 6e8) * 0.5;
    total += ms;
    nodes.push_back({{"node", graph.nodes[i].name},
                     {"stages", add ? 1 : 2},
                     {"nce_stages", add ? 0 : 1},
                     {"shave_stages", add ? 1 : 0},
                     {"dma_stages", add ? 0 : 1},
                     {"ms", ms},
                     {"nce_mcycles", macs / 1e6}});
  }
  total += 0.3;
  return {{"network", architecture.name}, {"device", "MYRIADX"},     {"total_ms", total},
          {"low_ms", 0.93 * total},       {"high_ms", 1.07 * total}, {"nodes", nodes}};
}

inline Json fixture_training(const std::string& network, double accuracy, double parameters,
                             double macs) {
  Json curve = Json::array();
  for (int i = 1; i <= 40; ++i) {
    const double t = i / 40.0;
    curve.push_back({{"epoch", i * 0.25},
                     {"train_loss", 0.55 + 6 * (0.93 - accuracy) + 1.7 * std::exp(-4 * t) +
                                        0.02 * std::sin(7.0 * i)},
                     {"validation_accuracy", accuracy - 0.5 * std::exp((accuracy - 0.98) * 90 * t) +
                                                 0.006 * std::sin(5.0 * i + accuracy)},
                     {"lr", 0.05 * (1 + std::cos(3.14159 * t))}});
  }
  return {{"network", network},
          {"macs", macs},
          {"parameters", parameters},
          {"classes", 10},
          {"epochs", 10},
          {"images_seen", 540000},
          {"seconds", 212.5},
          {"validation_accuracy", accuracy + 0.002},
          {"test_accuracy", accuracy},
          {"test_loss", 0.27},
          {"test_images", 10000},
          {"curve", curve}};
}

// From an even choice to `last`, `t` of the way.
inline Json probability_at(double t, const Json& last) {
  Json out = Json::array();
  for (const Json& slot : last) {
    Json row = Json::array();
    for (const Json& share : slot)
      row.push_back((1 - t) / static_cast<double>(slot.size()) + t * share.get<double>());
    out.push_back(row);
  }
  return out;
}

inline Json fixture_search(const Architecture& found, double ms, double budget) {
  const size_t candidates = 7;
  Json choice = Json::array(), chosen = Json::array(), probability = Json::array(),
       history = Json::array(), compared = Json::array();
  for (size_t i = 0; i < found.blocks.size(); ++i) {
    chosen.push_back(describe(found.blocks[i]));
    const size_t taken = found.blocks[i].kind == BlockKind::skip ? 6 : (i * 5 + 1) % 6;
    choice.push_back(taken);
    Json row = Json::array();
    double sum = 0;
    std::vector<double> p(candidates);
    for (size_t j = 0; j < candidates; ++j) {
      p[j] = std::exp(1.3 * std::sin(3.0 * static_cast<double>(i * candidates + j))) +
             (j == taken ? 6.0 : 0);
      sum += p[j];
    }
    for (const double one : p) row.push_back(one / sum);
    probability.push_back(row);
  }
  for (int step = 0; step < 900; ++step) {
    const double t = step / 900.0;
    history.push_back(
        {{"step", step},
         {"entropy", 1.95 * (1 - t) + 0.35 * t + 0.02 * std::sin(0.3 * step)},
         {"expected_ms", budget * (1 + 0.02 * std::sin(0.05 * step) + 0.25 * std::exp(-30 * t))},
         {"mu", 0.4 * (1 - std::exp(-5 * t))},
         {"loss", 0.8 + 1.4 * std::exp(-3 * t) + 0.05 * std::sin(1.7 * step)},
         {"probability", probability_at(t, probability)}});
  }
  for (int k = 0; k < 10; ++k) {
    const double priced = ms * (1 + 0.012 * ((k * 7) % 10 - 4.0));
    Json other = choice;
    if (k > 0) other[static_cast<size_t>(k)] = (other[static_cast<size_t>(k)].get<int>() + 1) % 6;
    compared.push_back({{"choice", other},
                        {"alpha", 9.0 - k},
                        {"table_ms", 1.01 * priced},
                        {"ms", k == 0 ? ms : priced},
                        {"low_ms", 0.93 * priced},
                        {"high_ms", 1.07 * priced},
                        {"loss", 0.9 + 0.01 * k},
                        {"accuracy", 0.742 - 0.0045 * ((k * 3) % 10)}});
  }
  Json front = Json::array();
  for (int k = 0; k < 3; ++k) {
    const double rung = budget * (0.8 + 0.2 * k);
    front.push_back({{"architecture", "pareto_" + std::to_string(k + 1)},
                     {"budget_ms", rung},
                     {"choice", choice},
                     {"ms", 0.98 * rung},
                     {"low_ms", 0.91 * rung},
                     {"high_ms", 1.05 * rung},
                     {"loss", 0.95 - 0.02 * k},
                     {"accuracy", 0.72 + 0.01 * k},
                     {"dominated", k == 2}});
  }
  Json out = parse(
      R"({"algorithm": "gates", "space": "no-such-space", "space_hash": "0123456789abcdef", "seed": 1,
    "device": "MYRIADX", "mode": "throughput", "budget": "0.87x:mobilenet_v2", "least_ms": 4.2, "greatest_ms": 31.9,
    "fits_high": false, "images_seen": 324000, "seconds": 610.0, "core_seconds": 1180.0, "mu": 0.39, "entropy": 0.36,
    "skip_share": 0.18, "warnings": ["3 slots of 17 are undecided: the two best candidates differ by less than 0.05"]})");
  out.update({{"budget_ms", budget},
              {"reference_ms", budget / 0.87},
              {"choice", choice},
              {"chosen", chosen},
              {"predicted_table_ms", 1.02 * ms},
              {"predicted", {{"ms", ms}, {"low_ms", 0.93 * ms}, {"high_ms", 1.07 * ms}}},
              {"probability", probability},
              {"expected_ms", 0.99 * budget},
              {"shortlist", compared},
              {"pareto_front", front},
              {"history", history}});
  return out;
}

inline Json fixture_benchmark(double found_ms, double mobilenet_ms) {
  Json rows = Json::array();
  const auto add = [&](const char* network, const char* device, const char* mode, double predicted,
                       double measured) {
    Json row = {{"network", network},
                {"device", device},
                {"runtime", std::string(device) == "CPU" ? "OpenVINO 2026.4.1" : "model 1"},
                {"mode", mode},
                {"precision", std::string(device) == "CPU" ? "bf16" : "FP16"},
                {"predicted", nullptr},
                {"measured", nullptr},
                {"macs", 3e8},
                {"parameters", 2.2e6},
                {"test_accuracy", nullptr}};
    if (predicted > 0)
      row["predicted"] = {
          {"ms", predicted}, {"low_ms", 0.93 * predicted}, {"high_ms", 1.07 * predicted}};
    if (measured > 0) {
      row["measured"] = {{"median_ms", measured},       {"mean_ms", 1.03 * measured},
                         {"least_ms", 0.92 * measured}, {"greatest_ms", 2.4 * measured},
                         {"p5_ms", 0.95 * measured},    {"p95_ms", 1.22 * measured},
                         {"fps", 1000 / measured},      {"iterations", 1371}};
    }
    rows.push_back(row);
  };
  add("found", "MYRIADX", "throughput", found_ms, 0);
  add("mobilenet_v2", "MYRIADX", "throughput", mobilenet_ms, 0);
  add("resnet18", "MYRIADX", "throughput", 1.35 * mobilenet_ms, 0);
  add("found", "CPU", "latency", 5.1, 4.82);
  add("mobilenet_v2", "CPU", "latency", 3.9, 4.11);
  add("resnet18", "CPU", "latency", 0, 12.4);
  return {{"rows", rows}};
}

inline Json fixture_export(const std::string& network) {
  Json out = parse(R"({"input": [3, 224, 224], "verified_images": 1000,
    "files": ["model.onnx", "model.xml", "model.bin", "weights.safetensors", "architecture.json", "labels.txt"],
    "onnx": {"top1_agreement": 1.0, "largest_difference": 0.000021},
    "ir": {"top1_agreement": 0.999, "largest_difference": 0.0087}, "blob": null})");
  out["network"] = network;
  if (network == "found") {
    out["blob"] = parse(
        R"({"shaves": 7, "input": [3, 224, 224], "output": [10, 1, 1], "stages": 131, "nce_stages": 74})");
  }
  return out;
}

// Pictures of one grey pixel.
inline Json fixture_samples() {
  const char* png =
      "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR42mNoAAAAggCBd81ytgAAAABJRU5ErkJggg="
      "=";
  const auto sample = [&](int label, int first, double probability) {
    return Json{{"label", label},
                {"top",
                 {{{"class", first}, {"probability", probability}},
                  {{"class", (first + 1) % 3}, {"probability", 0.8 * (1 - probability)}},
                  {{"class", (first + 2) % 3}, {"probability", 0.2 * (1 - probability)}}}},
                {"png", png}};
  };
  return {{"classes", {"cat", "dog", "bird"}},
          {"images", 1000},
          {"mistakes", 82},
          {"spread", {sample(0, 0, 0.97), sample(1, 1, 0.71), sample(2, 0, 0.55)}},
          {"surest_mistakes", {sample(1, 0, 0.9934), sample(2, 1, 0.98)}},
          {"confusions", {{{"label", 1}, {"predicted", 0}, {"images", 31}}}}};
}

// Returns the found network's and MobileNetV2's predicted milliseconds through `run`'s files.
inline void write_fixture(const fs::path& run) {
  const Architecture found = fixture_found(), mobilenet = fixture_mobilenet_v2();
  const Json explained = fixture_explanation(found), reference = fixture_explanation(mobilenet);
  const double ms = explained["total_ms"], mobilenet_ms = reference["total_ms"],
               budget = 0.87 * mobilenet_ms;

  write_architecture(run / "architectures/found.json", found);
  write_architecture(run / "architectures/mobilenet_v2.json", mobilenet);
  write_json(run / "explain/found.json", "vpunas.explain/2", explained);
  write_json(run / "explain/mobilenet_v2.json", "vpunas.explain/2", reference);
  write_json(run / "search.json", "vpunas.search/2", fixture_search(found, ms, budget));
  write_json(run / "train/found/train.json", "vpunas.train/1",
             fixture_training("found", 0.9184, 2380000, 4.1e8));
  write_json(run / "train/mobilenet_v2/train.json", "vpunas.train/1",
             fixture_training("mobilenet_v2", 0.9121, 2236682, 3e8));
  write_json(run / "train/resnet18/train.json", "vpunas.train/1",
             fixture_training("resnet18", 0.9246, 11181642, 1.8e9));
  write_json(run / "train/found/samples.json", "vpunas.samples/1", fixture_samples());
  for (const char* network : {"found", "mobilenet_v2"}) {
    const fs::path folder = run / "export" / network;
    write_json(folder / "export.json", "vpunas.export/1", fixture_export(network));
    write_file(folder / "model.onnx", std::string(9000, 'x'));
  }
  write_json(run / "benchmark.json", "vpunas.benchmark/1", fixture_benchmark(ms, mobilenet_ms));
  write_json(run / "latency.json", "vpunas.latency/2",
             parse(R"({"device": "MYRIADX", "runtime": "model 1",
    "mode": "throughput", "precision": "FP16", "repeats": 0, "date": "2026-11-22T14:20:05Z", "space": "vpu",
    "space_hash": "0123456789abcdef", "ends": [], "blocks": [{}, {}, {}]})"));
  write_json(run / "run.json", "vpunas.run/2",
             parse(R"({"version": "0.1.0", "config_hash": "fedcba9876543210",
    "created": "2026-11-22T14:20:00Z", "stages": {"search": {"seconds": 610, "finished": "2026-11-22T14:31:00Z"}}})"));
  write_json(run / "result.json", "vpunas.result/1",
             parse(R"({"version": "0.1.0", "date": "2026-11-22T14:44:10Z",
    "machine": "4 x Intel Xeon, 16 GB", "seconds_total": 1345.2,
    "seconds": {"profile": 3.1, "search": 610.0, "train": 655.0, "export": 21.4, "benchmark": 55.0, "report": 0.7},
    "test_accuracy": 0.9184, "mobilenet_v2_accuracy": 0.9121, "measured_cpu_ms": 4.82,
    "onnx_top1_agreement": 1.0, "ir_top1_agreement": 0.999})"));
  write_file(
      run / "config.toml",
      "[run]\nname = \"quick\"  # names the run folder\nseed = 1\n\n[search]\nalgorithm = "
      "\"gates\"\n"
      "images = 324000\n\n[latency]\ndevice = \"MYRIADX\"\nbudget = \"0.87x:mobilenet_v2\"\n");
}

}  // namespace vpunas
