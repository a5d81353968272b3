#include "onnx/builder.h"

#include <algorithm>

#include "base/text.h"
#include "onnx/metadata.h"

namespace vpunas::onnx {
namespace {

bool gives_nonnegative(const Layer& layer, bool from_nonnegative) {
  if (const auto* activation = std::get_if<Activation>(&layer)) {
    const Act act = activation->act;
    return act == Act::relu || act == Act::relu6 || act == Act::sigmoid || act == Act::hsigmoid;
  }
  const bool keeps_sign =
      std::holds_alternative<Add>(layer) || std::holds_alternative<Concat>(layer) ||
      std::holds_alternative<Slice>(layer) || std::holds_alternative<Permute>(layer) ||
      std::holds_alternative<Pool>(layer);
  return keeps_sign && from_nonnegative;
}

}  // namespace

Builder::Builder(Model model, Allowance& allowance)
    : model_(std::move(model)), allowance_(allowance) {
  for (const Operator& op : model_.operators) read_.insert(op.inputs.begin(), op.inputs.end());
  for (const ValueInfo& output : model_.outputs) read_.insert(output.name);
}

FoldedNetwork Builder::run() {
  graph_.name = model_.name;
  read_metadata();
  read_inputs();
  for (const Operator& op : model_.operators) at_operator(op, [&] { read_operator(op); });
  check_output();
  check_weights(graph_, weights_);
  Dims output = values_.at(model_.outputs[0].name).view.dims();
  return {std::move(graph_), std::move(weights_), std::move(output)};
}

// --- The model's ends ---

void Builder::read_metadata() {
  if (const auto found = model_.metadata.find(preprocess_key); found != model_.metadata.end())
    graph_.preprocess = parse_preprocess(found->second);
  if (const auto found = model_.metadata.find(labels_key); found != model_.metadata.end())
    graph_.preprocess.labels = parse_labels(found->second);
}

// Networks of TensorFlow's world take [1, h, w, c] and transpose it before the first convolution.
bool Builder::is_channels_last(const std::string& input) const {
  std::vector<std::string> same_layout = {input};
  for (const Operator& op : model_.operators) {
    const bool reads = std::any_of(op.inputs.begin(), op.inputs.end(), [&](const auto& name) {
      return std::find(same_layout.begin(), same_layout.end(), name) != same_layout.end();
    });
    if (!reads) continue;
    if (op.type == "Transpose") {
      const Attribute* perm = find_attribute(op, "perm", type_ints);
      return perm && perm->ints == Dims{0, 3, 1, 2};
    }
    const auto pointwise = {"Cast", "Add", "Sub", "Mul", "Pad", scale_shift_op};
    if (std::find(pointwise.begin(), pointwise.end(), op.type) == pointwise.end()) return false;
    same_layout.push_back(op.outputs[0]);
  }
  return false;
}

void Builder::read_inputs() {
  for (const ValueInfo& input : model_.inputs)
    if (!find_constant(model_, input.name)) read_input(input);  // old exporters list weights, too
  if (graph_.nodes.empty()) fail("has no input");
  const int channels = graph_.input_shape().c;
  if (const auto& mean = graph_.preprocess.mean;
      !mean.empty() && mean.size() != static_cast<size_t>(channels))
    fail(preprocess_key, ": ", mean.size(), " means for an image of ", channels, " channels");
}

void Builder::read_input(const ValueInfo& input) {
  const Dims& dims = input.dims;
  if (dims.size() != 4 || dims[0] > 1)
    fail("input ", input.name, " is not [1, channels, height, width]");
  if (std::any_of(dims.begin() + 1, dims.end(), [](int64_t dim) { return dim <= 0; }))
    fail("input ", input.name,
         " has no fixed size; export the network with one, as [1, 3, 224, 224]");
  const bool last = is_channels_last(input.name);
  const int c = to_int(dims[last ? 3 : 1]), h = to_int(dims[last ? 1 : 2]),
            w = to_int(dims[last ? 2 : 3]);
  const Shape shape = {c, h, w};
  const int node = add(input.name, Input{shape}, {});
  values_[input.name] = {node, last ? View::channels_last(shape) : View::image(shape)};
}

void Builder::check_output() {
  const std::string& name = model_.outputs[0].name;
  const auto found = values_.find(name);
  if (found == values_.end() || found->second.node + 1 != static_cast<int>(graph_.nodes.size()))
    fail("output ", name, " is not what its last node gives");
  const Value& out = found->second;
  const bool flat =
      out.view.reshaped({shape(out).elements()}) == View{{View::vector(shape(out)).axes[1]}};
  if (out.pad || (!flat && !out.view.channel_axis(shape(out))))
    fail("output ", name, " is a network's output in an order that is not known");
}

// --- Operators ---

void Builder::read_operator(const Operator& op) {
  if ((op.type == "Shape" || op.type == "Size") && !constant_or_null(op, 0)) {
    Constant measured{.dims = dims(padded_value(op))};
    set(op, *evaluate(op, {&measured}, allowance_));
    return;
  }
  std::vector<const Constant*> inputs;
  bool constant = !op.inputs.empty();
  for (size_t i = 0; i < op.inputs.size(); ++i) {
    inputs.push_back(constant_or_null(op, i));
    constant = constant && (inputs.back() || op.inputs[i].empty());
  }
  std::optional<Constant> result;
  if (constant) result = evaluate(op, inputs, allowance_);
  if (result) return set(op, std::move(*result));
  read_layer(*this, op);
}

const Constant& Builder::constant(const Operator& op, size_t i) const {
  const Constant* found = constant_or_null(op, i);
  if (!found) fail("input ", i, " is not a constant");
  return *found;
}

const std::vector<int64_t>& Builder::int_list(const Operator& op, size_t i) const {
  const Constant& found = constant(op, i);
  if (!found.is_integer) fail("input ", i, " is not a list of integers");
  return found.ints;
}

Value Builder::padded_value(const Operator& op, size_t i) const {
  if (!op.has_input(i)) fail("has no input ", i);
  const auto found = values_.find(op.inputs[i]);
  if (found != values_.end()) return found->second;
  if (constant_or_null(op, i)) fail("input ", op.inputs[i], " is a constant");
  fail("reads ", op.inputs[i], ", which no node before it gives");
}

Value Builder::value(const Operator& op, size_t i) const {
  Value found = padded_value(op, i);
  if (found.pad) fail("reads a Pad, which is known only before a convolution or a pooling");
  return found;
}

Shape Builder::shape(const Value& value) const {
  return graph_.nodes[static_cast<size_t>(value.node)].shape;
}

Dims Builder::dims(const Value& value) const {
  Dims dims = value.view.dims();
  if (!value.pad) return dims;
  const Padding& pad = value.pad->padding;
  const size_t row = channel_axis(value) == 1 ? 2 : 1;
  dims[row] += int64_t{pad.top} + pad.bottom;
  dims[row + 1] += int64_t{pad.left} + pad.right;
  return dims;
}

Value Builder::padded_image(const Operator& op, size_t i) const {
  Value in = padded_value(op, i);
  if (in.view != View::image(shape(in)))
    fail("takes an image [1, c, h, w], input ", op.inputs[i], " is none");
  return in;
}

Value Builder::image(const Operator& op, size_t i) const {
  value(op, i);
  return padded_image(op, i);
}

size_t Builder::channel_axis(const Value& value) const {
  const std::optional<size_t> axis = value.view.channel_axis(shape(value));
  if (!axis) fail("its input is flattened or reordered, which only linear layers can take");
  return *axis;
}

bool Builder::is_nonnegative(const Value& value) const {
  return nonnegative_[static_cast<size_t>(value.node)];
}

// ONNX does not ask for names that differ.
int Builder::add(const Operator& op, Layer layer, std::vector<int> inputs) {
  const std::string& name = name_of(op);
  return add(names_.contains(name) ? op.outputs[0] : name, std::move(layer), std::move(inputs));
}

int Builder::add(const std::string& name, Layer layer, std::vector<int> inputs) {
  const bool from_nonnegative =
      std::all_of(inputs.begin(), inputs.end(), [&](int i) { return nonnegative_[i]; });
  nonnegative_.push_back(gives_nonnegative(layer, from_nonnegative));
  names_.insert(name);
  return graph_.add(name, std::move(layer), std::move(inputs));
}

void Builder::set(const Operator& op, Value value, size_t output) {
  values_[op.outputs[output]] = std::move(value);
}

void Builder::set(const Operator& op, Constant constant) {
  model_.constants[op.outputs[0]] = std::move(constant);
}

void Builder::set_image(const Operator& op, int node) {
  set(op, {node, View::image(graph_.nodes[static_cast<size_t>(node)].shape)});
}

void Builder::set_view(const Operator& op, int node, View view) {
  const Shape shape = graph_.nodes[static_cast<size_t>(node)].shape;
  for (size_t axis = 0; axis < view.rank(); ++axis)
    if (const int groups = view.shuffle_groups(axis, shape)) {
      node = add(op, Permute{groups}, {node});
      view = with_channels(std::move(view), axis, shape);
      break;
    }
  set(op, {node, std::move(view)});
}

void Builder::set_weight(int node, const char* parameter, const Constant& values) {
  if (values.is_integer) fail("its ", parameter, " is not of floats");
  allowance_.spend(values.size());
  set_weight(node, parameter, values.dims, values.floats);
}

void Builder::set_weight(int node, const char* parameter, Dims dims, std::vector<float> values) {
  weights_[graph_.nodes[static_cast<size_t>(node)].name + "." + parameter] = {std::move(dims),
                                                                              std::move(values)};
}

std::vector<float> Builder::by_channel(const Constant& from, const Value& in) {
  const auto c = static_cast<size_t>(shape(in).c);
  allowance_.spend(c);
  if (from.is_integer) fail("a constant operand is not a float");
  if (from.floats.size() == 1 && from.dims.size() <= in.view.rank())
    return std::vector<float>(c, from.floats[0]);
  const size_t rank = in.view.rank();
  for (size_t axis = 0; axis < rank; ++axis) {
    if (!in.view.has_channels_at(axis, shape(in))) continue;
    Dims dims = from.dims;
    dims.insert(dims.begin(), rank - std::min(rank, dims.size()), 1);
    Dims expected(rank, 1);
    expected[axis] = shape(in).c;
    if (dims == expected) return from.floats;
  }
  fail("a constant operand must be a scalar or have a value for each of the ", c, " channels");
}

FoldedNetwork build(Model model, Allowance& allowance) {
  return Builder(std::move(model), allowance).run();
}

}  // namespace vpunas::onnx
