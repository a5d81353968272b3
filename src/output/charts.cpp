#include "output/charts.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.h"

namespace vpunas {
namespace {

struct Extent {
  double low = std::numeric_limits<double>::infinity(),
         high = -std::numeric_limits<double>::infinity();
  void add(double value) {
    low = std::min(low, value);
    high = std::max(high, value);
  }
  bool empty() const { return low > high; }
};

// Names in one or more rows of swatches; returns the height used.
double draw_legend(Svg& svg, const std::vector<Series>& series, double y, double width) {
  double x = 0, used = 16;
  for (const Series& one : series) {
    const double entry = 18 + text_width(one.name) + 16;
    if (x > 0 && x + entry > width) {
      x = 0;
      used += 17;
    }
    svg.line(x, y + used - 9, x + 12, y + used - 9, "line " + one.css);
    svg.text(x + 18, y + used - 5, one.name, "name");
    x += entry;
  }
  return used + 6;
}

double widest_tick(const Axis& axis) {
  double width = 0;
  for (const double tick : axis.ticks()) width = std::max(width, text_width(axis.label(tick), 11));
  return width;
}

// Names at the ends of lines, moved apart where they would meet.
void draw_end_names(Svg& svg, const Frame& frame, const std::vector<Series>& series) {
  std::vector<double> ends;
  for (const Series& one : series) ends.push_back(frame.py(one.points.back().second));
  const std::vector<double> at = spread(ends, 15, frame.box.y, frame.box.y + frame.box.h);
  for (size_t i = 0; i < series.size(); ++i) {
    const double x = frame.px(series[i].points.back().first);
    if (std::abs(at[i] - ends[i]) > 2) svg.line(x + 4, ends[i], x + 10, at[i], "leader");
    svg.text(x + 12, at[i] + 4, series[i].name, "name " + series[i].css);
  }
}

// The name of a horizontal line, above or below one of its ends: where the curves pass least.
void draw_reference_name(Svg& svg, const Frame& frame, const std::vector<Series>& series,
                         const std::pair<double, std::string>& reference) {
  const double y = frame.py(reference.first), w = text_width(reference.second), h = 18;
  const SvgBox& box = frame.box;
  SvgBox best;
  int least = std::numeric_limits<int>::max();
  for (const double x : {box.x + box.w - w, box.x + 6}) {
    for (const double top : {y - h - 2, y + 2, y - 2 * h, y + h, y - 3 * h}) {
      if (top < box.y - 2 || top + h > box.y + box.h) continue;
      int passing = 0;
      for (const Series& one : series) {
        for (const auto& [px, py] : one.points) {
          const double dx = frame.px(px) - x, dy = frame.py(py) - top;
          passing += dx > -4 && dx < w + 4 && dy > -2 && dy < h + 2 ? 1 : 0;
        }
      }
      if (passing < least) {
        least = passing;
        best = {x, top, w, h};
      }
    }
  }
  if (best.w > 0) svg.text(best.x, best.y + 13, reference.second, "budget-name");
}

}  // namespace

std::string line_chart(const LineChart& chart, double width) {
  std::vector<Series> series = chart.series;
  std::erase_if(series, [](const Series& one) { return one.points.empty(); });
  Extent x, y;
  for (const Series& one : series) {
    for (const auto& [px, py] : one.points) x.add(px), y.add(py);
  }
  if (x.empty()) return "";
  if (chart.reference) y.add(chart.reference->first);
  if (chart.from_zero) y.add(0);

  const bool named = series.size() > 1, wide = width >= 420;
  const double legend = named && !wide ? 17 * static_cast<double>(series.size()) : 0;
  Svg svg(width, 270 + legend, chart.title);
  double top = 36;
  if (named && !wide) top += draw_legend(svg, series, 0, width);
  double right = 10;
  if (named && wide) {
    for (const Series& one : series) right = std::max(right, 1.1 * text_width(one.name) + 14);
  }
  Frame frame{
      .box = {}, .x = round_axis(x.low, x.high, wide ? 7 : 5), .y = round_axis(y.low, y.high, 5)};
  if (x.high > x.low)
    frame.x = {x.low, x.high, frame.x.step};  // lines begin and end at the frame's sides
  const double left = widest_tick(frame.y) + 10;
  frame.box = {left, top, width - left - right, 270 + legend - top - 46};

  draw_axes(svg, frame, chart.x_title, chart.y_title);
  if (chart.reference) {
    const double at = frame.py(chart.reference->first);
    svg.line(frame.box.x, at, frame.box.x + frame.box.w, at, "budget");
  }
  for (const Series& one : series) {
    std::vector<std::pair<double, double>> points;
    for (const auto& [px, py] : one.points) points.emplace_back(frame.px(px), frame.py(py));
    svg.polyline(points, cat("line ", one.css, points.size() > 150 ? " thin" : ""));
    svg.circle(points.back().first, points.back().second, 3, "dot " + one.css,
               cat(one.name, ": ", significant(one.points.back().second)));
  }
  if (chart.reference) draw_reference_name(svg, frame, series, *chart.reference);
  if (named && wide) draw_end_names(svg, frame, series);
  return svg.str();
}

std::string series_css(size_t index) { return cat("c", index < 5 ? index : 1 + (index - 1) % 4); }

namespace {

void draw_range(Svg& svg, const Frame& frame, const Estimate& range, double y, const char* css,
                const std::string& hint) {
  svg.line(frame.px(range.low), y, frame.px(range.high), y, cat("range ", css));
  for (const double end : {range.low, range.high}) {
    if (range.high > range.low)
      svg.line(frame.px(end), y - 4, frame.px(end), y + 4, cat("range ", css));
  }
  svg.circle(frame.px(range.value), y, 5, cat("dot ", css), hint);
}

}  // namespace

std::string range_chart(const std::string& title, const std::string& x_title,
                        const std::vector<RangeRow>& rows, double width) {
  Extent x;
  x.add(0);
  double names = 0;
  for (const RangeRow& row : rows) {
    if (row.predicted) x.add(row.predicted->high);
    if (row.measured) x.add(row.measured->high);
    names = std::max(names, text_width(row.name));
  }
  if (x.high <= 0) return "";
  const bool wide = width >= 420;
  constexpr double kTop = 8;
  const double row_height = wide ? 40 : 62,
               height = kTop + row_height * static_cast<double>(rows.size());
  Svg svg(width, height + 44, title);
  const double left = wide ? std::min(names + 14, 0.4 * width) : 0;
  Frame frame{.box = {left, kTop, width - left - (wide ? 86 : 78), height - kTop},
              .x = round_axis(0, x.high, wide ? 8 : 4),
              .y = {0, 1, 1}};
  for (const double tick : frame.x.ticks()) {
    svg.line(frame.px(tick), kTop, frame.px(tick), height, "grid");
    svg.text(frame.px(tick), height + 16, frame.x.label(tick), "tick", Anchor::middle);
  }
  svg.text(frame.box.x + frame.box.w, height + 33, x_title, "what", Anchor::end);
  for (size_t i = 0; i < rows.size(); ++i) {
    const RangeRow& row = rows[i];
    const double below = wide ? 0 : 16;
    const double middle =
        kTop + row_height * static_cast<double>(i) + below + (row_height - below) / 2;
    if (wide) {
      svg.text(left - 14, middle + 4, row.name, "name", Anchor::end);
    } else {
      svg.text(0, middle - 19, row.name, "name");
    }
    const bool both = row.predicted && row.measured;
    const double end = frame.box.x + frame.box.w + 12;
    if (row.predicted) {
      const double y = middle - (both ? 7 : 0);
      draw_range(svg, frame, *row.predicted, y, "hollow c0",
                 cat("predicted ", interval_text(*row.predicted), " ms"));
      svg.text(end, y + 4, milliseconds(row.predicted->value), "name soft");
    }
    if (row.measured) {
      const double y = middle + (both ? 8 : 0);
      draw_range(svg, frame, *row.measured, y, "c1",
                 cat("measured ", interval_text(*row.measured), " ms"));
      svg.text(end, y + 4, milliseconds(row.measured->value), "name");
    }
  }
  return svg.str();
}

}  // namespace vpunas
