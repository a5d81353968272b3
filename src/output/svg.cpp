#include "output/svg.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numeric>

#include "base/error.h"
#include "base/text.h"
#include "output/html.h"
#include "output/width.h"

namespace vpunas {
namespace {

std::string px(double value) {
  return fixed(std::isfinite(value) ? std::clamp(value, -1e5, 1e5) : 0, 1);
}

std::string close(std::string_view tag, std::string_view hint) {
  if (hint.empty()) return "/>";
  return cat("><title>", escape(hint), "</title></", tag, ">");
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

void Svg::line(double x1, double y1, double x2, double y2, std::string_view css) {
  body_ += cat("<line x1=\"", px(x1), "\" y1=\"", px(y1), "\" x2=\"", px(x2), "\" y2=\"", px(y2),
               "\" class=\"", css, "\"/>\n");
}

void Svg::rect(const SvgBox& box, std::string_view css, std::string_view hint, double opacity) {
  body_ +=
      cat("<rect x=\"", px(box.x), "\" y=\"", px(box.y), "\" width=\"", px(std::max(0.0, box.w)),
          "\" height=\"", px(std::max(0.0, box.h)), "\" class=\"", css, "\"",
          opacity < 1 ? cat(" fill-opacity=\"", fixed(std::max(0.0, opacity), 3), "\"") : "",
          close("rect", hint), "\n");
}

void Svg::circle(double x, double y, double radius, std::string_view css, std::string_view hint) {
  body_ += cat("<circle cx=\"", px(x), "\" cy=\"", px(y), "\" r=\"", px(radius), "\" class=\"", css,
               "\"", close("circle", hint), "\n");
}

void Svg::polyline(const std::vector<std::pair<double, double>>& points, std::string_view css) {
  path("polyline", points, css);
}

void Svg::polygon(const std::vector<std::pair<double, double>>& points, std::string_view css) {
  path("polygon", points, css);
}

void Svg::path(std::string_view tag, const std::vector<std::pair<double, double>>& points,
               std::string_view css) {
  body_ += cat("<", tag, " class=\"", css, "\" points=\"");
  for (const auto& [x, y] : points) body_ += cat(px(x), ",", px(y), " ");
  body_ += "\"/>\n";
}

void Svg::text(double x, double y, std::string_view text, std::string_view css, Anchor anchor) {
  constexpr std::array kAnchors = {"start", "middle", "end"};
  body_ += cat("<text x=\"", px(x), "\" y=\"", px(y), "\" text-anchor=\"",
               kAnchors[static_cast<size_t>(anchor)], "\"",
               css.empty() ? "" : cat(" class=\"", css, "\""), ">", escape(text), "</text>\n");
}

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

void draw_axes(Svg& svg, const Frame& frame, std::string_view x_title, std::string_view y_title) {
  const SvgBox& box = frame.box;
  for (const double tick : frame.y.ticks()) {
    svg.line(box.x, frame.py(tick), box.x + box.w, frame.py(tick), "grid");
    svg.text(box.x - 8, frame.py(tick) + 4, frame.y.label(tick), "tick", Anchor::end);
  }
  svg.line(box.x, box.y + box.h, box.x + box.w, box.y + box.h, "axis");
  for (const double tick : frame.x.ticks()) {
    svg.line(frame.px(tick), box.y + box.h, frame.px(tick), box.y + box.h + 4, "axis");
    svg.text(frame.px(tick), box.y + box.h + 17, frame.x.label(tick), "tick", Anchor::middle);
  }
  if (!y_title.empty()) svg.text(0, box.y - 15, y_title, "what");
  if (!x_title.empty()) svg.text(box.x + box.w, box.y + box.h + 34, x_title, "what", Anchor::end);
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
    svg.text(best.x + 1, best.y + kBaseline, label.text, label.css);
  }
}

std::vector<double> spread(const std::vector<double>& positions, double gap, double low,
                           double high) {
  const size_t n = positions.size();
  if (n == 0) return {};
  std::vector<size_t> order(n);
  std::iota(order.begin(), order.end(), size_t{0});
  std::ranges::stable_sort(order, [&](size_t a, size_t b) { return positions[a] < positions[b]; });
  if (n > 1) gap = std::min(gap, (high - low) / static_cast<double>(n - 1));
  std::vector<double> out(n);
  double next = low;
  for (const size_t i : order) {
    out[i] = std::max(positions[i], next);
    next = out[i] + gap;
  }
  double last = high;
  for (size_t k = n; k-- > 0;) {
    const size_t i = order[k];
    out[i] = std::min(out[i], last);
    last = out[i] - gap;
  }
  return out;
}

}  // namespace vpunas
