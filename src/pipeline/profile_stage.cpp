#include "base/text.h"
#include "pipeline/cost_model.h"
#include "pipeline/stages.h"
#include "search/feasibility.h"

namespace vpunas {
namespace {

LatencyTable table_from_elsewhere(StageInputs& in, const std::string& device) {
  const fs::path path = in.config().latency.timings;
  if (path.extension() != ".json") {
    return import_timings(in.spaces().deploy, in.spaces().preprocess,
                          profile_options(in.config().profile).counts, path, device,
                          in.mode_of(device));
  }
  LatencyTable table = read_table(path, in.spaces().deploy);
  const Provenance& of = table.provenance;
  if (of.device != device || of.mode != in.mode_of(device)) {
    fail(path.string(), ": is of ", of.device, " (", mode_name(of.mode), "), not of ", device, " (",
         mode_name(in.mode_of(device)), ")");
  }
  return table;
}

}  // namespace

void profile_stage(StageInputs& in) {
  const SearchSpace& space = in.spaces().deploy;
  for (const Budget& budget : in.sweep().front()) {
    const std::string& device = budget.device;
    const LatencyTable table =
        in.timed_elsewhere(device)
            ? table_from_elsewhere(in, device)
            : make_latency_table(space, in.spaces().preprocess, in.cost_model_of(device),
                                 in.config().profile, in.file("timings_" + device + ".json"),
                                 in.work());
    const LatencyRange range = latency_range(space, table);
    in.work().note("profile", cat("space ", space.name, ": ", count_networks(space), " networks, ",
                                  fixed(range.least.ms, 3), " to ", fixed(range.greatest.ms, 3),
                                  " ", unit_of(device), " on ", device, " (",
                                  mode_name(in.mode_of(device)), ", input ", space.input, ")"));
    if (const std::string check = check_text(table); !check.empty())
      in.work().note("profile", cat(device, ": the table ", check));
    write_table(in.table_file(device), table);
  }
}

}  // namespace vpunas
