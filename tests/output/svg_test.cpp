#include "output/svg.h"

#include <gtest/gtest.h>

#include <cmath>

#include "output/charts.h"
#include "output/figures.h"
#include "tests/output/markup.h"

namespace vpunas {
namespace {

TEST(Axis, EndsAtRoundValuesAroundTheData) {
  const Axis axis = round_axis(0.123, 0.987, 5);
  EXPECT_DOUBLE_EQ(axis.low, 0);
  EXPECT_DOUBLE_EQ(axis.high, 1);
  EXPECT_EQ(axis.label(axis.ticks()[1]), "0.2");
  EXPECT_EQ(round_axis(0, 10, 4).label(2.5), "2.5");
}

TEST(Axis, HoldsAnyRangeWithFewTicks) {
  for (const auto& [low, high] : {std::pair{0.0, 0.0},
                                  {5.0, 5.0},
                                  {-1e9, 1e9},
                                  {1e-9, 2e-9},
                                  {3.0, 2.0},
                                  {1e17, 1e17 + 16}}) {
    const Axis axis = round_axis(low, high, 6);
    EXPECT_GT(axis.high, axis.low);
    EXPECT_LE(axis.ticks().size(), 8u) << low << " " << high;
  }
}

TEST(Charts, EscapeNames) {
  const LineChart chart{.title = "<t>",
                        .x_title = "\"x\"",
                        .y_title = "y&",
                        .series = {{"<a>", "c0", {{0, 1}, {1, 2}}}, {"'b'", "c1", {{0, 1}}}}};
  for (const double width : {356.0, 484.0}) EXPECT_EQ(markup_fault(line_chart(chart, width)), "");
}

TEST(Charts, OfSeveralSeriesHaveALegend) {
  LineChart chart{.title = "t", .x_title = "x", .y_title = "y", .series = {{"a", "c0", {{0, 1}}}}};
  EXPECT_TRUE(legend(chart).empty());
  chart.series.push_back({"b", "c1", {{0, 2}}});
  chart.series.push_back({"nothing", "c2", {}});
  ASSERT_EQ(legend(chart).size(), 2u);
  EXPECT_EQ(legend(chart)[1].name, "b");
}

// What the script reads (report.js).
TEST(Svg, MarksTellTheirSeriesHintsAndValues) {
  Svg svg(100, 100, "t");
  open_plot(svg, {{10, 10, 80, 80}, {0, 2, 1}, {-1, 1, 1}}, Axes::both, "step", "y", "ms");
  svg.series("a \"b\"");
  svg.circle(1, 2, 3, "dot", {"A\nname", {{"value", "1\n2"}, {"empty", ""}}});
  svg.series("");
  svg.polyline({{10, 10}, {20, 20}}, "line", {"a", {{0, 0.123456789}, {2, 1}}});
  svg.text_inside(10, 20, 5, "too wide", "inbox");
  svg.text(1, 2, "budget", "", Anchor::start, {.x = 4, .y = {}});
  close_plot(svg);
  const std::string text = svg.str();
  EXPECT_EQ(markup_fault(text), "");
  for (const char* part :
       {"data-x=\"0 2\" data-y=\"-1 1\" data-name=\"step\" data-unit=\"ms\"",
        "data-series=\"a &quot;b&quot;\"", "<title>A name\nvalue: 1 2</title>",
        "<polyline class=\"line\" data-name=\"a\" data-values=\"0,0.123457 2,1 \"",
        "visibility=\"hidden\" text-anchor=\"middle\" data-room=\"5\"", "data-pin=\"4,\""})
    EXPECT_NE(text.find(part), std::string::npos) << part << "\n" << text;
}

TEST(Charts, OfNothingAreEmpty) {
  EXPECT_EQ(
      line_chart({.title = "t", .x_title = "", .y_title = "", .series = {{"a", "c0", {}}}}, 400),
      "");
  EXPECT_EQ(range_chart("t", "ms", {}, 400), "");
}

TEST(Figures, ReadAsPeopleWriteThem) {
  EXPECT_EQ(percent(0.9184, 2), "91.84\u00a0%");
  EXPECT_EQ(percent(1.0, 2), "100\u00a0%");
  EXPECT_EQ(milliseconds(11.25), "11.2\u00a0ms");
  EXPECT_EQ(milliseconds(0.0341), "0.034\u00a0ms");
  EXPECT_EQ(points(-0.0042), "−0.4\u00a0points");
  EXPECT_EQ(points(0.0001), "±0.0\u00a0points");
  EXPECT_EQ(change(11, 10), "+10.0\u00a0%");
  EXPECT_EQ(count_full(3504872.0), "3,504,872");
  EXPECT_EQ(count_full(872.0), "872");
  EXPECT_EQ(count_short(2.38e6), "2.38\u00a0M");
  EXPECT_EQ(percent(std::nullopt), "");
  EXPECT_EQ(exact(11.31841234, "ms"), "11.3184\u00a0ms");
  EXPECT_EQ(with_interval({2.5, 2, 3}, "ms"), "2.5\u00a0ms (2–3)");
  EXPECT_EQ(with_interval({2.5, 2.5, 2.5}, "%"), "2.5\u00a0%");
}

TEST(Figures, WilsonIntervalMatchesTheLiterature) {
  const Estimate range = share_interval(0.5, 100);  // Wilson 1927; 0.404 to 0.596 for 50 of 100
  EXPECT_NEAR(range.low, 0.4038, 1e-3);
  EXPECT_NEAR(range.high, 0.5962, 1e-3);
  EXPECT_EQ(share_interval(0.5, std::nullopt).low, 0.5);
}

}  // namespace
}  // namespace vpunas
