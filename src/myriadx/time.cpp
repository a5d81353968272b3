#include "myriadx/time.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <tuple>

#include "base/error.h"
#include "base/files.h"
#include "base/text.h"

namespace vpunas::myriadx {
namespace {

// Bytes over GB/s, and cycles over MHz, as milliseconds.
double transfer_ms(double bytes, double gb_s) { return bytes / (gb_s * 1e6); }
double compute_ms(double cycles, double mhz) { return cycles / (mhz * 1e3); }

int64_t round_up(int64_t value, int64_t step) { return (value + step - 1) / step * step; }

bool pools(const Stage& stage) { return stage.weight_bytes == 0; }

double nce_ms(const Stage& stage, const TimeModel& model) {
  // Before a fused 2x2 pooling the rows are twice as wide.
  const bool pooled = stage.output_pixels > int64_t{stage.output.h} * stage.output.w;
  const int64_t width = std::max(1, stage.output.w * (pooled ? 2 : 1));
  const double padded = double(round_up(width, model.pixel_step)) / double(width);
  const double compute = compute_ms(double(stage.cycles()) * padded, model.clock_mhz);

  double input = 0;
  if (stage.input_place == Place::ddr) {
    const int64_t row = round_up(int64_t{2} * stage.input.w, model.burst_bytes);
    input = double(row * stage.input.h * stage.input.c) * (pools(stage) ? 1 : stage.descriptors);
  }
  const double memory = transfer_ms(double(stage.weight_bytes), model.weight_gb_s) +
                        transfer_ms(input, model.input_gb_s);
  return std::max(compute, memory);
}

// How many MACs a cycle a SHAVE is taken to do.
enum class Guess { value, low, high };

double shave_ms(const Stage& stage, const TimeModel& model, Guess guess) {
  const double memory =
      transfer_ms(double(stage.input_bytes + stage.output_bytes), model.shave_gb_s);
  if (stage.macs == 0) return memory;
  const PerCycle& macs =
      stage.kind == "shave_depthwise" ? model.shave_depthwise_macs : model.shave_macs;
  const double each = guess == Guess::value ? macs.value
                      : guess == Guess::low ? macs.low
                                            : macs.high;
  const double cycles = double(stage.macs) / (each * std::max(1, stage.shaves));
  return std::max(memory, compute_ms(cycles, model.clock_mhz));
}

// Without stage_us.
double work_ms(const Stage& stage, const TimeModel& model, Guess guess = Guess::value) {
  switch (stage.engine) {
    case Engine::nce:
      return nce_ms(stage, model);
    case Engine::shave:
      return shave_ms(stage, model, guess);
    case Engine::dma:
      return 0;
  }
  return 0;
}

std::vector<double> guessed_ms(const Mapping& mapping, const TimeModel& model, Guess guess) {
  std::vector<double> work(mapping.stages.size()), ms(mapping.stages.size());
  for (size_t i = 0; i < work.size(); ++i) {
    const Stage& stage = mapping.stages[i];
    work[i] = work_ms(stage, model, guess);
    ms[i] = model.stage_us / 1e3 +
            (stage.in_shadow ? std::max(0.0, work[i] - work[size_t(stage.host)]) : work[i]);
  }
  return ms;
}

double sum(const std::vector<double>& ms) { return std::accumulate(ms.begin(), ms.end(), 0.0); }

// A constant of the model, with its interval and source checked to be there.
PerCycle interval(const Json& constants, const char* name, const std::string& where) {
  const Json entry = json_get<Json>(constants, name, where);
  const std::string at = cat(where, ".", name);
  const double value = json_get<double>(entry, "value", at);
  const double low = json_get<double>(entry, "low", at), high = json_get<double>(entry, "high", at);
  json_get<std::string>(entry, "unit", at);
  json_get<std::string>(entry, "source", at);
  if (!(value >= 0) || !(low <= value && value <= high))
    fail(at, ": value must not be negative, and within low and high");
  return {value, low, high};
}

double constant(const Json& constants, const char* name, const std::string& where) {
  return interval(constants, name, where).value;
}

PerCycle macs_per_cycle(const Json& chip, const char* name, const std::string& where) {
  const PerCycle macs = interval(chip, name, where);
  if (macs.low == 0) fail(where, ".", name, ".low: must be above 0");
  return macs;
}

int whole(double value, const std::string& where) {
  if (value != std::floor(value) || value < 1 || value > 4096)
    fail(where, ": must be a whole number from 1 to 4096");
  return int(value);
}

// What tells whether two stages do the same work.
using Work =
    std::tuple<Engine, std::string, Shape, Shape, Place, Place, int64_t, int64_t, int64_t, bool>;

// Milliseconds of a mapping's stages by their work.
std::map<Work, std::vector<double>> by_work(const Mapping& mapping, const TimeModel& model,
                                            Guess guess) {
  const std::vector<double> ms = guessed_ms(mapping, model, guess);
  std::map<Work, std::vector<double>> result;
  for (size_t i = 0; i < ms.size(); ++i) {
    const Stage& stage = mapping.stages[i];
    result[{stage.engine, stage.kind, stage.input, stage.output, stage.input_place,
            stage.output_place, stage.cycles_per_pixel, stage.weight_bytes, stage.macs,
            stage.in_shadow}]
        .push_back(ms[i]);
  }
  return result;
}

// The time of `mine` whose stages are not among `others`.
double own_ms(const std::map<Work, std::vector<double>>& mine,
              const std::map<Work, std::vector<double>>& others) {
  double own = 0;
  for (const auto& [work, ms] : mine) {
    const auto other = others.find(work);
    const size_t shared = other == others.end() ? 0 : std::min(ms.size(), other->second.size());
    own += std::accumulate(ms.begin() + std::ptrdiff_t(shared), ms.end(), 0.0);
  }
  return own;
}

const std::vector<std::string> regime_names = {"throughput", "latency", "profile"};
constexpr double z_90 = 1.645;  // standard deviations of a two-sided 90 % interval

}  // namespace

const std::string& regime_name(Regime regime) { return regime_names[size_t(regime)]; }

Regime parse_regime(const std::string& name) {
  const auto found = std::ranges::find(regime_names, name);
  if (found == regime_names.end())
    fail("mode ", name, " is not known; known are ", join(regime_names, ", "));
  return Regime(found - regime_names.begin());
}

TimeModel read_time_model(const std::filesystem::path& path, Regime regime) {
  const Json json = read_json(path, "vpunas.myriadx/2");
  const std::string file = path.string(), name = regime_name(regime);
  const Json chip = json_get<Json>(json, "chip", file), error = json_get<Json>(json, "error", file),
             constants = json_get<Json>(json, name.c_str(), file);
  const auto value = [&](const char* each) {
    return constant(constants, each, cat(file, ": ", name));
  };
  const auto rate = [&](const char* each) {
    const double result = value(each);
    if (result == 0) fail(file, ": ", name, ".", each, ": must be above 0");
    return result;
  };
  TimeModel model{
      .regime = regime,
      .clock_mhz = rate("clock_mhz"),
      .weight_gb_s = rate("weight_gb_s"),
      .input_gb_s = rate("input_gb_s"),
      .stage_us = value("stage_us"),
      .shave_gb_s = rate("shave_gb_s"),
      .shave_macs = macs_per_cycle(chip, "shave_macs", file + ": chip"),
      .shave_depthwise_macs = macs_per_cycle(chip, "shave_depthwise_macs", file + ": chip"),
      .host_ms = value("host_ms"),
      .pixel_step = whole(constant(chip, "pixel_step", file + ": chip"), file + ": pixel_step"),
      .burst_bytes = whole(constant(chip, "burst_bytes", file + ": chip"), file + ": burst_bytes"),
      .network_error = constant(error, "network", file + ": error"),
      .family_error = constant(error, "family", file + ": error"),
      .version = json_get<std::string>(json, "version", file)};
  if (z_90 * std::hypot(model.network_error, model.family_error) >= 1)
    fail(file, ": error: the interval must not reach 0 ms");
  return model;
}

std::vector<double> stage_ms(const Mapping& mapping, const TimeModel& model) {
  return guessed_ms(mapping, model, Guess::value);
}

Latency total_ms(const Mapping& mapping, const TimeModel& model) {
  const auto at = [&](Guess guess) {
    const std::vector<double> stages = guessed_ms(mapping, model, guess);
    return std::accumulate(stages.begin(), stages.end(), model.host_ms);
  };
  const double ms = at(Guess::value);
  const double half = z_90 * std::hypot(model.network_error, model.family_error);
  return {ms, at(Guess::high) * (1 - half), at(Guess::low) * (1 + half)};
}

Latency difference_ms(const Mapping& a, const Mapping& b, const TimeModel& model) {
  const auto difference = [&](Guess of_a, Guess of_b) {
    return sum(guessed_ms(a, model, of_a)) - sum(guessed_ms(b, model, of_b));
  };
  const auto work_a = by_work(a, model, Guess::value), work_b = by_work(b, model, Guess::value);
  const double ms = difference(Guess::value, Guess::value);
  const double own = std::hypot(own_ms(work_a, work_b), own_ms(work_b, work_a));
  const double half = z_90 * std::hypot(model.network_error * own, model.family_error * ms);
  // One rate holds for both networks.
  const double fast = difference(Guess::high, Guess::high),
               slow = difference(Guess::low, Guess::low);
  return {ms, std::min({ms, fast, slow}) - half, std::max({ms, fast, slow}) + half};
}

LatencyFn latency_fn(const TimeModel& model) {
  return [model, chip = resources(2)](const Graph& graph) -> std::optional<Latency> {
    try {
      return total_ms(map(graph, chip, Precision::fp32), model);
    } catch (const Error&) {
      return std::nullopt;  // the chip cannot run it
    }
  };
}

}  // namespace vpunas::myriadx
