// ONNX (opset 13, https://github.com/onnx/onnx/blob/main/onnx/onnx.proto) without the onnx library.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "arch/weights.h"

namespace vpunas {

// Spellings that differ by reader. myriadx: h-swish as Mul(x, Div(Clip(Add(x, 3), 0, 6), 6)), swish
// as Mul(x, Sigmoid(x)), because Intel's compiler knows no HardSwish and refuses HardSigmoid.
enum class OnnxDialect { standard, myriadx };

// Input "image" [1, c, h, w] float32 holding 0..255 values (further inputs carry their nodes'
// names), output "logits" [1, classes]. The preprocessing and labels of the graph go into the
// model's metadata. Operators carry the names of the nodes. Some things come back in another
// spelling of the same meaning: Activation none and nodes that do not lead to the output are left
// out, a mean over the whole plane is a global pooling, and a pooling that rounds up but whose last
// window is dropped rounds down.
std::string to_onnx(const Graph& graph, const Weights& weights,
                    OnnxDialect dialect = OnnxDialect::standard);
void write_onnx(const std::filesystem::path& path, const Graph& graph, const Weights& weights,
                OnnxDialect dialect = OnnxDialect::standard);

// Reads what to_onnx writes (both dialects) and what exporters write: convolutional classifiers and
// backbones of opset 7 to 25 (docs/formats.md). Batch norm that the file has stays; channels-last
// networks come out channels-first. Throws Error naming the node for what it does not know, and for
// truncated, foreign or hostile files. Only read_onnx() follows external data, and only into files
// in the model's folder.
FoldedNetwork from_onnx(std::string_view bytes, const std::string& where);
FoldedNetwork read_onnx(const std::filesystem::path& path);

}  // namespace vpunas
