#include "learn/fusion.h"

#include <algorithm>

#include "kernels/depthwise.h"

namespace vpunas {
namespace {

class Planner {
 public:
  explicit Planner(const Graph& graph)
      : graph_(graph), readers_(graph.nodes.size()), step_of_(graph.nodes.size(), -1) {
    for (size_t i = 0; i < graph.nodes.size(); ++i)
      for (const int input : graph.nodes[i].inputs) readers_[input].push_back(static_cast<int>(i));
  }

  std::vector<Step> plan(bool fuse) {
    const int count = static_cast<int>(graph_.nodes.size());
    for (int i = 1; fuse && i < count; ++i) fuse_from(i);
    for (int i = 1; i < count; ++i) {
      if (is_free(i)) take({.nodes = {i}});
    }
    std::sort(steps_.begin(), steps_.end(),
              [](const Step& a, const Step& b) { return a.nodes.back() < b.nodes.back(); });
    find_releases();
    return std::move(steps_);
  }

 private:
  template <class L>
  const L* layer(int node) const {
    return node < 0 ? nullptr : std::get_if<L>(&graph_.nodes[node].layer);
  }
  bool is_free(int node) const { return step_of_[node] < 0; }
  bool is_norm(int node) const { return layer<BatchNorm>(node) != nullptr; }
  bool is_free_norm(int node) const { return is_norm(node) && is_free(node); }
  bool is_clamp(int node) const {
    const auto* l = layer<Activation>(node);
    return l != nullptr && (l->act == Act::relu || l->act == Act::relu6);
  }
  int only_reader(int node) const {
    return node >= 0 && readers_[node].size() == 1 ? readers_[node].front() : -1;
  }

  bool is_served(int node) const {
    const auto* l = layer<Conv>(node);
    if (l == nullptr || l->bias || l->dilation != 1 || l->kh != l->kw || l->sh != l->sw ||
        l->padding != Padding::all(l->kh / 2)) {
      return false;
    }
    if (l->groups == 1) return l->kh % 2 == 1;
    const int channels = graph_.nodes[graph_.nodes[node].inputs.front()].shape.c;
    return l->groups == channels && l->out_channels == channels && kernels::is_served(l->kh, l->sh);
  }

  // A chain is entered at its first node, as nodes are visited in order.
  void fuse_from(int node) {
    Step step;
    int last = -1;  // of the chain
    if (is_free_norm(node)) {
      step.before = last = node;
      step.nodes = {node};
      last = append_act(last, step, step.before_act);
    }
    for (int conv = last < 0 ? node : only_reader(last); conv >= 0 && is_free(conv);
         conv = only_reader(last)) {
      Step::Stage stage{.conv = conv, .norm = only_reader(conv)};
      if (!is_served(conv) || stage.norm < 0 || !is_free_norm(stage.norm)) break;
      step.nodes.insert(step.nodes.end(), {stage.conv, stage.norm});
      last = append_act(stage.norm, step, stage.act);
      step.stages.push_back(stage);
    }
    if (!step.is_fused()) return;
    const int reader = only_reader(last);
    if (is_norm(last) && layer<vpunas::Add>(reader) != nullptr && is_free(reader) &&
        graph_.nodes[reader].inputs.size() == 2) {
      step.add = reader;
      step.nodes.push_back(reader);
    }
    take(std::move(step));
  }

  // Sets `act` to the activation that alone reads `norm`, if it clamps; returns the chain's last
  // node.
  int append_act(int norm, Step& step, int& act) const {
    const int reader = only_reader(norm);
    if (reader < 0 || !is_clamp(reader)) return norm;
    act = reader;
    step.nodes.push_back(reader);
    return reader;
  }

  void take(Step step) {
    for (const int node : step.nodes) step_of_[node] = 0;
    steps_.push_back(std::move(step));
  }

  void find_releases() {
    for (size_t s = 0; s < steps_.size(); ++s)
      for (const int node : steps_[s].nodes) step_of_[node] = static_cast<int>(s);
    for (size_t node = 0; node < readers_.size(); ++node) {
      int last = -1;
      for (const int reader : readers_[node]) last = std::max(last, step_of_[reader]);
      if (last >= 0) steps_[last].releases.push_back(static_cast<int>(node));
    }
  }

  const Graph& graph_;
  std::vector<std::vector<int>> readers_;
  std::vector<int> step_of_;
  std::vector<Step> steps_;
};

}  // namespace

std::vector<Step> plan_steps(const Graph& graph, bool fuse) { return Planner(graph).plan(fuse); }

}  // namespace vpunas
