// Graph -> steps: the order in which the compiler reads layers, and the layers that are a SHAVE
// stage or a view each.
#include "myriadx/lowering.h"

#include <algorithm>

#include "base/error.h"

namespace vpunas::myriadx {
namespace {

const char* shave_kind(Act act) {
  switch (act) {
    case Act::relu:
      return "relu";
    case Act::relu6:
      return "clamp";
    case Act::leaky_relu:
      return "leaky_relu";
    case Act::hswish:
      return "hswish";
    case Act::swish:
      return "swish";
    case Act::sigmoid:
      return "sigmoid";
    default:
      return "copy";
  }
}

// Which values are vectors in ONNX, as our writer spells them.
std::vector<char> flat_values(const Graph& graph) {
  std::vector<char> flat(graph.nodes.size(), 0);
  for (size_t i = 0; i < flat.size(); ++i) {
    const Node& node = graph.nodes[i];
    const auto all_flat = [&] {
      return std::all_of(node.inputs.begin(), node.inputs.end(),
                         [&](int input) { return flat[size_t(input)] != 0; });
    };
    const auto of_vector = [&] { return node.shape == Shape{node.shape.c, 1, 1}; };
    flat[i] = std::visit(
        Overload{[](const Linear&) { return true; }, [&](const Softmax&) { return of_vector(); },
                 [&](const ScaleShift&) { return all_flat(); },
                 [&](const Activation&) { return all_flat(); },
                 [&](const PRelu&) { return all_flat(); }, [&](const Add&) { return all_flat(); },
                 [&](const Mul&) { return all_flat(); }, [&](const Concat&) { return all_flat(); },
                 [&](const Slice&) { return all_flat(); }, [](const auto&) { return false; }},
        node.layer);
  }
  return flat;
}

}  // namespace

std::string part(const char* axis, size_t index, size_t count) {
  if (count == 1) return {};
  std::string text = "@";
  return text.append(axis) + "=" + std::to_string(index + 1) + "/" + std::to_string(count);
}

Lowering::Lowering(const Graph& graph, const Resources& resources)
    : graph_(graph),
      resources_(resources),
      readers_(readers_of(graph)),
      done_(graph.nodes.size(), 0),
      flat_(flat_values(graph)),
      values_(graph.nodes.size(), -1) {
  // Most networks need no more, and growing moves all of them.
  program_.steps.reserve(1024);
  program_.tensors.reserve(1024);
}

Program Lowering::run(Precision output) {
  for (const int i : parse_order()) {
    if (done_[size_t(i)]) continue;
    std::visit([&](const auto& layer) { lower_layer(i, layer); }, node(i).layer);
  }
  set_output(output);
  // Tensors know their readers in order of creation.
  for (Tensor& tensor : program_.tensors)
    std::sort(tensor.consumers.begin(), tensor.consumers.end(), [&](int a, int b) {
      return program_.steps[size_t(a)].id < program_.steps[size_t(b)].id;
    });
  return std::move(program_);
}

// --- The graph ---

// The slices of a tensor, in order of their channels, where they do not overlap, else node `i`
// alone. The compiler makes one split of them.
std::vector<int> Lowering::sliced_together(int i) const {
  std::vector<int> slices;
  for (const int reader : readers_[size_t(node(i).inputs[0])])
    if (std::holds_alternative<Slice>(node(reader).layer)) slices.push_back(reader);
  const auto slice = [&](int s) { return std::get<Slice>(node(s).layer); };
  std::sort(slices.begin(), slices.end(),
            [&](int a, int b) { return slice(a).begin < slice(b).begin; });
  for (size_t s = 1; s < slices.size(); ++s)
    if (slice(slices[s]).begin < slice(slices[s - 1]).end) return {i};
  return slices;
}

// The compiler's name of a node, as far as its order needs it: what is folded into a convolution
// gives that its name, and slices of one tensor have one name and their channels.
std::string Lowering::compiler_name(int i) const {
  const Activation* next = activation_behind(i);
  const bool folds =
      std::holds_alternative<Conv>(node(i).layer) && next != nullptr && next->act == Act::hsigmoid;
  if (folds) return "Add_" + node(i).name;
  const auto* slice = std::get_if<Slice>(&node(i).layer);
  if (slice == nullptr || sliced_together(i).size() < 2) return node(i).name;
  const std::string begin = std::to_string(slice->begin);
  return "VariadicSplit_" + std::string(10 - begin.size(), '0') + begin;
}

// The order in which the compiler reads layers: depth first from the inputs, of several readers of
// a layer the last by name first. It decides which of two branches runs first.
std::vector<int> Lowering::parse_order() const {
  std::vector<int> order;
  std::vector<char> seen(graph_.nodes.size(), 0);
  struct Frame {
    int node;
    std::vector<int> readers;  // to be visited from the back
  };
  const auto open = [&](int i) {
    seen[size_t(i)] = 1;
    Frame frame{i, readers_[size_t(i)]};
    std::sort(frame.readers.begin(), frame.readers.end(),
              [&](int a, int b) { return compiler_name(a) > compiler_name(b); });
    return frame;
  };
  std::vector<int> inputs;
  for (size_t i = 0; i < count_inputs(graph_); ++i) inputs.push_back(int(i));
  std::sort(inputs.begin(), inputs.end(),
            [&](int a, int b) { return node(a).name < node(b).name; });
  for (const int input : inputs) {
    std::vector<Frame> stack;
    stack.push_back(open(input));
    while (!stack.empty()) {
      if (stack.back().readers.empty()) {
        order.push_back(stack.back().node);
        stack.pop_back();
        continue;
      }
      const int next = stack.back().readers.back();
      stack.back().readers.pop_back();
      if (!seen[size_t(next)]) stack.push_back(open(next));
    }
  }
  std::reverse(order.begin(), order.end());
  return order;
}

int Lowering::sole_reader(int i) const {
  const auto& readers = readers_[size_t(i)];
  return readers.size() == 1 ? readers.front() : -1;
}

const Activation* Lowering::activation_behind(int i) const {
  const int next = sole_reader(i);
  return next < 0 ? nullptr : std::get_if<Activation>(&node(next).layer);
}

std::vector<int> Lowering::followers(int i) const {
  std::vector<int> nodes;
  while ((i = sole_reader(i)) >= 0) nodes.push_back(i);
  return nodes;
}

int Lowering::finish(int i, std::span<const int> followers) {
  done_[size_t(i)] = 1;
  for (const int next : followers) done_[size_t(next)] = 1;
  return new_value(followers.empty() ? i : followers.back());
}

int Lowering::image(int i, size_t which) {
  const int from = node(i).inputs[which];
  if (!flat_[size_t(from)]) return value(from);
  const int result = program_.add_tensor(node(from).shape);
  reshape(Phase::parse, node(i).name + "@image", i, value(from), result);
  return result;
}

int Lowering::vector(int i) {
  const int from = node(i).inputs[0];
  if (flat_[size_t(from)]) return value(from);
  const int64_t elements = node(from).shape.elements();
  if (elements > 1 << 24)
    fail("node ", node(i).name, ": ", elements, " inputs are too many for a vector");
  const int result = program_.add_tensor({int(elements), 1, 1});
  reshape(Phase::parse, node(i).name + "@flatten", i, value(from), result);
  return result;
}

// All inputs: vectors where the node gives one, else images.
std::vector<int> Lowering::inputs(int i) {
  std::vector<int> tensors;
  for (size_t k = 0; k < node(i).inputs.size(); ++k)
    tensors.push_back(flat_[size_t(i)] ? input(i, k) : image(i, k));
  return tensors;
}

void Lowering::set_output(Precision precision) {
  const int last = int(graph_.nodes.size()) - 1;
  const int result = value(last);
  if (program_.tensors[size_t(result)].consumers.size() + program_.steps.size() == 0)
    fail("its output is its input, so there is nothing to map");
  if (precision == Precision::fp16) {
    program_.tensors[size_t(result)].role = Role::output;
    program_.tensors[size_t(result)].required = kCompact;
    return;
  }
  const int output = program_.add_tensor(shape(result), Role::output);
  program_.tensors[size_t(output)].element_bytes = 4;
  add_shave(Phase::parse, node(last).name + "@FP32", last, "convert", {result}, output,
            kConvertStrides, Shaves::all);
}

// --- Steps ---

int Lowering::add_shave(Phase phase, std::string name, int node, const char* kind,
                        std::vector<int> inputs, int output, const Strides& strides,
                        Shaves shaves) {
  Step step{.kind = Step::Kind::shave,
            .inputs = std::move(inputs),
            .outputs = {output},
            .strides = strides,
            .shaves = shaves};
  step.stage.name = std::move(name);
  step.stage.node = node;
  step.stage.kind = kind;
  step.stage.engine = Engine::shave;
  return program_.add_step(phase, std::move(step));
}

void Lowering::add_special(Phase phase, Step::Kind kind, std::string name, int node,
                           std::vector<int> inputs, std::vector<int> outputs,
                           const Strides& strides) {
  Step step{
      .kind = kind, .inputs = std::move(inputs), .outputs = std::move(outputs), .strides = strides};
  step.stage.name = std::move(name);
  step.stage.node = node;
  program_.add_step(phase, std::move(step));
}

void Lowering::reshape(Phase phase, std::string name, int node, int from, int to) {
  add_special(phase, Step::Kind::reshape, std::move(name), node, {from}, {to}, kCompact);
}

// --- Layers ---

void Lowering::lower_shave(int i, const char* kind, const Strides& strides, Shaves shaves) {
  const std::vector<int> tensors = inputs(i);
  add_shave(Phase::parse, node(i).name, i, kind, tensors, new_value(i), strides, shaves);
}

void Lowering::lower_layer(int i, const Input& layer) {
  const int image = program_.add_tensor(layer.shape, Role::input);
  program_.tensors[size_t(image)].element_bytes = 1;
  add_shave(Phase::parse, node(i).name + "@FP16", i, "convert", {image}, new_value(i),
            kConvertStrides, Shaves::all);
}

void Lowering::lower_layer(int i, const BatchNorm&) {
  fail("node ", node(i).name, ": batch norm must be folded before mapping (see fold())");
}
void Lowering::lower_layer(int i, const ScaleShift&) {
  lower_shave(i, node(i).shape.c == 1 ? "power" : "scale_shift", kPlaneStrides, Shaves::two);
}
void Lowering::lower_layer(int i, const PRelu&) {
  lower_shave(i, "prelu", kPlaneStrides, Shaves::two);
}

void Lowering::lower_layer(int i, const Activation& layer) {
  if (layer.act == Act::none) {
    values_[size_t(i)] = input(i);
  } else if (layer.act == Act::hsigmoid) {
    hard_sigmoid(i);
  } else {
    lower_shave(i, shave_kind(layer.act), kPlaneStrides, Shaves::two);
  }
}

// min(relu(x + 3), 6) / 6: behind a convolution the sum goes into its bias and ReLU into the NCE.
void Lowering::hard_sigmoid(int i) {
  int x = input(i);
  const auto stage = [&](const char* kind, const char* suffix, int output, const Strides& strides,
                         Shaves shaves) {
    add_shave(Phase::parse, node(i).name + suffix, i, kind, {x}, output, strides, shaves);
    x = output;
  };
  const auto next = [&] { return program_.add_tensor(node(i).shape); };
  const int producer = node(i).inputs[0];
  if (!std::holds_alternative<Conv>(node(producer).layer) || sole_reader(producer) != i) {
    stage("power", "@shift", next(), kPlaneStrides, Shaves::two);
    stage("relu", "@relu", next(), kPlaneStrides, Shaves::two);
  }
  stage("min", "@min", next(), kAnyStrides, Shaves::limited);
  stage("power", "", new_value(i), kPlaneStrides, Shaves::two);
}

void Lowering::lower_layer(int i, const Add&) {
  const std::vector<int> terms = inputs(i);
  int sum = terms[0];
  for (size_t k = 1; k < terms.size(); ++k) {
    const int next = k + 1 == terms.size() ? new_value(i) : program_.add_tensor(node(i).shape);
    add_shave(Phase::parse, k == 1 ? node(i).name : cat(node(i).name, "@", k - 1), i, "sum",
              {sum, terms[k]}, next, kAnyStrides, Shaves::limited);
    sum = next;
  }
}
void Lowering::lower_layer(int i, const Mul&) {
  lower_shave(i, "prod", kAnyStrides, Shaves::limited);
}

void Lowering::lower_layer(int i, const Concat&) {
  const std::vector<int> parts = inputs(i);
  add_special(Phase::parse, Step::Kind::concat, node(i).name, i, parts, {new_value(i)});
}
void Lowering::lower_layer(int i, const Slice&) {
  const std::vector<int> slices = sliced_together(i);
  const bool alone = slices.size() < 2;
  std::vector<int> outputs;
  for (const int slice : slices) outputs.push_back(finish(slice, {}));
  add_special(Phase::parse, alone ? Step::Kind::crop : Step::Kind::split, node(i).name, i,
              {input(i)}, std::move(outputs));
}

void Lowering::lower_layer(int i, const Permute& layer) {
  const Shape& s = node(i).shape;
  const int in = program_.add_tensor({layer.groups, s.c / layer.groups, s.h * s.w});
  const int out = program_.add_tensor({s.c / layer.groups, layer.groups, s.h * s.w});
  reshape(Phase::parse, node(i).name + "@in", i, image(i), in);
  add_shave(Phase::parse, node(i).name, i, "permute", {in}, out, kAnyStrides, Shaves::limited);
  reshape(Phase::parse, node(i).name + "@out", i, out, new_value(i));
}

void Lowering::lower_layer(int i, const Softmax&) {
  const int from = flat_[size_t(i)] ? vector(i) : image(i);
  add_shave(Phase::parse, node(i).name, i, "softmax", {from}, new_value(i), kAnyStrides,
            Shaves::all);
}
void Lowering::lower_layer(int i, const Resize& layer) {
  lower_shave(i, layer.kind == ResizeKind::nearest ? "resample" : "interp", kAnyStrides,
              Shaves::all);
}
void Lowering::lower_layer(int i, const Lrn&) { lower_shave(i, "lrn", kLrnStrides, Shaves::all); }

Program lower(const Graph& graph, const Resources& resources, Precision output) {
  return Lowering(graph, resources).run(output);
}

}  // namespace vpunas::myriadx
