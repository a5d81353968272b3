// What was measured on devices, what was exported, how the run was made, and what is missing.
#include <algorithm>

#include "base/error.h"
#include "base/text.h"
#include "latency/latency.h"
#include "output/charts.h"
#include "output/html.h"
#include "output/report_sections.h"

namespace vpunas {
namespace {

std::optional<Estimate> measured_interval(const Json& measured) {
  const Figure median = number(at(measured, "median_ms"));
  if (!median) return std::nullopt;
  const double low = number(at(measured, "p5_ms")).value_or(*median),
               high = number(at(measured, "p95_ms")).value_or(*median);
  return Estimate{*median, std::min(low, *median), std::max(high, *median)};
}

// Devices in order of first appearance.
std::vector<std::string> devices_of(const Json& rows) {
  std::vector<std::string> out;
  for (const Json& row : rows) {
    const std::string device = text(at(row, "device"));
    if (std::ranges::find(out, device) == out.end()) out.push_back(device);
  }
  return out;
}

std::string device_figure(const Json& rows, const std::string& device, size_t devices) {
  std::vector<RangeRow> ranges;
  for (const Json& row : rows) {
    if (text(at(row, "device")) != device) continue;
    ranges.push_back({display_name(text(at(row, "network"))), latency(at(row, "predicted")),
                      measured_interval(at(row, "measured"))});
    if (!ranges.back().predicted && !ranges.back().measured) ranges.pop_back();
  }
  if (ranges.empty()) return "";
  const bool measured =
      std::ranges::any_of(ranges, [](const RangeRow& r) { return r.measured.has_value(); });
  const bool predicted =
      std::ranges::any_of(ranges, [](const RangeRow& r) { return r.predicted.has_value(); });
  const std::string caption = cat(
      "<b>", escape(device), "</b>: ", predicted ? "hollow, predicted with its 90 % interval" : "",
      predicted && measured ? "; " : "",
      measured ? "filled, measured median with the 5th to 95th percentile" : "", ".");
  return figure(
      [&](double width) {
        return range_chart("Latency on " + device, unit_of(device), ranges, width);
      },
      devices > 1 ? kHalf : kWide, kNarrow, caption,
      predicted && measured
          ? std::vector<LegendEntry>{{"predicted", "hollow c0"}, {"measured", "solid c1"}}
          : std::vector<LegendEntry>());
}

std::string shown_estimate(const std::optional<Estimate>& ms) {
  return ms ? cat(significant(ms->value), " (", interval_text(*ms), ")") : "";
}

// "CPU: OpenVINO 2026.4.1", each pair once.
std::string runtimes(const Json& rows) {
  std::vector<std::string> out;
  for (const Json& row : rows) {
    const std::string runtime = text(at(row, "runtime")),
                      one = cat(text(at(row, "device")), ": ", runtime);
    if (!runtime.empty() && std::ranges::find(out, one) == out.end()) out.push_back(one);
  }
  return out.empty() ? "" : join(out, "; ") + ".";
}

Figure ms_of(const Json& row) {
  if (const auto measured = measured_interval(at(row, "measured"))) return measured->value;
  if (const auto predicted = latency(at(row, "predicted"))) return predicted->value;
  return std::nullopt;
}

// A network's time by that of the found one on the same device: what taking it instead costs.
std::string beside_found(const Json& rows, const Json& row) {
  const Figure own = ms_of(row);
  for (const Json& other : rows) {
    if (text(at(other, "network")) != "found" ||
        text(at(other, "device")) != text(at(row, "device")) || &other == &row)
      continue;
    const Figure found = ms_of(other);
    if (own && found && *found > 0) return cat("×", fixed(*own / *found, 2));
  }
  return "";
}

HtmlTable device_table(const Json& rows) {
  HtmlTable table;
  table.header = {words("Device"),
                  words("Network"),
                  words("How"),
                  {"Predicted ms<br>(90 %)", true},
                  {"Median ms<br>(5th–95th pct.)", true},
                  {"Least–greatest<br>ms", true},
                  {"Images/s", true},
                  {"Runs", true},
                  {"Prediction<br>off by", true},
                  {"Beside<br>found", true}};
  for (const Json& row : rows) {
    const auto predicted = latency(at(row, "predicted"));
    const Json& m = at(row, "measured");
    const auto measured = measured_interval(m);
    const Figure least = number(at(m, "least_ms")), greatest = number(at(m, "greatest_ms")),
                 fps = number(at(m, "fps"));
    table.rows.push_back(
        {words(text(at(row, "device"))), words(display_name(text(at(row, "network")))),
         words(cat(text(at(row, "mode")), " ", text(at(row, "precision")))),
         figure_cell(shown_estimate(predicted)), figure_cell(shown_estimate(measured)),
         figure_cell(least && greatest ? cat(significant(*least), "–", significant(*greatest))
                                       : ""),
         figure_cell(fps ? significant(*fps) : ""),
         figure_cell(count_full(number(at(m, "iterations")))),
         figure_cell(predicted && measured ? change(predicted->value, measured->value) : ""),
         figure_cell(beside_found(rows, row))});
  }
  return table;
}

// --- Exports ---

std::string agreement(const Json& json) {
  const Figure share = number(at(json, "top1_agreement")),
               largest = number(at(json, "largest_difference"));
  if (!share) return "";
  return percent(share, 2) + (largest ? cat(", logits within ", significant(*largest, 2)) : "");
}

std::string file_list(const Json& files) {
  std::vector<std::string> out;
  for (const Json& file : files) {
    const Figure bytes = number(at(file, "bytes"));
    out.push_back(cat("<code>", escape(text(at(file, "name"))), "</code>",
                      bytes ? cat(" ", bytes_text(*bytes)) : ""));
  }
  return join(out, "<br>");
}

std::string blob_words(const Json& blob) {
  if (!blob.is_object()) return "not compiled";
  return cat(plain(number(at(blob, "stages")).value_or(0)), " stages (",
             plain(number(at(blob, "nce_stages")).value_or(0)), " NCE), ",
             plain(number(at(blob, "shaves")).value_or(0)), " SHAVEs");
}

// --- Provenance ---

// How a measured table predicts networks that it was not fitted to.
std::string check_words(const Json& check) {
  const Figure error = number(at(check, "mean_abs_error")),
               again = number(at(check, "repeat_mean_abs_difference"));
  const Json& networks = at(check, "networks");
  if (!error || !networks.is_array() || networks.empty()) return "";
  return cat(
      "off by ", percent(error, 1), " on ", networks.size(), " networks that it was not fitted to",
      again && *again > 0 ? cat(" (two measurements differ by ", percent(again, 1), ")") : "");
}

std::string table_words(const Json& table) {
  if (!table.is_object()) return "";
  std::string out = cat(text(at(table, "device")), ", ", text(at(table, "runtime")), ", ",
                        text(at(table, "mode")), " mode, ", text(at(table, "precision")), ", ",
                        count_full(number(at(table, "entries"))), " blocks");
  const double repeats = number(at(table, "repeats")).value_or(0);
  out +=
      repeats > 0 ? cat(", ", fixed(repeats, 0), " measurements each") : ", modelled, not measured";
  const std::string date = text(at(table, "date"));
  return date.empty() ? out : cat(out, ", ", date);
}

// Seconds by stage, from result.json or else run.json.
std::vector<std::pair<std::string, double>> stage_seconds(const Json& data) {
  std::vector<std::pair<std::string, double>> out;
  const Json& seconds = at(data, "result", "seconds");
  const Json& stages = seconds.is_object() ? seconds : at(data, "stages", "stages");
  if (!stages.is_object()) return out;
  for (const auto& [name, value] : stages.items()) {
    if (const Figure s = value.is_object() ? number(at(value, "seconds")) : number(value))
      out.emplace_back(name, *s);
  }
  return out;
}

std::string seconds_html(const Json& data) {
  const auto stages = stage_seconds(data);
  double most = 0;
  for (const auto& [name, seconds] : stages) most = std::max(most, seconds);
  if (most <= 0) return "";
  HtmlTable table;
  table.header = {words("Stage"), words("Share of the longest"), {"Time", true}};
  for (const auto& [name, seconds] : stages) {
    table.rows.push_back(
        {words(name), {bar_html(seconds / most, "k0"), false}, figure_cell(duration(seconds))});
  }
  return "<h3>Time by stage</h3>\n" + to_html(table);
}

}  // namespace

std::string devices_html(const Json& data) {
  const Json& rows = at(data, "benchmark", "rows");
  if (!rows.is_array() || rows.empty()) return "";
  const std::vector<std::string> devices = devices_of(rows);
  std::string figures;
  for (const std::string& device : devices) figures += device_figure(rows, device, devices.size());
  return cat("<section id=\"devices\"><h2>On devices</h2>\n",
             figures.empty() ? "" : cat("<div class=\"pair\">\n", figures, "</div>\n"),
             to_html(device_table(rows)),
             "<p class=\"note\">“Off by”: the prediction against the measured median. In "
             "throughput mode, ms per image is the "
             "time of one of the requests in flight. ",
             escape(runtimes(rows)), "</p></section>\n");
}

std::string exports_html(const Json& data) {
  HtmlTable table;
  table.header = {words("Network"), words("Files"), words("ONNX agrees"),
                  words("OpenVINO IR agrees"), words("MyriadX blob")};
  Figure images;
  for (const Json& network : at(data, "networks")) {
    const Json& exported = at(network, "export");
    if (!exported.is_object()) continue;
    if (!images) images = number(at(exported, "verified_images"));
    table.rows.push_back({words(display_name(text(at(network, "name")))),
                          {file_list(at(exported, "files")), false},
                          words(agreement(at(exported, "onnx"))),
                          words(agreement(at(exported, "ir"))),
                          words(blob_words(at(exported, "blob")))});
  }
  if (table.rows.empty()) return "";
  return cat(
      "<section id=\"exports\"><h2>Exports</h2>\n<p class=\"lead\">Files lie in "
      "<code>export/</code> of the run folder. "
      "They take the raw image, 0 to 255; scaling is part of the network.</p>\n",
      to_html(table), "<p class=\"note\">Agreement: share of test images",
      images ? cat(" (", count_full(images), ")") : "",
      " on which the file, run by OpenVINO, names the same class as the network that was "
      "trained.</p></section>\n");
}

std::string provenance_html(const Json& data) {
  const Json& result = at(data, "result");
  const auto first = [](const std::string& a, const std::string& b) { return a.empty() ? b : a; };
  const Figure seed = number(at(data, "search", "seed"));
  std::string out = facts_html(
      {{"vpunas", first(text(at(result, "version")), text(at(data, "stages", "version")))},
       {"Machine", text(at(result, "machine"))},
       {"Date", first(text(at(result, "date")), text(at(data, "stages", "created")))},
       {"Seed", seed ? fixed(*seed, 0) : ""},
       {"Latency table", table_words(at(data, "latency"))},
       {"Table checked", check_words(at(data, "latency", "check"))},
       {"Space hash", text(at(data, "search", "space_hash"))},
       {"Configuration hash", text(at(data, "stages", "config_hash"))}});
  out += seconds_html(data);
  if (const std::string config = text(at(data, "config")); !config.empty()) {
    out += cat("<details><summary>Configuration (config.toml)</summary>\n<pre>", escape(config),
               "</pre></details>\n");
  }
  return out.empty()
             ? ""
             : cat("<section id=\"provenance\"><h2>How it was made</h2>\n", out, "</section>\n");
}

std::string missing_html(const Json& data) {
  const Json& missing = at(data, "missing");
  if (!missing.is_array() || missing.empty()) return "";
  HtmlTable table;
  table.header = {words("File"), words("So left out")};
  for (const Json& one : missing) {
    table.rows.push_back({{cat("<code>", escape(text(at(one, "file"))), "</code>"), false},
                          words(text(at(one, "part")))});
  }
  return cat(
      "<section id=\"missing\"><h2>What is missing</h2>\n<p class=\"lead\">These were not in the "
      "run folder when this "
      "page was made.</p>\n",
      to_html(table), "</section>\n");
}

}  // namespace vpunas
