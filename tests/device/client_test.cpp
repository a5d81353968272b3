#include "device/client.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <functional>

#include "arch/space.h"
#include "arch/weights.h"
#include "base/files.h"
#include "base/random.h"
#include "onnx/onnx.h"
#include "tests/error_of.h"

namespace vpunas {
namespace {

using test::error_of;
using namespace std::chrono_literals;

Graph small_network() {
  Architecture network;
  network.name = "small";
  network.input = {3, 32, 32};
  network.classes = 10;
  network.stem.channels = 8;
  network.blocks = {{.expansion = 2, .out_channels = 16, .stride = 2}};
  network.head.channels = 32;
  return lower(network, {});
}

// --- A runner of the test's own: a shell script ---

class FakeRunner : public ::testing::Test {
 protected:
  // A client of a runner that executes `script`.
  DeviceClient client(const std::string& script, std::chrono::seconds timeout = 20s) {
    const fs::path path = folder_.path() / "runner.sh";
    write_file(path, script);
    return DeviceClient({"/bin/sh", path.string()}, timeout);
  }
  // Answers every request with `line`.
  DeviceClient answering(const std::string& line) {
    write_file(folder_.path() / "answer", line + "\n");
    return client("while read -r request; do cat '" + (folder_.path() / "answer").string() +
                  "'; done\n");
  }
  std::string measure_error(const std::string& answer) {
    DeviceClient fake = answering(answer);
    return error_of([&] { fake.measure("model.onnx", "CPU", {}); });
  }
  const TemporaryFolder folder_;
};

TEST_F(FakeRunner, SamplesAreSummarised) {
  DeviceClient fake = answering(
      R"({"ok": true, "samples_us": [5000, 1000, 2000, 4000, 3000], "fps": 400.5, "precision": "f16", "runtime": "Fake 1"})");
  const Measurement measured = fake.measure("model.onnx", "PHONE", {});
  EXPECT_EQ(measured.samples_us, (std::vector<double>{5000, 1000, 2000, 4000, 3000}));
  EXPECT_DOUBLE_EQ(measured.median_ms, 3);
  EXPECT_DOUBLE_EQ(measured.mean_ms, 3);
  EXPECT_DOUBLE_EQ(measured.least_ms, 1);
  EXPECT_DOUBLE_EQ(measured.greatest_ms, 5);
  EXPECT_DOUBLE_EQ(measured.p5_ms, 1.2);  // as numpy.percentile
  EXPECT_DOUBLE_EQ(measured.p95_ms, 4.8);
  EXPECT_DOUBLE_EQ(measured.fps, 400.5);
  EXPECT_EQ(measured.device, "PHONE");
  EXPECT_EQ(measured.runtime, "Fake 1");
  EXPECT_EQ(measured.precision, "f16");
}

// The "board" is this machine, where a model's file is its own answer.
TEST_F(FakeRunner, TheSshExampleTellsModelsOfOneNameApart) {
  const auto executable = [&](const std::string& name, const std::string& text) {
    write_file(folder_.path() / name, "#!/bin/sh\n" + text);
    fs::permissions(folder_.path() / name, fs::perms::owner_all);
  };
  executable("ssh", R"sh(while read -r request; do
  cat "$(echo "$request" | sed 's/.*"model": *"\([^"]*\)".*/\1/')"
done
)sh");
  executable("scp", "cp \"$2\" \"${3#*:}\"\n");
  const auto model = [&](const std::string& name, int microseconds) {
    const fs::path path = folder_.path() / name / "model.xml";
    fs::create_directories(path.parent_path());
    write_file(path, cat(R"({"ok": true, "samples_us": [)", microseconds,
                         R"(], "fps": 1, "precision": "f32", "runtime": "Fake"})", "\n"));
    return path;
  };
  const fs::path runner = data_folder().parent_path() / "examples/ssh_runner.py";
  DeviceClient board({"env", cat("PATH=", folder_.path().string(), ":", std::getenv("PATH")),
                      runner.string(), "board"});
  const fs::path first = model("a", 1000), second = model("b", 2000);
  EXPECT_DOUBLE_EQ(board.measure(first, "CPU", {}).median_ms, 1);
  EXPECT_DOUBLE_EQ(board.measure(second, "CPU", {}).median_ms, 2);
  EXPECT_DOUBLE_EQ(board.measure(model("a", 3000), "CPU", {}).median_ms, 3) << "written anew";
}

TEST(Pooled, HasTheSamplesOfAllRoundsAndTheMedianOfTheirFps) {
  Measurement first, second;
  first.samples_us = {1000, 3000};
  first.fps = 300;
  first.device = "PHONE";
  second.samples_us = {2000, 9000, 5000};
  second.fps = 500;
  const Measurement all = pooled({first, second, second});
  EXPECT_EQ(all.samples_us.size(), 8U);
  EXPECT_DOUBLE_EQ(all.median_ms, 4);
  EXPECT_DOUBLE_EQ(all.mean_ms, 4.5);
  EXPECT_DOUBLE_EQ(all.least_ms, 1);
  EXPECT_DOUBLE_EQ(all.greatest_ms, 9);
  EXPECT_DOUBLE_EQ(all.fps, 500);
  EXPECT_EQ(all.device, "PHONE");
}

TEST_F(FakeRunner, RequestsAreThoseOfTheProtocol) {
  const fs::path log = folder_.path() / "log";
  DeviceClient fake = client("while read -r request; do echo \"$request\" >> '" + log.string() +
                             "'; echo '{\"ok\": true}'; done\n");
  fake.convert("/a.onnx", "/b.xml", true);
  error_of([&] { fake.measure("/m.xml", "NPU", {Mode::throughput, 1.5, 7, 2, "f32"}); });
  const std::string requests = read_file(log);
  const auto lines = requests.find('\n');
  EXPECT_EQ(Json::parse(requests.substr(0, lines)),
            (Json{{"do", "convert"}, {"onnx", "/a.onnx"}, {"xml", "/b.xml"}, {"fp16", true}}));
  EXPECT_EQ(Json::parse(requests.substr(lines)), (Json{{"do", "measure"},
                                                       {"model", "/m.xml"},
                                                       {"device", "NPU"},
                                                       {"mode", "throughput"},
                                                       {"seconds", 1.5},
                                                       {"iterations", 7},
                                                       {"warmup", 2},
                                                       {"precision", "f32"}}));
}

TEST_F(FakeRunner, DeviceErrorIsPassedOn) {
  EXPECT_EQ(measure_error(R"({"ok": false, "error": "the stick is gone"})"), "the stick is gone");
  DeviceClient fake = answering(R"({"ok": false, "error": "no such layer", "unsupported": true})");
  EXPECT_THROW(fake.measure("model.onnx", "CPU", {}), CannotRun);
}

TEST_F(FakeRunner, HostileAnswersAreErrorsOfOneLine) {
  const std::vector<std::string> answers = {
      "",
      "garbage",
      "\x01\xff\xfe",
      "[]",
      "null",
      "{",
      R"({"ok": 1})",
      R"({"error": "x"})",
      R"({"ok": false})",
      R"({"ok": true})",
      R"({"ok": false, "error": 3})",
      std::string(100'000, '['),
      R"({"ok": true, "samples_us": [], "fps": 1, "precision": "", "runtime": ""})",
      R"({"ok": true, "samples_us": [0], "fps": 1, "precision": "", "runtime": ""})",
      R"({"ok": true, "samples_us": [-1], "fps": 1, "precision": "", "runtime": ""})",
      R"({"ok": true, "samples_us": [null], "fps": 1, "precision": "", "runtime": ""})",
      R"({"ok": true, "samples_us": ["1"], "fps": 1, "precision": "", "runtime": ""})",
      R"({"ok": true, "samples_us": [1e999], "fps": 1, "precision": "", "runtime": ""})",
      R"({"ok": true, "samples_us": [1], "fps": 0, "precision": "", "runtime": ""})",
      R"({"ok": true, "samples_us": [1], "precision": "", "runtime": ""})",
      R"({"ok": true, "samples_us": [1], "fps": 1, "precision": 16, "runtime": ""})"};
  for (const std::string& answer : answers) {
    const std::string message = measure_error(answer);
    EXPECT_NE(message, "no error") << answer.substr(0, 80);
    EXPECT_LT(message.size(), 1000u);
    EXPECT_EQ(message.find('\n'), std::string::npos) << message;
  }
}

TEST_F(FakeRunner, LogitsThatDoNotMatchTheCountAreRefused) {
  for (const std::string classes : {"10", "0", "-1", "4611686018427387904", "\"1\""}) {
    // Eight bytes: two logits.
    DeviceClient fake = client(
        R"sh(while read -r request; do
               printf 12345678 > "$(echo "$request" | sed 's/.*"logits":"\([^"]*\)".*/\1/')"
               echo '{"ok": true, "classes": )sh" +
        classes + "}'; done\n");
    const std::string message = error_of([&] { fake.infer("m.xml", "CPU", "f32", "images", 3); });
    EXPECT_NE(message, "no error") << classes;
    if (classes == "10" || classes == "0") {
      EXPECT_NE(message.find("8 bytes of logits are not 3 rows"), std::string::npos) << message;
    }
  }
  DeviceClient silent = answering(R"({"ok": true, "classes": 10})");
  EXPECT_NE(error_of([&] { silent.infer("m.xml", "CPU", "f32", "images", 3); }), "no error");
}

TEST_F(FakeRunner, DeathIsAnErrorAndTheNextRequestStartsAnother) {
  const std::string flag = (folder_.path() / "died").string();
  DeviceClient fake = client("read -r request\nif [ ! -e '" + flag + "' ]; then touch '" + flag +
                             "'; echo 'out of magic smoke' >&2; exit 3; fi\necho '{\"ok\": true, "
                             "\"runtime\": \"Fake 2\"}'\n");
  const std::string message = error_of([&] { fake.runtime(); });
  EXPECT_NE(message.find("out of magic smoke"), std::string::npos) << message;
  EXPECT_EQ(fake.runtime(), "Fake 2");
}

TEST_F(FakeRunner, SilenceEndsAtTheTimeLimit) {
  DeviceClient fake = client("read -r request\nexec sleep 60\n", 1s);
  const auto start = std::chrono::steady_clock::now();
  EXPECT_NE(error_of([&] { fake.runtime(); }), "no error");
  EXPECT_LT(std::chrono::steady_clock::now() - start, 10s);
}

TEST_F(FakeRunner, MeasuringLongerThanTheTimeLimitIsRefusedAtOnce) {
  DeviceClient fake = client("exit 1\n", 5s);
  EXPECT_NE(error_of([&] { fake.measure("m", "CPU", {.seconds = 5}); }).find("5 s"),
            std::string::npos);
}

TEST(DeviceClient, MissingRunnerIsAnError) {
  EXPECT_THROW(DeviceClient({}), Error);
  DeviceClient missing({"/no/such/runner"});
  EXPECT_NE(error_of([&] { missing.runtime(); }).find("/no/such/runner"), std::string::npos);
}

TEST(DefaultRunner, IsTheVariableOrTheProgramBesideOurs) {
  EXPECT_EQ(default_runner().at(0), (program_folder() / "vpunas-device").string());
  setenv("VPUNAS_DEVICE", "/elsewhere/vpunas-device", 1);
  EXPECT_EQ(default_runner().at(0), "/elsewhere/vpunas-device");
  unsetenv("VPUNAS_DEVICE");
}

// --- OpenVINO on the CPU ---

class OnCpu : public ::testing::Test {
 protected:
  void SetUp() override {
    const FoldedNetwork network = fold(small_network(), random_weights(small_network(), 1));
    write_onnx(onnx_, network.graph, network.weights);
  }
  // `count` random images, and their logits by a model.
  fs::path images(int count) {
    Random random{3};
    std::string bytes(static_cast<size_t>(count) * 3 * 32 * 32, '\0');
    for (char& byte : bytes) byte = static_cast<char>(random.below(256));
    write_file(folder_.path() / "images", bytes);
    return folder_.path() / "images";
  }
  const TemporaryFolder folder_;
  const fs::path onnx_ = folder_.path() / "small.onnx";
  DeviceClient client_{default_runner()};
};

TEST_F(OnCpu, IsListed) {
  EXPECT_EQ(client_.runtime().find("OpenVINO "), 0u);
  const auto devices = client_.devices();
  EXPECT_TRUE(std::any_of(devices.begin(), devices.end(),
                          [](const auto& d) { return d.name == "CPU" && !d.full_name.empty(); }));
}

TEST_F(OnCpu, BothModesMeasureAtLeastWhatWasAskedFor) {
  for (const Mode mode : {Mode::latency, Mode::throughput}) {
    const auto start = std::chrono::steady_clock::now();
    const Measurement measured = client_.measure(onnx_, "CPU", {mode, 0.2, 30, 3, ""});
    EXPECT_GE(std::chrono::steady_clock::now() - start, 200ms);
    EXPECT_GE(measured.samples_us.size(), 30u);
    EXPECT_GT(measured.least_ms, 0);
    EXPECT_LE(measured.least_ms, measured.p5_ms);
    EXPECT_LE(measured.p5_ms, measured.median_ms);
    EXPECT_LE(measured.median_ms, measured.p95_ms);
    EXPECT_LE(measured.p95_ms, measured.greatest_ms);
    EXPECT_LT(measured.median_ms, 1000);
    EXPECT_GT(measured.fps, 1);
    EXPECT_EQ(measured.runtime, client_.runtime());
    EXPECT_FALSE(measured.precision.empty());
  }
}

TEST_F(OnCpu, PrecisionIsTheOneAskedFor) {
  EXPECT_EQ(
      client_.measure(onnx_, "CPU", {.seconds = 0, .iterations = 1, .precision = "f32"}).precision,
      "f32");
}

TEST_F(OnCpu, IterationsAreMetWithoutTime) {
  EXPECT_EQ(client_.measure(onnx_, "CPU", {.seconds = 0, .iterations = 7}).samples_us.size(), 7u);
  EXPECT_EQ(client_.measure(onnx_, "CPU", {.mode = Mode::throughput, .seconds = 0, .iterations = 7})
                .samples_us.size(),
            7u);
}

TEST_F(OnCpu, ConvertedModelsComputeTheSameLogits) {
  constexpr int kImages = 20, kClasses = 10;
  const fs::path raw = images(kImages);
  const std::vector<float> expected = client_.infer(onnx_, "CPU", "f32", raw, kImages);
  ASSERT_EQ(expected.size(), size_t{kImages * kClasses});
  const auto [least, greatest] = std::minmax_element(expected.begin(), expected.end());
  const float range = *greatest - *least;
  ASSERT_GT(range, 0);
  for (const bool fp16 : {false, true}) {
    const fs::path xml = folder_.path() / (fp16 ? "half.xml" : "single.xml");
    client_.convert(onnx_, xml, fp16);
    ASSERT_TRUE(fs::exists(xml));
    const std::vector<float> logits = client_.infer(xml, "CPU", "f32", raw, kImages);
    ASSERT_EQ(logits.size(), expected.size());
    float difference = 0;
    for (size_t i = 0; i < logits.size(); ++i)
      difference = std::max(difference, std::abs(logits[i] - expected[i]));
    EXPECT_LT(difference, (fp16 ? 0.01f : 1e-5f) * range);
    EXPECT_EQ(difference > 0, fp16);
  }
  EXPECT_LT(fs::file_size(folder_.path() / "half.bin"),
            0.6 * static_cast<double>(fs::file_size(folder_.path() / "single.bin")));
}

TEST_F(OnCpu, MistakesAreErrorsThatSayWhatIsThereAndLeaveTheDeviceWorking) {
  const auto measure = [&](const fs::path& model, const std::string& device,
                           const std::string& precision = "") {
    return error_of([&] {
      client_.measure(model, device, {.seconds = 0, .iterations = 1, .precision = precision});
    });
  };
  EXPECT_NE(measure(onnx_, "WARP").find("no device WARP; OpenVINO finds"), std::string::npos);
  EXPECT_NE(measure(onnx_, "WARP").find("CPU"), std::string::npos);
  EXPECT_NE(measure("/no/such.onnx", "CPU").find("/no/such.onnx: no such model"),
            std::string::npos);
  EXPECT_NE(measure(onnx_, "CPU", "f8").find("precision f8"), std::string::npos);
  write_file(folder_.path() / "garbage.onnx", "garbage");
  write_file(folder_.path() / "garbage.xml", "<net>");
  for (const char* name : {"garbage.onnx", "garbage.xml"}) {
    const std::string message = measure(folder_.path() / name, "CPU");
    EXPECT_NE(message, "no error");
    EXPECT_EQ(message.find('\n'), std::string::npos);
  }
  EXPECT_NE(
      error_of([&] { client_.convert(onnx_, folder_.path() / "model.txt", true); }).find(".xml"),
      std::string::npos);
  EXPECT_NE(error_of([&] {
              client_.infer(onnx_, "CPU", "f32", folder_.path() / "none", 3);
            }).find("no such file"),
            std::string::npos);
  EXPECT_NE(error_of([&] {
              client_.infer(onnx_, "CPU", "f32", images(2), 3);
            }).find("not 3 images of 3072"),
            std::string::npos);
  EXPECT_EQ(measure(onnx_, "CPU"), "no error");
}

TEST_F(OnCpu, MeasuresGraphsAsALatencyFunction) {
  const LatencyFn price =
      latency_fn(std::make_shared<DeviceClient>(default_runner()), "CPU", {.seconds = 0.05});
  const auto latency = price(small_network());
  ASSERT_TRUE(latency);
  EXPECT_GT(latency->low_ms, 0);
  EXPECT_LE(latency->low_ms, latency->ms);
  EXPECT_LE(latency->ms, latency->high_ms);
}

// The program itself, without the client.
TEST(VpunasDevice, AnswersMalformedRequestsAndGoesOn) {
  LineProcess device(default_runner());
  for (
      const std::string request :
      {"garbage", "[]", "{", "3", "{}", R"({"do": 3})", R"({"do": "dance"})",
       R"({"do": "measure"})", R"({"do": "convert", "onnx": 3})", "\xff\xfe",
       R"({"do": "measure", "model": "x", "device": "CPU", "mode": "fast", "seconds": 1, "iterations": 1, "warmup": 1, "precision": ""})",
       R"({"do": "measure", "model": "x", "device": "CPU", "mode": "latency", "seconds": -1, "iterations": 1, "warmup": 1, "precision": ""})",
       R"({"do": "measure", "model": "x", "device": "CPU", "mode": "latency", "seconds": 1, "iterations": 1e300, "warmup": 1, "precision": ""})"}) {
    const Json answer = Json::parse(device.ask(request));
    EXPECT_EQ(answer.at("ok"), false) << request;
    EXPECT_FALSE(answer.at("error").get<std::string>().empty()) << request;
  }
  EXPECT_EQ(Json::parse(device.ask(R"({"do": "info"})")).at("ok"), true);
}

}  // namespace
}  // namespace vpunas
