// Budgets are kept by every search, whatever the space, the device, the seed and the algorithm.
#include <gtest/gtest.h>

#include "latency/census.h"
#include "learn/search.h"
#include "pipeline/pricing.h"
#include "pipeline/run.h"

namespace vpunas {
namespace {

SearchConfig short_search(size_t run) {
  constexpr const char* algorithms[] = {"effects", "gates", "gumbel", "random", "evolution"};
  SearchConfig config;
  config.choosing.algorithm = algorithms[run % std::size(algorithms)];
  config.choosing.networks = 8;
  config.choosing.held_out_images = 32;
  config.choosing.arch_steps = 5;
  config.choosing.arch_batch_size = 16;
  config.weights.epochs = 0.02;
  config.weights.recipe.batch_size = 16;
  config.front = {0.8};
  config.finalists = config.choosing.algorithm == "effects" ? 2 : 0;
  config.finalist_epochs = {0.02};
  return config;
}

std::vector<std::string> spaces() {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(data_folder() / "spaces"))
    names.push_back(entry.path().stem());
  std::ranges::sort(names);
  return names;
}

class SearchBudgetSlow : public testing::TestWithParam<std::string> {};
INSTANTIATE_TEST_SUITE_P(Spaces, SearchBudgetSlow, testing::ValuesIn(spaces()),
                         [](const auto& space) { return space.param; });

TEST(SearchBudget, IsTriedInThirtyRunsAndMore) { EXPECT_GE(8 * spaces().size(), 30U); }

// Eight runs in each space.
TEST_P(SearchBudgetSlow, IsKeptOnEveryDeviceWithEverySeed) {
  const SearchSpace deploy = find_space(GetParam(), data_folder());
  const SearchSpace train = with_input(deploy, {deploy.input.c, 32, 32}, 10);
  DataConfig data_config;
  data_config.format = "synthetic";
  const Dataset data =
      read_dataset(data_config, {.channels = deploy.input.c, .height = 32, .width = 32}, 1);
  size_t run = deploy.slots.size();  // spaces begin with different algorithms
  for (const char* name : {"MYRIADX", macs_device}) {
    const Pricing device = pricing(name, Mode::throughput);
    SearchProblem problem{.train_space = train,
                          .deploy_space = with_input(deploy, deploy.input, 10)};
    problem.devices = {
        {.table = price_space(problem.deploy_space, {}, device, {}),
         .price = [&](const Architecture& a) { return device.price(lower(a, {})); }}};
    const LatencyRange range = latency_range(problem.deploy_space, problem.devices[0].table);
    for (uint64_t seed = 1; seed <= 4; ++seed, ++run) {
      const double share = 0.2 * static_cast<double>(seed);
      problem.ladder = {{range.least.ms + share * (range.greatest.ms - range.least.ms)}};
      const TemporaryFolder folder;
      const SearchResult result =
          search(problem, data, {}, short_search(run), {}, seed, 1, folder.path(), {});
      const std::string what = cat(name, ", seed ", seed);
      EXPECT_LE(used_share(*whole_latency(problem, result.choice), problem.ladder[0]), 1) << what;
      for (const FrontPoint& point : result.front) {
        const auto whole = whole_latency(problem, point.network.scored.choice);
        EXPECT_LE(used_share(*whole, point.budgets), 1) << what;
      }
    }
  }
}

}  // namespace
}  // namespace vpunas
