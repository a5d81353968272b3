// An ONNX file as plain data: everything is read, nothing is interpreted.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace vpunas::onnx {

// A float32 or int64 tensor; the other list is empty. The list's size is the product of dims.
struct Constant {
  std::vector<int64_t> dims;
  std::vector<float> floats;
  std::vector<int64_t> ints;
};

struct Attribute {
  int64_t i = 0;
  float f = 0;
  std::string s;
  std::vector<int64_t> ints;
  std::optional<Constant> tensor;
};

struct Operator {
  std::string type, domain, name;
  std::vector<std::string> inputs, outputs;
  std::map<std::string, Attribute> attributes;
};

struct ValueInfo {
  std::string name;
  std::vector<int64_t> dims;  // 0: not known
};

struct Model {
  int64_t opset = 0;
  std::string name;
  std::vector<Operator> operators;
  std::map<std::string, Constant> constants;
  std::vector<ValueInfo> inputs, outputs;
  std::map<std::string, std::string> metadata;
};

// Throws Error for truncated and foreign bytes. Allocates no more than a small multiple of their
// size.
Model parse_model(std::string_view bytes);

}  // namespace vpunas::onnx
