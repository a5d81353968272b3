// The preprocessing of a network as text, for a model's metadata.
#pragma once

#include <string>

#include "arch/graph.h"

namespace vpunas::onnx {

// {"color": "rgb", "scale": 0.00392, "mean": [], "resize": 0}
std::string preprocess_text(const Preprocess& preprocess);
// ["tench", ...]
std::string labels_text(const std::vector<std::string>& labels);

// Each throws Error for anything else. The labels are left out of the first.
Preprocess parse_preprocess(const std::string& text);
std::vector<std::string> parse_labels(const std::string& text);

}  // namespace vpunas::onnx
