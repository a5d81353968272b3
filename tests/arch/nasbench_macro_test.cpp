// NAS-Bench-Macro (xiusu/NAS-Bench-Macro): 6,561 trained networks, named by the candidate of each
// of their 8 slots. Its "flops" are multiply-accumulates of convolutions and the linear layer
// without bias, normalisation, activation, addition and pooling: our count_macs() exactly.
#include <gtest/gtest.h>

#include <set>

#include "arch/space.h"
#include "tests/shared.h"

namespace vpunas {
namespace {

Choice choice_of(const std::string& digits) {
  Choice choice;
  for (const char digit : digits) choice.push_back(digit - '0');
  return choice;
}

TEST(NasBenchMacro, EveryNetworkHasTheTablesCounts) {
  VPUNAS_SHARED_PATH_OR_SKIP(path, "data/nasbench_macro/nas-bench-macro_cifar10.json");
  const SearchSpace space = find_space("nasbench_macro", data_folder());
  const Json table = Json::parse(read_file(path));
  EXPECT_EQ(table.size(), 6561u);
  for (const auto& [digits, row] : table.items()) {
    const Graph graph = lower(choose(space, choice_of(digits), digits), {});
    ASSERT_EQ(count_macs(graph), row.at("flops")) << digits;
    ASSERT_EQ(count_parameters(graph), row.at("params")) << digits;
  }
}

TEST(NasBenchMacro, IdentitiesMoveLastBehindTheFirstSlotOfAStage) {
  const SearchSpace space = find_space("nasbench_macro", data_folder());
  EXPECT_EQ(canonical(space, choice_of("00102002")), choice_of("00120020"));
  std::set<Choice> distinct;
  for (int number = 0; number < 6561; ++number) {
    Choice choice;
    for (int left = number; choice.size() < 8; left /= 3) choice.push_back(left % 3);
    distinct.insert(canonical(space, choice));
  }
  EXPECT_EQ(distinct.size(), 3969u);
  EXPECT_EQ(count_networks(space), 3969);
}

}  // namespace
}  // namespace vpunas
