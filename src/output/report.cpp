#include "output/report.h"

#include "output/figures.h"
#include "output/html.h"
#include "output/report_sections.h"

namespace vpunas {

namespace {

// The pictures are in the page once, where they are seen.
Json without_pictures(Json data) {
  if (!at(data, "samples").is_object()) return data;
  for (const char* list : {"spread", "surest_mistakes"}) {
    if (!at(data, "samples", list).is_array()) continue;
    for (Json& sample : data["samples"][list])
      if (sample.is_object()) sample.erase("png");
  }
  return data;
}

}  // namespace

std::string report_html(const fs::path& run) {
  const Json data = report_data(run);
  return page_html(
      text(at(data, "run")), head_html(data),
      {{"plane", "Accuracy and latency", plane_html(data)},
       {"network", "Network", network_html(data)},
       {"myriadx", "MyriadX", explanation_html(at(data, "myriadx"), stages_html(data))},
       {"search", "Search", search_html(data)},
       {"training", "Training", training_html(data)},
       {"samples", "Images", samples_html(data)},
       {"devices", "Devices", devices_html(data)},
       {"exports", "Exports", exports_html(data)},
       {"provenance", "How it was made", provenance_html(data)},
       {"missing", "Missing", missing_html(data)}},
      without_pictures(data));
}

}  // namespace vpunas
