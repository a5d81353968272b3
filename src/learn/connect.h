// Processes that find each other over the network.
#pragma once

#include <stop_token>

#include "training/process_group.h"

namespace vpunas {

// The processes of `place`, connected over TCP (c10d with Gloo). Waits for all, five minutes at
// most. Throws Error where they do not come, or this build cannot connect, and Interrupted when
// asked to stop. A process alone connects to nothing.
ProcessGroup connect(const Place& place, const std::stop_token& stop = {});

}  // namespace vpunas
