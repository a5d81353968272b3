// Trainings that are killed, alone and in a group of processes, and taken up again.
#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <thread>

#include "base/random.h"
#include "base/safetensors.h"
#include "tests/cli/program.h"

namespace vpunas {
namespace {

using Environment = std::map<std::string, std::string>;

std::vector<std::string> training(const fs::path& folder) {
  std::vector<std::string> arguments = test::tiny_run(folder, "train");
  arguments.insert(arguments.begin(), (program_folder() / "vpunas").string());
  for (const char* setting : {"train.epochs=2", "train.checkpoint_seconds=0", "run.workers=1"})
    arguments.insert(arguments.end(), {"--set", setting});
  arguments.emplace_back("mobilenet_v2-0.35");
  return arguments;
}

// Killed after so many seconds; 0: left alone.
ProcessResult train(const fs::path& folder, double kill_after = 0, const Environment& place = {}) {
  std::vector<std::string> arguments = training(folder);
  if (kill_after > 0) {
    arguments.insert(arguments.begin(),
                     {"/usr/bin/timeout", "-s", "KILL", std::to_string(kill_after)});
  }
  return run_process(arguments,
                     {.environment = place, .folder = {}, .timeout = std::chrono::seconds(300)});
}

Tensors weights(const fs::path& folder) {
  return read_safetensors(folder / "run/train/mobilenet_v2-0.35/weights.safetensors");
}

int count_of(const char* variable, int usual) {
  const char* text = std::getenv(variable);
  return text == nullptr ? usual : std::atoi(text);
}

constexpr int kKilled = 128 + SIGKILL;

TEST(KillsSlow, ATrainingKilledAtRandomMomentsEndsAsUnbroken) {
  const TemporaryFolder unbroken;
  const auto start = std::chrono::steady_clock::now();
  ASSERT_EQ(train(unbroken.path()).exit_code, 0);
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  const Tensors expected = weights(unbroken.path());
  Random random{1};
  const int wanted = count_of("VPUNAS_KILLS", 5);
  for (int kills = 0, trainings = 0; kills < wanted; ++trainings) {
    ASSERT_LT(trainings, 10 * wanted) << "the training ends before it is killed";
    const TemporaryFolder broken;
    // Mostly within the training itself, which follows the start of the program.
    ProcessResult result;
    result.exit_code = kKilled;
    while (result.exit_code == kKilled) {
      result = train(broken.path(), kills < wanted ? seconds * random.uniform() : 0);
      kills += result.exit_code == kKilled;
    }
    ASSERT_EQ(result.exit_code, 0) << result.errors;
    EXPECT_EQ(weights(broken.path()), expected) << "after " << kills << " kills";
  }
}

// Two processes, of which the second is killed after so many seconds; both results.
std::pair<ProcessResult, ProcessResult> train_two(const fs::path& folder, double kill_after = 0) {
  static int port = 20000 + static_cast<int>(getpid() % 10000);
  Environment place = {{"WORLD_SIZE", "2"}, {"MASTER_PORT", std::to_string(++port)}};
  place["RANK"] = "1";
  std::pair<ProcessResult, ProcessResult> results;
  std::thread second([&, place] { results.second = train(folder, kill_after, place); });
  place["RANK"] = "0";
  results.first = train(folder, 0, place);
  second.join();
  return results;
}

TEST(KillsSlow, AGroupOfProcessesGoesOnAfterOneIsKilled) {
  const TemporaryFolder unbroken, broken;
  const auto start = std::chrono::steady_clock::now();
  const auto [first, second] = train_two(unbroken.path());
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  ASSERT_EQ(first.exit_code, 0) << first.errors;
  ASSERT_EQ(second.exit_code, 0) << second.errors;
  Random random{2};
  int kills = 0;
  for (int attempt = 0; attempt < 10 && kills < count_of("VPUNAS_GROUP_KILLS", 2); ++attempt) {
    const auto [left, killed] = train_two(broken.path(), seconds * (0.3 + 0.6 * random.uniform()));
    if (killed.exit_code != kKilled) break;
    ++kills;
    EXPECT_EQ(left.exit_code, 1);
    EXPECT_NE(left.errors.find("start all of them again"), std::string::npos) << left.errors;
  }
  EXPECT_GT(kills, 0);
  const auto [again, other] = train_two(broken.path());
  ASSERT_EQ(again.exit_code, 0) << again.errors;
  EXPECT_EQ(other.exit_code, 0) << other.errors;
  EXPECT_EQ(weights(broken.path()), weights(unbroken.path()));
}

}  // namespace
}  // namespace vpunas
