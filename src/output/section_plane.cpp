// Accuracy against latency: the trained networks, the search's candidates, and its Pareto front.
#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/text.h"
#include "output/charts.h"
#include "output/html.h"
#include "output/report_sections.h"

namespace vpunas {
namespace {

constexpr const char *kCompared = "compared networks", *kFront = "Pareto front";

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

// What the search knows of a network from the supernet's weights.
struct SupernetPoint {
  Estimate ms;
  double accuracy;
  Figure loss;
};

std::optional<SupernetPoint> supernet_point(const Json& json) {
  const auto ms = latency(json);
  const Figure accuracy = number(at(json, "accuracy"));
  if (!ms || !accuracy) return std::nullopt;
  return SupernetPoint{*ms, 100 * *accuracy, number(at(json, "loss"))};
}

struct CandidatePoint : SupernetPoint {
  bool chosen = false;
};

std::vector<CandidatePoint> candidate_points(const Json& data) {
  std::vector<CandidatePoint> out;
  const Json& chosen = at(data, "search", "choice");
  for (const Json& candidate : at(data, "search", "shortlist")) {
    if (const auto point = supernet_point(candidate))
      out.push_back({*point, at(candidate, "choice") == chosen && chosen.is_array()});
  }
  return out;
}

// A network that the search delivered for a budget of its sweep.
struct FrontPoint : SupernetPoint {
  std::string name;
  Figure budget;
  bool dominated = false;
};

std::vector<FrontPoint> front_points(const Json& data) {
  std::vector<FrontPoint> out;
  for (const Json& one : at(data, "search", "pareto_front")) {
    if (const auto point = supernet_point(one))
      out.push_back({*point, text(at(one, "architecture")), number(at(one, "budget_ms")),
                     at(one, "dominated") == Json(true)});
  }
  std::ranges::stable_sort(out, {}, [](const FrontPoint& p) { return p.ms.value; });
  return out;
}

std::string unit_in(const Json& data) {
  const std::string unit = text(at(data, "headline", "unit"));
  return unit.empty() ? "ms" : unit;
}

using Facts = std::vector<std::pair<std::string, std::string>>;

Facts supernet_facts(const SupernetPoint& p, const std::string& unit) {
  return {{"accuracy, supernet weights", exact(p.accuracy, "%")},
          {"predicted", with_interval(p.ms, unit)},
          {"loss", exact(p.loss)}};
}

// `taken`: where no label should stand.
void draw_trained(Svg& svg, const Frame& frame, const std::vector<PlanePoint>& points,
                  const std::string& unit, std::vector<SvgBox> taken) {
  std::vector<Label> labels;
  for (const PlanePoint& p : points) {
    const double x = frame.px(p.ms.value), y = frame.py(p.accuracy.value);
    const double x1 = frame.px(p.ms.low), x2 = frame.px(p.ms.high);
    const double y1 = frame.py(p.accuracy.high), y2 = frame.py(p.accuracy.low);
    svg.series(p.name);
    svg.line(x1, y, x2, y, "range " + p.css);
    svg.line(x, y1, x, y2, "range " + p.css);
    svg.circle(x, y, 6, "dot " + p.css,
               {p.name,
                {{"test accuracy", with_interval(p.accuracy, "%")},
                 {"predicted", with_interval(p.ms, unit)}}});
    taken.push_back({x - 7, y - 7, 14, 14});
    taken.push_back({x1, y - 2, x2 - x1, 4});
    taken.push_back({x - 2, y1, 4, y2 - y1});
    labels.push_back(
        {x, y, frame.box.w < 420 ? p.name : cat(p.name, " ", percent(p.accuracy.value / 100)),
         "name " + p.css, p.name});
  }
  place_labels(svg, labels, taken, frame.box);
}

void draw_front(Svg& svg, const Frame& frame, const std::vector<FrontPoint>& front, Figure budget,
                const std::string& unit) {
  Points points;
  std::vector<Label> labels;
  std::vector<SvgBox> taken;
  svg.series(kFront);
  for (const FrontPoint& p : front) {
    const double x = frame.px(p.ms.value), y = frame.py(p.accuracy);
    points.emplace_back(x, y);
    labels.push_back({x, y, p.name, "name c3", kFront});
    taken.push_back({x - 6, y - 6, 12, 12});
    if (!p.budget || p.budget == budget || !frame.holds(*p.budget, frame.y.low)) continue;
    const double at = frame.px(*p.budget);
    svg.line(at, frame.box.y, at, frame.box.y + frame.box.h, "budget of-sweep");
  }
  svg.polyline(points, "line thin c3");
  for (const FrontPoint& p : front) {
    Facts facts = supernet_facts(p, unit);
    facts.emplace_back("budget", exact(p.budget, unit));
    svg.circle(frame.px(p.ms.value), frame.py(p.accuracy), 5, "dot c3",
               {p.name + (p.dominated ? ", dominated by another one" : ""), facts});
  }
  place_labels(svg, labels, taken, frame.box);
}

std::string plane_svg(const Json& data, double width) {
  const std::string unit = unit_in(data), x_title = cat("predicted ", unit, " per image");
  const auto front = front_points(data);
  const auto trained = trained_points(data);
  const auto candidates = candidate_points(data);
  const Figure budget = number(at(data, "headline", "budget_ms"));
  const std::string budget_name = "budget " + cost(budget, unit);
  std::vector<double> ms, accuracy, supernet;
  for (const PlanePoint& p : trained) {
    ms.insert(ms.end(), {p.ms.low, p.ms.high});
    accuracy.insert(accuracy.end(), {p.accuracy.low, p.accuracy.high});
  }
  for (const CandidatePoint& p : candidates)
    ms.push_back(p.ms.value), supernet.push_back(p.accuracy);
  for (const FrontPoint& p : front) {
    ms.push_back(p.ms.value), supernet.push_back(p.accuracy);
    if (p.budget) ms.push_back(*p.budget);
  }
  if (budget) ms.push_back(*budget);
  const auto axis_of = [](const std::vector<double>& values, int ticks) {
    const auto [low, high] = std::ranges::minmax(values);
    const double room = 0.06 * (high - low);
    return round_axis(low - room, high + room, ticks);
  };
  const Axis x = axis_of(ms, width >= 420 ? 10 : 5);

  constexpr double kLeft = 46, kRight = 12, kTrained = 300, kSupernet = 120;
  const double plot = width - kLeft - kRight;
  const double lower_top = trained.empty() ? 34 : 34 + kTrained + 62;
  const double height = supernet.empty() ? 34 + kTrained : lower_top + kSupernet;
  Svg svg(width, height + 44, "Accuracy against predicted latency");
  if (!trained.empty()) {
    const Frame frame{{kLeft, 34, plot, kTrained}, x, axis_of(accuracy, 6)};
    open_plot(svg, frame, Axes::both, supernet.empty() ? x_title : "",
              "test accuracy after full training, %");
    if (budget) draw_reference(svg, frame, *budget, budget_name);
    std::vector<SvgBox> taken;
    if (budget) taken.push_back({frame.px(*budget) - 1, frame.box.y, 2, frame.box.h});
    draw_trained(svg, frame, trained, unit, std::move(taken));
    close_plot(svg);
  }
  if (!supernet.empty()) {
    const Frame frame{{kLeft, lower_top, plot, kSupernet}, x, axis_of(supernet, 3)};
    open_plot(svg, frame, Axes::both, x_title,
              width >= 420 ? "networks of the search: accuracy with supernet weights, %"
                           : "accuracy with supernet weights, %");
    if (budget) draw_reference(svg, frame, *budget, trained.empty() ? budget_name : "");
    svg.series(kCompared);
    for (const CandidatePoint& p : candidates) {
      svg.circle(frame.px(p.ms.value), frame.py(p.accuracy), p.chosen ? 5 : 4,
                 p.chosen ? "dot c0" : "faint",
                 {p.chosen ? "chosen network" : "network", supernet_facts(p, unit)});
    }
    svg.series("");
    if (!front.empty()) draw_front(svg, frame, front, budget, unit);
    close_plot(svg);
  }
  return svg.str();
}

std::vector<LegendEntry> plane_legend(const Json& data) {
  std::vector<LegendEntry> out;
  for (const PlanePoint& p : trained_points(data)) out.push_back({p.name, "solid " + p.css});
  if (!candidate_points(data).empty()) out.push_back({kCompared, "c4"});
  if (!front_points(data).empty()) out.push_back({kFront, "solid c3"});
  return out;
}

HtmlTable front_table(const std::vector<FrontPoint>& front, const std::string& unit) {
  HtmlTable table{{words("Network"),
                   {cat("Budget, ", unit), true},
                   {cat("Predicted, ", unit, "<br>(90 %)"), true},
                   {"Accuracy, supernet weights", true},
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
      {{cat("Predicted, ", unit), true}, {"Accuracy, supernet weights", true}, words("")}, {}};
  for (const CandidatePoint& p : candidates) {
    table.rows.push_back({figure_cell(significant(p.ms.value, 4)),
                          figure_cell(percent(p.accuracy / 100)), words(p.chosen ? "chosen" : "")});
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
            " the networks that the search compared, with the supernet’s weights, on held-out "
            "images; these accuracies rank networks and are not those of trained ones. The chosen "
            "one is blue.");
  }
  if (!front.empty()) {
    caption +=
        " The line joins the networks found for each budget of the sweep, the Pareto front; "
        "dotted, "
        "their budgets. "
        "Dominated: another one is faster and has a lower loss.";
  }
  const std::string unit = unit_in(data);
  std::string tables;
  if (!front.empty()) tables += "<h3>The Pareto front</h3>\n" + to_html(front_table(front, unit));
  tables += numbers_html(candidate_table(candidates, unit), "The compared networks’ numbers");
  return cat("<section id=\"plane\"><h2>Accuracy and latency</h2>\n",
             device.empty() ? ""
                            : cat("<p class=\"lead\">", unit == "ms" ? "Latency" : "Cost",
                                  " as predicted for ", escape(device), ".</p>\n"),
             figure([&](double width) { return plane_svg(data, width); }, kWide, kNarrow, caption,
                    plane_legend(data)),
             tables, "</section>\n");
}

}  // namespace vpunas
