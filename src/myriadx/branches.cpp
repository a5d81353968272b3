// What the compiler moves before a concatenation: poolings and activations behind it.
#include <algorithm>

#include "myriadx/lowering.h"

namespace vpunas::myriadx {
namespace {

std::vector<char> live_nodes(const Graph& graph) {
  std::vector<char> live(graph.nodes.size(), 0);
  live.back() = 1;
  for (size_t i = live.size(); i-- > 0;) {
    if (!live[i]) continue;
    for (const int input : graph.nodes[i].inputs) live[size_t(input)] = 1;
  }
  return live;
}

}  // namespace

std::vector<std::vector<int>> readers_of(const Graph& graph) {
  std::vector<std::vector<int>> readers(graph.nodes.size());
  for (size_t i = 0; i < graph.nodes.size(); ++i)
    for (const int input : graph.nodes[i].inputs) readers[size_t(input)].push_back(int(i));
  return readers;
}

std::vector<int> movable_behind(const Graph& graph, const std::vector<std::vector<int>>& readers,
                                int i) {
  std::vector<int> chain;
  while (readers[size_t(i)].size() == 1) {
    const int next = readers[size_t(i)].front();
    const Node& node = graph.nodes[size_t(next)];
    const auto* act = std::get_if<Activation>(&node.layer);
    const auto* pool = std::get_if<Pool>(&node.layer);
    const bool moves = act != nullptr
                           ? act->act == Act::relu || act->act == Act::leaky_relu
                           : pool != nullptr && pool->kind == PoolKind::max &&
                                 runs_on_nce(*pool, graph.nodes[size_t(i)].shape, node.shape);
    if (!moves) break;
    chain.push_back(next);
    i = next;
  }
  return chain;
}

Rewritten move_into_branches(const Graph& given) {
  const std::vector<char> live = live_nodes(given);
  Rewritten result;
  Graph& graph = result.graph;
  graph.name = given.name;
  std::vector<int> index(given.nodes.size(), -1);  // of each given node
  const auto add = [&](int origin, std::string name, const Shape& shape, std::vector<int> inputs) {
    graph.nodes.push_back(
        {std::move(name), given.nodes[size_t(origin)].layer, std::move(inputs), shape});
    result.origin.push_back(origin);
    return int(graph.nodes.size()) - 1;
  };
  // Dead readers do not count.
  std::vector<std::vector<int>> readers(given.nodes.size());
  for (size_t i = 0; i < live.size(); ++i) {
    if (!live[i]) continue;
    for (const int input : given.nodes[i].inputs) readers[size_t(input)].push_back(int(i));
  }
  for (size_t i = 0; i < given.nodes.size(); ++i) {
    if (!live[i] || index[i] >= 0) continue;
    const Node& node = given.nodes[i];
    std::vector<int> inputs;
    for (const int input : node.inputs) inputs.push_back(index[size_t(input)]);
    const bool movable = std::holds_alternative<Concat>(node.layer) &&
                         std::all_of(node.inputs.begin(), node.inputs.end(),
                                     [&](int input) { return readers[size_t(input)].size() == 1; });
    const std::vector<int> chain =
        movable ? movable_behind(given, readers, int(i)) : std::vector<int>{};
    Shape shape = node.shape;
    for (const int moved : chain) {
      const Node& follower = given.nodes[size_t(moved)];
      for (size_t b = 0; b < inputs.size(); ++b) {
        Shape branch = follower.shape;
        branch.c = graph.nodes[size_t(inputs[b])].shape.c;
        inputs[b] = add(moved, follower.name + part("sub", b, inputs.size()), branch, {inputs[b]});
      }
      shape = follower.shape;
    }
    const int added = add(int(i), node.name, shape, std::move(inputs));
    index[i] = added;
    for (const int moved : chain) index[size_t(moved)] = added;
  }
  return result;
}

}  // namespace vpunas::myriadx
