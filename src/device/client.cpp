#include "device/client.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <numeric>

#include "arch/weights.h"
#include "base/statistics.h"
#include "onnx/onnx.h"

namespace vpunas {
namespace {

void summarise(Measurement& measurement) {
  std::vector<double> ms = measurement.samples_us;
  for (double& sample : ms) sample /= 1000;
  std::sort(ms.begin(), ms.end());
  measurement.median_ms = quantile(ms, 0.5);
  measurement.mean_ms = std::accumulate(ms.begin(), ms.end(), 0.0) / static_cast<double>(ms.size());
  measurement.least_ms = ms.front();
  measurement.greatest_ms = ms.back();
  measurement.p5_ms = quantile(ms, 0.05);
  measurement.p95_ms = quantile(ms, 0.95);
}

// The start of what a device said, as one line fit for an error message.
std::string excerpt(const std::string& text) {
  std::string line = text.substr(0, 500);
  for (char& c : line) {
    if (static_cast<unsigned char>(c) < ' ') c = ' ';
  }
  return text.size() > line.size() ? line + "..." : line;
}

// Of a user's own command, which device_client() leaves to the shell.
bool by_shell(const std::vector<std::string>& runner) {
  return runner.size() == 3 && runner[1] == "-c";
}

// What LineProcess said of the shell, as of the command that was given.
[[noreturn]] void fail_as_given(const std::string& given, std::string_view what) {
  for (const std::string_view code : {"(exit code 126)", "(exit code 127)"}) {  // the shell's own
    if (const size_t at = what.find(code); at != std::string_view::npos)
      fail(given, ": cannot be run ", code, "; check the command", what.substr(at + code.size()));
  }
  fail(given, what.substr(std::min(what.find(": "), what.size())));
}

std::string full_path(const fs::path& path) { return fs::absolute(path).string(); }

}  // namespace

DeviceClient::DeviceClient(std::vector<std::string> runner, std::chrono::seconds timeout)
    : runner_(std::move(runner)), timeout_(timeout) {
  if (runner_.empty())
    fail(
        "the device runner is empty; give a program that speaks the device protocol of "
        "docs/formats.md");
}

// A process that broke the protocol is out of step, so the next request starts another.
Json DeviceClient::ask(const Json& request) {
  if (!process_)
    process_ = std::make_unique<LineProcess>(runner_, ProcessOptions{.timeout = timeout_});
  std::string line;
  try {
    line = process_->ask(request.dump(-1, ' ', false, Json::error_handler_t::replace));
  } catch (const Error& error) {
    process_.reset();
    if (by_shell(runner_)) fail_as_given(where(), error.what());
    throw;
  } catch (...) {
    process_.reset();
    throw;
  }
  const Json answer = Json::parse(line, nullptr, false);
  const bool known = answer.is_object() && answer.contains("ok") && answer["ok"].is_boolean();
  if (!known) {
    process_.reset();
    fail(where(), ": its answer is not of the device protocol (docs/formats.md): ", excerpt(line));
  }
  if (answer["ok"].get<bool>()) return answer;
  const std::string message = excerpt(json_get<std::string>(answer, "error", where()));
  if (answer.contains("unsupported") && answer["unsupported"] == true) throw CannotRun(message);
  throw Error(message);
}

std::string DeviceClient::where() const {
  if (!by_shell(runner_)) return "device runner " + runner_[0];
  constexpr std::string_view exec = "exec ";
  const std::string& command = runner_[2];
  return "--runner " + command.substr(command.starts_with(exec) ? exec.size() : 0);
}

std::string DeviceClient::runtime() {
  return json_get<std::string>(ask({{"do", "info"}}), "runtime", where());
}

std::vector<DeviceInfo> DeviceClient::devices() {
  const Json answer = ask({{"do", "info"}});
  const Json list = json_get<Json>(answer, "devices", where());
  if (!list.is_array()) fail(where(), ": devices must be a list");
  std::vector<DeviceInfo> devices;
  for (const Json& device : list) {
    devices.push_back({json_get<std::string>(device, "name", where()),
                       json_get<std::string>(device, "full_name", where())});
  }
  return devices;
}

Measurement DeviceClient::measure(const fs::path& model, const std::string& device,
                                  const MeasureOptions& options) {
  if (options.seconds >= static_cast<double>(timeout_.count())) {
    fail("measuring for ", options.seconds, " s does not fit the device's time limit of ",
         timeout_.count(), " s; measure for less");
  }
  const Json answer = ask({{"do", "measure"},
                           {"model", full_path(model)},
                           {"device", device},
                           {"mode", mode_name(options.mode)},
                           {"seconds", options.seconds},
                           {"iterations", options.iterations},
                           {"warmup", options.warmup},
                           {"precision", options.precision}});
  Measurement measurement;
  measurement.device = device;
  measurement.samples_us = json_get<std::vector<double>>(answer, "samples_us", where());
  measurement.fps = json_get<double>(answer, "fps", where());
  measurement.runtime = json_get<std::string>(answer, "runtime", where());
  measurement.precision = json_get<std::string>(answer, "precision", where());
  const auto possible = [](double value) { return std::isfinite(value) && value > 0; };
  const auto& samples = measurement.samples_us;
  if (samples.empty() || !possible(measurement.fps) ||
      !std::all_of(samples.begin(), samples.end(), possible)) {
    fail(where(), ": samples_us and fps must be greater than 0");
  }
  summarise(measurement);
  return measurement;
}

void DeviceClient::convert(const fs::path& onnx, const fs::path& xml, bool fp16) {
  ask({{"do", "convert"}, {"onnx", full_path(onnx)}, {"xml", full_path(xml)}, {"fp16", fp16}});
}

std::vector<float> DeviceClient::infer(const fs::path& model, const std::string& device,
                                       const std::string& precision, const fs::path& images,
                                       int count) {
  if (count < 1) return {};
  const TemporaryFolder folder;
  const fs::path logits_path = folder.path() / "logits";
  const Json answer = ask({{"do", "infer"},
                           {"model", full_path(model)},
                           {"device", device},
                           {"precision", precision},
                           {"images", full_path(images)},
                           {"count", count},
                           {"logits", logits_path.string()}});
  const auto classes = json_get<uint64_t>(answer, "classes", where());
  const std::string bytes = read_file(logits_path);
  const size_t values = bytes.size() / sizeof(float);
  if (classes == 0 || bytes.size() % sizeof(float) || values % classes ||
      values / classes != static_cast<uint64_t>(count)) {
    fail(where(), ": ", bytes.size(), " bytes of logits are not ", count, " rows of ", classes,
         " float32");
  }
  std::vector<float> logits(values);
  std::memcpy(logits.data(), bytes.data(), bytes.size());
  return logits;
}

FileDifference DeviceClient::compare(const fs::path& given, const fs::path& written,
                                     const fs::path& images, int count) {
  const Json answer = ask({{"do", "compare"},
                           {"given", full_path(given)},
                           {"written", full_path(written)},
                           {"images", count > 0 ? full_path(images) : ""},
                           {"count", count}});
  if (json_get<int>(answer, "compared", where()) == 0)
    fail(given.string(), ": computes infinities or no numbers for every input that was tried");
  return {json_get<double>(answer, "least", where()),
          json_get<double>(answer, "greatest", where())};
}

std::vector<std::string> default_runner() {
  if (const char* path = std::getenv("VPUNAS_DEVICE"); path && *path) return {path};
  const fs::path beside = program_folder() / "vpunas-device";
  if (!fs::exists(beside)) {
    fail(beside.string(),
         ": missing, so only MYRIADX can be priced; build vpunas-device, or name one by "
         "VPUNAS_DEVICE");
  }
  return {beside.string()};
}

Measurement pooled(const std::vector<Measurement>& rounds) {
  Measurement all = rounds.at(0);
  std::vector<double> fps;
  all.samples_us.clear();
  for (const Measurement& round : rounds) {
    all.samples_us.insert(all.samples_us.end(), round.samples_us.begin(), round.samples_us.end());
    fps.push_back(round.fps);
  }
  std::sort(fps.begin(), fps.end());
  all.fps = quantile(fps, 0.5);
  summarise(all);
  return all;
}

LatencyFn latency_fn(std::shared_ptr<DeviceClient> client, std::string device,
                     MeasureOptions options) {
  return [client = std::move(client), device = std::move(device),
          options](const Graph& graph) -> std::optional<Latency> {
    const TemporaryFolder folder;
    const fs::path model = folder.path() / "model.onnx";
    const FoldedNetwork network = fold(graph, random_weights(graph, 1));
    write_onnx(model, network.graph, network.weights);
    try {
      const Measurement measured = client->measure(model, device, options);
      return Latency{measured.median_ms, measured.p5_ms, measured.p95_ms};
    } catch (const CannotRun&) {
      return std::nullopt;
    }
  };
}

}  // namespace vpunas
