#include "learn/fusion.h"

#include <algorithm>

#include "learn/kernels/depthwise.h"

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
    for (int i = 1; fuse && i < count; ++i) fuse_depthwise(i);
    for (int i = 1; fuse && i < count; ++i) fuse_norm(i);
    for (int i = 1; i < count; ++i) {
      if (is_free(i)) take({}, {i});
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
  bool is_free_norm(int node) const { return layer<BatchNorm>(node) != nullptr && is_free(node); }
  bool is_clamp(int node) const {
    const auto* l = layer<Activation>(node);
    return l != nullptr && (l->act == Act::relu || l->act == Act::relu6);
  }
  int only_reader(int node) const {
    return node >= 0 && readers_[node].size() == 1 ? readers_[node].front() : -1;
  }
  // What `node` reads, if nobody else does.
  int own_input(int node) const {
    const int input = graph_.nodes[node].inputs.front();
    return only_reader(input) == node ? input : -1;
  }

  bool is_depthwise(int node) const {
    const auto* l = layer<Conv>(node);
    return l != nullptr && !l->bias && l->dilation == 1 && l->groups == l->out_channels &&
           l->groups == graph_.nodes[graph_.nodes[node].inputs.front()].shape.c && l->kh == l->kw &&
           l->sh == l->sw && kernels::is_served(l->kh, l->sh) &&
           l->padding == Padding::all(l->kh / 2);
  }

  void fuse_depthwise(int node) {
    if (!is_depthwise(node) || !is_free_norm(only_reader(node))) return;
    Step step;
    step.depthwise = node;
    step.norm = only_reader(node);
    if (is_clamp(only_reader(step.norm))) step.act = only_reader(step.norm);
    int input = own_input(node);
    const int act = input >= 0 && is_clamp(input) ? input : -1;
    if (act >= 0) input = own_input(act);
    if (input >= 0 && is_free_norm(input)) {
      step.before = input;
      step.before_act = act;
    }
    take(step, {step.before, step.before_act, step.depthwise, step.norm, step.act});
  }

  void fuse_norm(int node) {
    if (!is_free_norm(node)) return;
    Step step;
    step.norm = node;
    const int reader = only_reader(node);
    if (reader >= 0 && is_clamp(reader)) step.act = reader;
    if (layer<vpunas::Add>(reader) != nullptr && is_free(reader) &&
        graph_.nodes[reader].inputs.size() == 2) {
      step.add = reader;
    }
    take(step, {step.norm, step.act, step.add});
  }

  void take(Step step, const std::vector<int>& nodes) {
    for (const int node : nodes) {
      if (node < 0) continue;
      step.nodes.push_back(node);
      step_of_[node] = 0;
    }
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
