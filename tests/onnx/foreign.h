// Builds ONNX models as other exporters write them: only what the tests of the reader need.
#pragma once

#include <protozero/pbf_builder.hpp>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "onnx/proto.h"

namespace vpunas::onnx {

class ForeignModel {
 public:
  using Ints = std::vector<int64_t>;

  void input(const std::string& name, const Ints& dims) {
    value_info(GraphField::input, name, dims);
  }
  void output(const std::string& name) { value_info(GraphField::output, name, {}); }

  // An initialiser as float_data.
  void floats(const std::string& name, const Ints& dims, const std::vector<float>& values) {
    pbf_builder<TensorField> tensor{graph_, GraphField::initializer};
    tensor.add_string(TensorField::name, name);
    tensor.add_int32(TensorField::data_type, data_float);
    for (const int64_t dim : dims) tensor.add_int64(TensorField::dims, dim);
    tensor.add_packed_float(TensorField::float_data, values.begin(), values.end());
  }
  // An initialiser of any data type as raw_data.
  void raw(const std::string& name, const Ints& dims, int data_type, const std::string& bytes) {
    pbf_builder<TensorField> tensor{graph_, GraphField::initializer};
    tensor.add_string(TensorField::name, name);
    tensor.add_int32(TensorField::data_type, data_type);
    for (const int64_t dim : dims) tensor.add_int64(TensorField::dims, dim);
    tensor.add_bytes(TensorField::raw_data, bytes);
  }
  // An initialiser of floats in another file.
  void external(const std::string& name, const Ints& dims, const std::string& location,
                const std::string& offset) {
    pbf_builder<TensorField> tensor{graph_, GraphField::initializer};
    tensor.add_string(TensorField::name, name);
    tensor.add_int32(TensorField::data_type, data_float);
    for (const int64_t dim : dims) tensor.add_int64(TensorField::dims, dim);
    tensor.add_int32(TensorField::data_location, 1);
    for (const auto& [key, value] : {std::pair{"location", location}, {"offset", offset}}) {
      pbf_builder<EntryField> entry{tensor, TensorField::external_data};
      entry.add_string(EntryField::key, key);
      entry.add_string(EntryField::value, value);
    }
  }
  void scalar(const std::string& name, float value) { floats(name, {}, {value}); }
  // A Constant operator with int64_data.
  void constant(const std::string& name, const Ints& values) {
    pbf_builder<NodeField> op{graph_, GraphField::node};
    op.add_string(NodeField::op_type, "Constant");
    op.add_string(NodeField::output, name);
    pbf_builder<AttributeField> attribute{op, NodeField::attribute};
    attribute.add_string(AttributeField::name, "value");
    pbf_builder<TensorField> tensor{attribute, AttributeField::t};
    tensor.add_int32(TensorField::data_type, data_int64);
    tensor.add_int64(TensorField::dims, static_cast<int64_t>(values.size()));
    tensor.add_packed_int64(TensorField::int64_data, values.begin(), values.end());
  }
  // An operator named "n:OUTPUT" with integers and lists of them as attributes, and floats.
  void op(const std::string& type, const std::vector<std::string>& inputs,
          const std::string& output,
          const std::vector<std::pair<std::string, Ints>>& attributes = {},
          const std::vector<std::pair<std::string, float>>& reals = {}) {
    ops(type, inputs, {output}, attributes, reals);
  }
  // Of the domain of scikit-learn's kind.
  void ml_op(const std::string& type, const std::vector<std::string>& inputs,
             const std::string& output) {
    pbf_builder<NodeField> op{graph_, GraphField::node};
    op.add_string(NodeField::op_type, type);
    op.add_string(NodeField::domain, "ai.onnx.ml");
    op.add_string(NodeField::name, "n:" + output);
    for (const std::string& input : inputs) op.add_string(NodeField::input, input);
    op.add_string(NodeField::output, output);
  }
  // The same with several outputs.
  void ops(const std::string& type, const std::vector<std::string>& inputs,
           const std::vector<std::string>& outputs,
           const std::vector<std::pair<std::string, Ints>>& attributes = {},
           const std::vector<std::pair<std::string, float>>& reals = {}) {
    pbf_builder<NodeField> op{graph_, GraphField::node};
    op.add_string(NodeField::op_type, type);
    op.add_string(NodeField::name, std::string("n:").append(outputs[0]));
    for (const std::string& input : inputs) op.add_string(NodeField::input, input);
    for (const std::string& output : outputs) op.add_string(NodeField::output, output);
    static const std::set<std::string> lists = {"axes", "starts", "ends", "split"};
    for (const auto& [name, values] : attributes) {
      pbf_builder<AttributeField> attribute{op, NodeField::attribute};
      attribute.add_string(AttributeField::name, name);
      if (values.size() == 1 && !lists.contains(name)) {
        attribute.add_int64(AttributeField::i, values[0]);
      } else {
        for (const int64_t value : values) attribute.add_int64(AttributeField::ints, value);
      }
    }
    for (const auto& [name, value] : reals) {
      pbf_builder<AttributeField> attribute{op, NodeField::attribute};
      attribute.add_string(AttributeField::name, name);
      attribute.add_float(AttributeField::f, value);
    }
  }
  // An operator with one text and lists of integers as attributes.
  void text_attribute_op(const std::string& type, const std::vector<std::string>& inputs,
                         const std::string& output, const std::string& name,
                         const std::string& value,
                         const std::vector<std::pair<std::string, Ints>>& lists = {}) {
    pbf_builder<NodeField> op{graph_, GraphField::node};
    op.add_string(NodeField::op_type, type);
    op.add_string(NodeField::name, std::string("n:").append(output));
    for (const std::string& input : inputs) op.add_string(NodeField::input, input);
    op.add_string(NodeField::output, output);
    for (const auto& [list_name, values] : lists) {
      pbf_builder<AttributeField> attribute{op, NodeField::attribute};
      attribute.add_string(AttributeField::name, list_name);
      for (const int64_t i : values) attribute.add_int64(AttributeField::ints, i);
    }
    pbf_builder<AttributeField> attribute{op, NodeField::attribute};
    attribute.add_string(AttributeField::name, name);
    attribute.add_bytes(AttributeField::s, value);
  }

  std::string bytes(int opset = 13) const {
    std::string result;
    pbf_builder<ModelField> model{result};
    {
      pbf_builder<OpsetField> entry{model, ModelField::opset_import};
      entry.add_int64(OpsetField::version, opset);
    }
    model.add_message(ModelField::graph, buffer_);
    return result;
  }

 private:
  template <class T>
  using pbf_builder = protozero::pbf_builder<T>;

  void value_info(GraphField field, const std::string& name, const Ints& dims) {
    pbf_builder<ValueInfoField> info{graph_, field};
    info.add_string(ValueInfoField::name, name);
    pbf_builder<TypeField> type{info, ValueInfoField::type};
    pbf_builder<TensorTypeField> tensor{type, TypeField::tensor_type};
    pbf_builder<ShapeField> shape{tensor, TensorTypeField::shape};
    for (const int64_t dim : dims) {
      pbf_builder<DimensionField> dimension{shape, ShapeField::dim};
      constexpr auto dim_param = static_cast<DimensionField>(2);
      if (dim) dimension.add_int64(DimensionField::dim_value, dim);
      if (!dim) dimension.add_string(dim_param, "unknown");
    }
  }

  std::string buffer_;
  pbf_builder<GraphField> graph_{buffer_};
};

}  // namespace vpunas::onnx
