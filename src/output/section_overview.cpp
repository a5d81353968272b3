// Head: the verdict and the key figures; and the accuracy-latency plane.
#include <algorithm>
#include <cmath>
#include <functional>

#include "base/error.h"
#include "base/text.h"
#include "output/charts.h"
#include "output/html.h"
#include "output/report_sections.h"

namespace vpunas {
namespace {

struct Headline {
  Figure accuracy, images, baseline_accuracy, baseline_images, baseline_ms, budget_ms;
  std::optional<Interval> predicted;
  std::string device, mode;
};

Headline read_headline(const Json& data) {
  const Json& json = at(data, "headline");
  return {.accuracy = number(at(json, "test_accuracy")),
          .images = number(at(json, "test_images")),
          .baseline_accuracy = number(at(json, "baseline_accuracy")),
          .baseline_images = number(at(json, "baseline_images")),
          .baseline_ms = number(at(json, "baseline_ms")),
          .budget_ms = number(at(json, "budget_ms")),
          .predicted = latency(at(json, "predicted")),
          .device = text(at(json, "device")),
          .mode = text(at(json, "mode"))};
}

// Half of the 95 % interval of the difference of two shares seen on independent draws; networks
// tested on the same images differ by less noise than that, so it errs on the side of doubt.
Figure chance(const Headline& h) {
  if (!h.accuracy || !h.baseline_accuracy || h.images.value_or(0) < 1) return std::nullopt;
  const double a = *h.accuracy, b = *h.baseline_accuracy;
  const double n = *h.images, m = std::max(1.0, h.baseline_images.value_or(n));
  return 1.96 * std::sqrt(std::max(0.0, a * (1 - a)) / n + std::max(0.0, b * (1 - b)) / m);
}

std::string accuracy_clause(const Headline& h) {
  std::string out =
      cat("The found network is right on ", percent(h.accuracy), " of the test images");
  if (!h.baseline_accuracy) return out;
  const double difference = *h.accuracy - *h.baseline_accuracy;
  const std::string size = fixed(std::abs(100 * difference), 1);
  if (size == "0.0") return out + ", as many as MobileNetV2";
  out += cat(", ", size, "\u00a0points ", difference > 0 ? "more" : "fewer", " than MobileNetV2");
  const Figure noise = chance(h);
  if (noise && std::abs(difference) < *noise)
    out += cat(" (within chance for ", count_full(h.images), " images)");
  return out;
}

std::string time_clause(const Headline& h) {
  std::string out = cat("predicted at ", milliseconds(h.predicted->value),
                        h.device.empty() ? "" : " on " + h.device);
  if (h.baseline_ms && *h.baseline_ms > 0) {
    const double share = 1 - h.predicted->value / *h.baseline_ms;
    const std::string size = fixed(std::abs(100 * share), 0);
    out += size == "0"
               ? ", the time of MobileNetV2"
               : cat(", ", size, "\u00a0% ", share > 0 ? "less" : "more", " than MobileNetV2");
  }
  if (!h.budget_ms) return out;
  if (h.predicted->value > *h.budget_ms) {
    return cat(out, ", which misses the budget of ", milliseconds(h.budget_ms), " by ",
               significant(h.predicted->value - *h.budget_ms, 2), " ms");
  }
  out += cat(", within the budget of ", milliseconds(h.budget_ms));
  if (h.predicted->high > *h.budget_ms) {
    out += cat("; the upper end of the prediction’s interval, ", milliseconds(h.predicted->high),
               ", is not");
  }
  return out;
}

// --- Key figures ---

std::string good_or_bad(const std::string& words, bool good) {
  return cat("<em class=\"", good ? "good" : "bad", "\">", escape(words), "</em>");
}

std::string accuracy_tile(const Headline& h) {
  std::string note;
  if (h.accuracy && h.images) {
    const Interval range = share_interval(*h.accuracy, h.images);
    note = cat(fixed(100 * range.low, 1), "–", percent(range.high), " (95 %, ",
               count_full(h.images), " images)");
  }
  if (h.accuracy && h.baseline_accuracy) {
    const double difference = *h.accuracy - *h.baseline_accuracy;
    note = cat(good_or_bad(points(difference), difference >= 0), " against MobileNetV2’s ",
               percent(h.baseline_accuracy), "<br>", note);
  }
  return tile("Test accuracy", percent(h.accuracy), note);
}

std::string latency_tiles(const Headline& h) {
  if (!h.predicted) return "";
  const double ms = h.predicted->value;
  std::string note = cat(interval_text(*h.predicted), " ms (90 % interval)");
  if (h.budget_ms && *h.budget_ms > 0) {
    const bool met = ms <= *h.budget_ms;
    note = cat(good_or_bad(cat(percent(ms / *h.budget_ms, 0), " of the budget"), met), " of ",
               milliseconds(h.budget_ms), "<br>", note);
  }
  std::string out =
      tile(cat("Predicted", h.device.empty() ? "" : " on " + h.device), milliseconds(ms), note);
  if (h.baseline_ms && *h.baseline_ms > 0) {
    out += tile("Time against MobileNetV2", change(ms, *h.baseline_ms),
                cat(milliseconds(ms), " instead of ", milliseconds(h.baseline_ms),
                    h.mode.empty() ? "" : cat("<br>", escape(h.mode), " mode")));
  }
  return out;
}

std::string cpu_tile(const Json& cpu) {
  const Figure low = number(at(cpu, "p5_ms")), high = number(at(cpu, "p95_ms"));
  const std::string mode = text(at(cpu, "mode"));
  std::string note = cat("median", mode.empty() ? "" : ", " + escape(mode) + " mode");
  if (low && high)
    note += cat("<br>", significant(*low), "–", milliseconds(high), " for 90 % of the runs");
  return tile("Measured on this CPU", milliseconds(number(at(cpu, "median_ms"))), note);
}

std::string agreement_tile(const Json& headline) {
  const Figure onnx = number(at(headline, "onnx_agreement")),
               ir = number(at(headline, "ir_agreement"));
  const Figure images = number(at(headline, "verified_images"));
  std::string note = ir ? cat("OpenVINO IR ", percent(ir, 2)) : "";
  if (images)
    note += cat(note.empty() ? "" : "<br>", "same class as in training, ", count_full(images),
                " images");
  return tile("ONNX agreement", percent(onnx, 2), note);
}

std::string time_tile(const Json& data) {
  const Figure seconds = number(at(data, "headline", "seconds"));
  if (!seconds) return "";
  std::string note;
  for (const char* stage : {"search", "train"}) {
    const Figure part = number(at(data, "result", "seconds", stage));
    if (part) note += cat(note.empty() ? "" : ", ", stage, " ", duration(*part));
  }
  return tile("Time taken", duration(*seconds), note);
}

// --- The plane ---

struct PlanePoint {
  std::string name, css;
  Interval ms, accuracy;
};

std::vector<PlanePoint> trained_points(const Json& data) {
  std::vector<PlanePoint> out;
  size_t index = 0;
  for (const Json& network : at(data, "networks")) {
    const std::string css = series_css(index++);
    const auto ms = latency(at(network, "predicted"));
    const Figure accuracy = number(at(network, "train", "test_accuracy"));
    if (!ms || !accuracy) continue;
    const Interval range = share_interval(*accuracy, number(at(network, "train", "test_images")));
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
  for (const Json& candidate : at(data, "search", "candidates")) {
    const Figure ms = number(at(candidate, "ms")), accuracy = number(at(candidate, "accuracy"));
    if (ms && accuracy)
      out.push_back({*ms, 100 * *accuracy, at(candidate, "choice") == chosen && chosen.is_array()});
  }
  return out;
}

void draw_budget(Svg& svg, const Frame& frame, Figure budget, bool named) {
  if (!budget || *budget < frame.x.low || *budget > frame.x.high) return;
  const double x = frame.px(*budget);
  svg.line(x, frame.box.y, x, frame.box.y + frame.box.h, "budget");
  const bool left = x > frame.box.x + frame.box.w - 130;
  if (named) {
    svg.text(x + (left ? -6 : 6), frame.box.y + frame.box.h - 7,
             cat("budget ", milliseconds(budget)), "budget-name",
             left ? Anchor::end : Anchor::start);
  }
}

// `taken`: where no label should stand.
void draw_trained(Svg& svg, const Frame& frame, const std::vector<PlanePoint>& points,
                  std::vector<Box> taken) {
  std::vector<Label> labels;
  for (const PlanePoint& p : points) {
    const double x = frame.px(p.ms.value), y = frame.py(p.accuracy.value);
    const double x1 = frame.px(p.ms.low), x2 = frame.px(p.ms.high);
    const double y1 = frame.py(p.accuracy.high), y2 = frame.py(p.accuracy.low);
    svg.line(x1, y, x2, y, "range " + p.css);
    svg.line(x, y1, x, y2, "range " + p.css);
    svg.circle(x, y, 6, "dot " + p.css,
               cat(p.name, ": ", fixed(p.accuracy.value, 2), " % at ", milliseconds(p.ms.value),
                   " (", interval_text(p.ms), ")"));
    taken.push_back({x - 7, y - 7, 14, 14});
    taken.push_back({x1, y - 2, x2 - x1, 4});
    taken.push_back({x - 2, y1, 4, y2 - y1});
    labels.push_back(
        {x, y, frame.box.w < 420 ? p.name : cat(p.name, " ", percent(p.accuracy.value / 100)),
         "name " + p.css});
  }
  place_labels(svg, labels, taken, frame.box);
}

std::string plane_svg(const Json& data, double width) {
  const auto trained = trained_points(data);
  const auto candidates = candidate_points(data);
  const Figure budget = number(at(data, "headline", "budget_ms"));
  std::vector<double> ms, accuracy, inherited;
  for (const PlanePoint& p : trained) {
    ms.insert(ms.end(), {p.ms.low, p.ms.high});
    accuracy.insert(accuracy.end(), {p.accuracy.low, p.accuracy.high});
  }
  for (const CandidatePoint& p : candidates) ms.push_back(p.ms), inherited.push_back(p.accuracy);
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
  const double height = candidates.empty() ? 34 + kTrained : lower_top + kInherited;
  Svg svg(width, height + 44, "Accuracy against predicted latency");
  if (!trained.empty()) {
    const Frame frame{{kLeft, 34, plot, kTrained}, x, axis_of(accuracy, 6)};
    draw_axes(svg, frame, candidates.empty() ? "predicted ms per image" : "",
              "test accuracy after full training, %");
    draw_budget(svg, frame, budget, true);
    std::vector<Box> taken;
    if (budget) taken.push_back({frame.px(*budget) - 1, frame.box.y, 2, frame.box.h});
    draw_trained(svg, frame, trained, std::move(taken));
  }
  if (!candidates.empty()) {
    const Frame frame{{kLeft, lower_top, plot, kInherited}, x, axis_of(inherited, 3)};
    draw_axes(svg, frame, "predicted ms per image",
              width >= 420 ? "candidates of the search: accuracy with inherited weights, %"
                           : "candidates, inherited weights, %");
    draw_budget(svg, frame, budget, trained.empty());
    for (const CandidatePoint& p : candidates) {
      svg.circle(frame.px(p.ms), frame.py(p.accuracy), p.chosen ? 5 : 4,
                 p.chosen ? "dot c0" : "faint",
                 cat(fixed(p.accuracy, 1), " % at ", milliseconds(p.ms)));
    }
  }
  return svg.str();
}

}  // namespace

Verdict verdict(const Json& data) {
  const Headline h = read_headline(data);
  Verdict out;
  if (h.accuracy) out.sentence = accuracy_clause(h);
  if (h.predicted) {
    out.sentence += out.sentence.empty() ? "The found network is " : ", and is ";
    out.sentence += time_clause(h);
  }
  if (!out.sentence.empty()) out.sentence += ".";
  if (h.predicted && h.budget_ms) {
    const bool met = h.predicted->value <= *h.budget_ms;
    out.targets.push_back({met ? "budget met" : "budget missed", met});
  }
  if (h.accuracy && h.baseline_accuracy) {
    const bool met = *h.accuracy >= *h.baseline_accuracy;
    out.targets.push_back(
        {met ? "as accurate as MobileNetV2 or better" : "less accurate than MobileNetV2", met});
  }
  if (h.predicted && h.baseline_ms) {
    const bool met = h.predicted->value < *h.baseline_ms;
    out.targets.push_back({met ? "faster than MobileNetV2" : "not faster than MobileNetV2", met});
  }
  return out;
}

std::string head_html(const Json& data) {
  const Verdict result = verdict(data);
  const Headline h = read_headline(data);
  std::string out = cat(
      "<header id=\"head\"><p class=\"kicker\">vpunas · run ", escape(text(at(data, "run"))),
      "</p>\n<h1>",
      result.sentence.empty() ? "A run without a result yet." : escape(result.sentence), "</h1>\n");
  if (!result.targets.empty()) {
    out += "<ul class=\"targets\">";
    for (const auto& [words_, met] : result.targets) {
      out += cat("<li class=\"", met ? "good\">✓ " : "bad\">✗ ", escape(words_), "</li>");
    }
    out += "</ul>\n";
  }
  const Json& headline = at(data, "headline");
  const std::string tiles = accuracy_tile(h) + latency_tiles(h) + cpu_tile(at(headline, "cpu")) +
                            agreement_tile(headline) + time_tile(data);
  if (!tiles.empty()) out += cat("<dl class=\"tiles\">\n", tiles, "</dl>\n");
  return out + "</header>\n";
}

std::string plane_html(const Json& data) {
  const bool trained = !trained_points(data).empty(), candidates = !candidate_points(data).empty();
  if (!trained && !candidates) return "";
  const std::string device = text(at(data, "headline", "device"));
  std::string caption;
  if (trained) {
    caption +=
        "Up is more accurate, left is faster. Bars: 95 % interval of the accuracy on the test "
        "images, 90 % interval "
        "of the prediction. ";
  }
  if (candidates) {
    caption +=
        "The lower plot is on another scale: it shows the candidates that the search compared, "
        "with the weights they "
        "inherited from the supernet, on held-out images; they rank candidates and are no "
        "accuracies of trained "
        "networks. The chosen one is blue.";
  }
  return cat("<section id=\"plane\"><h2>Accuracy and latency</h2>\n",
             device.empty()
                 ? ""
                 : cat("<p class=\"lead\">Latency as predicted for ", escape(device), ".</p>\n"),
             figure([&](double width) { return plane_svg(data, width); }, kWide, kNarrow, caption),
             "</section>\n");
}

}  // namespace vpunas
