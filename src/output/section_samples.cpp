// Test images and what the found network takes them for.
#include <algorithm>

#include "base/error.h"
#include "base/text.h"
#include "output/figures.h"
#include "output/html.h"
#include "output/report_sections.h"

namespace vpunas {
namespace {

// A PNG as base64 and nothing else: it stands in an attribute.
bool is_png(const std::string& base64) {
  return base64.starts_with("iVBORw0KGgo") && std::ranges::all_of(base64, [](const char c) {
           return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
                  c == '+' || c == '/' || c == '=';
         });
}

std::string class_name(const Json& classes, const Json& index) {
  const Figure i = number(index);
  if (!i || *i < 0 || *i >= 1e9) return "?";
  const auto at = static_cast<size_t>(*i);
  const std::string name = classes.is_array() && at < classes.size() ? text(classes[at]) : "";
  return name.empty() ? cat("class ", at) : name;
}

std::string card(const Json& sample, const Json& classes) {
  const std::string label = class_name(classes, at(sample, "label")), png = text(at(sample, "png"));
  std::string out = "<li class=\"sample\">";
  if (is_png(png)) {
    out += cat("<img alt=\"", escape(label), "\" src=\"data:image/png;base64,", png, "\">");
  }
  out += cat("<div><b>", escape(label), "</b>");
  for (const Json& guess : at(sample, "top")) {
    const double share = std::clamp(number(at(guess, "probability")).value_or(0), 0.0, 1.0);
    const bool right = at(guess, "class") == at(sample, "label");
    out += cat("<div class=\"guess ", right ? "good" : "bad", "\"><span>", right ? "✓ " : "✗ ",
               escape(class_name(classes, at(guess, "class"))), "</span><span>", percent(share),
               "</span>", bar_html(share, right ? "c2" : "c1"), "</div>");
  }
  return out + "</div></li>\n";
}

std::string cards(const Json& samples, const Json& classes) {
  std::string out;
  for (const Json& sample : samples)
    if (sample.is_object()) out += card(sample, classes);
  return out.empty() ? "" : cat("<ul class=\"samples\">\n", out, "</ul>\n");
}

HtmlTable confusion_table(const Json& confusions, const Json& classes) {
  HtmlTable table{{words("An image of"), words("taken for"), {"Images", true}}, {}};
  for (const Json& one : confusions) {
    if (!one.is_object()) continue;
    table.rows.push_back({words(class_name(classes, at(one, "label"))),
                          words(class_name(classes, at(one, "predicted"))),
                          figure_cell(count_full(number(at(one, "images"))))});
  }
  return table;
}

}  // namespace

std::string samples_html(const Json& data) {
  const Json& samples = at(data, "samples");
  const Json& classes = at(samples, "classes");
  const std::string shown = cards(at(samples, "spread"), classes),
                    mistakes = cards(at(samples, "surest_mistakes"), classes);
  if (shown.empty() && mistakes.empty()) return "";
  const Figure images = number(at(samples, "images")), wrong = number(at(samples, "mistakes"));
  std::string out =
      "<section id=\"samples\"><h2>Images</h2>\n<p class=\"lead\">Test images by their class, and "
      "the three classes that the found network thinks likeliest.</p>\n" +
      shown;
  if (!mistakes.empty()) {
    out += cat("<h3>The surest mistakes</h3>\n<p class=\"lead\">",
               wrong && images ? cat("Of ", count_full(images), " test images ", count_full(wrong),
                                     " are taken for something else. ")
                               : "",
               "Of these the network is surest; some may be mislabelled.</p>\n", mistakes);
  }
  const HtmlTable confused = confusion_table(at(samples, "confusions"), classes);
  if (!confused.rows.empty()) out += "<h3>Taken for each other</h3>\n" + to_html(confused);
  return out + "</section>\n";
}

}  // namespace vpunas
