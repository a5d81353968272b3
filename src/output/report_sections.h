// The sections of the report: each a function from report_data()'s JSON to HTML, "" where its
// figures are missing.
#pragma once

#include <string>

#include "base/files.h"

namespace vpunas {

struct Verdict {
  std::string sentence;
  struct Target {
    std::string text;
    bool met;
  };
  std::vector<Target> targets;  // what was wanted, and whether it came true
};
// What came out, from data["headline"] alone; no targets where there is nothing to judge by.
Verdict verdict(const Json& data);

std::string head_html(const Json& data);     // verdict and key figures
std::string plane_html(const Json& data);    // accuracy against latency
std::string network_html(const Json& data);  // block by block
// Where a network's MyriadX time goes, from an explanation (vpunas.explain/2) instead of the
// report's data; `more` HTML stands at its end.
std::string explanation_html(const Json& explanation, const std::string& more = "");
std::string stages_html(const Json& data);   // parts of the MyriadX section, over networks
std::string search_html(const Json& data);   // curves and choices
std::string choices_html(const Json& data);  // part of the search's section
std::string samples_html(const Json& data);  // images, what they were taken for, the mistakes
std::string training_html(const Json& data);
std::string devices_html(const Json& data);
std::string exports_html(const Json& data);
std::string provenance_html(const Json& data);  // configuration, versions, time taken
std::string missing_html(const Json& data);

}  // namespace vpunas
