#include "pipeline/benchmark.h"

#include <algorithm>
#include <iostream>

#include "base/statistics.h"
#include "base/text.h"
#include "cli/cli.h"
#include "output/table.h"
#include "pipeline/stages.h"

namespace vpunas::cli {
namespace {

constexpr const char* schema = "vpunas.timing/1";

struct Options {
  RunOptions run;
  std::vector<std::string> networks;
  int size = 0, rounds = 1, iterations = 0, warmup = 3;
  double seconds = 10;
  std::string devices = "CPU", runner, hint = "latency", precision, percentiles = "90,99,99.9",
              json;
};

// CLI11's own Range lets nan pass.
CLI::Validator within(double least, double most) {
  return CLI::Validator(
      [=](const std::string& text) {
        const auto value = parse_number(text);
        const bool fits = value && *value >= least && *value <= most;
        return fits ? "" : cat(excerpt(text), " is no number within ", least, "..", most);
      },
      "");
}

std::vector<double> parse_percentiles(const std::string& text) {
  std::vector<double> percentiles;
  for (const std::string& part : split(text, ',')) {
    const auto percent = parse_number(trim(part));
    if (!percent || *percent < 0 || *percent > 100) {
      fail("--percentiles: \"", excerpt(part),
           "\" is no number within 0..100; write them as 50,90,99.9");
    }
    percentiles.push_back(*percent);
  }
  return percentiles;
}

std::vector<std::string> parse_devices(const std::string& text) {
  std::vector<std::string> devices;
  for (const std::string& part : split(text, ',')) devices.emplace_back(trim(part));
  if (devices.empty() || std::ranges::count(devices, ""))
    fail("--device \"", excerpt(text), "\": write it as CPU or CPU,MYRIADX");
  return devices;
}

std::string in_ms(double ms) { return fixed(ms, 3); }

// What the columns of `heads` say of a timing; blank where it was not measured.
struct Columns {
  std::vector<std::string> heads;
  std::function<std::vector<std::string>(const Timing&)> cells;
};

Columns predicted_columns() {
  return {{"predicted", "90 % interval"}, [](const Timing& timing) -> std::vector<std::string> {
            if (!timing.predicted) return {"", ""};
            const Latency& latency = *timing.predicted;
            if (timing.device == macs_device) return {in_ms(latency.ms) + " MMACs", ""};
            return {in_ms(latency.ms), in_ms(latency.low_ms) + " to " + in_ms(latency.high_ms)};
          }};
}

Columns measured_columns(const std::vector<double>& percentiles, bool several_rounds) {
  Columns columns{{"median", "average", "min", "max"}, {}};
  for (const double percent : percentiles) columns.heads.push_back(cat("p", percent));
  for (const char* head : {"+-", "fps", "inferences"}) columns.heads.emplace_back(head);
  if (several_rounds) columns.heads.emplace_back("medians of the rounds");
  columns.cells = [=, count = columns.heads.size()](const Timing& timing) {
    if (timing.rounds.empty()) return std::vector<std::string>(count);
    Measurement all = pooled(timing.rounds);
    std::ranges::sort(all.samples_us);
    const auto at = [&](double q) { return quantile(all.samples_us, q) / 1000; };
    std::vector<std::string> cells = {in_ms(all.median_ms), in_ms(all.mean_ms), in_ms(all.least_ms),
                                      in_ms(all.greatest_ms)};
    for (const double percent : percentiles) cells.push_back(in_ms(at(percent / 100)));
    cells.push_back(in_ms((at(0.75) - at(0.25)) / 2));
    cells.push_back(fixed(all.fps, 1));
    cells.push_back(cat(all.samples_us.size()));
    if (several_rounds) {
      const auto [least, greatest] =
          std::ranges::minmax(timing.rounds, {}, &Measurement::median_ms);
      cells.push_back(in_ms(least.median_ms) + " to " + in_ms(greatest.median_ms));
    }
    return cells;
  };
  return columns;
}

std::string table(const std::vector<Timing>& timings, const std::vector<double>& percentiles) {
  const bool any_predicted =
      std::ranges::any_of(timings, [](const Timing& t) { return t.predicted.has_value(); });
  const auto most_rounds =
      std::ranges::max(timings, {}, [](const Timing& t) { return t.rounds.size(); }).rounds.size();
  std::vector<Columns> parts{
      {{"network", "device", "precision"}, [](const Timing& t) -> std::vector<std::string> {
         return {t.network, t.device, t.precision};
       }}};
  if (any_predicted) parts.push_back(predicted_columns());
  if (most_rounds > 0) parts.push_back(measured_columns(percentiles, most_rounds > 1));
  std::vector<std::string> header;
  std::vector<std::vector<std::string>> rows(timings.size());
  for (const Columns& part : parts) {
    header.insert(header.end(), part.heads.begin(), part.heads.end());
    for (size_t i = 0; i < timings.size(); ++i) {
      for (std::string& cell : part.cells(timings[i])) rows[i].push_back(std::move(cell));
    }
  }
  return text_table(header, rows);
}

// What the table's figures mean, and which networks have none.
std::string notes(const std::vector<Timing>& timings) {
  std::vector<std::string> runtimes, random, lines;
  const auto add_new = [](std::vector<std::string>& list, const std::string& text) {
    if (std::ranges::count(list, text) == 0) list.push_back(text);
  };
  for (const Timing& timing : timings) {
    add_new(runtimes, timing.runtime);
    if (timing.random_weights) add_new(random, timing.network);
  }
  const char* how = timings.front().mode == Mode::latency ? "latency hint, one request at a time"
                                                          : "throughput hint, requests in parallel";
  lines.push_back(cat("ms; ", how, "; ", join(runtimes)));
  const bool any_measured =
      std::ranges::any_of(timings, [](const Timing& t) { return !t.rounds.empty(); });
  if (any_measured) lines.push_back("+-: half of the range that holds the middle half");
  if (!random.empty()) lines.push_back("random weights: " + join(random));
  for (const Timing& timing : timings) {
    if (!timing.unsupported.empty()) lines.push_back("not run: " + timing.unsupported);
  }
  return join(lines, "\n") + "\n";
}

TimingRequest request_of(const Options& options, bool time_given) {
  TimingRequest request{.networks = options.networks,
                        .devices = parse_devices(options.devices),
                        .runner = options.runner,
                        .size = options.size,
                        .rounds = options.rounds,
                        .measure = {}};
  request.measure.mode = parse_mode(options.hint);
  request.measure.iterations = std::max(options.iterations, 1);
  request.measure.seconds = options.iterations > 0 && !time_given ? 0 : options.seconds;
  request.measure.warmup = options.warmup;
  request.measure.precision = options.precision;
  return request;
}

void time_outside_a_run(const Options& options, bool time_given, const Work& work) {
  const std::vector<double> percentiles = parse_percentiles(options.percentiles);
  const TimingRequest request = request_of(options, time_given);
  const std::vector<Timing> timings = time_networks(request, work);
  if (!options.json.empty()) {
    Json rows = Json::array();
    for (const Timing& timing : timings) rows.push_back(to_json(timing, percentiles));
    write_or_print(options.json, schema, {{"date", timestamp()}, {"rows", rows}});
  }
  if (options.json != "-") std::cout << table(timings, percentiles) << '\n' << notes(timings);
}

}  // namespace

void add_benchmark(CLI::App& app, Action& action) {
  CLI::App* verb = app.add_subcommand(
      "benchmark", "measure a run's exported networks, or any others, on devices");
  auto options = std::make_shared<Options>();
  options->run.add_to(*verb);
  group_of_a_run(*verb, {"--device"});
  CLI::Option* device = verb->get_option("--device");
  device->type_name("NAMES")->description(
      "where to measure NETWORK, as CPU,MYRIADX (default: CPU); of a run short for --set "
      "latency.device=");
  CLI::Option* network =
      verb->add_option("NETWORK", options->networks,
                       "instead of a run's networks: of the zoo, or an architecture, graph, ONNX "
                       "or OpenVINO .xml file");
  const auto add = [&](const char* name, auto& value, const char* help) {
    return verb->add_option(name, value, help)->group(of_networks);
  };
  add("--size", options->size, "input side of NETWORK (default: its own)")
      ->check(CLI::Range(1, 4096));
  add("--hint", options->hint,
      "latency: one request at a time; throughput: as many as the device likes (default: latency)")
      ->type_name("MODE");
  CLI::Option* time = add("-t,--time", options->seconds,
                          "measure for at least so long in a round (default: 10, 0 with --niter)")
                          ->type_name("SECONDS")
                          ->check(within(0.001, 3600));
  add("--niter", options->iterations, "measure at least so many inferences in a round")
      ->type_name("N")
      ->check(CLI::Range(1, 1'000'000));
  add("--warmup", options->warmup, "inferences before those that are measured (default: 3)")
      ->type_name("N")
      ->check(CLI::Range(0, 1'000'000));
  add("--precision", options->precision, "f32, f16 or bf16 (default: what the device likes)")
      ->check(CLI::IsMember({"f32", "f16", "bf16"}));
  add("--percentiles", options->percentiles, "to be shown (default: 90,99,99.9)")->type_name("P,P");
  add("--rounds", options->rounds,
      "measure all in turn and begin anew, so often, that a busy machine disturbs all alike "
      "(default: 1)")
      ->type_name("N")
      ->check(CLI::Range(1, 1000));
  add("--runner", options->runner,
      "shell command that drives the devices (docs/formats.md; default: vpunas-device)")
      ->type_name("COMMAND");
  add("--json", options->json, "write all figures and samples as JSON; - for standard output")
      ->type_name("FILE");
  verb->footer(
      "Examples: vpunas benchmark -c configs/quick.toml --set benchmark.devices='[\"CPU\", "
      "\"GPU\"]'\n"
      "          vpunas benchmark mobilenet_v2 resnet18 -d CPU,MYRIADX -t 5 --rounds 3\n"
      "          vpunas benchmark model.xml --hint throughput --precision f32 --json times.json");
  verb->callback([&action, options, verb, network, device, time] {
    if (device->count() > 0) options->devices = device->as<std::string>();
    action = [options, verb, network, time_given = time->count() > 0](const Work& work) {
      check_groups(*verb, *network, "a run's settings are --set benchmark.seconds= and the like");
      if (!options->networks.empty()) {
        time_outside_a_run(*options, time_given, work);
      } else if (!options->run.shows_config()) {
        options->run.require_run(" or a NETWORK");
        run_until(*options->run.open(), Stage::benchmark, {}, work);
      }
    };
  });
}

}  // namespace vpunas::cli
