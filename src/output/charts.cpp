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

double widest_tick(const Axis& axis) {
  double width = 0;
  for (const double tick : axis.ticks()) width = std::max(width, text_width(axis.label(tick), 11));
  return width;
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

  const bool wide = width >= 420;
  Svg svg(width, 270, chart.title);
  Frame frame{
      .box = {}, .x = round_axis(x.low, x.high, wide ? 7 : 5), .y = round_axis(y.low, y.high, 5)};
  if (x.high > x.low)
    frame.x = {x.low, x.high, frame.x.step};  // lines begin and end at the frame's sides
  const double left = widest_tick(frame.y) + 10;
  frame.box = {left, 36, width - left - 10, 270 - 36 - 46};

  open_plot(svg, frame, Axes::both, chart.x_title, chart.y_title, chart.unit);
  if (chart.reference) {
    const double at = frame.py(chart.reference->first);
    svg.line(frame.box.x, at, frame.box.x + frame.box.w, at, "budget");
  }
  for (const Series& one : series) {
    Points points;
    for (const auto& [px, py] : one.points) points.emplace_back(frame.px(px), frame.py(py));
    svg.series(one.name);
    svg.polyline(points, cat("line ", one.css, points.size() > 150 ? " thin" : ""),
                 {one.name, one.points});
    svg.circle(points.back().first, points.back().second, 3, "dot " + one.css);
  }
  svg.series("");
  if (chart.reference) {
    const double at = frame.py(chart.reference->first);
    svg.text(frame.box.x + frame.box.w, at > frame.box.y + 24 ? at - 7 : at + 16,
             chart.reference->second, "budget-name", Anchor::end, {.x = {}, .y = at});
  }
  close_plot(svg);
  return svg.str();
}

std::vector<LegendEntry> legend(const LineChart& chart) {
  std::vector<LegendEntry> out;
  for (const Series& one : chart.series) {
    if (!one.points.empty()) out.push_back({one.name, "solid " + one.css});
  }
  return out.size() > 1 ? out : std::vector<LegendEntry>();
}

std::string series_css(size_t index) { return cat("c", index < 5 ? index : 1 + (index - 1) % 4); }

namespace {

void draw_range(Svg& svg, const Frame& frame, const Estimate& range, double y, const char* css,
                const Hint& hint) {
  svg.line(frame.px(range.low), y, frame.px(range.high), y, cat("range ", css));
  for (const double end : {range.low, range.high}) {
    if (range.high > range.low)
      svg.line(frame.px(end), y - 4, frame.px(end), y + 4, cat("range ", css));
  }
  svg.circle(frame.px(range.value), y, 5, cat("dot ", css), hint);
}

}  // namespace

std::string range_chart(const std::string& title, const std::string& unit,
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
  const Frame frame{.box = {left, kTop, width - left - (wide ? 86 : 78), height - kTop},
                    .x = round_axis(0, x.high, wide ? 8 : 4),
                    .y = {0, 1, 1}};
  open_plot(svg, frame, Axes::rows, unit + " per image");
  const auto each = [&](const auto& draw) {  // of a row's values, one above the other where both
    for (size_t i = 0; i < rows.size(); ++i) {
      const double below = wide ? 0 : 16;
      const double middle =
          kTop + row_height * static_cast<double>(i) + below + (row_height - below) / 2;
      const bool both = rows[i].predicted && rows[i].measured;
      if (rows[i].predicted) draw(rows[i], *rows[i].predicted, true, middle - (both ? 7 : 0));
      if (rows[i].measured) draw(rows[i], *rows[i].measured, false, middle + (both ? 8 : 0));
    }
  };
  each([&](const RangeRow& row, const Estimate& range, bool predicted, double y) {
    svg.series(predicted ? "predicted" : "measured");
    draw_range(
        svg, frame, range, y, predicted ? "hollow c0" : "c1",
        {row.name,
         {{"predicted (90 %)", row.predicted ? with_interval(*row.predicted, unit) : ""},
          {"median (5th–95th pct.)", row.measured ? with_interval(*row.measured, unit) : ""}}});
  });
  svg.series("");
  close_plot(svg);
  for (size_t i = 0; i < rows.size(); ++i) {
    const double top = kTop + row_height * static_cast<double>(i);
    wide ? svg.text(left - 14, top + row_height / 2 + 4, rows[i].name, "name", Anchor::end)
         : svg.text(0, top + 20, rows[i].name, "name");
  }
  each([&](const RangeRow&, const Estimate& range, bool predicted, double y) {
    svg.series(predicted ? "predicted" : "measured");
    svg.text(frame.box.x + frame.box.w + 12, y + 4, cost(range.value, unit),
             predicted ? "name soft" : "name");
  });
  return svg.str();
}

void draw_spans(Svg& svg, const Frame& frame, const std::vector<Span>& spans, double y) {
  for (const Span& span : spans) {
    const double x1 = frame.px(span.begin), x2 = frame.px(span.end);
    if (span.word.empty() || x2 - x1 < 2) continue;
    svg.line(x1 + 1, y, x2 - 1, y, "axis");
    svg.text_inside((x1 + x2) / 2, y + 14, x2 - x1, span.word, "tick");
  }
}

void draw_reference(Svg& svg, const Frame& frame, double x, const std::string& name) {
  if (x < frame.x.low || x > frame.x.high) return;
  const SvgBox& box = frame.box;
  const double at = frame.px(x);
  svg.line(at, box.y, at, box.y + box.h, "budget");
  if (name.empty()) return;
  const bool left = at + text_width(name) + 12 > box.x + box.w;
  svg.text(at + (left ? -6 : 6), box.y + box.h - 7, name, "budget-name",
           left ? Anchor::end : Anchor::start, {.x = at, .y = {}});
}

}  // namespace vpunas
