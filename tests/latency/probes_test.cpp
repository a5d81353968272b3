#include "latency/probes.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "base/files.h"
#include "latency/latency.h"
#include "tests/latency/small_spaces.h"

namespace vpunas {
namespace {

SearchSpace vpu() { return with_input(find_space("vpu", data_folder()), {3, 64, 64}, 10); }

TEST(PlanProbes, HasEveryPlacedBlockOnceBesideItsBareProbe) {
  const SearchSpace space = vpu();
  const ProbePlan plan = plan_probes(space, {}, {20, 10});
  std::set<PlacedBlock> blocks;
  for (const Sheet& sheet : plan.sheets) {
    EXPECT_EQ(sheet.front(), 0u);
    EXPECT_LE(sheet.size(), 12u);
    for (const size_t p : sheet) {
      const Probe& probe = plan.probes[p];
      if (probe.kind != ProbeKind::block) continue;
      EXPECT_TRUE(blocks.insert(probe.place).second);
      EXPECT_EQ(plan.probes[sheet[1]].kind, ProbeKind::bare);
      EXPECT_EQ(plan.probes[sheet[1]].place.input, probe.place.input);
    }
  }
  const auto placed = placed_blocks(space);
  EXPECT_EQ(blocks, std::set<PlacedBlock>(placed.begin(), placed.end()));
}

TEST(PlanProbes, NetworksToCheckAreOthersAndOnTwoSheets) {
  const ProbePlan plan = plan_probes(vpu(), {}, {20, 10});
  std::map<ProbeKind, std::set<Choice>> networks;
  std::map<size_t, int> sheets;
  for (const Sheet& sheet : plan.sheets) {
    for (const size_t p : sheet) ++sheets[p];
  }
  for (size_t p = 0; p < plan.probes.size(); ++p) {
    const Probe& probe = plan.probes[p];
    if (!probe.choice.empty()) networks[probe.kind].insert(probe.choice);
    if (probe.kind == ProbeKind::checked || probe.kind == ProbeKind::fitted) {
      EXPECT_EQ(sheets[p], probe.kind == ProbeKind::checked ? 2 : 1);
    }
  }
  EXPECT_EQ(networks[ProbeKind::fitted].size(), 20u);
  EXPECT_EQ(networks[ProbeKind::checked].size(), 10u);
  for (const Choice& choice : networks[ProbeKind::checked])
    EXPECT_FALSE(networks[ProbeKind::fitted].contains(choice));
}

TEST(PlanProbes, NetworksReachFromCheapToDearEvenly) {
  const SearchSpace space = vpu();
  const ProbePlan plan = plan_probes(space, {}, {80, 30});
  const LatencyTable macs = build_table(space, {}, count_mmacs, {});
  std::vector<double> costs;
  for (const Probe& probe : plan.probes) {
    if (probe.kind == ProbeKind::checked) costs.push_back(count_mmacs(probe.graph)->ms);
  }
  std::sort(costs.begin(), costs.end());
  // The whole space reaches from 11.2 to 155.1 MMACs; most of its networks have 60 to 80.
  EXPECT_LT(costs.front(), 25);
  EXPECT_GT(costs.back(), 125);
  for (size_t i = 1; i < costs.size(); ++i) EXPECT_LT(costs[i] - costs[i - 1], 12);
}

TEST(PlanProbes, IsTheSameEveryTime) {
  const ProbePlan a = plan_probes(vpu(), {}, {20, 10}), b = plan_probes(vpu(), {}, {20, 10});
  ASSERT_EQ(a.sheets, b.sheets);
  for (size_t p = 0; p < a.probes.size(); ++p) EXPECT_EQ(a.probes[p].graph, b.probes[p].graph);
}

TEST(PlanProbes, TakesWhatASmallSpaceHas) {
  for (uint64_t seed = 0; seed < 20; ++seed) {
    Random random{seed};
    const SearchSpace space = test::random_space(random);
    std::set<Choice> distinct;
    for (const Choice& choice : test::all_choices(space)) distinct.insert(canonical(space, choice));
    const ProbePlan plan = plan_probes(space, {}, {80, 30});
    const auto networks = std::count_if(plan.probes.begin(), plan.probes.end(),
                                        [](const Probe& probe) { return !probe.choice.empty(); });
    EXPECT_LE(networks, static_cast<std::ptrdiff_t>(distinct.size()));
    EXPECT_GE(networks, 1);
  }
}

}  // namespace
}  // namespace vpunas
