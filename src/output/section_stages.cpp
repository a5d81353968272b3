// Networks beside each other, stage by stage of the MyriadX: how their time adds up over depth, and
// which engine takes it.
#include <algorithm>
#include <array>

#include "base/error.h"
#include "base/text.h"
#include "output/charts.h"
#include "output/html.h"
#include "output/report_sections.h"
#include "output/stage_groups.h"

namespace vpunas {
namespace {

constexpr size_t kMostNetworks = 4;

struct Staged {
  std::string name, css;
  const Json* stages;
  std::array<double, stage_groups> ms = {};  // by group, host the rest of the network's time
  double total = 0;
};

std::vector<Staged> staged_networks(const Json& data) {
  std::vector<Staged> out;
  size_t index = 0;
  for (const Json& network : at(data, "networks")) {
    const std::string css = series_css(index++);
    const Json& stages = at(network, "explain", "stages");
    if (!stages.is_array() || stages.empty() || out.size() == kMostNetworks) continue;
    Staged one{display_name(text(at(network, "name"))), css, &stages};
    double sum = 0;
    for (const Json& stage : stages) {
      const double ms = number(at(stage, "ms")).value_or(0);
      one.ms[group_of(stage)] += ms;
      sum += ms;
    }
    one.total = number(at(network, "explain", "total", "ms")).value_or(sum);
    one.ms[host] = std::max(0.0, one.total - sum);
    out.push_back(std::move(one));
  }
  return out;
}

std::string cumulative_figure(const std::vector<Staged>& networks) {
  LineChart chart{.title = "Time added up over the stages",
                  .x_title = "stage",
                  .y_title = "predicted ms since the first stage",
                  .series = {},
                  .from_zero = true,
                  .unit = "ms"};
  for (const Staged& network : networks) {
    Series series{network.name, network.css, {{0, 0}}};
    double sum = 0;
    for (const Json& stage : *network.stages) {
      sum += number(at(stage, "ms")).value_or(0);
      series.points.emplace_back(static_cast<double>(series.points.size()), sum);
    }
    chart.series.push_back(std::move(series));
  }
  return figure([&](double width) { return line_chart(chart, width); }, kWide, kNarrow,
                "Stages in the compiler’s order: a steep part is where the time goes, a long flat "
                "one is many cheap stages.",
                legend(chart));
}

std::string engines_svg(const std::vector<Staged>& networks, double width) {
  constexpr double kRow = 52, kBar = 24;
  double most = 1e-9;
  for (const Staged& network : networks) most = std::max(most, network.total);
  const double height = kRow * static_cast<double>(networks.size()) + 4;
  Svg svg(width, height + 44, "Time by engine");
  const double step = round_axis(0, most, width >= 420 ? 10 : 6).step;
  const Frame frame{{1, 0, width - 14, height}, {0, most, step}, {0, 1, 1}};
  open_plot(svg, frame, Axes::rows, "predicted ms");
  for (size_t i = 0; i < networks.size(); ++i) {
    const double y = kRow * static_cast<double>(i) + 20;
    double begin = 0;
    for (size_t group = 0; group < stage_groups; ++group) {
      const double ms = networks[i].ms[group], x = frame.px(begin);
      if (ms <= 0) continue;
      svg.series(kStageGroups[group].name);
      svg.rect({x, y, std::max(0.5, frame.px(begin + ms) - x - 1), kBar},
               cat("stage ", kStageGroups[group].css),
               {networks[i].name,
                {{kStageGroups[group].name, exact(ms, "ms")},
                 {"together", exact(networks[i].total, "ms")}}});
      begin += ms;
    }
  }
  svg.series("");
  close_plot(svg);
  for (size_t i = 0; i < networks.size(); ++i) {
    svg.text(1, kRow * static_cast<double>(i) + 14,
             cat(networks[i].name, "  ", milliseconds(networks[i].total)), "name");
  }
  return svg.str();
}

std::string engines_figure(const std::vector<Staged>& networks) {
  std::vector<LegendEntry> groups;
  HtmlTable table{{words("Network")}, {}};
  for (const Staged& network : networks) table.rows.push_back({words(network.name)});
  for (size_t group = 0; group < stage_groups; ++group) {
    if (std::ranges::none_of(networks, [&](const Staged& n) { return n.ms[group] > 0; })) continue;
    const auto& [css, name] = kStageGroups[group];
    groups.push_back({name, cat("solid ", css)});
    table.header.push_back({cat(name, ", ms"), true});
    for (size_t i = 0; i < networks.size(); ++i)
      table.rows[i].push_back(figure_cell(fixed(networks[i].ms[group], 3)));
  }
  table.header.push_back({"Together, ms", true});
  for (size_t i = 0; i < networks.size(); ++i)
    table.rows[i].push_back(figure_cell(fixed(networks[i].total, 3)));
  return figure([&](double width) { return engines_svg(networks, width); }, kWide, kNarrow,
                "The NCE runs convolutions and poolings, the SHAVE processors what it cannot; "
                "copies are the DMA engine’s, and the host owns the rest.",
                groups) +
         numbers_html(table);
}

}  // namespace

std::string stages_html(const Json& data) {
  const std::vector<Staged> networks = staged_networks(data);
  if (networks.empty()) return "";
  return cat(networks.size() > 1 ? "<h3>Stage by stage, beside the baselines</h3>\n"
                                 : "<h3>Stage by stage</h3>\n",
             cumulative_figure(networks), engines_figure(networks));
}

}  // namespace vpunas
