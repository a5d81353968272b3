#include "output/html.h"

#include "base/error.h"
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

std::string figure(const std::function<std::string(double width)>& draw, double wide, double narrow,
                   const std::string& caption) {
  return cat("<figure><div class=\"wide\">", draw(wide), "</div><div class=\"narrow\">",
             draw(narrow), "</div><figcaption>", caption, "</figcaption></figure>\n");
}

}  // namespace vpunas
