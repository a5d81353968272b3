// Preprocess as JSON: {"color": "rgb", "scale": 0.00784, "mean": [127.5, 127.5, 127.5], "resize":
// 256}. Labels go their own ways (docs/formats.md).
#pragma once

#include <string>

#include "arch/graph.h"
#include "base/files.h"

namespace vpunas {

Json to_json(const Preprocess& preprocess);
// Members left out take their defaults. Throws Error, beginning with `where`.
Preprocess preprocess_from_json(const Json& json, const std::string& where);

}  // namespace vpunas
