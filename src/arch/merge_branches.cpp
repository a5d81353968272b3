#include "arch/merge_branches.h"

#include <algorithm>
#include <map>
#include <optional>

#include "base/error.h"

namespace vpunas {
namespace {

// A sum, and which of the nodes that it adds up become one convolution.
struct Merge {
  int source = 0;                  // the tensor that all of them read
  std::vector<int> members;        // convolutions and scalings; the source itself is `identities`
  int identities = 0;              // how often the source itself is added
  std::vector<int> others = {};    // what else is added
  std::vector<int> absorbed = {};  // nodes that go: members and inner sums
  Conv conv = {};
};

class Merging {
 public:
  explicit Merging(const Graph& graph) : graph_(graph), readers_(graph.nodes.size(), 0) {
    for (const Node& node : graph.nodes)
      for (const int input : node.inputs) ++readers_[size_t(input)];
    for (size_t i = 0; i < graph.nodes.size(); ++i)
      if (is<Add>(int(i)) && !is_inner(int(i)))
        if (auto merge = find(int(i))) merges_.emplace(int(i), std::move(*merge));
  }

  FoldedNetwork run(const Weights* weights) const {
    FoldedNetwork result{Graph{graph_.name, graph_.preprocess, {}}, {}, {}};
    if (weights) result.weights = *weights;
    std::vector<char> goes(graph_.nodes.size(), 0);
    for (const auto& [sum, merge] : merges_)
      for (const int node : merge.absorbed) goes[size_t(node)] = 1;
    std::vector<int> index(graph_.nodes.size(), -1);
    for (size_t i = 0; i < graph_.nodes.size(); ++i) {
      const Node& node = graph_.nodes[i];
      if (goes[i]) continue;
      std::vector<int> inputs;
      const auto found = merges_.find(int(i));
      if (found == merges_.end()) {
        for (const int input : node.inputs) inputs.push_back(index[size_t(input)]);
        index[i] = result.graph.add(node.name, node.layer, std::move(inputs));
        continue;
      }
      const Merge& merge = found->second;
      const std::string name = merge.others.empty() ? node.name : node.name + "/merged";
      index[i] = result.graph.add(name, merge.conv, {index[size_t(merge.source)]});
      if (weights) put_weights(merge, name, result.weights);
      if (merge.others.empty()) continue;
      inputs = {index[i]};
      for (const int other : merge.others) inputs.push_back(index[size_t(other)]);
      index[i] = result.graph.add(node.name, Add{}, std::move(inputs));
    }
    return result;
  }

 private:
  const Node& node(int i) const { return graph_.nodes[size_t(i)]; }
  template <class L>
  bool is(int i) const {
    return std::holds_alternative<L>(node(i).layer);
  }
  const Conv* conv(int i) const { return std::get_if<Conv>(&node(i).layer); }

  // A sum that only another sum reads.
  bool is_inner(int i) const {
    if (!is<Add>(i) || readers_[size_t(i)] != 1) return false;
    return std::ranges::any_of(graph_.nodes, [&](const Node& reader) {
      return std::holds_alternative<Add>(reader.layer) &&
             std::ranges::find(reader.inputs, i) != reader.inputs.end();
    });
  }

  void gather(int sum, std::vector<int>& terms, std::vector<int>& inner) const {
    for (const int input : node(sum).inputs) {
      if (is_inner(input)) {
        inner.push_back(input);
        gather(input, terms, inner);
      } else {
        terms.push_back(input);
      }
    }
  }

  // Whether a term may become part of a convolution like `first`.
  bool fits(int term, int first) const {
    const Conv &wanted = *conv(first), *own = conv(term);
    if (readers_[size_t(term)] != 1 || node(term).inputs != node(first).inputs) return false;
    if (own)
      return own->groups == wanted.groups && own->sh == wanted.sh && own->sw == wanted.sw &&
             own->dilation == 1;
    return is<ScaleShift>(term) && wanted.sh == 1 && wanted.sw == 1;
  }

  std::optional<Merge> find(int sum) const {
    std::vector<int> terms, inner;
    gather(sum, terms, inner);
    for (const int first : terms) {
      if (!conv(first) || !fits(first, first)) continue;
      Merge merge{.source = node(first).inputs[0], .members = {}};
      for (const int term : terms) {
        if (fits(term, first))
          merge.members.push_back(term);
        else if (term == merge.source && conv(first)->sh == 1 && conv(first)->sw == 1)
          ++merge.identities;
        else
          merge.others.push_back(term);
      }
      if (merge.members.size() + size_t(merge.identities) < 2) continue;
      merge.absorbed = merge.members;
      merge.absorbed.insert(merge.absorbed.end(), inner.begin(), inner.end());
      merge.conv = merged(merge.members, node(sum).shape, node(merge.source).shape);
      if (pays(merge, node(sum).shape)) return merge;
    }
    return std::nullopt;
  }

  // The window that covers all of theirs; a scaling is a 1x1 without padding.
  Conv merged(const std::vector<int>& members, const Shape& out, const Shape& in) const {
    Conv all{.out_channels = out.c, .bias = true};
    for (const int member : members) {
      const Conv* own = conv(member);
      if (!own) continue;
      all.groups = own->groups;
      all.sh = own->sh;
      all.sw = own->sw;
      all.padding.top = std::max(all.padding.top, own->padding.top);
      all.padding.left = std::max(all.padding.left, own->padding.left);
    }
    for (const int member : members) {
      const Conv* own = conv(member);
      if (!own) continue;
      all.kh = std::max(all.kh, all.padding.top - own->padding.top + own->kh);
      all.kw = std::max(all.kw, all.padding.left - own->padding.left + own->kw);
    }
    all.kh = std::max(all.kh, all.padding.top + 1);
    all.kw = std::max(all.kw, all.padding.left + 1);
    const auto behind = [](int count, int stride, int kernel, int size, int before) {
      return std::max(0, (count - 1) * stride + kernel - size - before);
    };
    // What they pad is what engines are made for; the least that gives the output is always right.
    for (const int member : members)
      if (const Conv* own = conv(member)) {
        all.padding.bottom = std::max(all.padding.bottom, own->padding.bottom);
        all.padding.right = std::max(all.padding.right, own->padding.right);
      }
    if (infer_shape(all, {in}) == out) return all;
    all.padding.bottom = behind(out.h, all.sh, all.kh, in.h, all.padding.top);
    all.padding.right = behind(out.w, all.sw, all.kw, in.w, all.padding.left);
    return all;
  }

  bool pays(const Merge& merge, const Shape& out) const {
    const Shape& in = node(merge.source).shape;
    if (infer_shape(merge.conv, {in}) != out) return false;
    int64_t before = 0;
    for (const int member : merge.members)
      if (conv(member)) before += node_macs(graph_, size_t(member));
    const int64_t after =
        out.elements() * (in.c / merge.conv.groups) * merge.conv.kh * merge.conv.kw;
    return after <= before;
  }

  void put_weights(const Merge& merge, const std::string& name, Weights& weights) const {
    const Conv& all = merge.conv;
    const int row = node(merge.source).shape.c / all.groups;  // input channels of an output's
    std::vector<double> kernel(size_t(all.out_channels) * size_t(row * all.kh * all.kw), 0.0),
        bias(size_t(all.out_channels), 0.0);
    const auto at = [&](int out, int in, int y, int x) -> double& {
      return kernel[size_t(((out * row + in) * all.kh + y) * all.kw + x)];
    };
    const auto add_identity = [&](int channel, double value) {
      at(channel, channel % row, all.padding.top, all.padding.left) += value;
    };
    for (const int member : merge.members) {
      const std::string& own_name = node(member).name;
      const std::vector<float> weight = weights.at(own_name + ".weight").data;
      if (const auto shift = weights.find(own_name + ".bias"); shift != weights.end())
        for (size_t o = 0; o < bias.size(); ++o) bias[o] += double{shift->second.data[o]};
      const Conv* own = conv(member);
      if (!own) {
        for (int c = 0; c < all.out_channels; ++c) add_identity(c, weight[size_t(c)]);
        continue;
      }
      const int top = all.padding.top - own->padding.top,
                left = all.padding.left - own->padding.left;
      size_t i = 0;
      for (int o = 0; o < all.out_channels; ++o)
        for (int c = 0; c < row; ++c)
          for (int y = 0; y < own->kh; ++y)
            for (int x = 0; x < own->kw; ++x) at(o, c, top + y, left + x) += double{weight[i++]};
    }
    for (int times = 0; times < merge.identities; ++times)
      for (int c = 0; c < all.out_channels; ++c) add_identity(c, 1);
    for (const int member : merge.members) {
      weights.erase(node(member).name + ".weight");
      weights.erase(node(member).name + ".bias");
    }
    weights[name + ".weight"] = {{all.out_channels, row, all.kh, all.kw},
                                 {kernel.begin(), kernel.end()}};
    weights[name + ".bias"] = {{all.out_channels}, {bias.begin(), bias.end()}};
  }

  const Graph& graph_;
  std::vector<int> readers_;
  std::map<int, Merge> merges_;
};

}  // namespace

Graph merge_branches(const Graph& folded) { return Merging(folded).run(nullptr).graph; }

FoldedNetwork merge_branches(const FoldedNetwork& folded) {
  FoldedNetwork merged = Merging(folded.graph).run(&folded.weights);
  check_weights(merged.graph, merged.weights);
  merged.output_dims = folded.output_dims;
  return merged;
}

}  // namespace vpunas
