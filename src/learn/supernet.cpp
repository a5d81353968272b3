#include "learn/supernet.h"

#include <set>

#include "base/error.h"

namespace vpunas {
namespace {

// A part of a network as a graph of its own, on activations of `input`.
template <class Lower>
Graph part(const Shape& input, Lower&& lower_part) {
  Graph graph;
  graph.add("image", Input{input}, {});
  lower_part(graph);
  return graph;
}

Shape shape_of(const torch::Tensor& x) {
  return {static_cast<int>(x.size(1)), static_cast<int>(x.size(2)), static_cast<int>(x.size(3))};
}

bool is_skip(const SearchSpace& space, size_t slot, int candidate) {
  return space.slots[slot].candidates[candidate].kind == BlockKind::skip;
}

// x as `channels` channels: those it lacks are 0, as shared tensors have it for narrower
// candidates.
torch::Tensor with_channels(const torch::Tensor& x, int64_t channels) {
  if (x.size(1) >= channels) return x.narrow(1, 0, channels);
  return torch::constant_pad_nd(x, {0, 0, 0, 0, 0, channels - x.size(1)});
}

// gates[0] * active + gates[1] * other, which is `active` itself for gates of 1 and 0; `other` gets
// no gradient. Of candidates of different widths the sum has the active one's channels.
class Gated : public torch::autograd::Function<Gated> {
 public:
  static torch::Tensor forward(torch::autograd::AutogradContext* context,
                               const torch::Tensor& active, const torch::Tensor& other,
                               const torch::Tensor& gates) {
    context->save_for_backward({active, other, gates});
    const float* gate = gates.data_ptr<float>();
    if (gate[0] == 1 && gate[1] == 0) return active.view_as(active);
    return gate[0] * active + gate[1] * with_channels(other, active.size(1));
  }
  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 const torch::autograd::variable_list& outputs) {
    const auto saved = context->get_saved_variables();
    const auto& g = outputs[0];
    const auto product_with = [&](const torch::Tensor& path) {
      return (g * with_channels(path, g.size(1))).sum(torch::kFloat32).cpu();
    };
    const float gate = saved[2].data_ptr<float>()[0];
    return {gate == 1 ? g : gate * g, torch::Tensor(),
            torch::stack({product_with(saved[0]), product_with(saved[1])})};
  }
};

// In the place of their start at 0.
void start_residual_branches(const SharedTensors& family, float scale) {
  for (const auto& [name, value] : family.values()) {
    if (value.dim() == 1 && name.ends_with(".weight") && !value.any().item<bool>())
      value.detach().fill_(scale);
  }
}

// The first of the candidates that differ from `candidate` in nothing but their width: they are of
// one family.
int first_of_family(const std::vector<BlockSpec>& candidates, int candidate) {
  const auto without_width = [&](int i) {
    BlockSpec block = candidates[i];
    block.out_channels = 0;
    return block;
  };
  int first = 0;
  while (without_width(first) != without_width(candidate)) ++first;
  return first;
}

std::string feature(size_t slot) { return cat("features.", slot + 1); }

}  // namespace

Supernet::Supernet(const SearchSpace& space, const Preprocess& preprocess, uint64_t seed,
                   Computing computing, SupernetAids aids)
    : space_(space),
      stem_(lower_stem(space.stem, space.input, space.rules, preprocess), seed, computing) {
  validate(space);
  // All parts first, so that the tensors of a family are as large as its largest part needs.
  struct Plan {
    Graph graph;
    std::string family;
    uint64_t seed;
  };
  std::map<Key, Plan> blocks;
  std::map<Change, Plan> projections;
  std::map<Shape, Plan> heads;

  std::set<Shape> shapes{stem_.graph().output_shape()};
  for (size_t slot = 0; slot < space.slots.size(); ++slot) {
    std::set<Shape> behind;
    for (const Shape& shape : shapes) {
      const auto& candidates = space.slots[slot].candidates;
      for (int candidate = 0; candidate < static_cast<int>(candidates.size()); ++candidate) {
        if (is_skip(space, slot, candidate)) {
          behind.insert(shape);
          continue;
        }
        const BlockSpec block = placed(candidates[candidate], shape);
        const Graph graph =
            part(shape, [&](Graph& g) { lower(block, feature(slot), 0, space.rules, g); });
        const Shape out = graph.output_shape();
        behind.insert(out);
        const int first = first_of_family(candidates, candidate);
        blocks.insert(
            {{slot, candidate, shape},
             {graph, cat(slot, ".", first), seed * 1000003 + static_cast<uint64_t>(first) + 1}});
        if (!aids.projections || out == shape) continue;
        const BlockSpec projection{.kind = BlockKind::conv,
                                   .kernel = 1,
                                   .out_channels = block.out_channels,
                                   .stride = block.stride,
                                   .act = Act::none};
        projections.insert(
            {{slot, shape, out},
             {part(shape, [&](Graph& g) { lower(projection, "projection", 0, space.rules, g); }),
              cat(slot, ".projection"), seed + slot}});
      }
    }
    shapes = behind;
  }
  for (const Shape& shape : shapes) {
    heads.insert({shape,
                  {part(shape,
                        [&](Graph& g) {
                          lower_head(space.head, feature(space.slots.size()), space.classes, 0,
                                     space.rules, g);
                        }),
                   "head", seed}});
  }

  const auto reserve = [&](const auto& plans) {
    for (const auto& [key, plan] : plans) families_[plan.family].reserve(plan.graph);
  };
  const auto make = [&](const auto& plans, auto& networks) {
    for (const auto& [key, plan] : plans)
      networks.try_emplace(key, plan.graph, plan.seed, computing, &families_[plan.family]);
  };
  reserve(blocks), reserve(projections), reserve(heads);
  make(blocks, blocks_), make(projections, projections_), make(heads, heads_);
  for (const auto& [name, family] : families_) start_residual_branches(family, aids.residual_scale);
}

torch::Tensor Supernet::stem(const torch::Tensor& images, Statistics statistics) const {
  return stem_.forward(images, statistics);
}

torch::Tensor Supernet::slot(size_t slot, int candidate, const torch::Tensor& x,
                             Statistics statistics) const {
  if (is_skip(space_, slot, candidate)) return x;
  const Network& block = blocks_.at({slot, candidate, shape_of(x)});
  const auto y = block.forward(x, statistics);
  const Network* shared = projection(slot, block);
  return shared == nullptr ? y : y + shared->forward(x, statistics);
}

const Network* Supernet::projection(size_t slot, const Network& block) const {
  const auto found =
      projections_.find({slot, block.graph().input_shape(), block.graph().output_shape()});
  return found == projections_.end() ? nullptr : &found->second;
}

torch::Tensor Supernet::head(const torch::Tensor& x, Statistics statistics) const {
  return heads_.at(shape_of(x))
      .forward(x, statistics, {.dropout = space_.head.dropout})
      .flatten(1)
      .to(torch::kFloat32);
}

torch::Tensor Supernet::forward(const torch::Tensor& images, const Choice& choice,
                                Statistics statistics) const {
  auto x = stem(images, statistics);
  for (size_t i = 0; i < choice.size(); ++i) x = slot(i, choice[i], x, statistics);
  return head(x, statistics);
}

torch::Tensor Supernet::forward(const torch::Tensor& images,
                                const std::vector<TwoPaths>& paths) const {
  constexpr auto statistics = Statistics::batch;
  auto x = stem(images, statistics);
  for (size_t i = 0; i < paths.size(); ++i) {
    const TwoPaths& two = paths[i];
    const auto active = slot(i, two.active, x, statistics);
    if (two.other == two.active) {
      x = active;
      continue;
    }
    torch::Tensor other;
    {
      torch::NoGradGuard no_grad;
      other = slot(i, two.other, x, statistics);
    }
    x = Gated::apply(active, other, two.gates);
  }
  return head(x, statistics);
}

template <class Visit>
void Supernet::visit(const Choice& choice, Visit&& visit) const {
  visit(stem_, false);
  Shape shape = stem_.graph().output_shape();
  for (size_t slot = 0; slot < choice.size(); ++slot) {
    if (is_skip(space_, slot, choice[slot])) continue;
    const Network& block = blocks_.at({slot, choice[slot], shape});
    visit(block, false);
    if (const Network* shared = projection(slot, block)) visit(*shared, true);
    shape = block.graph().output_shape();
  }
  visit(heads_.at(shape), false);
}

std::vector<Network::Parameter> Supernet::parameters(const Choice& choice) const {
  std::vector<Network::Parameter> result;
  visit(choice, [&](const Network& part, bool) {
    for (auto& parameter : part.parameters()) result.push_back(std::move(parameter));
  });
  return result;
}

std::vector<torch::Tensor> Supernet::trained_values() const {
  std::vector<torch::Tensor> values;
  std::set<const void*> seen;
  const auto add = [&](const Network& part) {
    for (const auto& parameter : part.parameters())
      if (seen.insert(parameter.value.data_ptr()).second) values.push_back(parameter.value);
  };
  add(stem_);
  for (const auto& [key, block] : blocks_) add(block);
  for (const auto& [change, projection] : projections_) add(projection);
  for (const auto& [shape, head] : heads_) add(head);
  return values;
}

void Supernet::set_requires_grad(bool on) {
  for (torch::Tensor& value : trained_values()) value.set_requires_grad(on);
}

Weights Supernet::weights(const Choice& choice) const {
  Weights result;
  visit(choice, [&](const Network& part, bool is_projection) {
    if (!is_projection) result.merge(part.weights());
  });
  return result;
}

std::vector<std::pair<std::string, torch::Tensor>> Supernet::tensors() const {
  std::vector<std::pair<std::string, torch::Tensor>> result;
  for (auto& [name, value] : stem_.tensors()) result.emplace_back("stem/" + name, value);
  for (const auto& [family, shared] : families_) {
    for (const auto& [name, value] : shared.values())
      result.emplace_back(cat(family, "/", name), value.detach());
  }
  return result;
}

}  // namespace vpunas
