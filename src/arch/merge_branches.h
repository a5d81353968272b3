// Branches that add up, as RepVGG and MobileOne train them, as the one convolution that they are.
#pragma once

#include "arch/weights.h"

namespace vpunas {

// A folded graph whose sums of convolutions of one tensor, of that tensor itself and of its scaled
// channels are one convolution, where that multiplies no more often than they do (3x3, 1x1 and the
// identity are a 3x3; 7x1 and 1x7 stay). The function computed stays the same up to rounding.
Graph merge_branches(const Graph& folded);
FoldedNetwork merge_branches(const FoldedNetwork& folded);

}  // namespace vpunas
