// Fields of protocol buffers with their wire types checked, which protozero leaves to its caller.
#pragma once

#include <protozero/pbf_message.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace vpunas::onnx {

template <class Message>
void require_type(const Message& message, protozero::pbf_wire_type type) {
  if (message.wire_type() != type) fail("a field has the wrong type");
}

template <class Message>
int64_t get_int(Message& message) {
  require_type(message, protozero::pbf_wire_type::varint);
  return message.get_int64();
}

template <class Message>
float get_float(Message& message) {
  require_type(message, protozero::pbf_wire_type::fixed32);
  return message.get_float();
}

template <class Message>
std::string_view get_bytes(Message& message) {
  require_type(message, protozero::pbf_wire_type::length_delimited);
  const protozero::data_view view = message.get_view();
  return {view.data(), view.size()};
}

template <class Message>
std::string get_text(Message& message) {
  return std::string(get_bytes(message));
}

// Repeated fields, packed or not.
template <class Message>
void append_ints(Message& message, std::vector<int64_t>& values) {
  using protozero::pbf_wire_type;
  if (message.wire_type() == pbf_wire_type::varint) return values.push_back(message.get_int64());
  require_type(message, pbf_wire_type::length_delimited);
  for (const int64_t value : message.get_packed_int64()) values.push_back(value);
}

template <class Message>
void append_floats(Message& message, std::vector<float>& values) {
  using protozero::pbf_wire_type;
  if (message.wire_type() == pbf_wire_type::fixed32) return values.push_back(message.get_float());
  require_type(message, pbf_wire_type::length_delimited);
  for (const float value : message.get_packed_float()) values.push_back(value);
}

template <class Message>
void append_doubles(Message& message, std::vector<float>& values) {
  using protozero::pbf_wire_type;
  if (message.wire_type() == pbf_wire_type::fixed64)
    return values.push_back(static_cast<float>(message.get_double()));
  require_type(message, pbf_wire_type::length_delimited);
  for (const double value : message.get_packed_double())
    values.push_back(static_cast<float>(value));
}

// Calls visit(message) for every field of `bytes`, which must read or skip it.
template <class Field, class Visit>
void for_each_field(std::string_view bytes, const Visit& visit) {
  protozero::pbf_message<Field> message(bytes.data(), bytes.size());
  while (message.next()) visit(message);
}

// The same for the one kind of field that matters.
template <class Field, class Visit>
void for_each_field(std::string_view bytes, Field wanted, const Visit& visit) {
  for_each_field<Field>(bytes, [&](auto& message) {
    if (message.tag() == wanted) {
      visit(get_bytes(message));
    } else {
      message.skip();
    }
  });
}

}  // namespace vpunas::onnx
