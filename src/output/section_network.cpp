// The found network block by block, and where its milliseconds go beside the baselines'.
#include <algorithm>
#include <map>

#include "base/error.h"
#include "base/text.h"
#include "output/charts.h"
#include "output/html.h"
#include "output/report_sections.h"

namespace vpunas {
namespace {

constexpr size_t kMostStrips = 4;
constexpr const char* kNoBlock = "of no block";

struct Strip {
  std::string name;
  const Json* blocks = nullptr;
  double total_ms = 0;
};

// Networks whose blocks have a time, the found one first.
std::vector<Strip> timed_networks(const Json& data) {
  std::vector<Strip> out;
  for (const Json& network : at(data, "networks")) {
    const Json& blocks = at(network, "blocks");
    if (!blocks.is_array() || blocks.empty() || !at(blocks[0], "ms").is_number()) continue;
    double sum = 0;
    for (const Json& block : blocks) sum += number(at(block, "ms")).value_or(0);
    if (sum <= 0) continue;
    const double total = number(at(network, "explain", "total", "ms")).value_or(sum);
    out.push_back({display_name(text(at(network, "name"))), &blocks, std::max(sum, total)});
    if (out.size() == kMostStrips) break;
  }
  return out;
}

struct KindStyle {
  const char *kind, *css, *words;
};
constexpr KindStyle kKinds[] = {
    {"mbconv", "k0", "MBConv (depthwise)"}, {"fused_mbconv", "k1", "fused MBConv"},
    {"residual", "k2", "residual 3×3"},     {"bottleneck", "k3", "bottleneck"},
    {"conv", "k4", "convolution"},          {"", "k5", "stem and head"}};

const KindStyle& style_of(const Json& block) {
  const auto found = std::ranges::find(kKinds, text(at(block, "kind")), &KindStyle::kind);
  return found == std::end(kKinds) ? *std::prev(found) : *found;
}

// "k5 e6", "e" only where there is one.
std::string short_words(const Json& block) {
  const std::string kind = text(at(block, "kind"));
  if (!at(block, "kernel").is_number()) return text(at(block, "name"));
  std::string out = cat("k", plain(number(at(block, "kernel")).value_or(0)));
  if (kind == "mbconv" || kind == "fused_mbconv" || kind == "bottleneck") {
    out += cat(" e", plain(number(at(block, "expansion")).value_or(0)));
  }
  return out;
}

// "mbconv 5×5, expansion 6, stride 2, SE".
std::string long_words(const Json& block) {
  const std::string kind = text(at(block, "kind"));
  if (kind == "skip") return "skip";
  if (!at(block, "kernel").is_number()) return text(at(block, "what"));
  static const std::map<std::string, std::string> kNames = {{"mbconv", "MBConv"},
                                                            {"fused_mbconv", "Fused MBConv"}};
  const auto name = kNames.find(kind);
  const std::string kernel = plain(number(at(block, "kernel")).value_or(0));
  std::string out = cat(name == kNames.end() ? kind : name->second, " ", kernel, "×", kernel);
  if (name != kNames.end() || kind == "bottleneck") {
    out += cat(", expansion ", plain(number(at(block, "expansion")).value_or(0)));
  }
  if (number(at(block, "stride")).value_or(1) > 1)
    out += cat(", stride ", plain(*number(at(block, "stride"))));
  if (at(block, "se") == Json(true)) out += ", squeeze-excite";
  return out;
}

std::string channels_words(const Json& block) {
  const Json& output = at(block, "output");
  return output.is_array() && !output.empty() ? cat("c", plain(number(output[0]).value_or(0))) : "";
}

// --- The drawing: a strip a network, each block as wide as it takes time. ---

void draw_strip(Svg& svg, const Strip& strip, const Frame& frame, double y, double height) {
  double begin = 0;
  std::vector<Span> spans;
  for (const Json& block : *strip.blocks) {
    const double ms = number(at(block, "ms")).value_or(0);
    if (ms <= 0) continue;
    const KindStyle& style = style_of(block);
    const bool is_head = text(at(block, "kind")) == "head";
    const std::string plane = is_head ? "head" : plane_text(at(block, "output"));
    if (spans.empty() || spans.back().word != plane) spans.push_back({begin, begin, plane});
    spans.back().end = begin + ms;
    const double x1 = frame.px(begin), x2 = frame.px(begin + ms), x = (x1 + x2) / 2;
    const std::string first = short_words(block), second = channels_words(block);
    const double narrower = std::max(0.0, text_width(first, 11) - text_width(second, 11));
    svg.series(style.words);
    svg.rect(
        {x1 + 0.5, y, std::max(0.5, x2 - x1 - 1), height}, cat("box ", style.css),
        {cat(strip.name, ", block ", text(at(block, "name"))),
         {{"what", text(at(block, "what"))},
          {"shape", cat(shape_text(at(block, "input")), " → ", shape_text(at(block, "output")))},
          {"predicted", exact(ms, "ms")},
          {"MACs", count_full(number(at(block, "macs")))},
          {"parameters", count_full(number(at(block, "parameters")))}}});
    svg.text_inside(x, y + height / 2 - 3, x2 - x1, first, "inbox");
    // Only where the first line stands, too.
    svg.text_inside(x, y + height / 2 + 12, x2 - x1 - narrower, second, "inbox");
    begin += ms;
  }
  if (strip.total_ms > 1.002 * begin) {
    svg.series(kNoBlock);
    svg.rect({frame.px(begin) + 0.5, y, frame.px(strip.total_ms) - frame.px(begin) - 1, height},
             "box rest", {strip.name, {{kNoBlock, exact(strip.total_ms - begin, "ms")}}});
  }
  svg.series("");
  draw_spans(svg, frame, spans, y + height + 5);
}

std::string strips_svg(const std::vector<Strip>& strips, Figure budget, double width) {
  constexpr double kBox = 50, kRow = 108, kTop = 4;
  double most = 0;
  for (const Strip& strip : strips) most = std::max(most, strip.total_ms);
  if (budget && *budget < 2 * most) most = std::max(most, *budget);
  const double rows = kRow * static_cast<double>(strips.size()), bottom = kTop + rows + 24;
  Svg svg(width, bottom + 40, "Blocks, each as wide as the time it takes");
  const Axis axis = round_axis(0, most, width >= 420 ? 10 : 6);
  const Frame frame{{1, kTop, width - 14, bottom - kTop}, {0, 1.02 * most, axis.step}, {0, 1, 1}};
  open_plot(svg, frame, Axes::rows, "predicted ms, summed over the blocks");
  const auto row_y = [&](size_t i) { return kTop + kRow * static_cast<double>(i) + 20; };
  for (size_t i = 0; i < strips.size(); ++i) draw_strip(svg, strips[i], frame, row_y(i), kBox);
  if (budget) draw_reference(svg, frame, *budget, "budget " + milliseconds(budget));
  close_plot(svg);
  for (size_t i = 0; i < strips.size(); ++i) {
    const std::string name = cat(strips[i].name, "  ", milliseconds(strips[i].total_ms));
    svg.rect({0, row_y(i) - 17, text_width(name, 13) + 4, 15}, "under");
    svg.text(1, row_y(i) - 6, name, i == 0 ? "name c0 strong" : "name strong");
  }
  return svg.str();
}

std::vector<LegendEntry> kind_legend(const std::vector<Strip>& strips) {
  std::map<std::string, std::string> kinds;
  bool rest = false;
  for (const Strip& strip : strips) {
    double sum = 0;
    for (const Json& block : *strip.blocks) {
      const double ms = number(at(block, "ms")).value_or(0);
      if (ms > 0) kinds[style_of(block).css] = style_of(block).words;
      sum += ms;
    }
    rest = rest || strip.total_ms > 1.002 * sum;
  }
  std::vector<LegendEntry> out;
  for (const auto& [css, name] : kinds) out.push_back({name, css});
  if (rest) out.push_back({kNoBlock, "rest"});
  return out;
}

// --- Cost by stage: what runs at one resolution. ---

struct StageCost {
  std::string name;
  std::vector<double> ms;  // one a network
};

std::vector<StageCost> stage_costs(const std::vector<Strip>& strips) {
  std::map<double, StageCost, std::greater<>> by_size;  // stem above, head below all sizes
  const auto add = [&](double size, const std::string& name, size_t network, double ms) {
    StageCost& stage = by_size[size];
    stage.name = name;
    stage.ms.resize(strips.size());
    stage.ms[network] += ms;
  };
  for (size_t i = 0; i < strips.size(); ++i) {
    for (const Json& block : *strips[i].blocks) {
      const double ms = number(at(block, "ms")).value_or(0);
      const std::string kind = text(at(block, "kind"));
      const std::vector<double> dims = numbers(at(block, "output"));
      if (kind == "stem") {
        add(1e9, "stem", i, ms);
      } else if (kind == "head") {
        add(-1, "head", i, ms);
      } else if (dims.size() == 3) {
        add(dims[1], plane_text(at(block, "output")), i, ms);
      }
    }
  }
  std::vector<StageCost> out;
  for (auto& [size, stage] : by_size) out.push_back(std::move(stage));
  return out;
}

std::string stages_svg(const std::vector<Strip>& strips, double width) {
  const std::vector<StageCost> stages = stage_costs(strips);
  double most = 0;
  for (const StageCost& stage : stages) most = std::max(most, std::ranges::max(stage.ms));
  const double bar = 13, row = bar * static_cast<double>(strips.size()) + 14, left = 74, right = 76;
  Svg svg(width, row * static_cast<double>(stages.size()) + 4, "Cost by stage");
  for (size_t s = 0; s < stages.size(); ++s) {
    const double top = row * static_cast<double>(s) + 2;
    svg.text(left - 10, top + (row - 14) / 2 + 4, stages[s].name, "name", Anchor::end);
    for (size_t i = 0; i < strips.size(); ++i) {
      const double y = top + bar * static_cast<double>(i), ms = stages[s].ms[i];
      svg.series(strips[i].name);
      const double length = most > 0 ? (width - left - right) * ms / most : 0;
      svg.rect({left, y + 1, std::max(1.0, length), bar - 2}, cat("bar ", series_css(i)),
               {strips[i].name, {{stages[s].name, exact(ms, "ms")}}});
      svg.text(left + length + 7, y + bar - 2.5, milliseconds(ms), i == 0 ? "tick strong" : "tick");
    }
  }
  return svg.str();
}

std::string resolutions_html(const std::vector<Strip>& strips) {
  std::vector<LegendEntry> networks;
  for (size_t i = 0; i < strips.size(); ++i)
    networks.push_back({strips[i].name, "solid " + series_css(i)});
  return "<h3>By resolution</h3>\n" +
         figure([&](double width) { return stages_svg(strips, width); }, kWide, kNarrow,
                "Predicted time of all blocks whose output has this many pixels.", networks);
}

// --- The table ---

std::string table_html(const Json& blocks, bool timed) {
  constexpr const char* kSums[] = {"ms",         "macs",         "parameters", "stages",
                                   "nce_stages", "shave_stages", "dma_stages"};
  const auto figure_of = [](const Json& block, const char* key) {
    return number(at(block, key)).value_or(0);
  };
  double most = 1e-9;
  Json rows = blocks, sum = {{"name", "Sum"}, {"kind", "sum"}};
  for (const Json& block : blocks) {
    most = std::max(most, figure_of(block, "ms"));
    for (const char* key : kSums) sum[key] = figure_of(sum, key) + figure_of(block, key);
  }
  rows.push_back(sum);
  HtmlTable table;
  const auto append = [](std::vector<Cell>& cells, std::initializer_list<Cell> more) {
    cells.insert(cells.end(), more);
  };
  table.header = {words("Block"), words("What")};
  if (timed) append(table.header, {{"Time", false}, {"ms", true}});
  append(table.header, {{"Output c×h×w", true}, {"MACs", true}, {"Parameters", true}});
  if (timed)
    append(table.header, {{"Stages", true}, {"NCE", true}, {"SHAVE", true}, {"DMA", true}});
  for (const Json& block : rows) {
    const bool skip = text(at(block, "kind")) == "skip", all = &block == &rows.back();
    const auto shown = [&](const std::string& figure) { return figure_cell(skip ? "" : figure); };
    const auto count = [&](const char* key) { return shown(fixed(figure_of(block, key), 0)); };
    const double ms = figure_of(block, "ms");
    std::vector<Cell> cells = {words(text(at(block, "name"))), words(long_words(block))};
    if (timed) {
      const std::string bar = bar_html(ms / most, style_of(block).css);
      append(cells, {{skip || all ? "" : bar, false}, shown(fixed(ms, 3))});
    }
    append(cells, {all ? Cell() : figure_cell(shape_text(at(block, "output"))),
                   shown(count_short(figure_of(block, "macs"))),
                   shown(count_full(figure_of(block, "parameters")))});
    if (timed)
      append(cells,
             {count("stages"), count("nce_stages"), count("shave_stages"), count("dma_stages")});
    table.rows.push_back(std::move(cells));
    table.row_classes.emplace_back(all ? "sum" : skip ? "soft" : "");
  }
  return to_html(table);
}

}  // namespace

std::string network_html(const Json& data) {
  const Json& found = found_network(data);
  if (!at(found, "blocks").is_array()) return "";
  const Json& blocks = at(found, "blocks");
  const std::vector<Strip> strips = timed_networks(data);
  const bool timed = at(blocks[0], "ms").is_number();
  std::string out =
      cat("<section id=\"network\"><h2>The found network, block by block</h2>\n<p "
          "class=\"lead\">Input ",
          shape_text(at(found, "input")), ", ", count_full(number(at(found, "classes"))),
          " classes.", timed ? " Times are those of the MyriadX model." : "", "</p>\n");
  if (!strips.empty()) {
    const std::string device = text(at(data, "headline", "device"));
    const Figure budget =
        device == "MYRIADX" ? number(at(data, "headline", "budget_ms")) : std::nullopt;
    out += figure(
        [&](double width) { return strips_svg(strips, budget, width); }, kWide, kNarrow,
        "Each box is a block, as wide as the time it takes: k kernel, e expansion, c output "
        "channels. Below, the "
        "resolution at which the blocks work. A grey end belongs to no block (the host’s share).",
        kind_legend(strips));
    if (strips.size() > 1) out += resolutions_html(strips);
  }
  out += "<h3>Every block</h3>\n" + table_html(blocks, timed);
  if (timed) {
    out +=
        "<p class=\"note\">MACs: multiply-accumulates for one image. Stages are those that Intel’s "
        "compiler makes of the "
        "block: NCE, the convolution engine; SHAVE, the vector processors; DMA, copies.</p>\n";
  }
  return out + "</section>\n";
}

}  // namespace vpunas
