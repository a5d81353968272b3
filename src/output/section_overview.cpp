// Head: the verdict and the key figures.
#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/text.h"
#include "output/figures.h"
#include "output/html.h"
#include "output/report_sections.h"

namespace vpunas {
namespace {

struct Headline {
  Figure accuracy, images, baseline_accuracy, baseline_images, baseline_ms, budget_ms;
  std::optional<Estimate> predicted;
  std::string device, mode, unit;
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
          .mode = text(at(json, "mode")),
          .unit = at(json, "unit").is_string() ? text(at(json, "unit")) : "ms"};
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
  std::string out = cat("predicted at ", cost(h.predicted->value, h.unit),
                        h.device.empty() ? "" : " on " + h.device);
  if (h.baseline_ms && *h.baseline_ms > 0) {
    const double share = 1 - h.predicted->value / *h.baseline_ms;
    const std::string size = fixed(std::abs(100 * share), 0);
    out += size == "0"
               ? (h.unit == "ms" ? ", the time of MobileNetV2" : ", as many as MobileNetV2")
               : cat(", ", size, "\u00a0% ", share > 0 ? "less" : "more", " than MobileNetV2");
  }
  if (!h.budget_ms) return out;
  if (h.predicted->value > *h.budget_ms) {
    return cat(out, ", which misses the budget of ", cost(h.budget_ms, h.unit), " by ",
               significant(h.predicted->value - *h.budget_ms, 2), " ", h.unit);
  }
  out += cat(", within the budget of ", cost(h.budget_ms, h.unit));
  if (h.predicted->high > *h.budget_ms) {
    out += cat("; the upper end of the prediction’s interval, ", cost(h.predicted->high, h.unit),
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
    const Estimate range = share_interval(*h.accuracy, h.images);
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
  std::string note = cat(interval_text(*h.predicted), " ", h.unit, " (90 % interval)");
  if (h.budget_ms && *h.budget_ms > 0) {
    const bool met = ms <= *h.budget_ms;
    note = cat(good_or_bad(cat(percent(ms / *h.budget_ms, 0), " of the budget"), met), " of ",
               cost(h.budget_ms, h.unit), "<br>", note);
  }
  std::string out =
      tile(cat("Predicted", h.device.empty() ? "" : " on " + h.device), cost(ms, h.unit), note);
  if (h.baseline_ms && *h.baseline_ms > 0) {
    out += tile(cat(h.unit == "ms" ? "Time" : "MACs", " against MobileNetV2"),
                change(ms, *h.baseline_ms),
                cat(cost(ms, h.unit), " instead of ", cost(h.baseline_ms, h.unit),
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
    out.targets.push_back(
        {cat(met ? "" : "not ", h.unit == "ms" ? "faster" : "cheaper", " than MobileNetV2"), met});
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

}  // namespace vpunas
