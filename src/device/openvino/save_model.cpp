#include "device/openvino/save_model.h"

namespace vpunas {

void save_model(const std::shared_ptr<ov::Model>& model, const std::string& xml, bool fp16) {
  ov::save_model(model, xml, fp16);
}

}  // namespace vpunas
