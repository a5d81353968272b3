#include <algorithm>

#include "arch/file_kind.h"
#include "base/files.h"
#include "base/text.h"
#include "onnx/builder.h"
#include "onnx/onnx.h"

namespace vpunas {
namespace onnx {
namespace {

constexpr int64_t least_opset = 7, greatest_opset = 25;

// Labels are made of scores by operators of scikit-learn's kind and by lists of texts.
void refuse_labels(const Model& model) {
  const auto is_labelling = [](const Operator& op) {
    return op.domain == "ai.onnx.ml" && !op.inputs.empty();
  };
  const auto found = std::ranges::find_if(model.operators, is_labelling);
  if (found == model.operators.end()) return;
  // The scores are what ZipMap or ArgMax read.
  std::string scores = found->inputs[0];
  for (const Operator& op : model.operators)
    if ((op.type == "ZipMap" || op.type == "ArgMax") && !op.inputs.empty()) scores = op.inputs[0];
  fail("makes labels of its scores (node ", name_of(*found), ", ", found->type,
       "); keep the scores ", "alone: onnx.utils.extract_model(FILE, \"scores.onnx\", [INPUT], [\"",
       excerpt(scores), "\"])");
}

void check(const Model& model) {
  refuse_labels(model);
  if (model.opset < least_opset || model.opset > greatest_opset)
    fail("has opset ", model.opset, "; known are ", least_opset, " to ", greatest_opset,
         ", written is ", opset_version);
  if (model.outputs.size() == 1) return;
  std::vector<std::string> names;
  for (const ValueInfo& output : model.outputs) names.push_back(output.name);
  fail("has ", names.size(), " outputs (", excerpt(join(names), 200),
       "), not one; of a classifier keep its class scores, of a detector export the backbone: ",
       "onnx.utils.extract_model(FILE, \"one.onnx\", [INPUT], [OUTPUT])");
}

// What may be made of constants, beside the model's own copy of them.
Allowance allowance_of(const Model& model) {
  size_t elements = 0;
  for (const auto& [name, constant] : model.constants) elements += constant.size();
  for (const Operator& op : model.operators)
    for (const auto& [name, attribute] : op.attributes)
      if (attribute.tensor) elements += attribute.tensor->size();
  return Allowance(4 * elements + (size_t{1} << 22));
}

FoldedNetwork read(std::string_view bytes, ExternalData external, const std::string& where) {
  try {
    Model model = parse_model(bytes, external);
    check(model);
    Allowance allowance = allowance_of(model);
    normalise(model, allowance);
    fuse(model, allowance);
    return build(std::move(model), allowance);
  } catch (const Error& error) {
    fail(where, ": ", error.what());
  }
}

// What is known to be unknown, and what to do about it.
std::string advice(const std::string& type) {
  const auto has = [&](const char* part) { return type.find(part) != std::string::npos; };
  if (has("Quantize") || has("QLinear") || has("Integer"))
    return "the network is quantised; export it in floating point";
  if (type == "LSTM" || type == "GRU" || type == "RNN")
    return "recurrent networks are not known here";
  if (type == "If" || type == "Loop" || type == "Scan")
    return "control flow is not known; export the network for inference at one fixed size";
  if (type == "LogSoftmax")
    return "logarithms are not known; export the network without it, its order is the same";
  if (has("Normalization")) return "only batch normalisation is known here";
  return "the operator is not known here";
}

}  // namespace

void read_layer(Builder& builder, const Operator& op) {
  for (const OperatorReaders* readers : {&layer_readers(), &window_readers(), &shape_readers()}) {
    const auto found = readers->find(op.type);
    if (found == readers->end()) continue;
    require_known_attributes(op, found->second.attributes);
    return found->second.read(builder, op);
  }
  fail(advice(op.type));
}

}  // namespace onnx

FoldedNetwork from_onnx(std::string_view bytes, const std::string& where) {
  return onnx::read(bytes, {}, where);
}

FoldedNetwork read_onnx(const std::filesystem::path& path) {
  refuse_foreign_file(path);
  const std::filesystem::path folder = path.has_parent_path() ? path.parent_path() : ".";
  return onnx::read(read_file(path), onnx::ExternalData(folder), path.string());
}

}  // namespace vpunas
