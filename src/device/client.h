// Devices measured by a process of their own (vpunas-device, or a user's --runner with the same
// protocol, docs/formats.md).
#pragma once

#include <chrono>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/files.h"
#include "base/subprocess.h"
#include "latency/latency.h"

namespace vpunas {

struct DeviceInfo {
  std::string name;  // OpenVINO's, as CPU, GPU.0, NPU, MYRIAD
  std::string full_name;
};

struct MeasureOptions {
  Mode mode = Mode::latency;
  double seconds = 0.5;  // at least this long ...
  int iterations = 20;   // ... and at least so many inferences
  int warmup = 3;
  std::string precision = {};  // inference precision hint: "" the device's default, "f32"
};

// Samples are of one inference each, in microseconds; in throughput mode the time from start to
// finish of each request.
struct Measurement {
  std::vector<double> samples_us;
  double median_ms = 0, mean_ms = 0, least_ms = 0, greatest_ms = 0;
  double p5_ms = 0, p95_ms = 0;
  double fps = 0;
  std::string device, runtime, precision;
};

// The samples of one or more measurements of the same model as one; its fps is their median.
Measurement pooled(const std::vector<Measurement>& rounds);

// Of the outputs of two files, over several inputs.
struct FileDifference {
  double least = 0, greatest = 0;
};

// The device is there and cannot compile the model: the answer has "unsupported": true.
class CannotRun : public Error {
 public:
  using Error::Error;
};

// Speaks with one vpunas-device process, started at the first request, and after one that died or
// broke the protocol again. Every call throws Error with what the device said. Not for several
// threads at once; the process ends with the thread that asked first.
class DeviceClient {
 public:
  // `runner`: the command and its arguments; default_runner() is the program beside our own.
  explicit DeviceClient(std::vector<std::string> runner,
                        std::chrono::seconds timeout = std::chrono::seconds(120));

  std::string runtime();  // "OpenVINO 2026.4.1-..."
  std::vector<DeviceInfo> devices();
  Measurement measure(const std::filesystem::path& model, const std::string& device,
                      const MeasureOptions& options);
  // ONNX -> IR (.xml with .bin beside it), weights as FP16 where asked.
  void convert(const std::filesystem::path& onnx, const std::filesystem::path& xml, bool fp16);
  // Logits, row by row, for `count` raw U8 images lying one behind the other (CHW) in `images`.
  std::vector<float> infer(const std::filesystem::path& model, const std::string& device,
                           const std::string& precision, const std::filesystem::path& images,
                           int count);
  // How far the outputs of `written` are from those of `given`, two files of one network, over
  // random inputs and `count` images as in infer(), as shares of the greatest value, computed on
  // the CPU in float32. A side that is channels-last is compared so. Throws Error where their
  // inputs or outputs are not the same, or `given` computes no numbers.
  FileDifference compare(const std::filesystem::path& given, const std::filesystem::path& written,
                         const std::filesystem::path& images = {}, int count = 0);

 private:
  Json ask(const Json& request);
  std::string where() const;  // the runner, for errors

  std::vector<std::string> runner_;
  std::chrono::seconds timeout_;
  std::unique_ptr<LineProcess> process_;
};

// $VPUNAS_DEVICE, else the vpunas-device beside the running program. Throws Error where there is
// none.
std::vector<std::string> default_runner();

// A device as a LatencyFn, nullopt where it cannot compile the graph; any other fault is an Error.
// What runs is the graph with random weights, folded, as ONNX. The interval is the samples' 5th to
// 95th percentile.
LatencyFn latency_fn(std::shared_ptr<DeviceClient> client, std::string device,
                     MeasureOptions options);

}  // namespace vpunas
