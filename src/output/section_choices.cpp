// What the search chose: the probabilities of every slot's candidates, over its steps and at its
// end.
#include <algorithm>

#include "base/error.h"
#include "base/text.h"
#include "output/charts.h"
#include "output/html.h"
#include "output/report_sections.h"

namespace vpunas {
namespace {

std::string candidate_name(const Json& search, size_t slot, size_t candidate) {
  const Json& names = at(search, "candidate_names");
  const bool known = names.is_array() && slot < names.size() && names[slot].is_array() &&
                     candidate < names[slot].size();
  return known ? text(names[slot][candidate]) : cat("candidate ", candidate);
}

// 1 where the first slot offers sizes of the input, which are no block, else 0.
size_t slots_before_blocks(const Json& search) {
  return candidate_name(search, 0, 0).starts_with("input ") ? 1 : 0;
}

// As networks number their blocks, "input" for the slot before them.
std::string slot_name(const Json& search, size_t slot) {
  const size_t before = slots_before_blocks(search);
  return slot < before ? "input" : cat(slot + 1 - before);
}

std::string slot_title(const Json& search, size_t slot) {
  const std::string name = slot_name(search, slot);
  return name == "input" ? name : "slot " + name;
}

// --- At the end: a row a slot ---

std::string heat_map(const Json& search, double width) {
  const Json& probability = at(search, "probability");
  const std::vector<double> choice = numbers(at(search, "choice"));
  size_t columns = 0;
  for (const Json& row : probability) columns = std::max(columns, row.is_array() ? row.size() : 0);
  const bool wide = width >= 420;
  const double left = 38, right = wide ? 250 : 4;
  const double cell =
      std::min(72.0, (width - left - right) / static_cast<double>(std::max<size_t>(1, columns)));
  constexpr double kTop = 26, kRow = 21;
  Svg svg(width, kTop + kRow * static_cast<double>(probability.size()) + 4,
          "Probability of every candidate by slot");
  svg.text(0, 14, "slot", "tick");
  for (size_t j = 0; j < columns && cell >= 12; ++j) {
    svg.text(left + cell * (static_cast<double>(j) + 0.5), 14,
             cat(j == 0 && cell > 64 ? "candidate " : "", j), "tick", Anchor::middle);
  }
  if (wide) svg.text(left + cell * static_cast<double>(columns) + 16, 14, "chosen", "tick");
  for (size_t i = 0; i < probability.size(); ++i) {
    const double y = kTop + kRow * static_cast<double>(i);
    svg.text(left - 8, y + 14, slot_name(search, i), "tick", Anchor::end);
    const std::vector<double> row = numbers(probability[i]);
    for (size_t j = 0; j < row.size(); ++j) {
      const double p = std::clamp(row[j], 0.0, 1.0);
      const std::string name = candidate_name(search, i, j);
      const bool chosen = i < choice.size() && choice[i] == static_cast<double>(j);
      const SvgBox box{left + cell * static_cast<double>(j) + 1, y + 1, cell - 2, kRow - 2};
      svg.rect(box, "empty");
      svg.rect(box, "heat",
               {slot_title(search, i) + (chosen ? ", chosen" : ""), {{name, exact(100 * p, "%")}}},
               p);
      if (cell >= 24 && p >= 0.095) {
        svg.text(box.x + box.w / 2, y + 14.5, fixed(100 * p, 0),
                 p > 0.55 ? "inheat dark" : "inheat", Anchor::middle);
      }
      if (chosen) svg.rect({box.x - 0.5, box.y - 0.5, box.w + 1, box.h + 1}, "chosen");
    }
    const Json& chosen = at(search, "chosen");
    if (wide && chosen.is_array() && i < chosen.size())
      svg.text(left + cell * static_cast<double>(columns) + 16, y + 14.5, text(chosen[i]), "tick");
  }
  return svg.str();
}

HtmlTable probability_table(const Json& search) {
  HtmlTable table{{{"Slot", true}, words("Candidate"), {"Probability", true}, words("")}, {}};
  const std::vector<double> choice = numbers(at(search, "choice"));
  const Json& probability = at(search, "probability");
  for (size_t i = 0; i < probability.size(); ++i) {
    const std::vector<double> row = numbers(probability[i]);
    for (size_t j = 0; j < row.size(); ++j) {
      const bool chosen = i < choice.size() && choice[i] == static_cast<double>(j);
      table.rows.push_back({figure_cell(j == 0 ? slot_name(search, i) : " "),
                            words(candidate_name(search, i, j)), figure_cell(percent(row[j], 2)),
                            words(chosen ? "chosen" : "")});
    }
  }
  return table;
}

std::string probabilities_html(const Json& data) {
  const Json& search = at(data, "search");
  const Json& probability = at(search, "probability");
  if (!probability.is_array() || probability.empty()) return "";
  return cat("<h3>Probabilities at the end</h3>\n",
             figure([&](double width) { return heat_map(search, width); }, kWide, kNarrow,
                    "A row a slot, a column a candidate, in percent; framed: the candidate of the "
                    "delivered network. It is the best choice under the budget, so a slot may take "
                    "another than its most probable one."),
             numbers_html(probability_table(search)));
}

// --- Over time: a small plot a slot ---

// The colours of candidates; the tenth is the first again.
std::string candidate_css(size_t candidate) {
  constexpr const char* kClasses[] = {"k0", "k1", "k2", "k3", "k4", "k5", "c0", "c1", "c2", "c3"};
  return kClasses[candidate % std::size(kClasses)];
}

struct Step {
  double step;
  std::vector<std::vector<double>> shares;  // by slot and candidate
};

// Steps with as many slots as the first, each with its candidates.
std::vector<Step> steps_of(const Json& history) {
  std::vector<Step> out;
  for (const Json& one : history) {
    Step step{number(at(one, "step")).value_or(0), {}};
    for (const Json& slot : at(one, "probability")) step.shares.push_back(numbers(slot));
    if (out.empty() || step.shares.size() == out[0].shares.size()) out.push_back(std::move(step));
  }
  return out;
}

// Candidates' shares of one slot in percent, stacked from the bottom.
void draw_slot(Svg& svg, const Json& search, const std::vector<Step>& steps, size_t slot,
               const SvgBox& box) {
  const double first = steps.front().step, last = std::max(first + 1e-9, steps.back().step);
  const Frame frame{box, {first, last, 1}, {0, 100, 1}};
  open_plot(svg, frame, Axes::none, slot_title(search, slot) + ", step", "", "%");
  std::vector<double> below(steps.size(), 0.0);
  for (size_t j = 0; j < steps.front().shares[slot].size(); ++j) {
    Points top, bottom, values;
    for (size_t i = 0; i < steps.size(); ++i) {
      const auto& shares = steps[i].shares[slot];
      const double share = j < shares.size() ? 100 * std::clamp(shares[j], 0.0, 1.0) : 0;
      values.emplace_back(steps[i].step, share);
      bottom.emplace_back(frame.px(steps[i].step), frame.py(std::min(100.0, below[i])));
      below[i] += share;
      top.emplace_back(frame.px(steps[i].step), frame.py(std::min(100.0, below[i])));
    }
    top.insert(top.end(), bottom.rbegin(), bottom.rend());
    svg.series(cat("candidate ", j));
    svg.polygon(top, "area " + candidate_css(j), {candidate_name(search, slot, j), values});
  }
  svg.series("");
  close_plot(svg);
  svg.text(box.x, box.y - 6, slot_title(search, slot), "tick");
  svg.text(box.x, box.y + box.h + 13, plain(first), "tick");
  svg.text(box.x + box.w, box.y + box.h + 13, plain(last), "tick", Anchor::end);
}

std::string choices_svg(const Json& search, const std::vector<Step>& steps, double width) {
  constexpr double kGap = 22, kHeight = 84, kRow = kHeight + 40;
  const size_t slots = steps.front().shares.size(), columns = width >= 420 ? 4 : 2;
  const size_t rows = (slots + columns - 1) / columns;
  const double plot =
      (width - kGap * static_cast<double>(columns - 1)) / static_cast<double>(columns);
  Svg svg(width, kRow * static_cast<double>(rows),
          "Probabilities of every slot’s candidates over the search");
  for (size_t slot = 0; slot < slots; ++slot) {
    const double x = (plot + kGap) * static_cast<double>(slot % columns);
    draw_slot(svg, search, steps, slot,
              {x, kRow * static_cast<double>(slot / columns) + 20, plot, kHeight});
  }
  return svg.str();
}

std::string over_time_html(const Json& search) {
  const Json& history = at(search, "probability_history");
  if (!history.is_array()) return "";
  const std::vector<Step> steps = steps_of(history);
  if (steps.size() < 2 || steps.front().shares.empty()) return "";
  size_t most = 0;
  for (const auto& slot : steps.front().shares) most = std::max(most, slot.size());
  std::vector<LegendEntry> candidates;
  for (size_t j = 0; j < most; ++j)
    candidates.push_back({cat("candidate ", j), "solid " + candidate_css(j)});
  return cat("<h3>Choices over time</h3>\n",
             figure([&](double width) { return choices_svg(search, steps, width); }, kWide, kNarrow,
                    "A plot a slot: how the probability of its candidates moved over the steps of "
                    "the search, each as high as its share. A slot that ends in one colour has "
                    "decided.",
                    candidates));
}

}  // namespace

std::string choices_html(const Json& data) {
  return over_time_html(at(data, "search")) + probabilities_html(data);
}

}  // namespace vpunas
