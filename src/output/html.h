// Building blocks of the report's HTML. Every text that came from a file passes through escape().
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/files.h"

namespace vpunas {

// `text` for use in elements and quoted attributes. Invalid UTF-8 and control characters become "?"
// and " "; line ends stay.
std::string escape(std::string_view text);

// A table cell's HTML; `number` aligns it to the right.
struct Cell {
  std::string html;
  bool number = false;
};
// Escaped text, and a figure ("–" where there is none).
Cell words(std::string_view text);
Cell figure_cell(std::string_view text);

struct HtmlTable {
  std::vector<Cell> header;
  std::vector<std::vector<Cell>> rows;
  std::vector<std::string> row_classes = {};  // one a row, or none at all
};
std::string to_html(const HtmlTable& table);

// A key figure with its unit (behind a no-break space) and a `note` (HTML); "" without a value.
// Tiles stand in a <dl class="tiles">.
std::string tile(const std::string& name, const std::string& value, const std::string& note);

// Names with their values, of which those that are "" are left out.
std::string facts_html(const std::vector<std::pair<std::string, std::string>>& facts);

// A bar as long as its share of the longest one, for a cell of a table.
std::string bar_html(double share, std::string_view css);

// A whole page: its style, links to its sections, their HTML, the JSON behind it in the script
// element with the id "data", and report.js.
struct PageSection {
  const char* id;
  const char* name;  // in the navigation
  std::string html;  // "" leaves it out
};
std::string page_html(const std::string& title, const std::string& head,
                      const std::vector<PageSection>& sections, const Json& data);

// A series in a figure's legend: its name and the classes of its swatch. A click hides the marks
// that Svg::series() gave the name.
struct LegendEntry {
  std::string name, css;
};

// A figure with its caption (HTML), drawn twice: for wide and for narrow pages, of which the style
// shows one. report.js makes it answer to the reader.
std::string figure(const std::function<std::string(double width)>& draw, double wide, double narrow,
                   const std::string& caption, const std::vector<LegendEntry>& legend = {});

// The figures behind a picture, where they stand nowhere else; closed until asked for.
std::string numbers_html(const HtmlTable& table, const std::string& summary = "The numbers");

// Widths in CSS pixels of a figure across the page, of one of two side by side, and of either on a
// telephone.
inline constexpr double kWide = 1000, kHalf = 484, kNarrow = 356;

}  // namespace vpunas
