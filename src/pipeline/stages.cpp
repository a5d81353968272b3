#include "pipeline/stages.h"

#include "base/clock.h"

namespace vpunas {
namespace {

void do_stage(Stage stage, StageInputs& in) {
  switch (stage) {
    case Stage::profile:
      return profile_stage(in);
    case Stage::search:
      return search_stage(in);
    case Stage::train:
      return train_stage(in, in.networks());
    case Stage::exporting:
      return export_stage(in);
    case Stage::benchmark:
      return benchmark_stage(in);
    case Stage::report:
      return report_stage(in);
  }
}

}  // namespace

void run_until(Run& run, Stage last, const ProcessGroup& group, const Work& work) {
  StageInputs in(&run, run.config(), group, work);
  for (const Stage stage : all_stages) {
    if (stage > last) break;
    if (run.is_done(stage)) continue;
    if (work.stop.stop_requested()) throw Interrupted(cat("stopped before ", stage_name(stage)));
    const Stopwatch watch;
    do_stage(stage, in);
    run.set_done(stage, watch.seconds());
  }
  in.tell({{"do", "end"}});
}

}  // namespace vpunas
