// Budgets are kept by every search, whatever the space, the device, the seed and the algorithm.
#include <gtest/gtest.h>

#include "pipeline/cost_model.h"
#include "search/feasibility.h"
#include "tests/search/known_answers.h"

namespace vpunas {
namespace {

SearchConfig short_search(size_t run) {
  constexpr const char* algorithms[] = {"linear", "gates", "gumbel", "random", "evolution"};
  SearchConfig config;
  config.strategy.algorithm = algorithms[run % std::size(algorithms)];
  config.strategy.networks = 8;
  config.strategy.arch_steps = 5;
  config.sweep = {0.8};
  config.trained_alone = config.strategy.algorithm == "linear" ? 2 : 0;
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

TEST(SearchBudget, AreTriedInThirtyRunsAndMore) { EXPECT_GE(8 * spaces().size(), 30U); }

// Eight runs in each space. What networks score says nothing of what they cost, so it may be
// anything; whole networks cost what the device's model says, which the table only estimates.
TEST_P(SearchBudgetSlow, IsKeptOnEveryDeviceWithEverySeed) {
  const SearchSpace preset = find_space(GetParam(), data_folder());
  const SearchSpace space = with_input(preset, preset.input, 10);
  size_t run = space.slots.size();  // spaces begin with different algorithms
  for (const char* name : {"MYRIADX", macs_device}) {
    const CostModel device = cost_model(name, Mode::throughput);
    SearchProblem problem{
        .priced = PricedSpace(space, {make_latency_table(space, {}, device, {})}),
        .whole = {[&](const Architecture& a) { return device.estimate(lower(a, {})); }}};
    const LatencyRange range = latency_range(problem.priced, 0);
    for (uint64_t seed = 1; seed <= 4; ++seed, ++run) {
      const double share = 0.2 * static_cast<double>(seed);
      problem.sweep = {{range.least.ms + share * (range.greatest.ms - range.least.ms)}};
      const TemporaryFolder folder;
      test::KnownTrainer trainer(test::known_effects(space));
      const SearchResult result =
          search(problem, trainer, short_search(run), seed, folder.path(), {});
      const std::string what = cat(name, ", seed ", seed);
      EXPECT_TRUE(keeps(problem, problem.sweep[0], result.choice())) << what;
      for (const ParetoPoint& point : result.front)
        EXPECT_TRUE(keeps(problem, point.budgets, point.network.scored.choice)) << what;
    }
  }
}

}  // namespace
}  // namespace vpunas
