// The spaces of data/spaces.
#include <gtest/gtest.h>

#include <cmath>

#include "arch/zoo.h"

namespace vpunas {
namespace {

std::vector<std::string> presets() {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(data_folder() / "spaces"))
    if (entry.path().extension() == ".json") names.push_back(entry.path().stem().string());
  return names;
}

// The choice that gives these blocks from the slot on, skips where they can stand.
std::optional<Choice> choice_of(const SearchSpace& space, const std::vector<BlockSpec>& blocks,
                                size_t slot = 0, size_t block = 0) {
  if (slot == space.slots.size()) {
    if (block == blocks.size()) return Choice{};
    return std::nullopt;
  }
  const auto& candidates = space.slots[slot].candidates;
  for (size_t j = 0; j < candidates.size(); ++j) {
    const bool skip = candidates[j].kind == BlockKind::skip;
    if (!skip && (block == blocks.size() || candidates[j] != blocks[block])) continue;
    if (auto rest = choice_of(space, blocks, slot + 1, block + !skip)) {
      rest->insert(rest->begin(), static_cast<int>(j));
      return rest;
    }
  }
  return std::nullopt;
}

TEST(Presets, AreNamedAsTheirFilesAndFitOtherInputs) {
  const auto names = presets();
  EXPECT_GE(names.size(), 6u);
  for (const std::string& name : names) {
    const SearchSpace space = find_space(name, data_folder());
    EXPECT_EQ(space.name, name);
    for (const int side : {28, 32, 64, 192}) validate(with_input(space, {1, side, side}, 7));
  }
}

// The published networks that a space is said to have.
TEST(Presets, HaveTheirPublishedNetworks) {
  const std::pair<const char*, const char*> members[] = {{"mobilenet_v2", "mobilenet_v2"},
                                                         {"proxylessnas", "proxylessnas_mobile"},
                                                         {"fbnet", "fbnet_b"},
                                                         {"fbnet", "fbnet_c"}};
  for (const auto& [name, member] : members) {
    const SearchSpace space = find_space(name, data_folder());
    const Architecture network = find_network(member, data_folder());
    const auto choice = choice_of(space, network.blocks);
    ASSERT_TRUE(choice) << member;
    Architecture chosen = choose(space, *choice, network.name);
    std::erase_if(chosen.blocks, [](const BlockSpec& b) { return b.kind == BlockKind::skip; });
    chosen.head.dropout = network.head.dropout;  // a matter of training
    EXPECT_EQ(chosen, network) << member;
  }
}

TEST(Presets, HaveTheSizesOfTheirTables) {
  // A stage: a first slot of n, then m equal ones of n and a skip.
  const auto stage = [](double n, int m) {
    double sum = 0;
    for (int i = 0; i <= m; ++i) sum += std::pow(n, i);
    return n * sum;
  };
  const auto size = [](const char* name) {
    return count_networks(find_space(name, data_folder()));
  };
  EXPECT_EQ(size("mobilenet_v2"),
            stage(6, 1) * std::pow(stage(6, 2), 3) * stage(6, 3) * stage(6, 0));
  EXPECT_EQ(size("proxylessnas"), std::pow(stage(6, 3), 5) * 6);
  EXPECT_EQ(size("fbnet"), 7 * std::pow(stage(6, 3), 5) * 6);
  EXPECT_EQ(size("vpu"), 3 * std::pow(stage(8, 3), 5) * 8);
  EXPECT_EQ(size("vpu_small"), 3 * std::pow(stage(4, 3), 5) * 3);
  EXPECT_EQ(size("vpu_sizes"), 4 * size("vpu_small"));
  EXPECT_EQ(size("vpu_widths"), 3 * std::pow(3 * stage(4, 3), 5) * 4) << "three widths a stage";
}

}  // namespace
}  // namespace vpunas
