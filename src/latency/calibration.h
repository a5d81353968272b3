// From timings of probes and of whole networks to a table, and how far to trust it.
#pragma once

#include "latency/timing.h"

namespace vpunas {

// Blocks cost what their probes took beyond the bare ones; then whole networks correct the entries,
// because a block inside a network is not a block alone (caches, layouts, fusions across its ends).
// Least squares in relative errors with the probes' figures as prior: entries may move together
// (all blocks, those of one kernel, those of one size) and each on its own, by amounts that predict
// best each network from the others (a Gaussian process with a linear kernel; leave-one-out as
// Rasmussen and Williams 2006, equation 5.12). The table's `check` compares it with the networks
// that it was not fitted to; intervals are 90 % of the errors on networks left out. Throws Error
// where too little is timed, or where the device cannot run a block that no choice can avoid.
LatencyTable calibrated_table(const SearchSpace& space, const ProbePlan& plan,
                              const Timings& timings, Provenance provenance);

}  // namespace vpunas
