// The graph while it grows, and what ONNX's values are in it.
#pragma once

#include <unordered_set>

#include "onnx/passes.h"
#include "onnx/view.h"

namespace vpunas::onnx {

// A Pad that has not met its convolution or pooling yet.
struct PendingPad {
  Padding padding;
  float value = 0;
};

// A tensor of the ONNX graph.
struct Value {
  int node = 0;
  View view;
  std::optional<PendingPad> pad = {};
};

class Builder {
 public:
  Builder(Model model, Allowance& allowance);

  int64_t opset() const { return model_.opset; }

  // --- Inputs of operators ---

  const Constant* constant_or_null(const Operator& op, size_t i) const {
    return constant_input(model_, op, i);
  }
  const Constant& constant(const Operator& op, size_t i) const;
  const std::vector<int64_t>& int_list(const Operator& op, size_t i) const;

  // With and without the possibility of a pad before it.
  Value padded_value(const Operator& op, size_t i = 0) const;
  Value value(const Operator& op, size_t i = 0) const;
  Shape shape(const Value& value) const;
  Dims dims(const Value& value) const;
  // As [1, c, h, w]; the pad must be taken by the caller.
  Value padded_image(const Operator& op, size_t i = 0) const;
  Value image(const Operator& op, size_t i = 0) const;
  // The axis of the channels; where there is none, an Error.
  size_t channel_axis(const Value& value) const;
  bool is_nonnegative(const Value& value) const;

  // --- Results ---

  bool is_read(const std::string& value) const { return read_.contains(value); }
  // Appends a node named after the operator, or after its output where that name is taken.
  int add(const Operator& op, Layer layer, std::vector<int> inputs);
  int add(const std::string& name, Layer layer, std::vector<int> inputs);
  void set(const Operator& op, Value value, size_t output = 0);
  void set(const Operator& op, Constant constant);
  void set_image(const Operator& op, int node);
  // A channel shuffle becomes a node.
  void set_view(const Operator& op, int node, View view);
  void set_weight(int node, const char* parameter, const Constant& values);
  void set_weight(int node, const char* parameter, Dims dims, std::vector<float> values);
  // A constant with a value by channel of `in`, or one for all.
  std::vector<float> by_channel(const Constant& from, const Value& in);
  Allowance& allowance() { return allowance_; }

  FoldedNetwork run();

 private:
  void read_metadata();
  void read_inputs();
  void read_input(const ValueInfo& input);
  bool is_channels_last(const std::string& input) const;
  void read_operator(const Operator& op);
  void check_output();

  Model model_;
  Allowance& allowance_;
  std::unordered_set<std::string> read_;   // values that operators read
  std::unordered_set<std::string> names_;  // of nodes
  std::unordered_map<std::string, Value> values_;
  std::vector<bool> nonnegative_;  // by node
  Graph graph_;
  Weights weights_;
};

// Reads one operator that is not calculated from constants. Throws Error for unknown ones.
void read_layer(Builder& builder, const Operator& op);

// How one operator is read, and the attributes that it may have.
struct OperatorReader {
  void (*read)(Builder& builder, const Operator& op);
  const char* attributes;
};
using OperatorReaders = std::unordered_map<std::string, OperatorReader>;

// Layers with weights or arithmetic; and operators that move and select data.
const OperatorReaders& layer_readers();
const OperatorReaders& window_readers();
const OperatorReaders& shape_readers();

}  // namespace vpunas::onnx
