// An explanation of a network's MyriadX latency (vpunas.explain/2) as one self-contained HTML page.
#pragma once

#include <string>

#include "base/files.h"

namespace vpunas {

std::string explain_page(const Json& explanation);

}  // namespace vpunas
