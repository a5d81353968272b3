// Merged branches compute what the branches did.
#include "arch/merge_branches.h"

#include <gtest/gtest.h>

#include "base/random.h"
#include "tests/reference.h"

namespace vpunas {
namespace {

Graph start(const Shape& shape) {
  Graph graph;
  graph.add("image", Input{shape}, {});
  return graph;
}

Conv square(int channels, int kernel, int groups = 1, int stride = 1) {
  return {.out_channels = channels,
          .kh = kernel,
          .kw = kernel,
          .sh = stride,
          .sw = stride,
          .padding = Padding::all(kernel / 2),
          .groups = groups};
}

// The merged network, which must compute what `graph` does.
Graph merged(const Graph& graph) {
  const FoldedNetwork folded = fold(graph, random_weights(graph, 3));
  const FoldedNetwork merged = merge_branches(folded);
  EXPECT_EQ(merge_branches(folded.graph), merged.graph);
  Random random({5});
  reference::Image image(graph.input_shape());
  for (double& value : image.data) value = random.uniform();
  const auto before = reference::run(folded.graph, folded.weights, image).data;
  const auto after = reference::run(merged.graph, merged.weights, image).data;
  EXPECT_EQ(before.size(), after.size());
  for (size_t i = 0; i < std::min(before.size(), after.size()); ++i)
    EXPECT_NEAR(before[i], after[i], 1e-5) << i;
  return merged.graph;
}

TEST(MergeBranches, RepVggsThreeAreOne) {
  Graph graph = start({8, 9, 7});
  graph.add("3x3", square(8, 3), {0});
  graph.add("3x3.bn", BatchNorm{}, {1});
  graph.add("1x1", square(8, 1), {0});
  graph.add("1x1.bn", BatchNorm{}, {3});
  graph.add("bn", BatchNorm{}, {0});
  graph.add("sum", Add{}, {2, 4});
  graph.add("all", Add{}, {6, 5});
  graph.add("relu", Activation{}, {7});
  const Graph after = merged(graph);
  ASSERT_EQ(after.nodes.size(), 3u);
  EXPECT_EQ(after.nodes[1].name, "all");
  const Conv& conv = std::get<Conv>(after.nodes[1].layer);
  EXPECT_EQ(conv.kh, 3);
  EXPECT_EQ(conv.padding, Padding::all(1));
}

TEST(MergeBranches, DepthwiseStridedAndUnevenWindowsMerge) {
  Graph strided = start({6, 11, 8});
  strided.add("a", square(6, 3, 6, 2), {0});
  strided.add("b", square(6, 1, 6, 2), {0});
  strided.add("sum", Add{}, {1, 2});
  EXPECT_EQ(merged(strided).nodes.size(), 2u);

  Graph cross = start({4, 8, 8});
  Conv row = square(4, 3), column = row;
  row.kh = 1, row.padding = {0, 1, 0, 1};
  column.kw = 1, column.padding = {1, 0, 1, 0};
  cross.add("a", square(4, 3), {0});
  cross.add("row", row, {0});
  cross.add("column", column, {0});
  cross.add("sum", Add{}, {1, 2, 3});
  EXPECT_EQ(merged(cross).nodes.size(), 2u);
}

TEST(MergeBranches, TheInputItselfAndASumWithOthers) {
  Graph graph = start({4, 6, 6});
  graph.add("pre", square(4, 3), {0});
  graph.add("a", square(4, 3), {1});
  graph.add("b", square(4, 1), {1});
  graph.add("sum", Add{}, {2, 3, 1, 0});  // of the tensor that they read, and of another
  const Graph after = merged(graph);
  ASSERT_EQ(after.nodes.size(), 4u);
  EXPECT_EQ(after.nodes[3].inputs, (std::vector<int>{2, 0}));
}

TEST(MergeBranches, WhatMultipliesMoreOrIsReadElsewhereStays) {
  Graph cross = start({4, 9, 9});
  Conv row = square(4, 7), column = row;
  row.kh = 1, row.padding = {0, 3, 0, 3};
  column.kw = 1, column.padding = {3, 0, 3, 0};
  cross.add("row", row, {0});
  cross.add("column", column, {0});
  cross.add("sum", Add{}, {1, 2});
  EXPECT_EQ(merged(cross).nodes.size(), 4u);

  Graph read = start({4, 9, 9});
  read.add("a", square(4, 3), {0});
  read.add("b", square(4, 1), {0});
  read.add("sum", Add{}, {1, 2});
  read.add("product", Mul{}, {3, 2});
  EXPECT_EQ(merged(read).nodes.size(), 5u);

  Graph residual = start({4, 9, 9});
  residual.add("a", square(4, 3), {0});
  residual.add("relu", Activation{}, {1});
  residual.add("b", square(4, 3), {2});
  residual.add("sum", Add{}, {3, 0});
  EXPECT_EQ(merged(residual).nodes.size(), 5u);
}

}  // namespace
}  // namespace vpunas
