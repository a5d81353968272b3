// The part of ONNX's protocol buffers that we use: field numbers as in
// https://github.com/onnx/onnx/blob/main/onnx/onnx.proto.
#pragma once

#include <protozero/types.hpp>

namespace vpunas::onnx {

enum class ModelField : protozero::pbf_tag_type {
  ir_version = 1,
  producer_name = 2,
  producer_version = 3,
  graph = 7,
  opset_import = 8,
  metadata_props = 14
};
enum class OpsetField : protozero::pbf_tag_type { domain = 1, version = 2 };
// Of metadata and of the place of external data.
enum class EntryField : protozero::pbf_tag_type { key = 1, value = 2 };
enum class GraphField : protozero::pbf_tag_type {
  node = 1,
  name = 2,
  initializer = 5,
  input = 11,
  output = 12,
  sparse_initializer = 15
};
enum class NodeField : protozero::pbf_tag_type {
  input = 1,
  output = 2,
  name = 3,
  op_type = 4,
  attribute = 5,
  domain = 7
};
enum class AttributeField : protozero::pbf_tag_type {
  name = 1,
  f = 2,
  i = 3,
  s = 4,
  t = 5,
  floats = 7,
  ints = 8,
  type = 20
};
enum class TensorField : protozero::pbf_tag_type {
  dims = 1,
  data_type = 2,
  float_data = 4,
  int32_data = 5,
  int64_data = 7,
  name = 8,
  raw_data = 9,
  double_data = 10,
  external_data = 13,
  data_location = 14
};
enum class ValueInfoField : protozero::pbf_tag_type { name = 1, type = 2 };
enum class TypeField : protozero::pbf_tag_type { tensor_type = 1 };
enum class TensorTypeField : protozero::pbf_tag_type { elem_type = 1, shape = 2 };
enum class ShapeField : protozero::pbf_tag_type { dim = 1 };
enum class DimensionField : protozero::pbf_tag_type { dim_value = 1, dim_param = 2 };

// AttributeProto.AttributeType; the reader takes all others for `type_none`.
enum AttributeType {
  type_none = 0,
  type_float = 1,
  type_int = 2,
  type_string = 3,
  type_tensor = 4,
  type_floats = 6,
  type_ints = 7
};
// TensorProto.DataType.
enum DataType {
  data_float = 1,
  data_uint8 = 2,
  data_int8 = 3,
  data_uint16 = 4,
  data_int16 = 5,
  data_int32 = 6,
  data_int64 = 7,
  data_string = 8,
  data_bool = 9,
  data_float16 = 10,
  data_double = 11,
  data_bfloat16 = 16
};

constexpr int ir_version = 7;
constexpr int opset_version = 13;
constexpr const char* preprocess_key = "vpunas.preprocess";
constexpr const char* labels_key = "vpunas.labels";

}  // namespace vpunas::onnx
