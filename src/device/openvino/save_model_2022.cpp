// Before 2023.0 OpenVINO's library had no public way to write weights as FP16.
#include "base/error.h"
#include "device/openvino/save_model.h"

namespace vpunas {

void save_model(const std::shared_ptr<ov::Model>&, const std::string& xml, bool) {
  fail(xml,
       ": this release of OpenVINO cannot write it; only measuring is done with releases "
       "before 2023.0");
}

}  // namespace vpunas
