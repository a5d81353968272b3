// An ONNX file, and how the MyriadX would run it.
#include "onnx/onnx.h"
#include "fuzz/target.h"
#include "myriadx/mapping.h"

namespace vpunas::fuzz {

void run(std::string_view bytes) {
  const FoldedNetwork network = from_onnx(bytes, "model");
  myriadx::map(network.graph, myriadx::resources(2));
}

}  // namespace vpunas::fuzz
