#include "onnx/model.h"

#include "onnx/wire.h"

namespace vpunas::onnx {
namespace {

constexpr size_t max_operators = 20'000;
constexpr size_t max_constants = 100'000;

// Files that leave the type out say it by the field that they fill.
void set_type(Attribute& attribute, AttributeType type) {
  if (attribute.type == type_none) attribute.type = type;
}

AttributeType known_type(int64_t number) {
  for (const AttributeType type :
       {type_float, type_int, type_string, type_tensor, type_floats, type_ints})
    if (number == type) return type;
  return type_none;
}

void parse_attribute(std::string_view bytes, ExternalData& external, Operator& op) {
  std::string name;
  Attribute attribute;
  std::optional<AttributeType> said;
  for_each_field<AttributeField>(bytes, [&](auto& message) {
    switch (message.tag()) {
      case AttributeField::name:
        name = get_text(message);
        return;
      case AttributeField::type:
        said = known_type(get_int(message));
        return;
      case AttributeField::f:
        attribute.f = get_float(message);
        return set_type(attribute, type_float);
      case AttributeField::i:
        attribute.i = get_int(message);
        return set_type(attribute, type_int);
      case AttributeField::s:
        attribute.s = get_text(message);
        return set_type(attribute, type_string);
      case AttributeField::t:
        attribute.tensor = parse_tensor(get_bytes(message), external, nullptr);
        return set_type(attribute, type_tensor);
      case AttributeField::floats:
        append_floats(message, attribute.floats);
        return set_type(attribute, type_floats);
      case AttributeField::ints:
        append_ints(message, attribute.ints);
        return set_type(attribute, type_ints);
      default:
        message.skip();
    }
  });
  if (said) attribute.type = *said;
  if (!op.attributes.emplace(name, std::move(attribute)).second)
    fail("attribute ", name, " is there twice");
}

Operator parse_operator(std::string_view bytes, ExternalData& external) {
  Operator op;
  for_each_field<NodeField>(bytes, [&](auto& message) {
    switch (message.tag()) {
      case NodeField::input:
        op.inputs.push_back(get_text(message));
        return;
      case NodeField::output:
        op.outputs.push_back(get_text(message));
        return;
      case NodeField::name:
        op.name = get_text(message);
        return;
      case NodeField::op_type:
        op.type = get_text(message);
        return;
      case NodeField::domain:
        op.domain = get_text(message);
        return;
      case NodeField::attribute:
        return parse_attribute(get_bytes(message), external, op);
      default:
        message.skip();
    }
  });
  if (op.domain == "ai.onnx") op.domain.clear();
  return op;
}

int64_t parse_dimension(std::string_view bytes) {
  int64_t value = 0;
  for_each_field<DimensionField>(bytes, [&](auto& message) {
    if (message.tag() == DimensionField::dim_value) {
      value = get_int(message);
    } else {
      message.skip();
    }
  });
  return value;
}

ValueInfo parse_value_info(std::string_view bytes) {
  ValueInfo info;
  for_each_field(bytes, ValueInfoField::name, [&](std::string_view name) { info.name = name; });
  for_each_field(bytes, ValueInfoField::type, [&](std::string_view type) {
    for_each_field(type, TypeField::tensor_type, [&](std::string_view tensor) {
      for_each_field(tensor, TensorTypeField::shape, [&](std::string_view shape) {
        for_each_field(shape, ShapeField::dim, [&](std::string_view dimension) {
          info.dims.push_back(parse_dimension(dimension));
        });
      });
    });
  });
  return info;
}

void parse_initializer(std::string_view bytes, ExternalData& external, Model& model) {
  std::string name;
  Constant constant = parse_tensor(bytes, external, &name);
  if (model.constants.size() == max_constants) fail("has more than ", max_constants, " tensors");
  if (!model.constants.emplace(name, std::move(constant)).second)
    fail("tensor ", name, ": is there twice");
}

void parse_graph(std::string_view bytes, ExternalData& external, Model& model) {
  for_each_field<GraphField>(bytes, [&](auto& message) {
    switch (message.tag()) {
      case GraphField::node:
        if (model.operators.size() == max_operators)
          fail("has more than ", max_operators, " operators");
        model.operators.push_back(parse_operator(get_bytes(message), external));
        return;
      case GraphField::name:
        model.name = get_text(message);
        return;
      case GraphField::initializer:
        return parse_initializer(get_bytes(message), external, model);
      case GraphField::sparse_initializer:
        fail("has sparse tensors; save it with dense ones");
      case GraphField::input:
        model.inputs.push_back(parse_value_info(get_bytes(message)));
        return;
      case GraphField::output:
        model.outputs.push_back(parse_value_info(get_bytes(message)));
        return;
      default:
        message.skip();
    }
  });
}

void parse_opset(std::string_view bytes, Model& model) {
  std::string domain;
  int64_t number = 0;
  for_each_field<OpsetField>(bytes, [&](auto& message) {
    switch (message.tag()) {
      case OpsetField::domain:
        domain = get_text(message);
        return;
      case OpsetField::version:
        number = get_int(message);
        return;
      default:
        message.skip();
    }
  });
  if (domain.empty() || domain == "ai.onnx") model.opset = number;
}

void parse_metadata(std::string_view bytes, Model& model) {
  std::string key, value;
  for_each_field(bytes, EntryField::key, [&](std::string_view text) { key = text; });
  for_each_field(bytes, EntryField::value, [&](std::string_view text) { value = text; });
  model.metadata[key] = std::move(value);
}

}  // namespace

Model parse_model(std::string_view bytes, ExternalData& external) {
  Model model;
  bool has_graph = false;
  try {
    for_each_field<ModelField>(bytes, [&](auto& message) {
      switch (message.tag()) {
        case ModelField::opset_import:
          return parse_opset(get_bytes(message), model);
        case ModelField::metadata_props:
          return parse_metadata(get_bytes(message), model);
        case ModelField::graph:
          if (has_graph) fail("has two graphs");
          has_graph = true;
          return parse_graph(get_bytes(message), external, model);
        default:
          message.skip();
      }
    });
  } catch (const protozero::exception&) {
    fail("is cut off or no ONNX file");
  }
  if (!has_graph) fail("is cut off or no ONNX file");
  return model;
}

}  // namespace vpunas::onnx
