// Where a network's MyriadX time goes: a timeline of its stages by engine, shares, layers, and what
// would help. In the run's report, and a page of its own for `vpunas explain`.
#include <algorithm>
#include <map>
#include <set>

#include "base/error.h"
#include "base/text.h"
#include "output/charts.h"
#include "output/explain_page.h"
#include "output/html.h"
#include "output/report_sections.h"
#include "output/stage_groups.h"

namespace vpunas {
namespace {

constexpr const char* kHost = "host, and what no stage owns";

double value(const Json& object, const char* key) { return number(at(object, key)).value_or(0); }

std::vector<LegendEntry> group_legend(const Json& stages) {
  std::set<StageGroup> used;
  for (const Json& stage : stages) used.insert(group_of(stage));
  std::vector<LegendEntry> out;
  for (const StageGroup group : used)
    out.push_back({kStageGroups[group].name, kStageGroups[group].css});
  out.push_back({kHost, "rest"});
  return out;
}

// --- Timeline ---

// A stage on the time axis; one in the shadow lies under its host, however short its own cost is.
struct Placed {
  const Json* stage;
  StageGroup group;
  double begin = 0, end = 0;
  bool in_shadow = false;
};

std::vector<Placed> placed(const Json& stages) {
  std::vector<Placed> out;
  double now = 0;
  const Placed* host = nullptr;
  out.reserve(stages.size());
  for (const Json& stage : stages) {
    const double ms = value(stage, "ms");
    const bool in_shadow = at(stage, "in_shadow_of").is_string() && host != nullptr;
    const double begin = in_shadow ? host->begin : now;
    now += ms;
    out.push_back({&stage, group_of(stage), begin, now, in_shadow});
    if (!in_shadow) host = &out.back();
  }
  return out;
}

// Where the layers' outputs have which resolution.
std::vector<Span> resolutions(const std::vector<Placed>& stages, const Json& nodes) {
  std::map<std::string, std::string> sizes;
  for (const Json& node : nodes) sizes[text(at(node, "node"))] = plane_text(at(node, "out"));
  const auto size_of = [&](const Placed& p) { return sizes[text(at(*p.stage, "layer"))]; };
  std::vector<Span> out;
  for (size_t i = 0; i < stages.size();) {
    Span span{stages[i].begin, stages[i].end, size_of(stages[i])};
    size_t j = i;
    // A few stages of another resolution (a squeeze-excite) do not end a bracket.
    for (size_t k = i; k < stages.size() && k < j + 12; ++k) {
      if (size_of(stages[k]) == span.word) j = k, span.end = std::max(span.end, stages[k].end);
    }
    out.push_back(std::move(span));
    i = j + 1;
  }
  return out;
}

std::string timeline_svg(const Json& explanation, double width) {
  constexpr double kTop = 4, kLane = 44, kGap = 6;
  constexpr const char* kLanes[] = {"NCE", "SHAVE", "DMA"};
  const double lanes = 3 * (kLane + kGap), left = width >= 420 ? 54 : 0;
  const double total = value(explanation, "total_ms");
  Svg svg(width, kTop + lanes + 62, "Stages by engine over time");
  const Frame frame{{left, kTop, width - left - 10, lanes + 21},
                    {0, total * 1.005, round_axis(0, total, width >= 420 ? 10 : 6).step},
                    {0, 1, 1}};
  open_plot(svg, frame, Axes::rows, "predicted ms");
  const auto lane_y = [&](int lane) { return kTop + lane * (kLane + kGap); };
  const std::vector<Placed> stages = placed(at(explanation, "stages"));
  double end = 0;
  for (const Placed& p : stages) {
    end = std::max(end, p.end);
    const int lane = p.group == shave ? 1 : p.group == dma ? 2 : 0;
    const double x = frame.px(p.begin), w = std::max(p.in_shadow ? 1.2 : 0.6, frame.px(p.end) - x);
    const std::string op = text(at(*p.stage, "op"));
    svg.series(kStageGroups[p.group].name);
    svg.rect({x, lane_y(lane), w, kLane}, cat("stage ", kStageGroups[p.group].css),
             {text(at(*p.stage, "layer")),
              {{kStageGroups[p.group].name, op},
               {"predicted", exact(value(*p.stage, "ms"), "ms")},
               {"begins at", exact(p.begin, "ms")},
               {"beside", text(at(*p.stage, "in_shadow_of"))}}},
             p.in_shadow ? 0.35 : 1);
    svg.text_inside(x + w / 2, lane_y(lane) + kLane / 2 + 4, w, op, "inbox");
  }
  if (total > end) {
    svg.series(kHost);
    svg.rect({frame.px(end), kTop, frame.px(total) - frame.px(end), lanes - kGap}, "box rest",
             {kHost, {{"predicted", exact(total - end, "ms")}, {"begins at", exact(end, "ms")}}});
  }
  svg.series("");
  draw_spans(svg, frame, resolutions(stages, at(explanation, "nodes")), kTop + lanes + 4);
  close_plot(svg);
  for (int lane = 0; lane < 3; ++lane) {
    if (left > 0)
      svg.text(left - 10, lane_y(lane) + kLane / 2 + 4, kLanes[lane], "name", Anchor::end);
    svg.line(left, lane_y(lane) + kLane, width - 10, lane_y(lane) + kLane, "axis");
  }
  return svg.str();
}

// --- Shares ---

std::string share_css(const Json& share) {
  const std::string engine = text(at(share, "engine")), what = text(at(share, "what"));
  if (engine == "SHAVE") return "k2";
  if (engine == "DMA") return "k3";
  if (engine.empty()) return "rest";
  return what.starts_with("depthwise") ? "k0" : what == "poolings" ? "k4" : "k1";
}

std::string shares_html(const Json& shares) {
  double most = 0;
  for (const Json& share : shares) most = std::max(most, value(share, "ms"));
  HtmlTable table{{words("Engine"),
                   words("What"),
                   {"Time", false},
                   {"ms", true},
                   {"share", true},
                   {"stages", true}},
                  {}};
  for (const Json& share : shares) {
    const double ms = value(share, "ms");
    table.rows.push_back(
        {words(text(at(share, "engine"))),
         words(text(at(share, "what"))),
         {bar_html(most > 0 ? ms / most : 0, share_css(share)), false},
         figure_cell(fixed(ms, 3)),
         figure_cell(percent(value(share, "share"))),
         figure_cell(at(share, "stages") == Json(0) ? ""
                                                    : count_full(number(at(share, "stages"))))});
  }
  return "<h3>Shares</h3>\n" + to_html(table);
}

// --- Layers ---

std::map<std::string, std::map<StageGroup, double>> layer_groups(const Json& stages) {
  std::map<std::string, std::map<StageGroup, double>> ms;
  for (const Json& stage : stages)
    ms[text(at(stage, "layer"))][group_of(stage)] += value(stage, "ms");
  return ms;
}

std::string layers_html(const Json& explanation) {
  const Json& nodes = at(explanation, "nodes");
  if (!nodes.is_array()) return "";
  const auto groups_of = layer_groups(at(explanation, "stages"));
  double most = 0;
  for (const Json& node : nodes) most = std::max(most, value(node, "ms"));
  HtmlTable table{{words("Layer"),
                   words("What"),
                   {"Output c×h×w", true},
                   {"Time", false},
                   {"ms", true},
                   {"NCE", true},
                   {"SHAVE", true},
                   {"DMA", true},
                   words("Modes"),
                   {"Multipliers", true}},
                  {}};
  for (const Json& node : nodes) {
    const std::string name = text(at(node, "node"));
    std::string bars;
    if (const auto found = groups_of.find(name); found != groups_of.end()) {
      for (const auto& [group, ms] : found->second)
        bars += bar_html(ms / most, kStageGroups[group].css);
    } else {
      bars = bar_html(value(node, "ms") / most, "rest");
    }
    std::vector<std::string> modes;
    for (const Json& mode : at(node, "modes")) modes.push_back(text(mode));
    const auto count = [&](const char* key) {
      const double n = value(node, key);
      return figure_cell(n == 0 ? "" : fixed(n, 0));
    };
    table.rows.push_back({words(name),
                          words(text(at(node, "what"))),
                          figure_cell(shape_text(at(node, "out"))),
                          {cat("<span class=\"costs\">", bars, "</span>"), false},
                          figure_cell(fixed(value(node, "ms"), 3)),
                          count("nce_stages"),
                          count("shave_stages"),
                          count("dma_stages"),
                          words(join(modes)),
                          figure_cell(percent(number(at(node, "utilisation")), 0))});
  }
  return cat(
      "<section id=\"layers\"><h2>Every layer</h2>\n", to_html(table),
      "<p class=\"note\">A layer’s row has all stages that the compiler makes of it, with the "
      "activation that is fused with it. Multipliers: multiply-accumulates against the 256 a cycle "
      "that the NCE has; a depthwise convolution uses at most a thirty-second of them.</p>\n"
      "</section>\n");
}

// --- What would help ---

std::string what_if_html(const Json& explanation) {
  constexpr size_t kMost = 24;
  HtmlTable table{{words("Layer"),
                   words("If it were otherwise"),
                   {"Gain", false},
                   {"ms", true},
                   {"Network", true}},
                  {}};
  double most = 0;
  for (const Json& change : at(explanation, "what_if")) {
    const double gain = -value(change, "ms");
    if (gain < 0.005 || table.rows.size() == kMost) break;
    most = std::max(most, gain);
    table.rows.push_back({words(text(at(change, "layer"))),
                          words(text(at(change, "change"))),
                          {bar_html(gain / most, "c2"), false},
                          figure_cell(cat("−", fixed(gain, 2))),
                          figure_cell(milliseconds(value(change, "total_ms")))});
  }
  if (table.rows.empty()) return "";
  return cat(
      "<section id=\"help\"><h2>What would help</h2>\n<p class=\"lead\">Each row is the whole "
      "network, mapped and estimated anew with one change (or with the same change of every layer "
      "that "
      "offers it). Accuracy is another matter: train again.</p>\n",
      to_html(table), "</section>\n");
}

// --- Key figures ---

std::string costliest_tile(const Json& stages) {
  std::pair<std::string, double> costliest;
  for (const auto& [layer, groups] : layer_groups(stages)) {
    double ms = 0;
    for (const auto& [group, part] : groups) ms += part;
    if (ms > costliest.second) costliest = {layer, ms};
  }
  return tile("Costliest layer", milliseconds(costliest.second), escape(costliest.first));
}

std::string tiles_html(const Json& explanation) {
  std::map<std::string, int> stages;
  for (const Json& stage : at(explanation, "stages")) ++stages[text(at(stage, "engine"))];
  const Json& traffic = at(explanation, "ddr_bytes");
  double bytes = 0;
  if (traffic.is_object()) {
    for (const auto& [what, count] : traffic.items()) bytes += number(count).value_or(0);
  }
  const double streams = value(explanation, "streams");
  const Estimate ms{value(explanation, "total_ms"), value(explanation, "low_ms"),
                    value(explanation, "high_ms")};
  return cat("<dl class=\"tiles\">",
             tile("Predicted time", milliseconds(ms.value),
                  cat("of one of ", fixed(streams, 0), streams > 1 ? " streams" : " stream",
                      "; 90 % interval ", interval_text(ms), " ms")),
             tile("Throughput", cat(significant(value(explanation, "fps")), "\u00a0fps"),
                  cat(fixed(streams, 0), streams > 1 ? " streams" : " stream", " together")),
             tile("Stages", fixed(stages["NCE"] + stages["SHAVE"] + stages["DMA"], 0),
                  cat(stages["NCE"], " NCE, ", stages["SHAVE"], " SHAVE, ", stages["DMA"], " DMA")),
             tile("Multipliers in use", percent(number(at(explanation, "utilisation"))),
                  cat(count_short(number(at(explanation, "macs"))), " MACs in ",
                      significant(value(explanation, "nce_mcycles")), " M cycles of 256")),
             tile("Traffic with DDR", bytes_text(bytes),
                  cat("weights ", bytes_text(value(traffic, "weights")), ", NCE input ",
                      bytes_text(value(traffic, "nce_input")))),
             costliest_tile(at(explanation, "stages")), "</dl>\n");
}

std::string compiler_html(const Json& explanation) {
  const Json& compiler = at(explanation, "compiler");
  if (!compiler.is_object()) return "";
  return cat("<p>Intel’s compiler: ", fixed(value(compiler, "equal"), 0), " of ",
             fixed(value(compiler, "stages"), 0), " stages are equal.</p>\n");
}

}  // namespace

std::string explanation_html(const Json& explanation, const std::string& more) {
  if (!at(explanation, "stages").is_array() || value(explanation, "total_ms") <= 0) return "";
  return cat(
      "<section id=\"myriadx\"><h2>Where the time goes on MyriadX</h2>\n", tiles_html(explanation),
      compiler_html(explanation),
      figure(
          [&](double width) { return timeline_svg(explanation, width); }, kWide, kNarrow,
          "Every stage as wide as the time it takes, in the lane of its engine; pale ones run in "
          "the shadow of a convolution and cost only what they take longer. Below, the "
          "resolution of the layers’ outputs.",
          group_legend(at(explanation, "stages"))),
      shares_html(at(explanation, "shares")), more, "</section>\n");
}

std::string explain_page(const Json& explanation) {
  const std::string name = display_name(text(at(explanation, "network")));
  const std::string head =
      cat("<header><p class=\"kicker\">vpunas explain</p><h1>", escape(name), " at ",
          shape_text(at(explanation, "input")),
          " on Intel’s MyriadX: ", milliseconds(value(explanation, "total_ms")), ", ",
          significant(value(explanation, "fps")), " images a second</h1></header>\n");
  return page_html(text(at(explanation, "network")), head,
                   {{"myriadx", "Where the time goes", explanation_html(explanation)},
                    {"help", "What would help", what_if_html(explanation)},
                    {"layers", "Every layer", layers_html(explanation)}},
                   explanation);
}

}  // namespace vpunas
