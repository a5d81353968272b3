// The zoo's networks that stand for measured ones, against Intel's compiler: where the NCE's stages
// and descriptors agree, the topology does.
#include <gtest/gtest.h>

#include "arch/zoo.h"
#include "myriadx/mapping.h"
#include "tests/myriadx/shared_data.h"

namespace vpunas::myriadx {
namespace {

// Architectures end in logits, the measured networks in a softmax.
Graph with_softmax(Graph graph) {
  const int last = static_cast<int>(graph.nodes.size()) - 1;
  const bool detects = graph.output_shape().h > 1;
  if (!detects && !std::holds_alternative<Softmax>(graph.nodes[last].layer))
    graph.add("softmax", Softmax{}, {last});
  return graph;
}

TEST(ZooNetworks, HaveTheCompilersNceStages) {
  VPUNAS_SHARED_OR_SKIP(folder);
  std::map<std::string, Row> compiled;
  for (const Row& row : read_csv(folder / "measured_networks_features.csv"))
    compiled[row.at("measured_as").substr(0, row.at("measured_as").find(" + "))] = row;
  int compared = 0;
  for (const ZooEntry& entry : zoo_entries(data_folder())) {
    if (entry.measured.empty()) continue;
    const auto row = compiled.find(entry.measured[0]);
    ASSERT_NE(row, compiled.end()) << entry.name;
    const Graph graph = with_softmax(find_graph(entry.name, data_folder()));
    const Totals ours = totals(map(graph, resources(2), Precision::fp32));
    EXPECT_EQ(ours.nce, number(row->second, "n_nce")) << entry.name;
    EXPECT_EQ(ours.descriptors, number(row->second, "descr")) << entry.name;
    ++compared;
  }
  EXPECT_EQ(compared, 36);
}

}  // namespace
}  // namespace vpunas::myriadx
