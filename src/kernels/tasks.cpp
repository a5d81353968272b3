#include "kernels/tasks.h"

#include <algorithm>

namespace vpunas::kernels {

AlignedFloats aligned_zeros(size_t count) {
  auto values = aligned<float>(count);
  std::fill_n(values.get(), count, 0.0F);
  return values;
}

}  // namespace vpunas::kernels
