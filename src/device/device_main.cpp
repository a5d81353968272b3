// vpunas-device: measures, converts and runs models with OpenVINO, one JSON request a line
// (docs/formats.md, "Device protocol"). A process of its own, so that a device that hangs can be
// killed and thread pools do not disturb each other. It keeps to the API of OpenVINO 2022.3, the
// last release that drives MyriadX sticks.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <fstream>
#include <iostream>
#include <list>
#include <mutex>
#include <openvino/openvino.hpp>
#include <vector>

#include "base/error.h"
#include "base/files.h"
#include "base/random.h"
#include "base/text.h"
#include "device/openvino/save_model.h"

namespace vpunas {
namespace {

using Clock = std::chrono::steady_clock;
double microseconds(Clock::duration time) {
  return std::chrono::duration<double, std::micro>(time).count();
}
double seconds(Clock::duration time) { return std::chrono::duration<double>(time).count(); }

constexpr size_t kMostSamples = 100'000;  // of an answer; more are thinned evenly

// The known device compiles no such model: not a fault of the request, and no reason to try again.
struct Unsupported : Error {
  using Error::Error;
};

std::string runtime() { return std::string("OpenVINO ") + ov::get_openvino_version().buildNumber; }

bool is_available(ov::Core& core, const std::string& device) {
  const std::vector<std::string> available = core.get_available_devices();
  // "GPU" stands for "GPU.0".
  return std::any_of(available.begin(), available.end(), [&](const std::string& name) {
    return name == device || name.starts_with(device + ".");
  });
}

void require_device(ov::Core& core, const std::string& device) {
  if (is_available(core, device)) return;
  const std::vector<std::string> available = core.get_available_devices();
  fail("no device ", device, "; OpenVINO finds ", available.empty() ? "none" : join(available));
}

std::shared_ptr<ov::Model> read_model(ov::Core& core, const std::string& path) {
  if (!fs::is_regular_file(path)) fail(path, ": no such model");
  auto model = core.read_model(path);
  if (model->is_dynamic()) fail(path, ": has inputs of unknown size");
  return model;
}

ov::element::Type precision_type(const std::string& name) {
  if (name == "f32") return ov::element::f32;
  if (name == "f16") return ov::element::f16;
  if (name == "bf16") return ov::element::bf16;
  fail("precision ", name, ": must be f32, f16 or bf16");
}

ov::CompiledModel compile(ov::Core& core, const std::string& path, const std::string& device,
                          const std::string& precision, ov::hint::PerformanceMode mode) {
  require_device(core, device);
  const auto model = read_model(core, path);
  ov::AnyMap options = {ov::hint::performance_mode(mode)};
  if (!precision.empty()) options.insert(ov::hint::inference_precision(precision_type(precision)));
  try {
    return core.compile_model(model, device, options);
  } catch (const std::exception& error) {
    if (is_available(core, device))
      throw Unsupported(cat(device, " cannot compile ", path, ": ", error.what()));
    fail(device, " has gone while compiling ", path, ": ", error.what());
  }
}

// What was compiled last, so that models measured in turns are compiled once. A model is known by
// its file's path, size and time of writing.
class CompiledModels {
 public:
  ov::CompiledModel& get(ov::Core& core, const std::string& path, const std::string& device,
                         const std::string& precision, ov::hint::PerformanceMode mode) {
    // The file may be missing: compile() says so.
    std::error_code error;
    const std::string key = cat(device, '\n', precision, '\n', static_cast<int>(mode), '\n', path,
                                '\n', fs::file_size(path, error), '\n',
                                fs::last_write_time(path, error).time_since_epoch().count());
    auto found = std::find_if(models_.begin(), models_.end(),
                              [&](const Entry& entry) { return entry.key == key; });
    if (found == models_.end()) {
      if (models_.size() == kMost) models_.pop_back();
      models_.push_front({key, compile(core, path, device, precision, mode)});
    } else {
      models_.splice(models_.begin(), models_, found);
    }
    return models_.front().compiled;
  }

 private:
  static constexpr size_t kMost = 16;
  struct Entry {
    std::string key;
    ov::CompiledModel compiled;
  };
  std::list<Entry> models_;  // used last first
};

std::string precision_of(const ov::CompiledModel& compiled) {
  try {
    return compiled.get_property(ov::hint::inference_precision).to_string();
  } catch (const std::exception&) {
    return "unknown";  // a device without the property
  }
}

void fill_randomly(ov::InferRequest& request, const ov::CompiledModel& compiled) {
  Random random{1};
  for (size_t i = 0; i < compiled.inputs().size(); ++i) {
    ov::Tensor tensor = request.get_input_tensor(i);
    const auto fill = [&](auto* data) {
      for (size_t e = 0; e < tensor.get_size(); ++e)
        data[e] = static_cast<std::remove_reference_t<decltype(*data)>>(random.below(256));
    };
    if (tensor.get_element_type() == ov::element::f32)
      fill(tensor.data<float>());
    else if (tensor.get_element_type() == ov::element::u8)
      fill(tensor.data<uint8_t>());
    else
      fail("input ", i, " is of type ", tensor.get_element_type(), "; must be f32 or u8");
  }
}

// --- Measuring, as OpenVINO's benchmark_app and sync_benchmark do it ---

struct Limits {
  double seconds = 0;
  int64_t iterations = 0, warmup = 0;
};

struct Timing {
  std::vector<double> samples_us;
  double fps = 0;
};

Timing time_one_at_a_time(ov::CompiledModel& compiled, const Limits& limits) {
  ov::InferRequest request = compiled.create_infer_request();
  fill_randomly(request, compiled);
  for (int64_t i = 0; i < limits.warmup; ++i) request.infer();
  Timing timing;
  const auto start = Clock::now();
  auto before = start;
  while (seconds(before - start) < limits.seconds ||
         static_cast<int64_t>(timing.samples_us.size()) < limits.iterations) {
    request.infer();
    const auto after = Clock::now();
    timing.samples_us.push_back(microseconds(after - before));
    before = after;
  }
  timing.fps = static_cast<double>(timing.samples_us.size()) / seconds(before - start);
  return timing;
}

// Keeps every request busy; a sample is from start to finish of one request.
class AsyncTimer {
 public:
  AsyncTimer(ov::CompiledModel& compiled, size_t requests) : starts_(requests) {
    for (size_t i = 0; i < requests; ++i) {
      requests_.push_back(compiled.create_infer_request());
      fill_randomly(requests_.back(), compiled);
      requests_.back().set_callback([this, i](std::exception_ptr error) { finished(i, error); });
      idle_.push_back(i);
    }
  }

  // Requests that still run use our members.
  ~AsyncTimer() { wait_for_idle(requests_.size()); }

  Timing run(const Limits& limits) {
    const int64_t busy = static_cast<int64_t>(requests_.size());
    drive(
        [&](int64_t started, Clock::duration) { return started < std::max(limits.warmup, busy); });
    samples_us_.clear();
    const auto start = Clock::now();
    drive([&](int64_t started, Clock::duration elapsed) {
      return seconds(elapsed) < limits.seconds || started < limits.iterations;
    });
    const double fps = static_cast<double>(samples_us_.size()) / seconds(Clock::now() - start);
    return {std::move(samples_us_), fps};
  }

 private:
  template <class Continue>
  void drive(Continue&& more) {
    const auto start = Clock::now();
    for (int64_t started = 0; more(started, Clock::now() - start); ++started) {
      wait_for_idle(1);
      size_t next = 0;
      {
        const std::lock_guard lock(mutex_);
        if (error_) break;
        next = idle_.back();
        idle_.pop_back();
        starts_[next] = Clock::now();
      }
      try {
        requests_[next].start_async();
      } catch (...) {
        finished(next, std::current_exception());
      }
    }
    wait_for_idle(requests_.size());
    if (error_) std::rethrow_exception(error_);
  }

  void finished(size_t request, std::exception_ptr error) {
    const auto now = Clock::now();
    const std::lock_guard lock(mutex_);
    if (error && !error_) error_ = error;
    if (!error) samples_us_.push_back(microseconds(now - starts_[request]));
    idle_.push_back(request);
    changed_.notify_one();
  }

  void wait_for_idle(size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return idle_.size() >= count; });
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<size_t> idle_;
  std::vector<Clock::time_point> starts_;
  std::vector<double> samples_us_;
  std::exception_ptr error_;
  std::vector<ov::InferRequest> requests_;
};

std::vector<double> thinned(const std::vector<double>& samples) {
  if (samples.size() <= kMostSamples) return samples;
  std::vector<double> kept;
  for (size_t i = 0; i < kMostSamples; ++i)
    kept.push_back(samples[i * samples.size() / kMostSamples]);
  return kept;
}

// --- Requests ---

std::string text(const Json& request, const char* key) {
  return json_get<std::string>(request, key, "request");
}

double number(const Json& request, const char* key, double least, double most) {
  const double value = json_get<double>(request, key, "request");
  if (!(value >= least && value <= most))
    fail("request: ", key, " must be within ", least, "..", most);
  return value;
}

Json info(ov::Core& core) {
  Json devices = Json::array();
  for (const std::string& name : core.get_available_devices()) {
    devices.push_back(
        {{"name", name}, {"full_name", core.get_property(name, ov::device::full_name)}});
  }
  return {{"runtime", runtime()}, {"devices", devices}};
}

Json measure(ov::Core& core, CompiledModels& models, const Json& request) {
  const std::string mode = text(request, "mode");
  if (mode != "latency" && mode != "throughput")
    fail("request: mode must be latency or throughput");
  const bool throughput = mode == "throughput";
  const Limits limits = {number(request, "seconds", 0, 3600),
                         static_cast<int64_t>(number(request, "iterations", 1, 1e6)),
                         static_cast<int64_t>(number(request, "warmup", 0, 1e6))};
  require_device(core, text(request, "device"));  // it may have gone since it compiled the model
  ov::CompiledModel& compiled = models.get(
      core, text(request, "model"), text(request, "device"), text(request, "precision"),
      throughput ? ov::hint::PerformanceMode::THROUGHPUT : ov::hint::PerformanceMode::LATENCY);
  Timing timing;
  if (throughput)
    timing = AsyncTimer(compiled, compiled.get_property(ov::optimal_number_of_infer_requests))
                 .run(limits);
  else
    timing = time_one_at_a_time(compiled, limits);
  return {{"samples_us", thinned(timing.samples_us)},
          {"fps", timing.fps},
          {"precision", precision_of(compiled)},
          {"runtime", runtime()}};
}

Json convert(ov::Core& core, const Json& request) {
  const fs::path xml = text(request, "xml");
  if (xml.extension() != ".xml") fail(xml.string(), ": must end in .xml");
  const auto model = read_model(core, text(request, "onnx"));
  // Beside their names first; the weights are in place before what names them.
  fs::path part = xml;
  part.replace_filename(xml.stem().string() + ".part.xml");
  save_model(model, part.string(), json_get<bool>(request, "fp16", "request"));
  fs::rename(fs::path(part).replace_extension(".bin"), fs::path(xml).replace_extension(".bin"));
  fs::rename(part, xml);
  return Json::object();
}

Json infer(ov::Core& core, const Json& request) {
  const std::string images_path = text(request, "images"), logits_path = text(request, "logits");
  const auto count = static_cast<uint64_t>(number(request, "count", 1, 1e9));
  ov::CompiledModel compiled =
      compile(core, text(request, "model"), text(request, "device"), text(request, "precision"),
              ov::hint::PerformanceMode::LATENCY);
  ov::InferRequest runner = compiled.create_infer_request();
  ov::Tensor input = runner.get_input_tensor(), output = runner.get_output_tensor();
  if (output.get_element_type() != ov::element::f32)
    fail("the model's output is of type ", output.get_element_type(), "; must be f32");

  if (compiled.inputs().size() != 1 || input.get_shape().empty() || input.get_shape()[0] != 1) {
    fail("the model must have one input, of one image");
  }

  std::vector<uint8_t> image(input.get_size());
  if (!fs::is_regular_file(images_path)) fail(images_path, ": no such file");
  if (fs::file_size(images_path) != count * image.size()) {
    fail(images_path, ": has ", fs::file_size(images_path), " bytes, not ", count, " images of ",
         image.size());
  }
  std::ifstream images(images_path, std::ios::binary);
  std::ofstream logits(logits_path, std::ios::binary);
  for (uint64_t i = 0; i < count; ++i) {
    if (!images.read(reinterpret_cast<char*>(image.data()),
                     static_cast<std::streamsize>(image.size()))) {
      fail(images_path, ": cannot be read");
    }
    if (input.get_element_type() == ov::element::f32)
      std::copy(image.begin(), image.end(), input.data<float>());
    else if (input.get_element_type() == ov::element::u8)
      std::copy(image.begin(), image.end(), input.data<uint8_t>());
    else
      fail("the model's input is of type ", input.get_element_type(), "; must be f32 or u8");
    runner.infer();
    logits.write(reinterpret_cast<const char*>(output.data<float>()),
                 static_cast<std::streamsize>(output.get_byte_size()));
  }
  logits.close();
  if (!logits) fail(logits_path, ": cannot be written");
  return {{"classes", output.get_size()}};
}

// --- Comparing two files of one network ---

using Values = std::vector<float>;

// From [1, c, h, w] to [1, h, w, c] or back (`columns` is then h * w).
Values transposed(const Values& values, size_t columns) {
  Values result(values.size());
  const size_t rows = values.size() / columns;
  for (size_t r = 0; r < rows; ++r)
    for (size_t c = 0; c < columns; ++c) result[c * rows + r] = values[r * columns + c];
  return result;
}

bool is_channels_last(const ov::Shape& given, const ov::Shape& written) {
  return given != written && given.size() == 4 && written.size() == 4 &&
         given == ov::Shape{written[0], written[2], written[3], written[1]};
}

// Gives inputs of unknown size those of the other file.
void fix_sizes(ov::Model& given, const ov::Model& written) {
  if (!given.is_dynamic()) return;
  std::map<ov::Output<ov::Node>, ov::PartialShape> shapes;
  for (size_t i = 0; i < given.inputs().size(); ++i) {
    const ov::Shape shape = written.inputs()[i].get_shape();
    const ov::PartialShape own = given.inputs()[i].get_partial_shape();
    const ov::PartialShape last =
        shape.size() == 4 ? ov::Shape{shape[0], shape[2], shape[3], shape[1]} : shape;
    shapes[given.inputs()[i]] = own.compatible(shape) ? ov::PartialShape(shape) : last;
  }
  given.reshape(shapes);
}

void fill(ov::Tensor tensor, const Values& values) {
  if (tensor.get_element_type() == ov::element::f32)
    std::copy(values.begin(), values.end(), tensor.data<float>());
  else if (tensor.get_element_type() == ov::element::u8)
    std::transform(values.begin(), values.end(), tensor.data<uint8_t>(), [](float value) {
      return static_cast<uint8_t>(std::clamp(std::round(value), 0.0f, 255.0f));
    });
  else if (tensor.get_element_type() == ov::element::f16)
    std::copy(values.begin(), values.end(), tensor.data<ov::float16>());
  else
    fail("an input is of type ", tensor.get_element_type(), "; must be f32, f16 or u8");
}

Values values_of(const ov::Tensor& tensor) {
  const auto as_floats = [&]<class T>(const T* data) {
    return Values(data, data + tensor.get_size());
  };
  if (tensor.get_element_type() == ov::element::f32) return as_floats(tensor.data<float>());
  if (tensor.get_element_type() == ov::element::f16) return as_floats(tensor.data<ov::float16>());
  fail("an output is of type ", tensor.get_element_type(), "; must be f32 or f16");
}

// Pixels of `kind` 0: 0..1, 1: 0..255, 2: -1..1; whole numbers of 0..255 are what files of images
// and u8 inputs have.
Values random_values(size_t count, int kind, Random& random) {
  Values values(count);
  for (float& value : values)
    value = kind == 1 ? static_cast<float>(random.below(256))
                      : static_cast<float>(kind == 0 ? random.uniform() : 2 * random.uniform() - 1);
  return values;
}

// Outputs of two files for the same input, and how far they are apart, as a share of the range of
// the first.
class Comparison {
 public:
  Comparison(ov::Core& core, const std::string& given, const std::string& written)
      : given_model_(core.read_model(given)), written_model_(read_model(core, written)) {
    const auto counts = [](const ov::Model& model) {
      return std::pair(model.inputs().size(), model.outputs().size());
    };
    if (counts(*given_model_) != counts(*written_model_))
      fail("has ", written_model_->inputs().size(), " inputs and ",
           written_model_->outputs().size(), " outputs, the file given ",
           given_model_->inputs().size(), " and ", given_model_->outputs().size());
    fix_sizes(*given_model_, *written_model_);
    const ov::AnyMap exact{ov::hint::inference_precision(ov::element::f32)};
    given_ = core.compile_model(given_model_, "CPU", exact).create_infer_request();
    written_ = core.compile_model(written_model_, "CPU", exact).create_infer_request();
  }

  // nullopt where what was given computes no numbers.
  std::optional<double> difference(int kind, Random& random) {
    for (size_t i = 0; i < written_model_->inputs().size(); ++i)
      feed(i, random_values(written_.get_input_tensor(i).get_size(), kind, random));
    return run();
  }
  std::optional<double> difference(const Values& image) {
    if (written_model_->inputs().size() != 1) return std::nullopt;
    feed(0, image);
    return run();
  }

 private:
  void feed(size_t i, const Values& values) {
    ov::Tensor given = given_.get_input_tensor(i), written = written_.get_input_tensor(i);
    const ov::Shape shape = written.get_shape();
    if (given.get_size() != values.size()) fail("its input has another size than the file given");
    const bool last = is_channels_last(given.get_shape(), shape);
    fill(written, values);
    fill(given, last ? transposed(values, shape[2] * shape[3]) : values);
  }

  std::optional<double> run() {
    given_.infer();
    written_.infer();
    double difference = 0, scale = 1e-6;
    for (size_t o = 0; o < written_model_->outputs().size(); ++o) {
      const ov::Tensor a = given_.get_output_tensor(o), b = written_.get_output_tensor(o);
      const Values first = values_of(a);
      Values second = values_of(b);
      if (first.size() != second.size())
        fail("its output has ", second.size(), " values, the file's given ", first.size());
      const ov::Shape shape = b.get_shape();
      // A file of TensorFlow's world may have flattened its channels-last output, too.
      const auto furthest = [&](const Values& other) {
        double most = 0;
        for (size_t i = 0; i < first.size(); ++i) {
          const double apart = std::abs(double{first[i]} - double{other[i]});
          most = std::isfinite(apart) ? std::max(most, apart) : INFINITY;
        }
        return most;
      };
      double apart = INFINITY;
      if (!is_channels_last(a.get_shape(), shape)) apart = furthest(second);
      if (shape.size() == 4 && a.get_shape() != shape)
        apart = std::min(apart, furthest(transposed(second, shape[2] * shape[3])));
      for (const float value : first) {
        if (!std::isfinite(value)) return std::nullopt;
        scale = std::max(scale, std::abs(double{value}));
      }
      difference = std::max(difference, apart);
    }
    return difference / scale;
  }

  std::shared_ptr<ov::Model> given_model_, written_model_;
  ov::InferRequest given_, written_;
};

// The least and greatest difference over random inputs and, where there are some, images.
Json compare(ov::Core& core, const Json& request) {
  Comparison comparison(core, text(request, "given"), text(request, "written"));
  constexpr double none = 1e9;  // JSON has no infinities
  double least = none, greatest = 0;
  int compared = 0;
  const auto note = [&](std::optional<double> difference) {
    if (!difference) return;
    ++compared;
    least = std::min(least, *difference);
    greatest = std::max(greatest, std::min(none, *difference));
  };
  Random random({1});
  for (const int kind : {0, 1, 2}) note(comparison.difference(kind, random));
  const auto count = static_cast<uint64_t>(number(request, "count", 0, 1e9));
  if (count > 0) {
    std::ifstream images(text(request, "images"), std::ios::binary);
    const uint64_t size = fs::file_size(text(request, "images")) / count;
    std::vector<uint8_t> image(size);
    for (uint64_t i = 0; i < count; ++i) {
      images.read(reinterpret_cast<char*>(image.data()), static_cast<std::streamsize>(size));
      note(comparison.difference(Values(image.begin(), image.end())));
    }
  }
  return {{"least", least}, {"greatest", greatest}, {"compared", compared}};
}

// --- The protocol ---

Json dispatch(ov::Core& core, CompiledModels& models, const std::string& line) {
  const Json request = Json::parse(line, nullptr, false);
  if (!request.is_object()) fail("the request is no JSON object");
  const std::string what = text(request, "do");
  if (what == "info") return info(core);
  if (what == "measure") return measure(core, models, request);
  if (what == "convert") return convert(core, request);
  if (what == "infer") return infer(core, request);
  if (what == "compare") return compare(core, request);
  fail("cannot do \"", what, "\"; known are info, measure, convert, infer, compare");
}

// White space of any kind as single spaces: OpenVINO's messages have many lines.
std::string one_line(std::string_view message) {
  std::string line;
  for (const char c : message.substr(0, 2000)) {
    const bool space = static_cast<unsigned char>(c) <= ' ';
    if (!space)
      line += c;
    else if (!line.empty() && line.back() != ' ')
      line += ' ';
  }
  return std::string(trim(line));
}

Json failure(const std::exception& error, bool unsupported) {
  Json answer = {{"ok", false}, {"error", one_line(error.what())}};
  if (unsupported) answer["unsupported"] = true;
  return answer;
}

Json answer(ov::Core& core, CompiledModels& models, const std::string& line) {
  try {
    Json result = {{"ok", true}};
    result.update(dispatch(core, models, line));
    return result;
  } catch (const Unsupported& error) {
    return failure(error, true);
  } catch (const std::exception& error) {
    return failure(error, false);
  }
}

// What else the process prints to standard output goes to standard error; the answers keep the real
// one.
int reserve_stdout() {
  const int answers = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
  dup2(STDERR_FILENO, STDOUT_FILENO);
  return answers;
}

bool write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno != EINTR) return false;
    if (written > 0) bytes.remove_prefix(static_cast<size_t>(written));
  }
  return true;
}

int serve() {
  const int answers = reserve_stdout();
  ov::Core core;
  CompiledModels models;
  for (std::string line; std::getline(std::cin, line);) {
    if (trim(line).empty()) continue;
    // Messages may quote bytes that are no UTF-8.
    const std::string text =
        answer(core, models, line).dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
    if (!write_all(answers, text)) return 1;
  }
  return 0;
}

}  // namespace
}  // namespace vpunas

int main(int argc, char**) {
  if (argc > 1) {
    std::cerr << "usage: vpunas-device < REQUESTS: one JSON request a line, one answer a line "
                 "(docs/formats.md)\n";
    return 1;
  }
  try {
    return vpunas::serve();
  } catch (const std::exception& error) {
    std::cerr << "error: " << error.what() << "\n";
    return 1;
  }
}
