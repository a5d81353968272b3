#include "output/svg.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "base/error.h"
#include "base/text.h"
#include "output/figures.h"
#include "output/html.h"
#include "output/width.h"

namespace vpunas {
namespace {

std::string px(double value) {
  const std::string out = fixed(std::isfinite(value) ? std::clamp(value, -1e5, 1e5) : 0, 1);
  return out.ends_with(".0") ? out.substr(0, out.size() - 2) : out;
}

std::string attribute(std::string_view name, std::string_view value) {
  return value.empty() ? "" : cat(" ", name, "=\"", escape(value), "\"");
}

std::string range_text(const Axis& axis) {
  return cat(six_digits(axis.low), " ", six_digits(axis.high));
}

// A line a fact, whatever stands in it: report.js takes it apart, and a browser without scripts
// shows it as it is.
std::string close(std::string_view tag, const Hint& hint) {
  if (hint.title.empty()) return "/>\n";
  std::string lines = escape(printable(hint.title));
  for (const auto& [name, value] : hint.facts) {
    if (!value.empty()) lines += cat("\n", escape(printable(cat(name, ": ", value))));
  }
  return cat("><title>", lines, "</title></", tag, ">\n");
}

double overlap(const SvgBox& a, const SvgBox& b) {
  const double w = std::min(a.x + a.w, b.x + b.w) - std::max(a.x, b.x);
  const double h = std::min(a.y + a.h, b.y + b.h) - std::max(a.y, b.y);
  return w > 0 && h > 0 ? w * h : 0;
}

double outside(const SvgBox& box, const SvgBox& bounds) {
  return box.w * box.h - overlap(box, bounds);
}

}  // namespace

Svg::Svg(double width, double height, std::string_view title)
    : body_(cat("<svg class=\"still\" viewBox=\"0 0 ", px(width), " ", px(height), "\" width=\"",
                px(width), "\" height=\"", px(height), "\" role=\"img\" aria-label=\"",
                escape(title), "\">\n")) {}

void Svg::series(std::string_view name) { series_ = name; }

void Svg::start(std::string_view tag, std::string_view css) {
  body_ += cat("<", tag, attribute("class", css), attribute("data-series", series_));
}

void Svg::line(double x1, double y1, double x2, double y2, std::string_view css) {
  start("line", css);
  body_ +=
      cat(" x1=\"", px(x1), "\" y1=\"", px(y1), "\" x2=\"", px(x2), "\" y2=\"", px(y2), "\"/>\n");
}

void Svg::rect(const SvgBox& box, std::string_view css, const Hint& hint, double opacity) {
  start("rect", css);
  body_ += cat(" x=\"", px(box.x), "\" y=\"", px(box.y), "\" width=\"", px(std::max(0.0, box.w)),
               "\" height=\"", px(std::max(0.0, box.h)), "\"",
               opacity < 1 ? cat(" fill-opacity=\"", fixed(std::max(0.0, opacity), 3), "\"") : "",
               close("rect", hint));
}

void Svg::circle(double x, double y, double radius, std::string_view css, const Hint& hint) {
  start("circle", css);
  body_ +=
      cat(" cx=\"", px(x), "\" cy=\"", px(y), "\" r=\"", px(radius), "\"", close("circle", hint));
}

void Svg::polyline(const Points& points, std::string_view css, const Values& values) {
  path("polyline", points, css, values);
}

void Svg::polygon(const Points& points, std::string_view css, const Values& values) {
  path("polygon", points, css, values);
}

void Svg::path(std::string_view tag, const Points& points, std::string_view css,
               const Values& values) {
  start(tag, css);
  std::string told;
  for (const auto& [x, y] : values.points) told += cat(six_digits(x), ",", six_digits(y), " ");
  body_ += cat(attribute("data-name", values.name), attribute("data-values", told), " points=\"");
  for (const auto& [x, y] : points) body_ += cat(px(x), ",", px(y), " ");
  body_ += "\"/>\n";
}

void Svg::text(double x, double y, std::string_view text, std::string_view css, Anchor anchor,
               const Pin& pin) {
  if (text.empty()) return;
  constexpr std::array kAnchors = {"", "middle", "end"};
  start("text", css);
  body_ += cat(attribute("text-anchor", kAnchors[static_cast<size_t>(anchor)]), " x=\"", px(x),
               "\" y=\"", px(y), "\"");
  if (pin.x || pin.y) {
    body_ += cat(" data-pin=\"", pin.x ? px(*pin.x) : "", ",", pin.y ? px(*pin.y) : "", "\"");
  }
  body_ += cat(">", escape(text), "</text>\n");
}

void Svg::text_inside(double x, double y, double room, std::string_view text,
                      std::string_view css) {
  if (text.empty()) return;
  start("text", css);
  body_ += cat(text_width(text, 11) < room - 3 ? "" : " visibility=\"hidden\"",
               " text-anchor=\"middle\" data-room=\"", px(room), "\" x=\"", px(x), "\" y=\"", px(y),
               "\">", escape(text), "</text>\n");
}

void Svg::begin(std::string_view tag, std::string_view attributes) {
  body_ += cat("<", tag, attributes, ">\n");
}

void Svg::end(std::string_view tag) { body_ += cat("</", tag, ">\n"); }

std::string Svg::str() const { return body_ + "</svg>"; }

double text_width(std::string_view text, double size) { return 0.6 * size * display_width(text); }

std::vector<double> Axis::ticks() const {
  std::vector<double> out;
  const double first = std::ceil(low / step - 1e-6), last = std::floor(high / step + 1e-6);
  const int count = static_cast<int>(std::clamp(last - first, -1.0, 100.0));
  for (int i = 0; i <= count; ++i) out.push_back((first + i) * step);
  return out;
}

std::string Axis::label(double value) const {
  const int digits = std::clamp(static_cast<int>(std::ceil(-std::log10(step) - 1e-9)), 0, 9);
  const bool half =
      std::abs(step * std::pow(10, digits) - std::round(step * std::pow(10, digits))) > 1e-6;
  return fixed(std::abs(value) < step * 1e-6 ? 0 : value, half ? digits + 1 : digits);
}

Axis round_axis(double low, double high, int most_ticks) {
  if (low > high) std::swap(low, high);
  const double room = std::max({std::abs(low), std::abs(high), 1e-4}) * 0.01;
  if (high - low < 1e-6 * room) {  // one value, or too near for double precision
    low -= room;
    high += room;
  }
  const double magnitude = std::pow(10, std::floor(std::log10((high - low) / most_ticks)));
  for (const double factor : {1.0, 2.0, 2.5, 5.0, 10.0, 20.0, 25.0}) {
    const double step = factor * magnitude;
    const double first = std::floor(low / step + 1e-9), last = std::ceil(high / step - 1e-9);
    if (last > first && last - first <= most_ticks) return {first * step, last * step, step};
  }
  return {low, high, high - low};
}

double Frame::px(double value) const { return box.x + box.w * (value - x.low) / (x.high - x.low); }

double Frame::py(double value) const { return box.y + box.h * (y.high - value) / (y.high - y.low); }

bool Frame::holds(double x_value, double y_value) const {
  return x_value >= x.low && x_value <= x.high && y_value >= y.low && y_value <= y.high;
}

void open_plot(Svg& svg, const Frame& frame, Axes axes, std::string_view x_title,
               std::string_view y_title, std::string_view unit) {
  const SvgBox& box = frame.box;
  const double right = box.x + box.w, bottom = box.y + box.h;
  const bool rows = axes == Axes::rows;
  svg.begin("g", cat(" class=\"plot\" data-x=\"", range_text(frame.x), "\"",
                     rows ? "" : cat(" data-y=\"", range_text(frame.y), "\""),
                     attribute("data-name", x_title), attribute("data-unit", unit)));
  if (axes == Axes::both) {
    svg.begin("g", " class=\"ticks\" data-axis=\"y\"");
    for (const double tick : frame.y.ticks()) {
      svg.line(box.x, frame.py(tick), right, frame.py(tick), "grid");
      svg.text(box.x - 8, frame.py(tick) + 4, frame.y.label(tick), "tick", Anchor::end);
    }
    svg.end("g");
    svg.line(box.x, bottom, right, bottom, "axis");
    svg.text(0, box.y - 15, y_title, "what");
  }
  if (axes != Axes::none) {
    svg.begin("g", " class=\"ticks\" data-axis=\"x\"");
    for (const double tick : frame.x.ticks()) {
      const double x = frame.px(tick);
      svg.line(x, rows ? box.y : bottom, x, rows ? bottom : bottom + 4, rows ? "grid" : "axis");
      svg.text(x, bottom + 17, frame.x.label(tick), "tick", Anchor::middle);
    }
    svg.end("g");
    svg.text(right, bottom + 34, x_title, "what", Anchor::end);
  }
  // What is drawn in it keeps its coordinates, but is cut off at the frame once it is zoomed.
  const std::string area = cat(px(box.x), " ", px(box.y), " ", px(box.w), " ", px(box.h));
  svg.begin("svg", cat(" class=\"marks\" x=\"", px(box.x), "\" y=\"", px(box.y), "\" width=\"",
                       px(box.w), "\" height=\"", px(box.h), "\" viewBox=\"", area, "\""));
}

void close_plot(Svg& svg) {
  svg.end("svg");
  svg.end("g");
}

void place_labels(Svg& svg, const std::vector<Label>& labels, std::vector<SvgBox> taken,
                  const SvgBox& bounds) {
  constexpr double kHeight = 15, kBaseline = 11.5;
  struct Offset {
    double x, y;  // of the label's near edge from the point
    Anchor anchor;
  };
  for (const Label& label : labels) {
    const double width = text_width(label.text) + 2;
    double least = std::numeric_limits<double>::infinity();
    SvgBox best;
    for (const double away : {9.0, 18.0, 30.0, 44.0, 60.0, 80.0}) {
      const double diagonal = 0.75 * away;
      const std::array<Offset, 8> offsets = {{{away, 0, Anchor::start},
                                              {-away, 0, Anchor::end},
                                              {0, -away, Anchor::middle},
                                              {0, away, Anchor::middle},
                                              {diagonal, -diagonal, Anchor::start},
                                              {diagonal, diagonal, Anchor::start},
                                              {-diagonal, -diagonal, Anchor::end},
                                              {-diagonal, diagonal, Anchor::end}}};
      for (const Offset& offset : offsets) {
        SvgBox box{label.x + offset.x, label.y + offset.y - kHeight / 2, width, kHeight};
        if (offset.anchor == Anchor::end) box.x -= width;
        if (offset.anchor == Anchor::middle) {
          box.x = std::clamp(box.x - width / 2, bounds.x,
                             std::max(bounds.x, bounds.x + bounds.w - width));
        }
        if (offset.y < 0) box.y -= kHeight / 2;
        if (offset.y > 0) box.y += kHeight / 2;
        double cost = 6 * away + 20 * outside(box, bounds);
        for (const SvgBox& other : taken) cost += 4 * overlap(box, other);
        if (cost < least) {
          least = cost;
          best = box;
        }
      }
    }
    taken.push_back(best);
    svg.series(label.series);
    svg.text(best.x + 1, best.y + kBaseline, label.text, label.css, Anchor::start,
             {label.x, label.y});
  }
  svg.series("");
}

}  // namespace vpunas
