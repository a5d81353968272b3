// Measured latency tables: of a device that a runner drives, or of timings taken by hand.
#pragma once

#include <filesystem>
#include <memory>

#include "device/client.h"
#include "latency/calibration.h"

namespace vpunas {

struct ProfileOptions {
  ProbeCounts counts = {};
  TimingOptions timing = {};
};

// Times the space's probes on `device` and calibrates a table. `file` keeps the timings; what is
// there already is not measured again. Throws Error where it is of another device, runtime, mode or
// plan, and as time_plan() and calibrated_table() do.
LatencyTable profile_device(const SearchSpace& space, const Preprocess& preprocess,
                            std::shared_ptr<DeviceClient> client, const std::string& device,
                            Mode mode, const ProfileOptions& options,
                            const std::filesystem::path& file, const Work& work = {});

// Prices whole networks on the scale of a table that profile_device() made: each is timed in turns
// with the table's reference network, as probes are, so that the machine's speed at the moment does
// not matter. The interval is 90 % of the noise of timing. A network asked for again has its price
// already.
LatencyFn network_timer(const SearchSpace& space, const Preprocess& preprocess,
                        std::shared_ptr<DeviceClient> client, const ProfileOptions& options,
                        const LatencyTable& table);

// For a device that no runner reaches. Writes every probe as NAME.onnx (random weights) and
// timings.csv: a line that identifies the plan, then columns probe, ms, ms_again, the last two
// empty: to be filled in with medians in ms, "unsupported" where the device cannot run it; ms_again
// is a second timing, taken later, of the networks to be checked, and may stay empty.
void emit_probes(const SearchSpace& space, const Preprocess& preprocess, const ProbeCounts& counts,
                 const std::filesystem::path& folder, const Work& work = {});

// Reads what was filled in. Networks to fit to and to check may be missing or empty, other probes
// not; throws Error with the line.
LatencyTable import_timings(const SearchSpace& space, const Preprocess& preprocess,
                            const ProbeCounts& counts, const std::filesystem::path& csv,
                            const std::string& device, Mode mode);

}  // namespace vpunas
