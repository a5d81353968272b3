// The report's general charts: lines over steps, and rows of intervals.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "output/figures.h"
#include "output/html.h"
#include "output/svg.h"

namespace vpunas {

struct Series {
  std::string name;
  std::string css;  // colour class, as "c0"
  Points points;
};

struct LineChart {
  std::string title;
  std::string x_title, y_title;
  std::vector<Series> series;
  std::optional<std::pair<double, std::string>> reference = {};  // a horizontal line and what it is
  bool from_zero = false;
  std::string unit = "";  // of y, in tooltips
};
std::string line_chart(const LineChart& chart, double width);
// The figure's legend; one series alone is named by y_title.
std::vector<LegendEntry> legend(const LineChart& chart);

// A row of a range chart: an estimate and a measurement of one thing, each with its interval.
struct RangeRow {
  std::string name;
  std::optional<Estimate> predicted, measured;
};
// Horizontal intervals over a common axis from zero; predictions hollow, measurements filled, both
// labelled at the right.
std::string range_chart(const std::string& title, const std::string& unit,
                        const std::vector<RangeRow>& rows, double width);

// Brackets below bars: where along x something is so, in the frame's values, and what.
struct Span {
  double begin = 0, end = 0;
  std::string word;
};
void draw_spans(Svg& svg, const Frame& frame, const std::vector<Span>& spans, double y);

// A dashed vertical line across the plot with its name, at the bottom unless that is "".
void draw_reference(Svg& svg, const Frame& frame, double x, const std::string& name);

// The colour class of the i-th network: the found one is blue, the others follow.
std::string series_css(size_t index);

}  // namespace vpunas
