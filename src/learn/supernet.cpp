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

// x with the channels and the size of `like`: channels that it lacks are 0, as shared tensors have
// it for narrower candidates.
torch::Tensor as_wide_as(const torch::Tensor& like, const torch::Tensor& x) {
  const auto sized = resized(x, shape_of(like));
  const int64_t channels = like.size(1);
  if (x.size(1) >= channels) return sized.narrow(1, 0, channels);
  return torch::constant_pad_nd(sized, {0, 0, 0, 0, 0, channels - x.size(1)});
}

// gates[0] * active + gates[1] * other, which is `active` itself for gates of 1 and 0; `other` gets
// no gradient. Of candidates of different outputs the sum has the active one's shape.
class Gated : public torch::autograd::Function<Gated> {
 public:
  static torch::Tensor forward(torch::autograd::AutogradContext* context,
                               const torch::Tensor& active, const torch::Tensor& other,
                               const torch::Tensor& gates) {
    context->save_for_backward({active, other, gates});
    const float* gate = gates.data_ptr<float>();
    if (gate[0] == 1 && gate[1] == 0) return active.view_as(active);
    return gate[0] * active + gate[1] * as_wide_as(active, other);
  }
  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 const torch::autograd::variable_list& outputs) {
    const auto saved = context->get_saved_variables();
    const auto& g = outputs[0];
    const auto product_with = [&](const torch::Tensor& path) {
      return (g * as_wide_as(g, path)).sum(torch::kFloat32).cpu();
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

// The slot's name in networks, which have no block of one that offers inputs.
std::string feature(const SearchSpace& space, size_t slot) {
  return cat("features.", slot + (offers_inputs(space) ? 0 : 1));
}

}  // namespace

Supernet::Supernet(const SearchSpace& space, const Preprocess& preprocess, uint64_t seed,
                   Computing computing, SupernetAids aids)
    : space_(space) {
  validate(space);
  // All parts first, so that the tensors of a family are as large as its largest part needs.
  struct Plan {
    Graph graph;
    std::string family;
    uint64_t seed;
  };
  std::map<Shape, Plan> stems;
  std::map<Key, Plan> blocks;
  std::map<Change, Plan> projections;
  std::map<Shape, Plan> heads;

  const auto plan_stem = [&](const Shape& images) {
    stems.insert({images, {lower_stem(space.stem, images, space.rules, preprocess), "stem", seed}});
  };
  if (!offers_inputs(space)) plan_stem(space.input);
  std::set<Shape> shapes{stem_shape(space.stem, space.input)};
  for (size_t slot = 0; slot < space.slots.size(); ++slot) {
    std::set<Shape> behind;
    for (const Shape& shape : shapes) {
      const auto& candidates = space.slots[slot].candidates;
      for (int candidate = 0; candidate < static_cast<int>(space.slots[slot].size()); ++candidate) {
        behind.insert(shape_behind(space, slot, candidate, shape));
        const BlockSpec* own = block_of(space.slots[slot], candidate);
        if (!own) plan_stem(input_of(space, {candidate}));
        if (!own || !has_layers(*own)) continue;
        const BlockSpec block = placed(*own, shape);
        const Graph graph =
            part(shape, [&](Graph& g) { lower(block, feature(space, slot), 0, space.rules, g); });
        const Shape out = graph.output_shape();
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
                          lower_head(space.head, feature(space, space.slots.size()), space.classes,
                                     0, space.rules, g);
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
  reserve(stems), reserve(blocks), reserve(projections), reserve(heads);
  make(stems, stems_), make(blocks, blocks_);
  make(projections, projections_), make(heads, heads_);
  for (const auto& [name, family] : families_) start_residual_branches(family, aids.residual_scale);
}

torch::Tensor Supernet::stem_of(const torch::Tensor& images, Statistics statistics) const {
  return stems_.at(shape_of(images)).forward(images, statistics);
}

torch::Tensor Supernet::stem(const torch::Tensor& images, Statistics statistics) const {
  return offers_inputs(space_) ? images : stem_of(images, statistics);
}

torch::Tensor Supernet::slot(size_t slot, int candidate, const torch::Tensor& x,
                             Statistics statistics) const {
  if (is_skip(space_.slots[slot], candidate)) return x;
  if (!block_of(space_.slots[slot], candidate))
    return stem_of(resized(x, input_of(space_, {candidate})), statistics);
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
  const Network& stem = stems_.at(input_of(space_, choice));
  visit(stem, false);
  Shape shape = stem.graph().output_shape();
  for (size_t slot = 0; slot < choice.size(); ++slot) {
    const BlockSpec* own = block_of(space_.slots[slot], choice[slot]);
    if (!own || !has_layers(*own)) continue;
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
  for (const auto& [images, stem] : stems_) add(stem);
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
  for (const auto& [family, shared] : families_) {
    for (const auto& [name, value] : shared.values())
      result.emplace_back(cat(family, "/", name), value.detach());
  }
  return result;
}

std::vector<TwoPaths> gated(const std::vector<PathPair>& pairs) {
  std::vector<TwoPaths> paths;
  for (const PathPair& pair : pairs) {
    TwoPaths& two = paths.emplace_back(pair.active, pair.other, torch::Tensor());
    if (pair.other != pair.active) two.gates = torch::tensor({1.0F, 0.0F}).set_requires_grad(true);
  }
  return paths;
}

}  // namespace vpunas
