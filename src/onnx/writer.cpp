#include <protozero/pbf_builder.hpp>
#include <set>

#include "base/error.h"
#include "base/files.h"
#include "onnx/metadata.h"
#include "onnx/onnx.h"
#include "onnx/proto.h"

namespace vpunas {
namespace {

using namespace onnx;
using protozero::pbf_builder;

using Ints = std::vector<int64_t>;
using Names = std::vector<std::string>;

struct Attribute {
  const char* name;
  std::variant<int64_t, float, std::string, Ints> value;
};
using Attributes = std::vector<Attribute>;

Attribute integer(const char* name, int64_t value) { return {name, value}; }
Attribute real(const char* name, double value) { return {name, static_cast<float>(value)}; }

void write_value_info(pbf_builder<GraphField>& graph, GraphField field, const std::string& name,
                      const Ints& dims) {
  pbf_builder<ValueInfoField> info{graph, field};
  info.add_string(ValueInfoField::name, name);
  pbf_builder<TypeField> type{info, ValueInfoField::type};
  pbf_builder<TensorTypeField> tensor{type, TypeField::tensor_type};
  tensor.add_int32(TensorTypeField::elem_type, data_float);
  pbf_builder<ShapeField> shape{tensor, TensorTypeField::shape};
  for (const int64_t dim : dims) {
    pbf_builder<DimensionField> dimension{shape, ShapeField::dim};
    dimension.add_int64(DimensionField::dim_value, dim);
  }
}

// A tensor of the ONNX graph: an image [1, c, h, w] or, behind a Gemm, a vector [1, c].
struct Value {
  std::string name;
  bool flat = false;
};

class GraphWriter {
 public:
  GraphWriter(const Graph& graph, const Weights& weights, OnnxDialect dialect)
      : graph_(graph), weights_(weights), dialect_(dialect) {
    taken_ = {"image", "logits"};
    for (const Node& node : graph.nodes) taken_.insert(node.name);
    for (const auto& [name, tensor] : weights) taken_.insert(name);
  }

  // The serialised GraphProto.
  std::string write() {
    proto_.add_string(GraphField::name, graph_.name.empty() ? "network" : graph_.name);
    for (size_t i = 0; i < graph_.nodes.size(); ++i) write_node(i);
    write_output();
    for (size_t i = 0; i < count_inputs(graph_); ++i) {
      const Shape& in = graph_.nodes[i].shape;
      write_value_info(proto_, GraphField::input, values_[i].name, {1, in.c, in.h, in.w});
    }
    return std::move(buffer_);
  }

 private:
  // --- Pieces of the protocol ---

  void write_op(const char* type, const std::string& name, const Names& inputs,
                const std::string& output, const Attributes& attributes = {}) {
    pbf_builder<NodeField> op{proto_, GraphField::node};
    for (const std::string& input : inputs) op.add_string(NodeField::input, input);
    op.add_string(NodeField::output, output);
    op.add_string(NodeField::name, name);
    op.add_string(NodeField::op_type, type);
    for (const Attribute& attribute : attributes) {
      pbf_builder<AttributeField> field{op, NodeField::attribute};
      field.add_string(AttributeField::name, attribute.name);
      const auto put_type = [&](AttributeType t) { field.add_int32(AttributeField::type, t); };
      std::visit(Overload{[&](int64_t value) {
                            field.add_int64(AttributeField::i, value);
                            put_type(type_int);
                          },
                          [&](float value) {
                            field.add_float(AttributeField::f, value);
                            put_type(type_float);
                          },
                          [&](const std::string& value) {
                            field.add_bytes(AttributeField::s, value);
                            put_type(type_string);
                          },
                          [&](const Ints& values) {
                            for (const int64_t value : values)
                              field.add_int64(AttributeField::ints, value);
                            put_type(type_ints);
                          }},
                 attribute.value);
    }
  }

  // A little-endian machine is assumed, as by the whole program.
  template <class T>
  std::string write_tensor(const std::string& name, const Ints& dims, const std::vector<T>& data) {
    pbf_builder<TensorField> tensor{proto_, GraphField::initializer};
    for (const int64_t dim : dims) tensor.add_int64(TensorField::dims, dim);
    tensor.add_int32(TensorField::data_type, std::is_same_v<T, float> ? data_float : data_int64);
    tensor.add_string(TensorField::name, name);
    tensor.add_bytes(TensorField::raw_data, reinterpret_cast<const char*>(data.data()),
                     data.size() * sizeof(T));
    return name;
  }

  std::string fresh(std::string name) {
    while (!taken_.insert(name).second) name += '_';
    return name;
  }
  std::string aux(size_t i, const char* what) { return fresh(graph_.nodes[i].name + "/" + what); }

  std::string ints(size_t i, const char* what, const Ints& values) {
    return write_tensor(aux(i, what), {static_cast<int64_t>(values.size())}, values);
  }
  // A scalar, written once.
  std::string scalar(float value) {
    auto& name = scalars_[value];
    if (name.empty()) name = write_tensor(fresh(cat("scalar/", value)), {}, std::vector{value});
    return name;
  }
  std::string parameter(size_t i, const char* parameter_name) {
    const std::string name = graph_.nodes[i].name + "." + parameter_name;
    const Tensor& tensor = weights_.at(name);
    return write_tensor(name, tensor.dims, tensor.data);
  }
  // A parameter by channel, with the dims that broadcast over an image or a vector.
  std::string channel_parameter(size_t i, const char* parameter_name, bool flat) {
    const std::string name = graph_.nodes[i].name + "." + parameter_name;
    const std::vector<float>& data = weights_.at(name).data;
    const auto channels = static_cast<int64_t>(data.size());
    return write_tensor(name, flat ? Ints{1, channels} : Ints{1, channels, 1, 1}, data);
  }

  // --- Values ---

  const Value& source(size_t i, size_t input = 0) const {
    return values_[static_cast<size_t>(graph_.nodes[i].inputs[input])];
  }
  const Shape& source_shape(size_t i) const {
    return graph_.nodes[static_cast<size_t>(graph_.nodes[i].inputs[0])].shape;
  }

  // The input as an image.
  std::string image(size_t i, size_t input = 0) {
    const Value& value = source(i, input);
    if (!value.flat) return value.name;
    const Shape& shape = graph_.nodes[static_cast<size_t>(graph_.nodes[i].inputs[input])].shape;
    const std::string output = aux(i, "image");
    write_op("Reshape", output, {value.name, ints(i, "shape", {1, shape.c, 1, 1})}, output);
    return output;
  }
  // The input as a vector.
  std::string vector(size_t i) {
    const Value& value = source(i);
    if (value.flat) return value.name;
    const std::string output = aux(i, "flat");
    write_op("Flatten", output, {value.name}, output, {integer("axis", 1)});
    return output;
  }
  // All inputs as vectors where they are, else as images.
  Names all(size_t i, bool& flat) {
    const size_t count = graph_.nodes[i].inputs.size();
    flat = true;
    for (size_t k = 0; k < count; ++k) flat = flat && source(i, k).flat;
    Names names;
    for (size_t k = 0; k < count; ++k) names.push_back(flat ? source(i, k).name : image(i, k));
    return names;
  }

  // The operator whose output is node i's.
  void emit(size_t i, const char* type, const Names& inputs, const Attributes& attributes = {},
            bool flat = false) {
    const std::string& name = graph_.nodes[i].name;
    const bool last = i + 1 == graph_.nodes.size();
    const Shape& shape = graph_.nodes[i].shape;
    const bool to_flatten = last && !flat && shape.h == 1 && shape.w == 1;
    const bool reserved = name == "image" || name == "logits";
    const std::string output = to_flatten ? aux(i, "image")
                               : last     ? "logits"
                               : reserved ? fresh(name)
                                          : name;
    write_op(type, name, inputs, output, attributes);
    values_.push_back({output, flat});
    if (!to_flatten) return;
    write_op("Flatten", fresh("flatten"), {output}, "logits", {integer("axis", 1)});
    values_.back() = {"logits", true};
  }

  void write_output() {
    const Shape& out = graph_.output_shape();
    const bool flat = values_.back().flat;
    write_value_info(proto_, GraphField::output, "logits",
                     flat ? Ints{1, out.c} : Ints{1, out.c, out.h, out.w});
  }

  // --- Layers ---

  void write_node(size_t i) {
    std::visit([&](const auto& layer) { write_layer(i, layer); }, graph_.nodes[i].layer);
  }

  // The image has its own name, further inputs have their nodes'.
  void write_layer(size_t i, const Input&) {
    const std::string& name = graph_.nodes[i].name;
    const bool reserved = name == "image" || name == "logits";
    values_.push_back({i == 0 ? "image" : reserved ? fresh(name) : name, false});
  }

  static Attributes window(int kh, int kw, int sh, int sw, const Padding& pad) {
    return {{"kernel_shape", Ints{kh, kw}},
            {"strides", Ints{sh, sw}},
            {"pads", Ints{pad.top, pad.left, pad.bottom, pad.right}}};
  }

  void write_layer(size_t i, const Conv& conv) {
    Attributes attributes = window(conv.kh, conv.kw, conv.sh, conv.sw, conv.padding);
    attributes.push_back({"dilations", Ints{conv.dilation, conv.dilation}});
    attributes.push_back(integer("group", conv.groups));
    Names inputs = {image(i), parameter(i, "weight")};
    if (conv.bias) inputs.push_back(parameter(i, "bias"));
    emit(i, "Conv", inputs, attributes);
  }

  void write_layer(size_t i, const BatchNorm& norm) {
    emit(i, "BatchNormalization",
         {source(i).name, parameter(i, "weight"), parameter(i, "bias"),
          parameter(i, "running_mean"), parameter(i, "running_var")},
         {real("epsilon", norm.eps)}, source(i).flat);
  }

  void write_layer(size_t i, const ScaleShift& scale) {
    const Value in = source(i);
    const Names inputs = {in.name, channel_parameter(i, "weight", in.flat)};
    if (!scale.shift) return emit(i, "Mul", inputs, {}, in.flat);
    const std::string scaled = aux(i, "scaled");
    write_op("Mul", scaled, inputs, scaled);
    emit(i, "Add", {scaled, channel_parameter(i, "bias", in.flat)}, {}, in.flat);
  }

  // Clip(x + 3, 0, 6), of which h-sigmoid is a sixth.
  std::string shifted_relu6(size_t i) {
    const std::string shifted = aux(i, "shifted"), clipped = aux(i, "clipped");
    write_op("Add", shifted, {source(i).name, scalar(3)}, shifted);
    write_op("Clip", clipped, {shifted, scalar(0), scalar(6)}, clipped);
    return clipped;
  }

  // The same as Min(Relu(x + 3), 6), as Intel's compiler spells its own h-sigmoid.
  std::string shifted_min_relu(size_t i) {
    const std::string shifted = aux(i, "shifted"), positive = aux(i, "positive"),
                      clipped = aux(i, "clipped");
    write_op("Add", shifted, {source(i).name, scalar(3)}, shifted);
    write_op("Relu", positive, {shifted}, positive);
    write_op("Min", clipped, {positive, scalar(6)}, clipped);
    return clipped;
  }

  void write_layer(size_t i, const Activation& activation) {
    const Value in = source(i);
    const bool myriadx = dialect_ == OnnxDialect::myriadx;
    const Attributes hard_sigmoid = {real("alpha", 1.0 / 6), real("beta", 0.5)};
    const auto put = [&](const char* type, const Names& inputs, const Attributes& attributes = {}) {
      emit(i, type, inputs, attributes, in.flat);
    };
    const auto gated = [&](const char* type, const Names& inputs, const Attributes& attributes) {
      const std::string gate = aux(i, "gate");
      write_op(type, gate, inputs, gate, attributes);
      put("Mul", {in.name, gate});
    };
    switch (activation.act) {
      case Act::none:
        if (i + 1 == graph_.nodes.size()) return put("Identity", {in.name});
        values_.push_back(in);
        return;
      case Act::relu:
        return put("Relu", {in.name});
      case Act::relu6:
        return put("Clip", {in.name, scalar(0), scalar(6)});
      case Act::leaky_relu:
        return put("LeakyRelu", {in.name}, {real("alpha", activation.slope)});
      case Act::sigmoid:
        return put("Sigmoid", {in.name});
      case Act::swish:
        return gated("Sigmoid", {in.name}, {});
      case Act::hsigmoid:
        if (!myriadx) return put("HardSigmoid", {in.name}, hard_sigmoid);
        return put("Div", {shifted_min_relu(i), scalar(6)});
      case Act::hswish:
        if (!myriadx) return gated("HardSigmoid", {in.name}, hard_sigmoid);
        return gated("Div", {shifted_relu6(i), scalar(6)}, {});
    }
  }

  void write_layer(size_t i, const PRelu&) {
    const Value in = source(i);
    const std::string name = graph_.nodes[i].name + ".weight";
    const std::vector<float>& data = weights_.at(name).data;
    const auto channels = static_cast<int64_t>(data.size());
    const Ints dims = in.flat ? Ints{channels} : Ints{channels, 1, 1};
    emit(i, "PRelu", {in.name, write_tensor(name, dims, data)}, {}, in.flat);
  }

  void write_layer(size_t i, const Add&) {
    bool flat = false;
    const Names inputs = all(i, flat);
    emit(i, inputs.size() == 2 ? "Add" : "Sum", inputs, {}, flat);
  }
  void write_layer(size_t i, const Mul&) {
    bool flat = false;
    const Names inputs = all(i, flat);
    emit(i, "Mul", inputs, {}, flat);
  }
  void write_layer(size_t i, const Concat&) {
    bool flat = false;
    const Names inputs = all(i, flat);
    emit(i, "Concat", inputs, {integer("axis", 1)}, flat);
  }

  void write_layer(size_t i, const Slice& slice) {
    const Value in = source(i);
    emit(i, "Slice",
         {in.name, ints(i, "starts", {slice.begin}), ints(i, "ends", {slice.end}),
          ints(i, "axes", {1})},
         {}, in.flat);
  }

  void write_layer(size_t i, const Permute& permute) {
    const Shape& s = graph_.nodes[i].shape;
    const int g = permute.groups;
    const std::string split = aux(i, "split"), swapped = aux(i, "swapped");
    const std::string in = image(i);
    write_op("Reshape", split, {in, ints(i, "groups", {1, g, s.c / g, s.h, s.w})}, split);
    write_op("Transpose", swapped, {split}, swapped, {{"perm", Ints{0, 2, 1, 3, 4}}});
    emit(i, "Reshape", {swapped, ints(i, "shape", {1, s.c, s.h, s.w})});
  }

  // ONNX before opset 22 has no rule against a last window that starts beyond the padded input;
  // where there is such a one, rounding down gives the size without it.
  bool rounds_up(size_t i, const Pool& pool) const {
    if (pool.rounding == Rounding::floor) return false;
    const Shape& in = source_shape(i);
    const Shape& out = graph_.nodes[i].shape;
    const Padding& pad = pool.padding;
    const auto has_outside = [](int size, int kernel, int stride, int count) {
      return (size - kernel) % stride != 0 && count == (size - kernel) / stride + 1;
    };
    const bool h = has_outside(in.h + pad.top + pad.bottom, pool.kh, pool.sh, out.h);
    const bool w = has_outside(in.w + pad.left + pad.right, pool.kw, pool.sw, out.w);
    const bool exact_h = (in.h + pad.top + pad.bottom - pool.kh) % pool.sh == 0;
    const bool exact_w = (in.w + pad.left + pad.right - pool.kw) % pool.sw == 0;
    if ((h && !w && !exact_w) || (w && !h && !exact_h))
      fail("node ", graph_.nodes[i].name,
           ": ONNX cannot round its height and its width differently");
    return !h && !w;
  }

  void write_layer(size_t i, const Pool& pool) {
    Attributes attributes = window(pool.kh, pool.kw, pool.sh, pool.sw, pool.padding);
    attributes.push_back(integer("ceil_mode", rounds_up(i, pool)));
    const bool average = pool.kind == PoolKind::average;
    if (average) attributes.push_back(integer("count_include_pad", pool.count_padding));
    emit(i, average ? "AveragePool" : "MaxPool", {image(i)}, attributes);
  }

  void write_layer(size_t i, const GlobalPool&) { emit(i, "GlobalAveragePool", {image(i)}); }

  void write_layer(size_t i, const Linear& linear) {
    Names inputs = {vector(i), parameter(i, "weight")};
    if (linear.bias) inputs.push_back(parameter(i, "bias"));
    emit(i, "Gemm", inputs, {integer("transB", 1)}, true);
  }

  void write_layer(size_t i, const Softmax&) {
    const bool flat = graph_.nodes[i].shape == Shape{graph_.nodes[i].shape.c, 1, 1};
    emit(i, "Softmax", {flat ? vector(i) : image(i)}, {integer("axis", 1)}, flat);
  }

  void write_layer(size_t i, const Resize& resize) {
    const Shape& in = source_shape(i);
    Attributes attributes = {{"coordinate_transformation_mode", "half_pixel"}};
    if (resize.kind == ResizeKind::bilinear) {
      attributes.push_back({"mode", "linear"});
    } else {
      attributes.push_back({"mode", "nearest"});
      attributes.push_back({"nearest_mode", "round_prefer_ceil"});
    }
    if (resize.scale_h == 0 && resize.scale_w == 0)
      return emit(i, "Resize", {image(i), "", "", ints(i, "sizes", {1, in.c, resize.h, resize.w})},
                  attributes);
    const auto scale = [](double given, int from, int to) {
      return static_cast<float>(given > 0 ? given : double(to) / from);
    };
    const std::vector<float> scales = {1, 1, scale(resize.scale_h, in.h, resize.h),
                                       scale(resize.scale_w, in.w, resize.w)};
    emit(i, "Resize", {image(i), "", write_tensor(aux(i, "scales"), {4}, scales)}, attributes);
  }

  void write_layer(size_t i, const Lrn& lrn) {
    emit(i, "LRN", {image(i)},
         {integer("size", lrn.size), real("alpha", lrn.alpha), real("beta", lrn.beta),
          real("bias", lrn.bias)});
  }

  const Graph& graph_;
  const Weights& weights_;
  OnnxDialect dialect_;
  std::string buffer_;
  pbf_builder<GraphField> proto_{buffer_};
  std::vector<Value> values_;    // of every node so far
  std::set<std::string> taken_;  // names of values and operators
  std::map<float, std::string> scalars_;
};

void write_metadata(pbf_builder<ModelField>& model, const char* key, const std::string& value) {
  pbf_builder<EntryField> entry{model, ModelField::metadata_props};
  entry.add_string(EntryField::key, key);
  entry.add_string(EntryField::value, value);
}

}  // namespace

std::string to_onnx(const Graph& graph, const Weights& weights, OnnxDialect dialect) {
  check_weights(graph, weights);
  const std::string graph_proto = GraphWriter(graph, weights, dialect).write();
  if (graph_proto.size() > (size_t{1} << 31) - (size_t{1} << 20))
    fail("network ", graph.name, ": is larger than the 2 GiB that an ONNX file can hold");
  std::string bytes;
  pbf_builder<ModelField> model{bytes};
  model.add_int64(ModelField::ir_version, ir_version);
  model.add_string(ModelField::producer_name, "vpunas");
  model.add_string(ModelField::producer_version, version());
  {
    pbf_builder<OpsetField> opset{model, ModelField::opset_import};
    opset.add_string(OpsetField::domain, "");
    opset.add_int64(OpsetField::version, opset_version);
  }
  write_metadata(model, preprocess_key, preprocess_text(graph.preprocess));
  write_metadata(model, labels_key, labels_text(graph.preprocess.labels));
  // Last, so that a file cut off anywhere is seen to be.
  model.add_message(ModelField::graph, graph_proto);
  return bytes;
}

void write_onnx(const std::filesystem::path& path, const Graph& graph, const Weights& weights,
                OnnxDialect dialect) {
  write_file(path, to_onnx(graph, weights, dialect));
}

}  // namespace vpunas
