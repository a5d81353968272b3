#include "output/scripts.h"

namespace vpunas {

Scripts scripts() { return {}; }

}  // namespace vpunas
