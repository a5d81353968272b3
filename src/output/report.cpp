#include "output/report.h"

#include "base/error.h"
#include "base/text.h"
#include "output/figures.h"
#include "output/html.h"
#include "output/report_sections.h"
#include "output/report_style.h"

namespace vpunas {
namespace {

// JSON that may stand in a script element: "</script>" and "<!--" cannot occur.
std::string embedded(const Json& data) {
  std::string out;
  for (const char c : data.dump(-1, ' ', false, Json::error_handler_t::replace)) {
    out += c == '<' ? std::string("\\u003c") : std::string(1, c);
  }
  return out;
}

struct Section {
  const char* id;
  const char* name;  // in the navigation
  std::string html;
};

}  // namespace

std::string report_html(const fs::path& run) {
  const Json data = report_data(run);
  const Section sections[] = {{"plane", "Accuracy and latency", plane_html(data)},
                              {"network", "Network", network_html(data)},
                              {"search", "Search", search_html(data)},
                              {"training", "Training", training_html(data)},
                              {"devices", "Devices", devices_html(data)},
                              {"exports", "Exports", exports_html(data)},
                              {"provenance", "How it was made", provenance_html(data)},
                              {"missing", "Missing", missing_html(data)}};
  std::string links, body;
  for (const auto& [id, name, html] : sections) {
    if (html.empty()) continue;
    links += cat("<li><a href=\"#", id, "\">", name, "</a></li>");
    body += html;
  }
  return cat(
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>",
      escape(text(at(data, "run"))), " – vpunas</title>\n<style>", kReportStyle,
      "</style>\n</head>\n<body>\n<nav><ul>", links, "</ul></nav>\n<main>\n", head_html(data), body,
      "<footer>Made by vpunas ", escape(version()), " on ", timestamp(),
      ". The figures behind this page are in it as JSON, in the script element with the id "
      "“data”.</footer>\n</main>\n"
      "<script type=\"application/json\" id=\"data\">",
      embedded(data), "</script>\n</body>\n</html>\n");
}

}  // namespace vpunas
