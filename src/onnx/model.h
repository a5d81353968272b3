// An ONNX file as plain data: everything is read, nothing is interpreted.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "onnx/proto.h"

namespace vpunas::onnx {

using Dims = std::vector<int64_t>;

// A tensor of floats (of any width) or of integers (booleans, too); the other list is empty. The
// list's size is the product of dims.
struct Constant {
  Dims dims = {};
  std::vector<float> floats = {};
  std::vector<int64_t> ints = {};
  bool is_integer = false;
  size_t size() const { return floats.size() + ints.size(); }
};

struct Attribute {
  AttributeType type = type_none;
  int64_t i = 0;
  float f = 0;
  std::string s = {};
  std::vector<int64_t> ints = {};
  std::vector<float> floats = {};
  std::optional<Constant> tensor = {};
};

struct Operator {
  std::string type, domain, name;
  std::vector<std::string> inputs, outputs;
  std::map<std::string, Attribute> attributes;
  bool has_input(size_t i) const { return i < inputs.size() && !inputs[i].empty(); }
};

struct ValueInfo {
  std::string name;
  Dims dims;  // 0: not known
};

struct Model {
  int64_t opset = 0;
  std::string name;
  std::vector<Operator> operators;
  std::map<std::string, Constant> constants;
  std::vector<ValueInfo> inputs, outputs;
  std::map<std::string, std::string> metadata;
};

// The files beside a model that hold its larger tensors.
class ExternalData {
 public:
  // Without a folder, every read is an error that names the file.
  ExternalData() = default;
  explicit ExternalData(std::filesystem::path folder) : folder_(std::move(folder)) {}

  // The whole file. Throws Error for files outside the folder.
  std::string_view read(const std::string& location);

  // Tensors are copies, and a hostile file could name the same bytes a thousand times.
  void spend(size_t bytes);

 private:
  std::filesystem::path folder_;
  std::map<std::string, std::string> files_;
  size_t left_ = 0;  // bytes that may still be copied
};

// Throws Error for truncated and foreign bytes. Allocates no more than a small multiple of their
// size and that of the external files that they name.
Model parse_model(std::string_view bytes, ExternalData& external);

// A TensorProto. `name` may be null.
Constant parse_tensor(std::string_view bytes, ExternalData& external, std::string* name);

}  // namespace vpunas::onnx
