#include "output/report.h"

#include "output/figures.h"
#include "output/html.h"
#include "output/report_sections.h"

namespace vpunas {

std::string report_html(const fs::path& run) {
  const Json data = report_data(run);
  return page_html(text(at(data, "run")), head_html(data),
                   {{"plane", "Accuracy and latency", plane_html(data)},
                    {"network", "Network", network_html(data)},
                    {"myriadx", "MyriadX", explanation_html(at(data, "myriadx"))},
                    {"search", "Search", search_html(data)},
                    {"training", "Training", training_html(data)},
                    {"devices", "Devices", devices_html(data)},
                    {"exports", "Exports", exports_html(data)},
                    {"provenance", "How it was made", provenance_html(data)},
                    {"missing", "Missing", missing_html(data)}},
                   data);
}

}  // namespace vpunas
