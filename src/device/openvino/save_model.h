// What releases of OpenVINO do differently, one file each (CMakeLists.txt chooses).
#pragma once

#include <memory>
#include <openvino/openvino.hpp>
#include <string>

namespace vpunas {

// Writes `xml` and the .bin beside it, weights as FP16 where asked.
void save_model(const std::shared_ptr<ov::Model>& model, const std::string& xml, bool fp16);

}  // namespace vpunas
