// What happened in the search and in training.
#include <algorithm>

#include "base/error.h"
#include "base/text.h"
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

std::string half_figure(const LineChart& chart, const std::string& caption) {
  const bool empty =
      std::ranges::all_of(chart.series, [](const Series& one) { return one.points.empty(); });
  if (empty) return "";
  return figure([&](double width) { return line_chart(chart, width); }, kHalf, kNarrow, caption);
}

std::string search_curves(const Json& search) {
  const Json& history = at(search, "history");
  const auto single = [&](const char* key, const std::string& title) {
    return LineChart{.title = title,
                     .x_title = "architecture step",
                     .y_title = title,
                     .series = {{title, "c0", curve(history, "step", key)}}};
  };
  LineChart entropy = single("entropy", "entropy of the choice");
  entropy.from_zero = true;
  LineChart expected = single("expected_ms", "expected latency, ms");
  if (const Figure budget = number(at(search, "budget_ms"))) {
    expected.reference = {*budget, cat("budget ", milliseconds(budget))};
  }
  return half_figure(entropy, "Falls from an even choice towards a decision.") +
         half_figure(expected, "Mean latency of a network drawn from the probabilities.") +
         half_figure(single("loss", "loss on held-out images"),
                     "Of the sampled networks, with shared weights.") +
         half_figure(single("mu", "price of a millisecond, μ"),
                     "What keeps the expected latency at the budget.");
}

// --- Probabilities, a row a slot ---

// Candidate names without what differs from slot to slot, where all slots then agree.
std::vector<std::string> common_names(const Json& names) {
  std::vector<std::string> out;
  if (!names.is_array()) return out;
  for (const Json& slot : names) {
    std::vector<std::string> stripped;
    for (const Json& name : slot) {
      std::vector<std::string> kept;
      for (const std::string& word : split(text(name), ' ')) {
        const bool width_or_stride = word.size() > 1 && (word[0] == 'c' || word[0] == 's') &&
                                     std::isdigit(static_cast<unsigned char>(word[1]));
        const bool activation =
            word.find("relu") != std::string::npos || word.find("swish") != std::string::npos;
        if (!width_or_stride && !activation) kept.push_back(word);
      }
      stripped.push_back(join(kept, " "));
    }
    if (out.size() < stripped.size()) {
      if (!std::equal(out.begin(), out.end(), stripped.begin())) return {};
      out = stripped;
    } else if (!std::equal(stripped.begin(), stripped.end(), out.begin())) {
      return {};
    }
  }
  return out;
}

std::string heat_map(const Json& search, const Json& found, double width) {
  const Json& probability = at(search, "probability");
  const std::vector<double> choice = numbers(at(search, "choice"));
  size_t columns = 0;
  for (const Json& row : probability) columns = std::max(columns, row.is_array() ? row.size() : 0);
  const bool wide = width >= 420;
  const std::vector<std::string> names = common_names(at(search, "candidate_names"));
  const double left = 26, right = wide ? 250 : 4;
  const double cell =
      std::min(72.0, (width - left - right) / static_cast<double>(std::max<size_t>(1, columns)));
  double widest = 0;
  for (const std::string& name : names) widest = std::max(widest, text_width(name, 11));
  const bool named = names.size() == columns && widest < cell - 4;
  constexpr double kTop = 26, kRow = 21;
  Svg svg(width, kTop + kRow * static_cast<double>(probability.size()) + 4,
          "Probability of every candidate by slot");
  svg.text(0, 14, "slot", "tick");
  for (size_t j = 0; j < columns && cell >= 12; ++j) {
    svg.text(left + cell * (static_cast<double>(j) + 0.5), 14,
             named ? names[j] : cat(j == 0 && cell > 64 ? "candidate " : "", j), "tick",
             Anchor::middle);
  }
  if (wide) svg.text(left + cell * static_cast<double>(columns) + 16, 14, "chosen", "tick");
  for (size_t i = 0; i < probability.size(); ++i) {
    const double y = kTop + kRow * static_cast<double>(i);
    svg.text(left - 8, y + 14, cat(i + 1), "tick", Anchor::end);
    const std::vector<double> row = numbers(probability[i]);
    for (size_t j = 0; j < row.size(); ++j) {
      const double p = std::clamp(row[j], 0.0, 1.0);
      const Json& slot_names = at(search, "candidate_names");
      const std::string name =
          slot_names.is_array() && i < slot_names.size() && j < slot_names[i].size()
              ? text(slot_names[i][j])
              : cat("candidate ", j);
      const bool chosen = i < choice.size() && choice[i] == static_cast<double>(j);
      const Box box{left + cell * static_cast<double>(j) + 1, y + 1, cell - 2, kRow - 2};
      svg.rect(box, "empty");
      svg.rect(box, "heat",
               cat("slot ", i + 1, ", ", name, ": ", percent(p), chosen ? ", chosen" : ""), p);
      if (cell >= 24 && p >= 0.095) {
        svg.text(box.x + box.w / 2, y + 14.5, fixed(100 * p, 0),
                 p > 0.55 ? "inheat dark" : "inheat", Anchor::middle);
      }
      if (chosen) svg.rect({box.x - 0.5, box.y - 0.5, box.w + 1, box.h + 1}, "chosen");
    }
    const Json& blocks = at(found, "blocks");
    if (wide && blocks.is_array() && i + 1 < blocks.size()) {
      svg.text(left + cell * static_cast<double>(columns) + 16, y + 14.5,
               text(at(blocks[i + 1], "what")), "tick");
    }
  }
  return svg.str();
}

const Json& found_network(const Json& data) {
  static const Json nothing;
  for (const Json& network : at(data, "networks")) {
    if (text(at(network, "name")) == "found") return network;
  }
  return nothing;
}

std::string search_facts(const Json& search) {
  std::vector<std::string> facts;
  const auto fact = [&](const std::string& name, const std::string& value) {
    if (!value.empty())
      facts.push_back(cat("<div><dt>", name, "</dt><dd>", escape(value), "</dd></div>"));
  };
  fact("Algorithm", text(at(search, "algorithm")));
  fact("Space", text(at(search, "space")));
  const Figure least = number(at(search, "least_ms")), greatest = number(at(search, "greatest_ms"));
  if (least && greatest)
    fact("Latencies in the space", cat(significant(*least), "–", milliseconds(greatest)));
  const std::string budget = text(at(search, "budget"));
  fact("Budget", cat(milliseconds(number(at(search, "budget_ms"))),
                     budget.empty() ? "" : " (" + budget + ")"));
  fact("By the table alone", milliseconds(number(at(search, "predicted_table_ms"))));
  fact("Images seen", count_full(number(at(search, "images_seen"))));
  fact("Skips chosen", percent(number(at(search, "skip_share")), 0));
  return facts.empty() ? "" : cat("<dl class=\"facts\">", join(facts, "\n"), "</dl>\n");
}

}  // namespace

std::string search_html(const Json& data) {
  const Json& search = at(data, "search");
  if (!search.is_object()) return "";
  std::string out = "<section id=\"search\"><h2>The search</h2>\n" + search_facts(search);
  for (const Json& warning : at(search, "warnings")) {
    out += cat("<p class=\"warning\"><b>Warning:</b> ", escape(text(warning)), "</p>\n");
  }
  const std::string curves = search_curves(search);
  if (!curves.empty()) out += cat("<div class=\"pair\">\n", curves, "</div>\n");
  const Json& probability = at(search, "probability");
  if (probability.is_array() && !probability.empty()) {
    const Json& found = found_network(data);
    out += "<h3>Probabilities at the end</h3>\n";
    out +=
        figure([&](double width) { return heat_map(search, found, width); }, kWide, kNarrow,
               "A row a slot, a column a candidate, in percent; framed: the candidate of the "
               "delivered network. It is the best "
               "choice under the budget, so a slot may take another than its most probable one.");
  }
  return out + "</section>\n";
}

std::string training_html(const Json& data) {
  LineChart accuracy{.title = "Validation accuracy over epochs",
                     .x_title = "epoch",
                     .y_title = "accuracy on held-out training images, %",
                     .series = {}};
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
