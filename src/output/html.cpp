#include "output/html.h"

#include <algorithm>

#include "base/error.h"
#include "base/text.h"
#include "output/report_script.h"
#include "output/report_style.h"
#include "output/width.h"

namespace vpunas {
namespace {

std::string escape_line(std::string_view line) {
  std::string out;
  for (const char c : printable(line)) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::string cell_html(const char* tag, const Cell& cell) {
  return cat("<", tag, cell.number ? " class=\"n\">" : ">", cell.html, "</", tag, ">");
}

// JSON that may stand in a script element: "</script>" and "<!--" cannot occur.
std::string embedded(const Json& data) {
  std::string out;
  for (const char c : data.dump(-1, ' ', false, Json::error_handler_t::replace)) {
    out += c == '<' ? std::string("\\u003c") : std::string(1, c);
  }
  return out;
}

}  // namespace

std::string escape(std::string_view text) {
  std::string out;
  for (size_t begin = 0;;) {
    const size_t end = text.find('\n', begin);
    out += escape_line(text.substr(begin, end - begin));
    if (end == std::string_view::npos) return out;
    out += '\n';
    begin = end + 1;
  }
}

Cell words(std::string_view text) { return {escape(text), false}; }

Cell figure_cell(std::string_view text) { return {text.empty() ? "–" : escape(text), true}; }

std::string to_html(const HtmlTable& table) {
  std::string out = "<div class=\"scroll\"><table><thead><tr>";
  for (const Cell& cell : table.header) out += cell_html("th", cell);
  out += "</tr></thead><tbody>\n";
  for (size_t i = 0; i < table.rows.size(); ++i) {
    const bool classed = i < table.row_classes.size() && !table.row_classes[i].empty();
    out += classed ? cat("<tr class=\"", table.row_classes[i], "\">") : "<tr>";
    for (const Cell& cell : table.rows[i]) out += cell_html("td", cell);
    out += "</tr>\n";
  }
  return out + "</tbody></table></div>\n";
}

std::string tile(const std::string& name, const std::string& value, const std::string& note) {
  if (value.empty()) return "";
  const size_t unit = value.find("\u00a0");  // set smaller
  std::string shown = escape(value.substr(0, unit));
  if (unit != std::string::npos) shown += cat("<small>", escape(value.substr(unit)), "</small>");
  return cat("<div class=\"tile\"><dt>", escape(name), "</dt><dd><b>", shown, "</b><span>", note,
             "</span></dd></div>\n");
}

std::string facts_html(const std::vector<std::pair<std::string, std::string>>& facts) {
  std::string out;
  for (const auto& [name, value] : facts) {
    if (!value.empty())
      out += cat("<div><dt>", escape(name), "</dt><dd>", escape(value), "</dd></div>\n");
  }
  return out.empty() ? "" : cat("<dl class=\"facts\">\n", out, "</dl>\n");
}

std::string bar_html(double share, std::string_view css) {
  return cat("<i class=\"cost ", css,
             "\" style=\"width:", fixed(std::clamp(100 * share, 0.0, 100.0), 1), "%\"></i>");
}

std::string page_html(const std::string& title, const std::string& head,
                      const std::vector<PageSection>& sections, const Json& data) {
  std::string links, body;
  for (const auto& [id, name, html] : sections) {
    if (html.empty()) continue;
    links += cat("<li><a href=\"#", id, "\">", name, "</a></li>");
    body += html;
  }
  return cat(
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      // Nothing is loaded, whatever stands in the figures.
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
      "script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:\">\n<title>",
      escape(title), " – vpunas</title>\n<style>", kReportStyle,
      "</style>\n</head>\n<body>\n<nav><ul>", links, "</ul></nav>\n<main>\n", head, body,
      "<footer>Made by vpunas ", escape(version()), " on ", timestamp(),
      ". The figures behind this page are in it as JSON, in the script element with the id "
      "“data”.",
      "</footer>\n</main>\n"
      "<script type=\"application/json\" id=\"data\">",
      embedded(data), "</script>\n<script>\n", kReportScript, "</script>\n</body>\n</html>\n");
}

std::string numbers_html(const HtmlTable& table, const std::string& summary) {
  if (table.rows.empty()) return "";
  return cat("<details class=\"numbers\"><summary>", escape(summary), "</summary>\n",
             to_html(table), "</details>\n");
}

std::string figure(const std::function<std::string(double width)>& draw, double wide, double narrow,
                   const std::string& caption, const std::vector<LegendEntry>& legend) {
  std::string entries;
  for (const auto& [name, css] : legend) {
    entries += cat("<li><button disabled data-series=\"", escape(name), "\"><i class=\"swatch ",
                   css, "\"></i>", escape(name), "</button></li>");
  }
  return cat("<figure>", entries.empty() ? "" : cat("<ul class=\"legend\">", entries, "</ul>\n"),
             "<div class=\"wide\">", draw(wide), "</div><div class=\"narrow\">", draw(narrow),
             "</div><figcaption>", caption, "</figcaption></figure>\n");
}

}  // namespace vpunas
