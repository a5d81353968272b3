// The whole program on synthetic images.
#include <gtest/gtest.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <thread>

#include "base/text.h"
#include "tests/cli/program.h"

extern char** environ;

namespace vpunas {
namespace {

Json found_blocks(const fs::path& folder) {
  return read_json(folder / "run/architectures/found.json", "vpunas.architecture/1").at("blocks");
}

TEST(EndToEndSlow, DeliversANetworkWithItsFiles) {
  const TemporaryFolder folder;
  const auto with_front = [&](const char* verb) {
    std::vector<std::string> arguments = test::tiny_run(folder.path(), verb);
    arguments.insert(arguments.end(), {"--set", "run.baselines=mobilenet_v2-0.35,pareto_2"});
    return arguments;
  };
  const ProcessResult result = test::vpunas(with_front("run"), 600);
  ASSERT_EQ(result.exit_code, 0) << result.errors;
  const fs::path run = folder.path() / "run";
  for (const char* file :
       {"latency.json", "search.json", "architectures/found.json",
        "train/found/weights.safetensors", "train/found/samples.json",
        "pareto/pareto_2.safetensors", "export/pareto_2/model.onnx", "export/found/model.onnx",
        "export/found/model.xml", "export/found/model.bin", "export/found/labels.txt",
        "benchmark.json", "result.json", "report.html"}) {
    EXPECT_TRUE(fs::exists(run / file)) << file;
  }
  const Json figures = read_json(run / "result.json", "vpunas.result/1");
  EXPECT_LE(figures.at("predicted_ms").get<double>(), figures.at("budget_ms").get<double>());
  EXPECT_GE(figures.at("onnx_top1_agreement").get<double>(), 0.99);
  EXPECT_GE(figures.at("ir_top1_agreement").get<double>(), 0.99);
  EXPECT_GT(figures.at("measured_cpu_ms").get<double>(), 0);
  const Json exported = read_json(run / "export/found/export.json", "vpunas.export/1");
  EXPECT_EQ(exported.at("fp16").at("fits"), true);
  EXPECT_EQ(exported.at("fp16").at("images"), 64);

  // Everything is done: the second time takes no work, and evaluating gives the accuracy of the
  // first.
  const auto before = fs::last_write_time(run / "export/found/model.onnx");
  EXPECT_EQ(test::vpunas(with_front("run"), 600).exit_code, 0);
  EXPECT_EQ(fs::last_write_time(run / "export/found/model.onnx"), before);
  const ProcessResult evaluated = test::vpunas(with_front("evaluate"), 600);
  EXPECT_EQ(evaluated.exit_code, 0) << evaluated.errors;
  EXPECT_NE(evaluated.output.find("of 200 test images"), std::string::npos) << evaluated.output;

  // Another file is exported, and reported, by the folder's own settings.
  const ProcessResult exported_again =
      test::vpunas({"export", "-o", run.string(), "--nn-archive"}, 600);
  EXPECT_EQ(exported_again.exit_code, 0) << exported_again.errors;
  EXPECT_TRUE(fs::exists(run / "export/found/model.tar.gz"));
  const ProcessResult reported = test::vpunas({"report", "-o", run.string()}, 600);
  EXPECT_EQ(reported.exit_code, 0) << reported.errors;
  const ProcessResult judged = test::vpunas({"evaluate", "-o", run.string()}, 600);
  EXPECT_EQ(judged.output, evaluated.output) << judged.errors;
}

TEST(EndToEnd, ABudgetForEachOfTwoDevicesIsKept) {
  const TemporaryFolder folder;
  std::vector<std::string> arguments = test::tiny_run(folder.path(), "search");
  arguments.insert(arguments.end(),
                   {"--budget", "MYRIADX=0.95x:mobilenet_v2-0.35,MACS=20MMACs", "--set",
                    "search.trained_alone=1", "--set", "search.fidelities=0.05,0.1"});
  const ProcessResult searched = test::vpunas(arguments, 600);
  ASSERT_EQ(searched.exit_code, 0) << searched.errors;
  const Json search = read_json(folder.path() / "run/search.json", "vpunas.search/2");
  const Json& budgets = search.at("budgets");
  ASSERT_EQ(budgets.size(), 2U);
  EXPECT_EQ(budgets[0].at("device"), "MYRIADX");
  EXPECT_EQ(budgets[1].at("device"), "MACS");
  EXPECT_EQ(budgets[1].at("budget_ms"), 20);
  for (const Json& budget : budgets)
    EXPECT_LE(budget.at("predicted").at("ms").get<double>(), budget.at("budget_ms").get<double>());
  EXPECT_TRUE(fs::exists(folder.path() / "run/latency_MACS.json"));

  const Json& alone = search.at("trained_alone").at("networks");
  ASSERT_EQ(alone.size(), 2U);  // one a budget of the sweep
  EXPECT_NE(alone[0].at("budget").get<std::string>().find("MACS 20"), std::string::npos);
  const ProcessResult reported =
      test::vpunas({"report", "-o", (folder.path() / "run").string()}, 600);
  EXPECT_EQ(reported.exit_code, 0) << reported.errors;
  EXPECT_NE(
      read_file(folder.path() / "run/report.html").find("2 networks trained alone for 0.1 epochs"),
      std::string::npos);
}

TEST(EndToEndSlow, ChoosesTheSizeOfTheInput) {
  const TemporaryFolder folder;
  const auto with_sizes = [&](const std::string& verb) {
    std::vector<std::string> arguments = test::tiny_run(folder.path(), verb);
    // At 28 pixels the least network of the space has 8.2 million multiply-accumulates.
    for (const char* setting : {"space.sizes=[20,28]", "latency.budget=MACS=8MMACs",
                                "search.trained_alone=1", "search.fidelities=0.05"})
      arguments.insert(arguments.end(), {"--set", setting});
    return arguments;
  };
  const ProcessResult result = test::vpunas(with_sizes("run"), 600);
  ASSERT_EQ(result.exit_code, 0) << result.errors;
  const fs::path run = folder.path() / "run";
  const Json search = read_json(run / "search.json", "vpunas.search/2");
  EXPECT_EQ(search.at("candidate_names")[0], (Json{"input 20", "input 28"}));
  EXPECT_EQ(search.at("chosen")[0], "input 20");
  const auto side = [&](const char* name) {
    const fs::path file = run / "architectures" / (std::string(name) + ".json");
    return read_json(file, "vpunas.architecture/1").at("input")[1].get<int>();
  };
  EXPECT_EQ(side("found"), 20);
  EXPECT_EQ(side("mobilenet_v2-0.35"), 28);
  EXPECT_NE(read_file(run / "report.html").find("input 20"), std::string::npos);

  // Judged on the images that it was trained on, scaled; what is exported takes images of its size.
  const Json figures = read_json(run / "result.json", "vpunas.result/1");
  EXPECT_GE(figures.at("onnx_top1_agreement").get<double>(), 0.99);
  std::vector<std::string> evaluate = with_sizes("evaluate");
  evaluate.insert(evaluate.end(), {"--json", "-"});
  const ProcessResult judged = test::vpunas(evaluate, 600);
  ASSERT_EQ(judged.exit_code, 0) << judged.errors;
  EXPECT_EQ(Json::parse(judged.output).at("top1").at("value"), figures.at("test_accuracy"));
}

TEST(EndToEndSlow, TwoProcessesSearchTogether) {
  const TemporaryFolder folder;
  std::vector<std::string> arguments = test::tiny_run(folder.path(), "search");
  arguments.insert(arguments.begin(), (program_folder() / "vpunas").string());
  arguments.insert(arguments.end(),
                   {"--set", "search.trained_alone=1", "--set", "search.fidelities=0.05"});
  const std::string port = std::to_string(28000 + getpid() % 2000);
  const auto process = [&](const char* rank) {
    return run_process(arguments,
                       {.environment = {{"RANK", rank}, {"WORLD_SIZE", "2"}, {"MASTER_PORT", port}},
                        .folder = {},
                        .timeout = std::chrono::seconds(300)});
  };
  ProcessResult second;
  std::thread other([&] { second = process("1"); });
  const ProcessResult first = process("0");
  other.join();
  ASSERT_EQ(first.exit_code, 0) << first.errors;
  EXPECT_EQ(second.exit_code, 0) << second.errors;
  const Json search = read_json(folder.path() / "run/search.json", "vpunas.search/2");
  EXPECT_EQ(search.at("trained_alone").at("networks").size(), 2U);
}

TEST(EndToEndSlow, AMeasuredDeviceKeepsItsBudgetAsMeasured) {
  const TemporaryFolder folder;
  std::vector<std::string> arguments = test::tiny_run(folder.path(), "search");
  for (const char* setting : {"profile.networks=8", "profile.checks=2", "profile.tolerance=0.5",
                              "search.shortlist=2", "latency.mode=latency"})
    arguments.insert(arguments.end(), {"--set", setting});
  arguments.insert(arguments.end(), {"-d", "CPU", "--budget", "0.9x:mobilenet_v2"});
  const ProcessResult searched = test::vpunas(arguments, 600);
  ASSERT_EQ(searched.exit_code, 0) << searched.errors;
  const Json search = read_json(folder.path() / "run/search.json", "vpunas.search/2");
  EXPECT_EQ(search.at("device"), "CPU");
  EXPECT_LE(search.at("predicted").at("ms").get<double>(), search.at("budget_ms").get<double>());
  EXPECT_TRUE(fs::exists(folder.path() / "run/timings_CPU.json"));

  // A search that goes on keeps to what a share of MobileNetV2's time meant when it began.
  const fs::path state = folder.path() / "run/run.json";
  Json done = read_json(state, "vpunas.run/2");
  done.at("stages").erase("search");
  write_json(state, "vpunas.run/2", done);
  ASSERT_EQ(test::vpunas(arguments, 600).exit_code, 0);
  EXPECT_EQ(read_json(folder.path() / "run/search.json", "vpunas.search/2").at("budget_ms"),
            search.at("budget_ms"));
}

TEST(EndToEnd, ATableTimedByHandIsSearchedWithoutTheDevice) {
  const TemporaryFolder folder;
  const fs::path to_time = folder.path() / "to_time";
  const std::vector<std::string> space = {"profile",
                                          "--space",
                                          "quick",
                                          "--size",
                                          "28",
                                          "--channels",
                                          "3",
                                          "--classes",
                                          "10",
                                          "--set",
                                          "profile.networks=8",
                                          "--set",
                                          "profile.checks=2"};
  std::vector<std::string> emit = space;
  emit.insert(emit.end(), {"--emit", to_time.string()});
  ASSERT_EQ(test::vpunas(emit).exit_code, 0);
  std::string csv;
  for (const std::string& line : split(read_file(to_time / "timings.csv"), '\n')) {
    const std::string probe = line.substr(0, line.find(','));
    if (probe.empty()) continue;
    if (probe.starts_with("#") || probe == "probe") {
      csv += line + "\n";
      continue;
    }
    csv += probe + (probe.starts_with("bare")    ? ",1,\n"
                    : probe.starts_with("block") ? ",2,\n"
                                                 : ",20,\n");
  }
  write_file(to_time / "timings.csv", csv);
  std::vector<std::string> arguments = test::tiny_run(folder.path(), "search");
  arguments.insert(arguments.end(), {"-d", "PHONE", "--budget", "21ms", "--set",
                                     "profile.networks=8", "--set", "profile.checks=2", "--set",
                                     "latency.timings=" + (to_time / "timings.csv").string()});
  const ProcessResult searched = test::vpunas(arguments, 600);
  ASSERT_EQ(searched.exit_code, 0) << searched.errors;
  EXPECT_EQ(read_json(folder.path() / "run/search.json", "vpunas.search/2").at("device"), "PHONE");
  const Json found = found_blocks(folder.path());

  const fs::path table = folder.path() / "latency.json";
  fs::copy(folder.path() / "run/latency.json", table);
  arguments.insert(arguments.end(), {"--set", "latency.timings=" + table.string(), "--restart"});
  EXPECT_EQ(test::vpunas(arguments, 600).exit_code, 0);
  EXPECT_EQ(found_blocks(folder.path()), found);
  *std::ranges::find(arguments, "PHONE") = "CAMERA";
  const ProcessResult other = test::vpunas(arguments, 600);
  EXPECT_EQ(other.exit_code, 1);
  EXPECT_NE(other.errors.find("is of PHONE (latency), not of CAMERA"), std::string::npos)
      << other.errors;

  *std::ranges::find(arguments, "CAMERA") = "PHONE";
  *std::find(arguments.begin(), arguments.end(), "21ms") = "0.9x:mobilenet_v2-0.35";
  const ProcessResult share = test::vpunas(arguments, 600);
  EXPECT_EQ(share.exit_code, 1);
  EXPECT_NE(share.errors.find("give the budget in ms"), std::string::npos) << share.errors;
}

TEST(EndToEndSlow, KilledAtAnyMomentFinishesWithTheSameNetwork) {
  const TemporaryFolder unbroken, broken;
  ASSERT_EQ(test::vpunas(test::tiny_run(unbroken.path(), "search"), 600).exit_code, 0);
  const auto arguments = test::tiny_run(broken.path(), "search");
  int kills = 0;
  for (const int milliseconds : {1500, 3000, 5000}) {
    std::vector<std::string> words = arguments;
    words.insert(words.begin(), (program_folder() / "vpunas").string());
    std::vector<char*> argv;
    for (std::string& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    pid_t child = 0;
    ASSERT_EQ(posix_spawn(&child, argv[0], nullptr, nullptr, argv.data(), environ), 0);
    std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds));
    kill(child, SIGKILL);
    int status = 0;
    waitpid(child, &status, 0);
    kills += WIFSIGNALED(status);
  }
  EXPECT_GT(kills, 0) << "the run ended before it could be killed";
  const ProcessResult resumed = test::vpunas(arguments, 600);
  ASSERT_EQ(resumed.exit_code, 0) << resumed.errors;
  EXPECT_EQ(found_blocks(broken.path()), found_blocks(unbroken.path()));
}

TEST(EndToEndSlow, InterruptSavesAndSaysHowToResume) {
  const TemporaryFolder folder;
  std::vector<std::string> words = test::tiny_run(folder.path(), "search");
  words.insert(words.end(), {"--set", "search.epochs=50", "--restart"});
  // --foreground: to the program alone, once; else also to the group, and so to the program twice.
  words.insert(words.begin(), {"/usr/bin/timeout", "--foreground", "-s", "INT", "8",
                               (program_folder() / "vpunas").string()});
  const ProcessResult result =
      run_process(words, {.environment = {}, .folder = {}, .timeout = std::chrono::seconds(120)});
  const size_t line = result.errors.find("to resume: ");
  ASSERT_NE(line, std::string::npos) << result.errors;
  EXPECT_NE(result.errors.find("--set 'search.sweep=[1.2]'", line), std::string::npos)
      << "as a shell reads it: " << result.errors;
  EXPECT_EQ(result.errors.find("--restart", line), std::string::npos)
      << "what would discard the work: " << result.errors;
  EXPECT_TRUE(fs::exists(folder.path() / "run/search/supernet.safetensors"));
}

}  // namespace
}  // namespace vpunas
