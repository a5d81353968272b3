#include "output/report.h"
#include "pipeline/results.h"
#include "pipeline/stages.h"

namespace vpunas {
void report_stage(StageInputs& in) {
  write_json(in.file("result.json"), "vpunas.result/1", run_result(in.run()));
  write_file(in.file("report.html"), report_html(in.run().folder()));
}

}  // namespace vpunas
