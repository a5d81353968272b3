// `vpunas benchmark NETWORK...`, outside a run.
#include <gtest/gtest.h>

#include "tests/cli/program.h"

namespace vpunas {
namespace {

constexpr const char* network = "mobilenet_v2-0.35";

// The program measuring a small network at a small size, with further arguments.
ProcessResult benchmark(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), {"benchmark", network, "--size", "32"});
  return test::vpunas(arguments);
}

Json rows_of(const ProcessResult& result) {
  EXPECT_EQ(result.exit_code, 0) << result.errors;
  const Json json = Json::parse(result.output, nullptr, false);
  EXPECT_EQ(json.value("schema", ""), "vpunas.timing/1") << result.output.substr(0, 200);
  return json.at("rows");
}

TEST(Benchmark, MeasuresDevicesAndPredictsModels) {
  const Json rows = rows_of(benchmark({"-d", "CPU,MYRIADX,MACS", "--niter", "20", "--precision",
                                       "f32", "--percentiles", "50,99.9", "--json", "-"}));
  ASSERT_EQ(rows.size(), 3U);
  const Json &cpu = rows[0], &chip = rows[1], &count = rows[2];
  EXPECT_EQ(cpu.at("network"), network);
  EXPECT_EQ(cpu.at("device"), "CPU");
  EXPECT_EQ(cpu.at("mode"), "latency");
  EXPECT_EQ(cpu.at("precision"), "f32");
  EXPECT_EQ(cpu.at("random_weights"), true);
  EXPECT_TRUE(cpu.at("predicted").is_null());
  const Json& measured = cpu.at("measured");
  EXPECT_EQ(measured.at("iterations"), 20);
  EXPECT_EQ(measured.at("rounds").at(0).at("samples_us").size(), 20U);
  EXPECT_EQ(measured.at("percentiles").at(0).at("percent"), 50);
  EXPECT_DOUBLE_EQ(measured.at("percentiles").at(0).at("ms"), measured.at("median_ms"));
  EXPECT_EQ(measured.at("percentiles").at(1).at("percent"), 99.9);
  EXPECT_GT(measured.at("fps"), 0);

  EXPECT_TRUE(chip.at("measured").is_null());
  EXPECT_GT(chip.at("predicted").at("ms"), chip.at("predicted").at("low_ms"));
  EXPECT_EQ(chip.at("random_weights"), false);
  EXPECT_DOUBLE_EQ(count.at("predicted").at("ms"), 1e-6 * count.at("macs").get<double>());
  EXPECT_EQ(count.at("macs"), cpu.at("macs"));
}

TEST(Benchmark, RoundsTakeAllNetworksInTurn) {
  const TemporaryFolder folder;
  const fs::path file = folder.path() / "times.json";
  const ProcessResult both =
      test::vpunas({"benchmark", network, "squeezenet1.1", "--size", "64", "-t", "0.05", "--rounds",
                    "3", "--hint", "throughput", "--json", file.string()});
  ASSERT_EQ(both.exit_code, 0) << both.errors;
  const Json rows = read_json(file, "vpunas.timing/1").at("rows");
  ASSERT_EQ(rows.size(), 2U);
  for (const Json& row : rows) {
    EXPECT_EQ(row.at("mode"), "throughput");
    EXPECT_EQ(row.at("measured").at("rounds").size(), 3U);
  }
  EXPECT_NE(both.output.find("medians of the rounds"), std::string::npos) << both.output;
  EXPECT_NE(both.output.find("random weights: mobilenet_v2-0.35, squeezenet1.1"), std::string::npos)
      << both.output;
}

TEST(Benchmark, AnIrFileIsMeasuredAsItIs) {
  const TemporaryFolder folder;
  ASSERT_EQ(
      test::vpunas({"export", network, "--size", "32", "-o", folder.path().string()}).exit_code, 0);
  const std::string xml = (folder.path() / network / "model.xml").string();
  const Json rows = rows_of(test::vpunas({"benchmark", xml, "--niter", "5", "--json", "-"}));
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_EQ(rows[0].at("network"), xml);
  EXPECT_EQ(rows[0].at("random_weights"), false);
  EXPECT_TRUE(rows[0].at("macs").is_null());
  EXPECT_GE(rows[0].at("measured").at("iterations"), 5);

  const ProcessResult predicted = test::vpunas({"benchmark", xml, "-d", "MYRIADX"});
  EXPECT_EQ(predicted.exit_code, 1);
  EXPECT_NE(predicted.errors.find("MYRIADX is no runtime"), std::string::npos) << predicted.errors;
}

// A runner in the place of vpunas-device that answers at once: a stick, and a device that can
// compile nothing.
class BenchmarkByARunner : public testing::Test {
 protected:
  BenchmarkByARunner() {
    const fs::path runner = folder_.path() / "runner";
    write_file(runner, R"(#!/bin/sh
while read -r request; do
  case "$request" in
    *'"info"'*) echo '{"ok": true, "runtime": "Fake 1", "devices": [
      {"name": "MYRIAD", "full_name": "a stick"}, {"name": "OLD", "full_name": "old"}]}' | tr -d '\n'
      echo ;;
    *'"OLD"'*) echo '{"ok": false, "unsupported": true, "error": "OLD knows no convolution"}' ;;
    *) echo '{"ok": true, "samples_us": [2000, 1000, 6000], "fps": 300, "precision": "f16",
      "runtime": "Fake 1"}' | tr -d '\n'
      echo ;;
  esac
done
)");
    fs::permissions(runner, fs::perms::owner_all);
    setenv("VPUNAS_DEVICE", runner.c_str(), 1);
  }
  ~BenchmarkByARunner() override { unsetenv("VPUNAS_DEVICE"); }

  const TemporaryFolder folder_;
};

TEST_F(BenchmarkByARunner, TheStickIsMeasuredBesideItsPrediction) {
  const Json rows = rows_of(benchmark({"-d", "MYRIAD,MYRIADX", "--json", "-"}));
  EXPECT_EQ(rows[0].at("predicted"), rows[1].at("predicted"));
  EXPECT_DOUBLE_EQ(rows[0].at("measured").at("median_ms"), 2);
  EXPECT_DOUBLE_EQ(rows[0].at("measured").at("mean_ms"), 3);
  EXPECT_TRUE(rows[1].at("measured").is_null());
}

TEST_F(BenchmarkByARunner, ADeviceThatCannotRunANetworkStopsNoOther) {
  const Json rows = rows_of(benchmark({"-d", "OLD,MYRIAD", "--rounds", "2", "--json", "-"}));
  EXPECT_EQ(rows[0].at("unsupported"), "OLD knows no convolution");
  EXPECT_TRUE(rows[0].at("measured").is_null());
  EXPECT_EQ(rows[1].at("measured").at("iterations"), 6);
  EXPECT_TRUE(rows[1].at("unsupported").is_null());

  const ProcessResult alone = benchmark({"-d", "OLD"});
  EXPECT_EQ(alone.exit_code, 1);
  EXPECT_NE(alone.errors.find("OLD knows no convolution"), std::string::npos) << alone.errors;
}

TEST_F(BenchmarkByARunner, MeasuringMayTakeLongerThanARequestElse) {
  EXPECT_EQ(benchmark({"-d", "MYRIAD", "-t", "3000"}).exit_code, 0);
}

TEST(Benchmark, TheTableHasThePercentilesThatWereAsked) {
  const ProcessResult result = benchmark({"--niter", "10", "--percentiles", "0,12.5"});
  ASSERT_EQ(result.exit_code, 0) << result.errors;
  const std::string header = result.output.substr(0, result.output.find('\n'));
  for (const char* column : {"median", "average", "min", "max", "p0", "p12.5", "+-", "fps"})
    EXPECT_NE(header.find(column), std::string::npos) << column << "\n" << header;
  EXPECT_EQ(header.find("predicted"), std::string::npos) << header;
}

TEST(Benchmark, AModelAloneNeedsNoDevice) {
  const ProcessResult result = benchmark({"-d", "MYRIADX"});
  ASSERT_EQ(result.exit_code, 0) << result.errors;
  EXPECT_NE(result.output.find("predicted"), std::string::npos) << result.output;
  EXPECT_EQ(result.output.find("median"), std::string::npos) << result.output;
  EXPECT_EQ(result.output.find("random"), std::string::npos) << result.output;
}

}  // namespace
}  // namespace vpunas
