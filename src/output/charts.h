// The report's general charts: lines over steps, and rows of intervals.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "output/figures.h"
#include "output/svg.h"

namespace vpunas {

struct Series {
  std::string name;
  std::string css;  // colour class, as "c0"
  std::vector<std::pair<double, double>> points;
};

struct LineChart {
  std::string title;
  std::string x_title, y_title;
  std::vector<Series> series;
  std::optional<std::pair<double, std::string>> reference = {};  // a horizontal line and what it is
  bool from_zero = false;
};
// Series are named at their ends on a wide chart and above a narrow one; one series alone is named
// by y_title.
std::string line_chart(const LineChart& chart, double width);

// A row of a range chart: an estimate and a measurement of one thing, each with its interval.
struct RangeRow {
  std::string name;
  std::optional<Estimate> predicted, measured;
};
// Horizontal intervals over a common axis from zero; predictions hollow, measurements filled, both
// labelled at the right.
std::string range_chart(const std::string& title, const std::string& x_title,
                        const std::vector<RangeRow>& rows, double width);

// The colour class of the i-th network: the found one is blue, the others follow.
std::string series_css(size_t index);

}  // namespace vpunas
