// What happened in the search and in training.
#include <algorithm>
#include <map>

#include "base/error.h"
#include "base/text.h"
#include "latency/latency.h"
#include "output/charts.h"
#include "output/html.h"
#include "output/report_sections.h"

namespace vpunas {
namespace {

// The points of `array` whose members x and y are numbers.
std::vector<std::pair<double, double>> curve(const Json& array, const char* x, const char* y,
                                             double factor = 1) {
  std::vector<std::pair<double, double>> out;
  if (!array.is_array()) return out;
  for (const Json& point : array) {
    const Figure px = number(at(point, x)), py = number(at(point, y));
    if (px && py) out.emplace_back(*px, factor * *py);
  }
  return out;
}

// A curve's figures in a few rows.
HtmlTable curve_table(const LineChart& chart) {
  constexpr size_t kMostRows = 25;
  HtmlTable table{{{escape(chart.x_title), true}}, {}};
  std::map<double, std::vector<std::string>> rows;
  for (size_t i = 0; i < chart.series.size(); ++i) {
    const auto& points = chart.series[i].points;
    table.header.push_back({escape(chart.series[i].name), true});
    const size_t count = std::min(points.size(), kMostRows);
    for (size_t k = 0; k < count; ++k) {
      const auto& [x, y] = points[count > 1 ? k * (points.size() - 1) / (count - 1) : 0];
      rows[x].resize(chart.series.size());
      rows[x][i] = significant(y, 4);
    }
  }
  for (const auto& [x, values] : rows) {
    table.rows.push_back({figure_cell(plain(x))});
    for (const std::string& value : values) table.rows.back().push_back(figure_cell(value));
  }
  return table;
}

std::string half_figure(const LineChart& chart, const std::string& caption) {
  const bool empty =
      std::ranges::all_of(chart.series, [](const Series& one) { return one.points.empty(); });
  if (empty) return "";
  return cat("<div>",
             figure([&](double width) { return line_chart(chart, width); }, kHalf, kNarrow, caption,
                    legend(chart)),
             numbers_html(curve_table(chart)), "</div>\n");
}

std::string search_curves(const Json& search, const std::string& unit) {
  const Json& history = at(search, "history");
  const auto single = [&](const char* key, const std::string& title) {
    return LineChart{.title = title,
                     .x_title = "architecture step",
                     .y_title = title,
                     .series = {{title, "c0", curve(history, "step", key)}}};
  };
  LineChart entropy = single("entropy", "entropy of the architecture distribution");
  entropy.from_zero = true;
  LineChart expected = single("expected_ms", cat("expected latency, ", unit));
  expected.unit = unit;
  if (const Figure budget = number(at(search, "budget_ms"))) {
    expected.reference = {*budget, cat("budget ", cost(budget, unit))};
  }
  return half_figure(entropy, "Falls from an even choice towards a decision.") +
         half_figure(expected, "Mean latency of a network drawn from the probabilities.") +
         half_figure(single("loss", "loss on held-out images"),
                     "Of the sampled networks, with shared weights.") +
         half_figure(single("mu", unit == "ms" ? "penalty of a millisecond, μ"
                                               : "penalty of a million MACs, μ"),
                     "What keeps the expected latency at the budget.");
}

// Of a round: "8 networks trained alone for 3 epochs; what explains their losses: 40 %
// capacity, ..."
std::string trained_alone_fact(const Json& round) {
  const Json& networks = at(round, "networks");
  if (!networks.is_array() || networks.empty()) return "";
  std::vector<std::string> parts;
  for (const auto& [group, share] : at(round, "shares").items())
    parts.push_back(cat(percent(number(share), 0), " ", group));
  const Figure epochs = number(at(round, "epochs"));
  return cat(networks.size(), " networks trained alone",
             epochs ? cat(" for ", *epochs, *epochs == 1 ? " epoch" : " epochs") : "",
             parts.empty() ? "" : "; what explains their losses: " + join(parts, ", "));
}

std::string search_facts(const Json& search, const std::string& unit) {
  std::vector<std::pair<std::string, std::string>> facts;
  const auto fact = [&](const std::string& name, const std::string& value) {
    facts.emplace_back(name, value);
  };
  const std::string algorithm = text(at(search, "algorithm"));
  fact("Algorithm", algorithm == "linear" ? "linear accuracy predictor" : algorithm);
  fact("Space", text(at(search, "space")));
  const Figure least = number(at(search, "least_ms")), greatest = number(at(search, "greatest_ms"));
  if (least && greatest)
    fact("Costs in the space", cat(significant(*least), "–", cost(greatest, unit)));
  const std::string budget = text(at(search, "budget"));
  fact("Budget",
       cat(cost(number(at(search, "budget_ms")), unit), budget.empty() ? "" : " (" + budget + ")"));
  // The first device's stand above.
  const Json& budgets = at(search, "budgets");
  for (size_t d = 1; budgets.is_array() && d < budgets.size(); ++d) {
    const std::string device = text(at(budgets[d], "device"));
    const auto predicted = latency(at(budgets[d], "predicted"));
    if (!predicted) continue;
    fact("On " + device, cat(cost(predicted->value, unit_of(device)), " of ",
                             cost(number(at(budgets[d], "budget_ms")), unit_of(device))));
  }
  fact("By the table alone", cost(number(at(search, "predicted_table_ms")), unit));
  const Json& alone = at(search, "trained_alone");
  for (const Json& round : at(alone, "earlier")) fact("Trained alone", trained_alone_fact(round));
  fact("Trained alone", trained_alone_fact(alone));
  fact("Images seen", count_full(number(at(search, "images_seen"))));
  fact("Skips chosen", percent(number(at(search, "skip_share")), 0));
  return facts_html(facts);
}

}  // namespace

std::string search_html(const Json& data) {
  const Json& search = at(data, "search");
  if (!search.is_object()) return "";
  const std::string unit = text(at(data, "headline", "unit"));
  std::string out = "<section id=\"search\"><h2>The search</h2>\n" + search_facts(search, unit);
  for (const Json& warning : at(search, "warnings")) {
    out += cat("<p class=\"warning\"><b>Warning:</b> ", escape(text(warning)), "</p>\n");
  }
  const std::string curves = search_curves(search, unit);
  if (!curves.empty()) out += cat("<div class=\"pair\">\n", curves, "</div>\n");
  return out + choices_html(data) + "</section>\n";
}

std::string training_html(const Json& data) {
  LineChart accuracy{.title = "Validation accuracy over epochs",
                     .x_title = "epoch",
                     .y_title = "accuracy on held-out training images, %",
                     .series = {},
                     .unit = "%"};
  LineChart loss{.title = "Training loss over epochs",
                 .x_title = "epoch",
                 .y_title = "training loss",
                 .series = {}};
  HtmlTable table;
  table.header = {words("Network"), {"Test accuracy", true}, {"Validation", true},
                  {"MACs", true},   {"Parameters", true},    {"Epochs", true},
                  {"Time", true}};
  size_t index = 0;
  for (const Json& network : at(data, "networks")) {
    const std::string css = series_css(index++), name = display_name(text(at(network, "name")));
    const Json& train = at(network, "train");
    if (!train.is_object()) continue;
    accuracy.series.push_back(
        {name, css, curve(at(train, "curve"), "epoch", "validation_accuracy", 100)});
    loss.series.push_back({name, css, curve(at(train, "curve"), "epoch", "train_loss")});
    const Figure test = number(at(train, "test_accuracy")), seconds = number(at(train, "seconds"));
    const Figure epochs = number(at(train, "epochs"));
    table.rows.push_back({words(name), figure_cell(percent(test, 2)),
                          figure_cell(percent(number(at(train, "validation_accuracy")), 2)),
                          figure_cell(count_short(number(at(train, "macs")))),
                          figure_cell(count_full(number(at(train, "parameters")))),
                          figure_cell(epochs ? plain(*epochs) : ""),
                          figure_cell(seconds ? duration(*seconds) : "")});
  }
  if (table.rows.empty()) return "";
  const std::string curves =
      half_figure(
          accuracy,
          "On images that no weight has learned from; the test images are used once, at the end.") +
      half_figure(loss, "With label smoothing and augmentation where the recipe has them.");
  return cat(
      "<section id=\"training\"><h2>Training</h2>\n<p class=\"lead\">All networks by one recipe, "
      "from the same images."
      "</p>\n",
      curves.empty() ? "" : cat("<div class=\"pair\">\n", curves, "</div>\n"), to_html(table),
      "</section>\n");
}

}  // namespace vpunas
