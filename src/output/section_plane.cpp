// Accuracy against latency: the trained networks, the search's candidates, and its front.
#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/text.h"
#include "output/charts.h"
#include "output/html.h"
#include "output/report_sections.h"

namespace vpunas {
namespace {

struct PlanePoint {
  std::string name, css;
  Estimate ms, accuracy;
};

std::vector<PlanePoint> trained_points(const Json& data) {
  std::vector<PlanePoint> out;
  size_t index = 0;
  for (const Json& network : at(data, "networks")) {
    const std::string css = series_css(index++);
    const auto ms = latency(at(network, "predicted"));
    const Figure accuracy = number(at(network, "train", "test_accuracy"));
    if (!ms || !accuracy) continue;
    const Estimate range = share_interval(*accuracy, number(at(network, "train", "test_images")));
    out.push_back({display_name(text(at(network, "name"))),
                   css,
                   *ms,
                   {100 * range.value, 100 * range.low, 100 * range.high}});
  }
  return out;
}

struct CandidatePoint {
  double ms, accuracy;
  bool chosen;
};

std::vector<CandidatePoint> candidate_points(const Json& data) {
  std::vector<CandidatePoint> out;
  const Json& chosen = at(data, "search", "choice");
  for (const Json& candidate : at(data, "search", "shortlist")) {
    const Figure ms = number(at(candidate, "ms")), accuracy = number(at(candidate, "accuracy"));
    if (ms && accuracy)
      out.push_back({*ms, 100 * *accuracy, at(candidate, "choice") == chosen && chosen.is_array()});
  }
  return out;
}

// A network that the search delivered for a budget of its ladder.
struct FrontPoint {
  std::string name;
  Estimate ms;
  double accuracy;
  Figure budget;
  bool dominated;
};

std::vector<FrontPoint> front_points(const Json& data) {
  std::vector<FrontPoint> out;
  for (const Json& one : at(data, "search", "pareto_front")) {
    const auto ms = latency(one);
    const Figure accuracy = number(at(one, "accuracy"));
    if (!ms || !accuracy) continue;
    out.push_back({text(at(one, "architecture")), *ms, 100 * *accuracy,
                   number(at(one, "budget_ms")), at(one, "dominated") == Json(true)});
  }
  std::ranges::stable_sort(out, {}, [](const FrontPoint& p) { return p.ms.value; });
  return out;
}

std::string unit_in(const Json& data) {
  const std::string unit = text(at(data, "headline", "unit"));
  return unit.empty() ? "ms" : unit;
}

void draw_budget(Svg& svg, const Frame& frame, Figure budget, const std::string& unit, bool named) {
  if (!budget || *budget < frame.x.low || *budget > frame.x.high) return;
  const double x = frame.px(*budget);
  svg.line(x, frame.box.y, x, frame.box.y + frame.box.h, "budget");
  const bool left = x > frame.box.x + frame.box.w - 130;
  if (named) {
    svg.text(x + (left ? -6 : 6), frame.box.y + frame.box.h - 7, cat("budget ", cost(budget, unit)),
             "budget-name", left ? Anchor::end : Anchor::start);
  }
}

// `taken`: where no label should stand.
void draw_trained(Svg& svg, const Frame& frame, const std::vector<PlanePoint>& points,
                  const std::string& unit, std::vector<SvgBox> taken) {
  std::vector<Label> labels;
  for (const PlanePoint& p : points) {
    const double x = frame.px(p.ms.value), y = frame.py(p.accuracy.value);
    const double x1 = frame.px(p.ms.low), x2 = frame.px(p.ms.high);
    const double y1 = frame.py(p.accuracy.high), y2 = frame.py(p.accuracy.low);
    svg.line(x1, y, x2, y, "range " + p.css);
    svg.line(x, y1, x, y2, "range " + p.css);
    svg.circle(x, y, 6, "dot " + p.css,
               cat(p.name, ": ", fixed(p.accuracy.value, 2), " % at ", cost(p.ms.value, unit), " (",
                   interval_text(p.ms), ")"));
    taken.push_back({x - 7, y - 7, 14, 14});
    taken.push_back({x1, y - 2, x2 - x1, 4});
    taken.push_back({x - 2, y1, 4, y2 - y1});
    labels.push_back(
        {x, y, frame.box.w < 420 ? p.name : cat(p.name, " ", percent(p.accuracy.value / 100)),
         "name " + p.css});
  }
  place_labels(svg, labels, taken, frame.box);
}

void draw_front(Svg& svg, const Frame& frame, const std::vector<FrontPoint>& front, Figure budget,
                const std::string& unit) {
  std::vector<std::pair<double, double>> points;
  std::vector<Label> labels;
  std::vector<SvgBox> taken;
  for (const FrontPoint& p : front) {
    const double x = frame.px(p.ms.value), y = frame.py(p.accuracy);
    points.emplace_back(x, y);
    labels.push_back({x, y, p.name, "name c3"});
    taken.push_back({x - 6, y - 6, 12, 12});
    if (!p.budget || p.budget == budget || !frame.holds(*p.budget, frame.y.low)) continue;
    const double at = frame.px(*p.budget);
    svg.line(at, frame.box.y, at, frame.box.y + frame.box.h, "budget rung");
  }
  svg.polyline(points, "line thin c3");
  for (const FrontPoint& p : front) {
    svg.circle(frame.px(p.ms.value), frame.py(p.accuracy), 5, "dot c3",
               cat(p.name, ": ", fixed(p.accuracy, 1), " % at ", cost(p.ms.value, unit), " for ",
                   cost(p.budget, unit)));
  }
  place_labels(svg, labels, taken, frame.box);
}

std::string plane_svg(const Json& data, double width) {
  const std::string unit = unit_in(data), x_title = cat("predicted ", unit, " per image");
  const auto front = front_points(data);
  const auto trained = trained_points(data);
  const auto candidates = candidate_points(data);
  const Figure budget = number(at(data, "headline", "budget_ms"));
  std::vector<double> ms, accuracy, inherited;
  for (const PlanePoint& p : trained) {
    ms.insert(ms.end(), {p.ms.low, p.ms.high});
    accuracy.insert(accuracy.end(), {p.accuracy.low, p.accuracy.high});
  }
  for (const CandidatePoint& p : candidates) ms.push_back(p.ms), inherited.push_back(p.accuracy);
  for (const FrontPoint& p : front) {
    ms.push_back(p.ms.value), inherited.push_back(p.accuracy);
    if (p.budget) ms.push_back(*p.budget);
  }
  if (budget) ms.push_back(*budget);
  const auto axis_of = [](const std::vector<double>& values, int ticks) {
    const auto [low, high] = std::ranges::minmax(values);
    const double room = 0.06 * (high - low);
    return round_axis(low - room, high + room, ticks);
  };
  const Axis x = axis_of(ms, width >= 420 ? 10 : 5);

  constexpr double kLeft = 46, kRight = 12, kTrained = 300, kInherited = 120;
  const double plot = width - kLeft - kRight;
  const double lower_top = trained.empty() ? 34 : 34 + kTrained + 62;
  const double height = inherited.empty() ? 34 + kTrained : lower_top + kInherited;
  Svg svg(width, height + 44, "Accuracy against predicted latency");
  if (!trained.empty()) {
    const Frame frame{{kLeft, 34, plot, kTrained}, x, axis_of(accuracy, 6)};
    draw_axes(svg, frame, inherited.empty() ? x_title : "", "test accuracy after full training, %");
    draw_budget(svg, frame, budget, unit, true);
    std::vector<SvgBox> taken;
    if (budget) taken.push_back({frame.px(*budget) - 1, frame.box.y, 2, frame.box.h});
    draw_trained(svg, frame, trained, unit, std::move(taken));
  }
  if (!inherited.empty()) {
    const Frame frame{{kLeft, lower_top, plot, kInherited}, x, axis_of(inherited, 3)};
    draw_axes(svg, frame, x_title,
              width >= 420 ? "candidates of the search: accuracy with inherited weights, %"
                           : "candidates, inherited weights, %");
    draw_budget(svg, frame, budget, unit, trained.empty());
    for (const CandidatePoint& p : candidates) {
      svg.circle(frame.px(p.ms), frame.py(p.accuracy), p.chosen ? 5 : 4,
                 p.chosen ? "dot c0" : "faint",
                 cat(fixed(p.accuracy, 1), " % at ", cost(p.ms, unit)));
    }
    if (!front.empty()) draw_front(svg, frame, front, budget, unit);
  }
  return svg.str();
}

HtmlTable front_table(const std::vector<FrontPoint>& front, const std::string& unit) {
  HtmlTable table{{words("Network"),
                   {cat("Budget, ", unit), true},
                   {cat("Predicted, ", unit, "<br>(90 %)"), true},
                   {"Accuracy, inherited weights", true},
                   words("")},
                  {}};
  for (const FrontPoint& p : front) {
    table.rows.push_back({words(p.name), figure_cell(p.budget ? significant(*p.budget) : ""),
                          figure_cell(cat(significant(p.ms.value), " (", interval_text(p.ms), ")")),
                          figure_cell(percent(p.accuracy / 100)),
                          words(p.dominated ? "dominated" : "")});
  }
  return table;
}

HtmlTable candidate_table(const std::vector<CandidatePoint>& candidates, const std::string& unit) {
  HtmlTable table{
      {{cat("Predicted, ", unit), true}, {"Accuracy, inherited weights", true}, words("")}, {}};
  for (const CandidatePoint& p : candidates) {
    table.rows.push_back({figure_cell(significant(p.ms, 4)), figure_cell(percent(p.accuracy / 100)),
                          words(p.chosen ? "chosen" : "")});
  }
  return table;
}

}  // namespace

std::string plane_html(const Json& data) {
  const bool trained = !trained_points(data).empty();
  const auto candidates = candidate_points(data);
  const auto front = front_points(data);
  if (!trained && candidates.empty() && front.empty()) return "";
  const std::string device = text(at(data, "headline", "device"));
  std::string caption;
  if (trained) {
    caption +=
        "Up is more accurate, left is faster. Bars: 95 % interval of the accuracy on the test "
        "images, 90 % interval "
        "of the prediction. ";
  }
  if (!candidates.empty()) {
    caption +=
        cat(trained ? "The lower plot is on another scale: it shows" : "Shown are",
            " the candidates that the search compared, with the weights they inherited from "
            "the supernet, on held-out images; they rank candidates and are no accuracies of "
            "trained networks. The chosen one is blue.");
  }
  if (!front.empty()) {
    caption +=
        " The line joins the networks found for each budget of the ladder; dotted, their budgets. "
        "Dominated: another one is faster and has a lower loss.";
  }
  const std::string unit = unit_in(data);
  std::string tables;
  if (!front.empty()) tables += "<h3>The front</h3>\n" + to_html(front_table(front, unit));
  tables += numbers_html(candidate_table(candidates, unit), "The candidates’ numbers");
  return cat(
      "<section id=\"plane\"><h2>Accuracy and latency</h2>\n",
      device.empty() ? ""
                     : cat("<p class=\"lead\">", unit == "ms" ? "Latency" : "Cost",
                           " as predicted for ", escape(device), ".</p>\n"),
      figure(
          {"plane"}, [&](double width) { return plane_svg(data, width); }, kWide, kNarrow, caption),
      tables, "</section>\n");
}

}  // namespace vpunas
