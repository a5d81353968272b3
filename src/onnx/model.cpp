#include "onnx/model.h"

#include <cstring>
#include <protozero/pbf_message.hpp>

#include "base/error.h"
#include "onnx/proto.h"

namespace vpunas::onnx {
namespace {

constexpr size_t max_operators = 20'000;
constexpr size_t max_constants = 100'000;

using protozero::data_view;
using protozero::pbf_message;
using protozero::pbf_wire_type;

// protozero leaves the wire type to its caller.
template <class Message>
void require_type(const Message& message, pbf_wire_type type) {
  if (message.wire_type() != type) fail("a field has the wrong type");
}

template <class Message>
int64_t get_int(Message& message) {
  require_type(message, pbf_wire_type::varint);
  return message.get_int64();
}

template <class Message>
float get_float(Message& message) {
  require_type(message, pbf_wire_type::fixed32);
  return message.get_float();
}

template <class Message>
data_view get_bytes(Message& message) {
  require_type(message, pbf_wire_type::length_delimited);
  return message.get_view();
}

template <class Message>
std::string get_text(Message& message) {
  const data_view view = get_bytes(message);
  return {view.data(), view.size()};
}

// A repeated field, packed or not.
template <class Message>
void append_ints(Message& message, std::vector<int64_t>& values) {
  if (message.wire_type() == pbf_wire_type::varint) return values.push_back(message.get_int64());
  require_type(message, pbf_wire_type::length_delimited);
  for (const int64_t value : message.get_packed_int64()) values.push_back(value);
}

template <class Message>
void append_floats(Message& message, std::vector<float>& values) {
  if (message.wire_type() == pbf_wire_type::fixed32) return values.push_back(message.get_float());
  require_type(message, pbf_wire_type::length_delimited);
  for (const float value : message.get_packed_float()) values.push_back(value);
}

template <class T>
void append_raw(const data_view& raw, std::vector<T>& values) {
  if (raw.size() % sizeof(T) != 0) fail("raw_data is cut off");
  const size_t before = values.size();
  values.resize(before + raw.size() / sizeof(T));
  if (!raw.empty()) std::memcpy(values.data() + before, raw.data(), raw.size());
}

void check_size(const Constant& constant) {
  const size_t have = constant.floats.size() + constant.ints.size();
  size_t need = 1;
  for (const int64_t dim : constant.dims) {
    if (dim < 0 || (dim > 0 && need > (size_t{1} << 31) / static_cast<size_t>(dim)))
      fail("its dims are not possible");
    need *= static_cast<size_t>(dim);
  }
  if (have != need) fail("holds ", have, " values, its dims say ", need);
}

Constant parse_tensor(const data_view& bytes, std::string* name) {
  Constant constant;
  std::string own_name = "of an attribute";
  int64_t data_type = 0;
  data_view raw;
  pbf_message<TensorField> message(bytes);
  while (message.next()) {
    switch (message.tag()) {
      case TensorField::dims:
        append_ints(message, constant.dims);
        break;
      case TensorField::data_type:
        data_type = get_int(message);
        break;
      case TensorField::float_data:
        append_floats(message, constant.floats);
        break;
      case TensorField::int64_data:
        append_ints(message, constant.ints);
        break;
      case TensorField::name:
        own_name = get_text(message);
        break;
      case TensorField::raw_data:
        raw = get_bytes(message);
        break;
      case TensorField::data_location:
        if (get_int(message) != 0)
          fail("tensor ", own_name, ": lies in another file; save the model as a single file");
        break;
      default:
        message.skip();
    }
  }
  try {
    if (data_type == data_float) {
      append_raw(raw, constant.floats);
    } else if (data_type == data_int64) {
      append_raw(raw, constant.ints);
    } else {
      fail("has data type ", data_type, "; known are float32 and int64");
    }
    check_size(constant);
  } catch (const Error& error) {
    fail("tensor ", own_name, ": ", error.what());
  }
  if (name) *name = own_name;
  return constant;
}

void parse_attribute(const data_view& bytes, Operator& op) {
  std::string name;
  Attribute attribute;
  pbf_message<AttributeField> message(bytes);
  while (message.next()) {
    switch (message.tag()) {
      case AttributeField::name:
        name = get_text(message);
        break;
      case AttributeField::f:
        attribute.f = get_float(message);
        break;
      case AttributeField::i:
        attribute.i = get_int(message);
        break;
      case AttributeField::s:
        attribute.s = get_text(message);
        break;
      case AttributeField::t:
        attribute.tensor = parse_tensor(get_bytes(message), nullptr);
        break;
      case AttributeField::ints:
        append_ints(message, attribute.ints);
        break;
      default:
        message.skip();
    }
  }
  op.attributes[name] = std::move(attribute);
}

Operator parse_operator(const data_view& bytes) {
  Operator op;
  pbf_message<NodeField> message(bytes);
  while (message.next()) {
    switch (message.tag()) {
      case NodeField::input:
        op.inputs.push_back(get_text(message));
        break;
      case NodeField::output:
        op.outputs.push_back(get_text(message));
        break;
      case NodeField::name:
        op.name = get_text(message);
        break;
      case NodeField::op_type:
        op.type = get_text(message);
        break;
      case NodeField::domain:
        op.domain = get_text(message);
        break;
      case NodeField::attribute:
        parse_attribute(get_bytes(message), op);
        break;
      default:
        message.skip();
    }
  }
  return op;
}

// Calls visit(bytes) for every field `wanted` of a message of which nothing else matters.
template <class Field, class Visit>
void for_each_field(const data_view& bytes, Field wanted, const Visit& visit) {
  pbf_message<Field> message(bytes);
  while (message.next()) {
    if (message.tag() == wanted) {
      visit(get_bytes(message));
    } else {
      message.skip();
    }
  }
}

int64_t parse_dimension(const data_view& bytes) {
  int64_t value = 0;
  pbf_message<DimensionField> message(bytes);
  while (message.next()) {
    if (message.tag() == DimensionField::dim_value) {
      value = get_int(message);
    } else {
      message.skip();
    }
  }
  return value;
}

ValueInfo parse_value_info(const data_view& bytes) {
  ValueInfo info;
  for_each_field(bytes, ValueInfoField::name,
                 [&](const data_view& name) { info.name = {name.data(), name.size()}; });
  for_each_field(bytes, ValueInfoField::type, [&](const data_view& type) {
    for_each_field(type, TypeField::tensor_type, [&](const data_view& tensor) {
      for_each_field(tensor, TensorTypeField::shape, [&](const data_view& shape) {
        for_each_field(shape, ShapeField::dim, [&](const data_view& dimension) {
          info.dims.push_back(parse_dimension(dimension));
        });
      });
    });
  });
  return info;
}

void parse_graph(const data_view& bytes, Model& model) {
  pbf_message<GraphField> message(bytes);
  while (message.next()) {
    switch (message.tag()) {
      case GraphField::node:
        model.operators.push_back(parse_operator(get_bytes(message)));
        break;
      case GraphField::name:
        model.name = get_text(message);
        break;
      case GraphField::initializer: {
        std::string name;
        Constant constant = parse_tensor(get_bytes(message), &name);
        if (model.constants.size() == max_constants)
          fail("has more than ", max_constants, " tensors");
        if (!model.constants.emplace(name, std::move(constant)).second)
          fail("tensor ", name, ": is there twice");
        break;
      }
      case GraphField::input:
        model.inputs.push_back(parse_value_info(get_bytes(message)));
        break;
      case GraphField::output:
        model.outputs.push_back(parse_value_info(get_bytes(message)));
        break;
      default:
        message.skip();
    }
  }
}

void parse_opset(const data_view& bytes, Model& model) {
  std::string domain;
  int64_t number = 0;
  pbf_message<OpsetField> message(bytes);
  while (message.next()) {
    switch (message.tag()) {
      case OpsetField::domain:
        domain = get_text(message);
        break;
      case OpsetField::version:
        number = get_int(message);
        break;
      default:
        message.skip();
    }
  }
  if (domain.empty() || domain == "ai.onnx") model.opset = number;
}

void parse_entry(const data_view& bytes, Model& model) {
  std::string key, value;
  pbf_message<EntryField> message(bytes);
  while (message.next()) {
    switch (message.tag()) {
      case EntryField::key:
        key = get_text(message);
        break;
      case EntryField::value:
        value = get_text(message);
        break;
      default:
        message.skip();
    }
  }
  model.metadata[key] = std::move(value);
}

}  // namespace

Model parse_model(std::string_view bytes) {
  Model model;
  bool has_graph = false;
  try {
    pbf_message<ModelField> message(bytes.data(), bytes.size());
    while (message.next()) {
      switch (message.tag()) {
        case ModelField::opset_import:
          parse_opset(get_bytes(message), model);
          break;
        case ModelField::metadata_props:
          parse_entry(get_bytes(message), model);
          break;
        case ModelField::graph:
          if (has_graph) fail("has two graphs");
          has_graph = true;
          parse_graph(get_bytes(message), model);
          break;
        default:
          message.skip();
      }
    }
  } catch (const protozero::exception&) {
    fail("is cut off or no ONNX file");
  }
  if (!has_graph) fail("is cut off or no ONNX file");
  return model;
}

}  // namespace vpunas::onnx
