#include "myriadx/what_if.h"

#include <algorithm>
#include <functional>
#include <map>
#include <numeric>
#include <optional>

#include "base/error.h"

namespace vpunas::myriadx {
namespace {

// A change in place: nodes keep their indices, so that changes of several layers combine.
struct Edit {
  std::string layer, change;
  std::function<void(Graph&)> apply;
};

Node& node(Graph& graph, int i) { return graph.nodes[size_t(i)]; }

// Lets the readers of node i read its first input.
void bypass(Graph& graph, int i) {
  const int input = node(graph, i).inputs[0];
  for (Node& reader : graph.nodes) {
    if (&reader != &node(graph, i)) std::ranges::replace(reader.inputs, i, input);
  }
}

// The graph with its shapes inferred anew and without the nodes that nothing reads. Throws Error
// where an edited layer does not fit.
Graph rebuilt(const Graph& edited) {
  std::vector<char> live(edited.nodes.size(), 0);
  live.front() = live.back() = 1;
  for (size_t i = edited.nodes.size(); i-- > 0;) {
    if (!live[i]) continue;
    for (const int input : edited.nodes[i].inputs) live[size_t(input)] = 1;
  }
  Graph graph{edited.name, edited.preprocess, {}};
  std::vector<int> index(edited.nodes.size(), -1);
  for (size_t i = 0; i < edited.nodes.size(); ++i) {
    if (!live[i]) continue;
    const Node& from = edited.nodes[i];
    std::vector<int> inputs;
    for (const int input : from.inputs) inputs.push_back(index[size_t(input)]);
    index[i] = graph.add(from.name, from.layer, std::move(inputs));
  }
  return graph;
}

void shrink_window(Conv& conv, int kernel, int dilation) {
  const int rows = (conv.dilation * (conv.kh - 1) - dilation * (std::min(kernel, conv.kh) - 1)) / 2;
  const int columns =
      (conv.dilation * (conv.kw - 1) - dilation * (std::min(kernel, conv.kw) - 1)) / 2;
  Padding& p = conv.padding;
  p = {std::max(0, p.top - rows), std::max(0, p.left - columns), std::max(0, p.bottom - rows),
       std::max(0, p.right - columns)};
  conv.kh = std::min(kernel, conv.kh);
  conv.kw = std::min(kernel, conv.kw);
  conv.dilation = dilation;
}

class Changes {
 public:
  explicit Changes(const Graph& graph) : graph_(graph), readers_(graph.nodes.size()) {
    for (size_t i = 0; i < graph.nodes.size(); ++i)
      for (const int input : graph.nodes[i].inputs) readers_[size_t(input)].push_back(int(i));
  }

  std::vector<Edit> find() {
    for (int i = 0; i < int(graph_.nodes.size()); ++i)
      std::visit([&](const auto& layer) { offer(i, layer); }, at(i).layer);
    offer_widths();
    return std::move(edits_);
  }

 private:
  const Node& at(int i) const { return graph_.nodes[size_t(i)]; }
  template <class L>
  const L* as(int i) const {
    return i < 0 ? nullptr : std::get_if<L>(&at(i).layer);
  }
  // -1 where there is not exactly one.
  int sole_reader(int i) const {
    return readers_[size_t(i)].size() == 1 ? readers_[size_t(i)][0] : -1;
  }
  int input(int i) const { return at(i).inputs[0]; }
  bool is_depthwise(int i) const {
    const Conv* conv = as<Conv>(i);
    return conv && conv->groups > 1 && conv->groups == at(input(i)).shape.c &&
           conv->out_channels == conv->groups;
  }

  void add(int i, std::string change, std::function<void(Graph&)> apply) {
    edits_.push_back({at(i).name, std::move(change), std::move(apply)});
  }

  template <class L>
  void offer(int, const L&) {}

  void offer(int i, const Conv& conv) {
    const auto smaller = [&](const std::string& change, int kernel, int dilation) {
      add(i, change, [i, kernel, dilation](Graph& graph) {
        shrink_window(std::get<Conv>(node(graph, i).layer), kernel, dilation);
      });
    };
    if (conv.kh > 3 && conv.kw > 3 && conv.dilation == 1)
      smaller(cat("3x3 instead of ", conv.kh, "x", conv.kw), 3, 1);
    if (conv.dilation > 1) smaller("no dilation", std::max(conv.kh, conv.kw), 1);
    if (is_depthwise(i)) offer_dense(i, conv);
  }

  // Dense k x k in the place of a 1x1 convolution, its activation and the depthwise one.
  void offer_dense(int i, const Conv& depthwise) {
    int expand = input(i);
    if (as<Activation>(expand) && sole_reader(expand) == i) expand = input(expand);
    const Conv* conv = as<Conv>(expand);
    const bool fits = conv && conv->kh == 1 && conv->kw == 1 && conv->groups == 1 &&
                      conv->sh == 1 && conv->sw == 1 && conv->padding == Padding{} &&
                      sole_reader(expand) >= 0;
    if (!fits) return;
    add(i, "dense instead of 1x1 and depthwise", [i, expand, depthwise](Graph& graph) {
      Conv dense = depthwise;
      dense.groups = 1;
      dense.out_channels = std::get<Conv>(node(graph, expand).layer).out_channels;
      node(graph, expand).layer = dense;
      node(graph, i).inputs = {expand};
      bypass(graph, i);
    });
  }

  void offer(int i, const Activation& layer) {
    const bool slow = layer.act == Act::hswish || layer.act == Act::swish;
    if (slow) {
      add(i, cat("ReLU6 instead of ", act_name(layer.act)),
          [i](Graph& graph) { node(graph, i).layer = Activation{Act::relu6}; });
    }
    if (layer.act == Act::relu && as<Add>(input(i)) && sole_reader(input(i)) == i)
      offer_relu_before(i, input(i));
  }

  // Where a convolution of its own feeds the addition, the NCE has its ReLU for nothing.
  void offer_relu_before(int relu, int sum) {
    const auto& inputs = at(sum).inputs;
    const auto branch =
        std::ranges::find_if(inputs, [&](int i) { return as<Conv>(i) && sole_reader(i) == sum; });
    if (branch == inputs.end()) return;
    add(relu, "ReLU before the addition", [relu, sum, conv = *branch](Graph& graph) {
      Node &first = node(graph, sum), &second = node(graph, relu);
      second.inputs = first.inputs;
      std::ranges::replace(second.inputs, conv, sum);
      first.inputs = {conv};
      std::swap(first.layer, second.layer);
      std::swap(first.name, second.name);
    });
  }

  void offer(int i, const Mul&) {
    if (at(i).inputs.size() != 2 || i + 1 == int(graph_.nodes.size())) return;
    const Shape& gate = at(at(i).inputs[1]).shape;
    if (gate.h * gate.w > 1) return;
    add(i, "no squeeze-excite", [i](Graph& graph) { bypass(graph, i); });
  }

  void offer(int i, const Pool& pool) {
    if (pool.padding == Padding{} || pool.sh != 2 || pool.sw != 2) return;
    add(i, "2x2 pooling without padding", [i](Graph& graph) {
      auto& layer = std::get<Pool>(node(graph, i).layer);
      layer = {.kind = layer.kind};
    });
  }

  // --- Widths: layers whose outputs must have the same number of channels change together. ---

  // A representative of the nodes that have as many channels as node i.
  std::vector<int> width_classes() const {
    std::vector<int> parent(graph_.nodes.size());
    std::iota(parent.begin(), parent.end(), 0);
    const auto root = [&](int i) {
      while (parent[size_t(i)] != i) i = parent[size_t(i)];
      return i;
    };
    for (int i = 0; i < int(graph_.nodes.size()); ++i) {
      const bool keeps = !(as<Input>(i) || as<Concat>(i) || as<Slice>(i) || as<Linear>(i) ||
                           (as<Conv>(i) && !is_depthwise(i)));
      for (const int in : at(i).inputs) {
        if (keeps) parent[size_t(root(in))] = root(i);
      }
    }
    for (int i = 0; i < int(parent.size()); ++i) parent[size_t(i)] = root(i);
    return parent;
  }

  void offer_widths() {
    const std::vector<int> classes = width_classes();
    std::map<int, std::vector<int>> members;
    for (int i = 0; i < int(classes.size()); ++i) members[classes[size_t(i)]].push_back(i);
    for (const auto& [root, nodes] : members) {
      std::vector<int> convolutions;
      bool fixed = false;
      for (const int i : nodes) {
        if (as<Conv>(i)) convolutions.push_back(i);
        const auto grouped = [&](int reader) {
          const Conv* conv = as<Conv>(reader);
          return as<Slice>(reader) || (conv && conv->groups > 1 && !is_depthwise(reader));
        };
        fixed |= as<Input>(i) || i + 1 == int(graph_.nodes.size()) || grouped(i) ||
                 std::ranges::any_of(readers_[size_t(i)], grouped);
      }
      if (fixed || convolutions.empty()) continue;
      for (const int multiple : {16, 32}) offer_width(convolutions, multiple);
    }
  }

  void offer_width(const std::vector<int>& convolutions, int multiple) {
    const int channels = at(convolutions[0]).shape.c;
    const int aligned = (channels + multiple - 1) / multiple * multiple;
    if (aligned == channels) return;
    add(convolutions[0], cat("channels in multiples of ", multiple),
        [convolutions, aligned](Graph& graph) {
          for (const int i : convolutions) {
            auto& conv = std::get<Conv>(node(graph, i).layer);
            if (conv.groups > 1) conv.groups = aligned;
            conv.out_channels = aligned;
          }
        });
  }

  const Graph& graph_;
  std::vector<std::vector<int>> readers_;
  std::vector<Edit> edits_;
};

// Edits of one kind together, where several layers offer it.
std::vector<Edit> combined(const std::vector<Edit>& edits) {
  std::map<std::string, std::vector<Edit>> kinds;
  for (const Edit& edit : edits) kinds[edit.change].push_back(edit);
  std::vector<Edit> all;
  for (const auto& [change, same] : kinds) {
    if (same.size() < 2) continue;
    all.push_back({cat("(all ", same.size(), ")"), change, [same = same](Graph& graph) {
                     for (const Edit& edit : same) edit.apply(graph);
                   }});
  }
  return all;
}

std::optional<double> edited_ms(const Mapping& mapping, const Edit& edit, const TimeModel& model,
                                Precision output) {
  try {
    Graph graph = mapping.graph;
    edit.apply(graph);
    return total_ms(map(rebuilt(graph), mapping.resources, output), model).ms;
  } catch (const Error&) {
    return std::nullopt;  // it does not fit, or the chip cannot run it
  }
}

}  // namespace

std::vector<WhatIf> what_if(const Mapping& mapping, const TimeModel& model, Precision output) {
  const double now = total_ms(mapping, model).ms;
  std::vector<Edit> edits = Changes(mapping.graph).find();
  for (Edit& edit : combined(edits)) edits.push_back(std::move(edit));
  std::vector<WhatIf> results;
  for (const Edit& edit : edits) {
    if (const auto ms = edited_ms(mapping, edit, model, output))
      results.push_back({edit.layer, edit.change, *ms - now});
  }
  std::ranges::stable_sort(results, {}, &WhatIf::ms);
  return results;
}

Json to_json(const std::vector<WhatIf>& changes, double now_ms) {
  Json json = Json::array();
  for (const WhatIf& one : changes) {
    json.push_back({{"layer", one.layer},
                    {"change", one.change},
                    {"ms", one.ms},
                    {"total_ms", now_ms + one.ms}});
  }
  return json;
}

}  // namespace vpunas::myriadx
